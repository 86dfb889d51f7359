//! What is done with files and folders outside of transfers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ftp::{Done, Failure, FileTask, ListFormat, Timestamp};

use tokio::time::timeout;

use super::{
    failure::{invalid, refused},
    list::{List, entry},
};
use crate::storage::{self, Attributes, Existing, Files, Kind, Links, StoragePath};

/// A session's files, and where it is among them.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) files: Files,
    pub(super) folder: StoragePath,
    /// How long storage may take: a call that hangs must not hold the session.
    pub(super) patience: Duration,
    /// What a transfer may hold in memory, in bytes.
    pub(super) memory_bytes_max: usize,
}

/// How a task has ended.
#[derive(Debug)]
pub(super) enum FileOutcome {
    /// This is what the session is told.
    Told(Result<Done, Failure>),
    /// The session is in this folder now.
    Entered(StoragePath),
}

impl Place {
    /// The path that a client means.
    pub(super) fn resolve(&self, written: &[u8]) -> Result<StoragePath, Failure> {
        StoragePath::resolve(&self.folder, written).map_err(invalid)
    }

    /// Does what a client asks for. What takes too long is given up; a call that has begun may still be done.
    pub(super) async fn perform(self, task: FileTask) -> FileOutcome {
        let outcome = timeout(self.patience, self.attempt(task)).await;
        outcome.unwrap_or(FileOutcome::Told(Err(Failure::Unavailable)))
    }

    async fn attempt(&self, task: FileTask) -> FileOutcome {
        let told = match task {
            FileTask::ChangeDirectory(path) => match self.enter(&path).await {
                Ok(folder) => return FileOutcome::Entered(folder),
                Err(failure) => Err(failure),
            },
            FileTask::MakeDirectory(path) => self.make_folder(&path).await,
            FileTask::RemoveDirectory(path) => self.remove_folder(&path).await,
            FileTask::Delete(path) => self.remove_file(&path).await,
            FileTask::RenameSource(path) => self.find(&path).await,
            FileTask::Rename { source, target } => self.rename(&source, &target).await,
            FileTask::Describe(path) => self.describe(&path).await,
            FileTask::List(path) => self.list(path).await,
            FileTask::SetModified(path, modified) => self.set_modified(&path, modified).await,
            FileTask::SetMode(path, mode) => self.set_mode(&path, mode).await,
        };
        FileOutcome::Told(told)
    }

    async fn enter(&self, path: &[u8]) -> Result<StoragePath, Failure> {
        let path = self.resolve(path)?;
        let metadata = self.files.metadata(&path, Links::Follow).await;
        match metadata.map_err(|error| refused(&error))?.kind {
            Kind::Folder => Ok(path),
            Kind::File | Kind::Symlink | Kind::Other => Err(Failure::NotAFolder),
        }
    }

    async fn make_folder(&self, path: &[u8]) -> Result<Done, Failure> {
        let path = self.resolve(path)?;
        done(self.files.make_folder(&path, None).await)?;
        Ok(Done::Path(path.to_client()))
    }

    async fn remove_folder(&self, path: &[u8]) -> Result<Done, Failure> {
        done(self.files.remove_folder(&self.resolve(path)?).await)
    }

    async fn remove_file(&self, path: &[u8]) -> Result<Done, Failure> {
        done(self.files.remove_file(&self.resolve(path)?).await)
    }

    async fn find(&self, path: &[u8]) -> Result<Done, Failure> {
        done(self.files.metadata(&self.resolve(path)?, Links::Keep).await)
    }

    async fn rename(&self, source: &[u8], target: &[u8]) -> Result<Done, Failure> {
        let (source, target) = (self.resolve(source)?, self.resolve(target)?);
        // Clients upload under another name and rename over what is there.
        done(self.files.rename(&source, &target, Existing::Replace).await)
    }

    async fn describe(&self, path: &[u8]) -> Result<Done, Failure> {
        let path = self.resolve(path)?;
        let metadata = self.files.metadata(&path, Links::Follow).await;
        let metadata = metadata.map_err(|error| refused(&error))?;
        let name = path.to_client();
        Ok(Done::Entry(name.clone(), entry(name, &metadata)))
    }

    async fn list(&self, path: Vec<u8>) -> Result<Done, Failure> {
        let list = List::open(self, path, ListFormat::Long).await?;
        let shown = list.beginning().await.map_err(|error| refused(&error))?;
        Ok(Done::Listing(shown))
    }

    async fn set_modified(&self, path: &[u8], modified: Timestamp) -> Result<Done, Failure> {
        let path = self.resolve(path)?;
        let modified = system_time(modified).ok_or(Failure::Unsupported)?;
        let setting = async {
            let metadata = self.files.metadata(&path, Links::Follow).await?;
            let attributes = Attributes {
                times: Some((metadata.accessed, modified)),
                ..Attributes::default()
            };
            self.files
                .set_attributes(&path, attributes, Links::Follow)
                .await
        };
        done(setting.await)
    }

    async fn set_mode(&self, path: &[u8], mode: u32) -> Result<Done, Failure> {
        let path = self.resolve(path)?;
        let attributes = Attributes {
            mode: Some(mode),
            ..Attributes::default()
        };
        let set = self.files.set_attributes(&path, attributes, Links::Follow);
        done(set.await)
    }
}

fn done<T>(outcome: storage::Result<T>) -> Result<Done, Failure> {
    match outcome {
        Ok(_) => Ok(Done::Done),
        Err(error) => Err(refused(&error)),
    }
}

fn system_time(time: Timestamp) -> Option<SystemTime> {
    let distance = Duration::from_secs(time.0.unsigned_abs());
    if time.0 < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    }
}

#[cfg(test)]
mod tests {
    use ftp::{Representation, Transfer};

    use super::*;
    use crate::storage::doors::Doors;

    /// Longer than anything here takes, even on a busy machine.
    const PATIENCE: Duration = Duration::from_mins(1);

    fn place(doors: &Doors) -> Place {
        Place {
            files: doors.files.clone(),
            folder: StoragePath::root(),
            patience: Duration::from_millis(1),
            memory_bytes_max: 0,
        }
    }

    #[tokio::test]
    async fn work_on_a_file_that_hangs_is_given_up() {
        let doors = Doors::new().await;
        doors.close("file");

        let task = FileTask::Describe(b"file".to_vec());
        let outcome = timeout(PATIENCE, place(&doors).perform(task)).await;

        let told = outcome.expect("it is still waited for");
        assert!(
            matches!(told, FileOutcome::Told(Err(Failure::Unavailable))),
            "{told:?}"
        );
        doors.open("file");
    }

    #[tokio::test]
    async fn a_transfer_whose_file_cannot_be_opened_is_given_up() {
        let doors = Doors::new().await;
        doors.close("file");

        let transfer = Transfer::Download {
            path: b"file".to_vec(),
            offset: 0,
            representation: Representation::Image,
        };
        let prepared = timeout(PATIENCE, place(&doors).prepare(transfer)).await;

        let refusal = prepared.expect("it is still waited for").err();
        assert_eq!(refusal, Some(Failure::Unavailable));
        doors.open("file");
    }
}
