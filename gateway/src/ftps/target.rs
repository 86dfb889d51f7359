//! Where an upload goes: a file that is there, or one that is made when the data connection is.

use ftp::Representation;
use tokio::time::timeout;

use super::{
    files::Place,
    transfer::{Rest, Upload},
    writes::chunks_within,
};
use crate::storage::{self, Create, Error, Open, OpenFile, StoragePath, Truncate, Write};

/// A file that an upload is for.
#[derive(Debug)]
pub(super) struct Target {
    /// Whose files it is among.
    pub(super) place: Place,
    pub(super) path: StoragePath,
    pub(super) writing: Writing,
    pub(super) representation: Representation,
}

/// What changes a file in which way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Writing {
    /// It is made anew.
    Whole,
    /// It goes on somewhere.
    From(u64),
    /// It goes on at its end.
    Append,
    /// It is made under a name that nothing has.
    Unique,
}

impl Target {
    /// Opens the file if it is there; what it holds stays. None: nothing has the name, and the file can be made.
    pub(super) async fn find(&self) -> storage::Result<Option<Upload>> {
        let files = &self.place.files;
        match files.open_if_there(&self.path, self.how()).await? {
            Some(file) => self.upload(file).await.map(Some),
            None => Ok(None),
        }
    }

    /// Makes the file, or gives up where storage hangs. Should one have come meanwhile, that is written as if it had been
    /// there before.
    pub(super) async fn make(self) -> storage::Result<Upload> {
        let making = async {
            let file = self.place.files.open(&self.path, self.how()).await?;
            self.upload(file).await
        };
        let made = timeout(self.place.patience, making).await;
        made.unwrap_or(Err(Error::Stuck))
    }

    async fn upload(&self, file: OpenFile) -> storage::Result<Upload> {
        let size = file.metadata().await?.size;
        let (offset, rest) = match self.writing {
            Writing::Whole | Writing::Unique => (0, Rest::Goes),
            Writing::From(offset) => (offset, Rest::Goes),
            Writing::Append => (size, Rest::Stays),
        };
        Ok(Upload {
            file,
            offset,
            size,
            rest,
            representation: self.representation,
            chunks_max: chunks_within(self.place.memory_bytes_max),
        })
    }

    const fn how(&self) -> Open {
        let (create, truncate, append) = match self.writing {
            // There may come no data connection: until it is there, the file keeps what it holds.
            Writing::Whole => (Create::IfMissing, Truncate::Later, false),
            Writing::From(_) => (Create::Never, Truncate::Never, false),
            Writing::Append => (Create::IfMissing, Truncate::Never, true),
            Writing::Unique => (Create::Exclusive, Truncate::Never, false),
        };
        let write = Write {
            create,
            truncate,
            append,
        };
        Open {
            read: false,
            write: Some(write),
            mode: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::storage::doors::Doors;

    #[tokio::test]
    async fn a_file_whose_making_hangs_is_given_up() {
        let doors = Doors::new().await;
        doors.close("file");
        let target = Target {
            place: Place {
                files: doors.files.clone(),
                folder: StoragePath::root(),
                patience: Duration::from_millis(1),
                memory_bytes_max: 0,
            },
            path: StoragePath::resolve(&StoragePath::root(), b"file").unwrap(),
            writing: Writing::Whole,
            representation: Representation::Image,
        };

        let made = timeout(Duration::from_mins(1), target.make()).await;

        let refusal = made.expect("it is still waited for").err();
        assert!(matches!(refusal, Some(Error::Stuck)), "{refusal:?}");
        doors.open("file");
    }
}
