//! Opens what a transfer needs, before anything is promised to the client; then runs it.

use std::sync::Arc;

use ftp::{Direction, Failure, ListFormat, Prepared, Representation, Transfer, TransferFailure};
use tokio::time::timeout;

use super::{
    failure::{broken_off, refused},
    files::Place,
    list::List,
    passive::DataStream,
    progress::{Progress, Record},
    socket::DataSocket,
    target::{Target, Writing},
    transfer::{Download, Rest, Upload, discard},
};
use crate::{
    drain::DrainState,
    metrics::Metrics,
    storage::{Error, Links, Open, StoragePath},
};

/// How often a new name is tried for `STOU`; they are random, so once is enough.
const NAMES_TRIED: usize = 8;

/// A transfer that can begin.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) direction: Direction,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Download(StoragePath, Download),
    /// Into a file that is there.
    Upload(StoragePath, Upload),
    /// Into a file that is still to be made: there may come no data connection.
    NewUpload(Target),
    List(List),
}

impl Place {
    /// Opens what a transfer needs; tells the session what is open. What takes too long is given up.
    pub(super) async fn prepare(self, transfer: Transfer) -> Result<(Prepared, Ready), Failure> {
        let opened = timeout(self.patience, self.open(transfer)).await;
        opened.unwrap_or(Err(Failure::Unavailable))
    }

    async fn open(&self, transfer: Transfer) -> Result<(Prepared, Ready), Failure> {
        match transfer {
            Transfer::Download {
                path,
                offset,
                representation,
            } => self.prepare_download(&path, offset, representation).await,
            Transfer::Upload {
                path,
                offset,
                representation,
            } => {
                let writing = match offset {
                    0 => Writing::Whole,
                    offset => Writing::From(offset),
                };
                self.prepare_upload(&path, writing, representation).await
            }
            Transfer::Append {
                path,
                representation,
            } => {
                self.prepare_upload(&path, Writing::Append, representation)
                    .await
            }
            Transfer::UploadUnique { representation } => self.prepare_unique(representation).await,
            Transfer::List { path, format } => self.prepare_list(path, format).await,
        }
    }

    async fn prepare_download(
        &self,
        path: &[u8],
        offset: u64,
        representation: Representation,
    ) -> Result<(Prepared, Ready), Failure> {
        let path = self.resolve(path)?;
        let opening = async {
            let file = self.files.open(&path, Open::READ).await?;
            let size = file.metadata().await?.size;
            Ok((file, size))
        };
        let (file, size) = opening.await.map_err(|error| refused(&error))?;
        within(offset, size)?;
        let download = Download {
            file,
            offset,
            size,
            representation,
        };
        let ready = Ready {
            direction: Direction::Download,
            work: Work::Download(path, download),
        };
        Ok((Prepared::Sized(size), ready))
    }

    async fn prepare_upload(
        &self,
        path: &[u8],
        writing: Writing,
        representation: Representation,
    ) -> Result<(Prepared, Ready), Failure> {
        let path = self.resolve(path)?;
        if let Writing::From(_) = writing {
            self.expect_beginning(&path).await?;
        }
        let target = Target {
            place: self.clone(),
            path,
            writing,
            representation,
        };
        let found = target.find().await;
        let ready = match found.map_err(|error| refused(&error))? {
            Some(upload) => {
                // A hole would look like content.
                within(upload.offset, upload.size)?;
                if upload.rest == Rest::Goes && upload.offset < upload.size {
                    upload.file.may_cut().map_err(|error| refused(&error))?;
                }
                Ready::upload(Work::Upload(target.path, upload))
            }
            None => Ready::upload(Work::NewUpload(target)),
        };
        Ok((Prepared::Open, ready))
    }

    /// Whatever the user may do, nothing can go on with a file that is missing.
    async fn expect_beginning(&self, path: &StoragePath) -> Result<(), Failure> {
        match self.files.metadata(path, Links::Follow).await {
            Ok(_) => Ok(()),
            Err(Error::NotFound) => Err(Failure::BeyondEnd),
            Err(error) => Err(refused(&error)),
        }
    }

    async fn prepare_unique(
        &self,
        representation: Representation,
    ) -> Result<(Prepared, Ready), Failure> {
        for _ in 0..NAMES_TRIED {
            let name = unique_name()?;
            let target = Target {
                place: self.clone(),
                path: self.resolve(&name)?,
                writing: Writing::Unique,
                representation,
            };
            match target.find().await {
                Ok(None) => {
                    let ready = Ready::upload(Work::NewUpload(target));
                    return Ok((Prepared::Named(name), ready));
                }
                Ok(Some(_)) | Err(Error::Exists) => {}
                Err(error) => return Err(refused(&error)),
            }
        }
        Err(Failure::Exists)
    }

    async fn prepare_list(
        &self,
        path: Option<Vec<u8>>,
        format: ListFormat,
    ) -> Result<(Prepared, Ready), Failure> {
        let list = List::open(self, path.unwrap_or_default(), format).await?;
        let ready = Ready {
            direction: Direction::Download,
            work: Work::List(list),
        };
        Ok((Prepared::Open, ready))
    }
}

/// Whether a transfer can begin there.
const fn within(offset: u64, size: u64) -> Result<(), Failure> {
    if offset <= size {
        Ok(())
    } else {
        Err(Failure::BeyondEnd)
    }
}

/// A name that nothing has yet.
fn unique_name() -> Result<Vec<u8>, Failure> {
    let mut random = [0; 8];
    aws_lc_rs::rand::fill(&mut random).map_err(|_unspecified| Failure::Failed)?;
    Ok(format!("upload-{:016x}", u64::from_be_bytes(random)).into_bytes())
}

impl Ready {
    const fn upload(work: Work) -> Self {
        Self {
            direction: Direction::Upload,
            work,
        }
    }

    /// Runs it over this data connection; returns the bytes that have moved.
    pub(super) async fn run(
        self,
        stream: DataStream,
        progress: Arc<Progress>,
        drain: &DrainState,
        metrics: &Metrics,
    ) -> Result<u64, TransferFailure> {
        let path = match &self.work {
            Work::Download(path, _) | Work::Upload(path, _) => Some(path.clone()),
            Work::NewUpload(target) => Some(target.path.clone()),
            Work::List(_) => None,
        };
        let record = path
            .map(|path| Record::new(path, self.direction, Arc::clone(&progress), drain, metrics));
        let outcome = match stream {
            DataStream::Clear(mut socket) => self.work.run(&mut socket, &progress, metrics).await,
            DataStream::Tls(mut stream) => self.work.run(stream.as_mut(), &progress, metrics).await,
        };
        if let Some(record) = record {
            record.end(&outcome);
        }
        outcome
    }
}

impl Work {
    async fn run(
        self,
        stream: &mut impl DataSocket,
        progress: &Progress,
        metrics: &Metrics,
    ) -> Result<u64, TransferFailure> {
        let wire = stream.socket().wire();
        wire.count_for(metrics);
        progress.runs_over(wire);
        match self {
            Self::Download(_, download) => download.run(stream, progress).await,
            Self::Upload(_, upload) => upload.run(stream, progress).await,
            Self::NewUpload(target) => match progress.at_storage(target.make()).await {
                Ok(upload) => upload.run(stream, progress).await,
                Err(error) => {
                    discard(stream).await;
                    Err(broken_off(&error))
                }
            },
            Self::List(list) => list.run(stream, progress).await,
        }
    }
}
