//! Calls of storage end: what waited for them goes on, and the client gets its answer.

use std::time::SystemTime;

use sftp::{Answer, Effect};

use super::{
    Engine,
    action::REQUEST_COST,
    attributes,
    handle::{Handle, Room},
    handles::Key,
    running::{Outcome, Place, Work},
    status,
    transfer::Transfer,
};

impl Engine {
    /// Takes what tasks have got, and starts what waited for it.
    pub(super) fn harvest(&mut self) {
        let ended = self.running.harvest();
        if ended.is_empty() {
            return;
        }
        for (number, work, outcome) in ended {
            let mut freed = None;
            match work.place {
                Place::Path { access, .. } => self.paths.ended(access),
                Place::Handle { key, .. } => {
                    freed = Some(key);
                    if let Some(handle) = self.handles.handle(key) {
                        handle.ended(number);
                    }
                }
                Place::Close { .. } => (),
            }
            self.finish(work, outcome);
            if let Some(key) = freed {
                self.advance_handle(key, Room::Nothing);
            }
        }
        self.advance_paths();
    }

    /// A call has ended: keeps account of it, and answers.
    pub(super) fn finish(&mut self, work: Work, outcome: Outcome) {
        match work.place {
            Place::Handle {
                key,
                effect,
                arrival,
                written,
            } => {
                self.changes.remove(&arrival);
                if let Some(handle) = self.handles.handle(key) {
                    match &outcome {
                        Outcome::Data(Ok(bytes)) => handle.transfer.read(bytes.len()),
                        Outcome::Done(Ok(())) => handle.transfer.written(written),
                        _ => (),
                    }
                }
                if let Effect::Write(_) = effect {
                    return self.finish_write(key, arrival, outcome);
                }
            }
            Place::Close { arrival, transfer } => {
                self.changes.remove(&arrival);
                transfer.close(&outcome);
            }
            Place::Path {
                opens: Some(opening),
                ..
            } => {
                self.opening -= 1;
                if let Outcome::Opened(Ok(target)) = outcome {
                    let handle = Handle::new(target, Transfer::new(opening, self.metrics.clone()));
                    let key = self.handles.insert(handle);
                    self.answers.push(work.id, &Answer::Handle(&key.to_wire()));
                    return;
                }
            }
            Place::Path { opens: None, .. } => (),
        }
        self.answer(work.id, outcome);
    }

    /// WRITEs are answered in the order of their requests. One that waits for an earlier one costs as much as a request.
    fn finish_write(&mut self, key: Key, arrival: u64, outcome: Outcome) {
        let Some(handle) = self.handles.handle(key) else {
            return;
        };
        handle.write_answers.end(arrival, outcome);
        self.waiting += REQUEST_COST;
        while let Some((id, outcome)) = self
            .handles
            .handle(key)
            .and_then(|handle| handle.write_answers.next())
        {
            self.waiting -= REQUEST_COST;
            self.answer(id, outcome);
        }
    }

    fn answer(&mut self, id: u32, outcome: Outcome) {
        let answer = match outcome {
            Outcome::Data(Ok(data)) if data.is_empty() => status::END_OF_FILE,
            Outcome::Data(Ok(data)) => return self.answers.push_data(id, data),
            Outcome::Entries(Ok(entries)) if entries.is_empty() => status::END_OF_FOLDER,
            Outcome::Entries(Ok(entries)) => {
                let now = SystemTime::now();
                let names = entries
                    .into_iter()
                    .map(|entry| attributes::name(entry, now));
                Answer::Names(names.collect())
            }
            Outcome::Metadata(Ok(metadata)) => {
                Answer::Attributes(attributes::from_metadata(&metadata))
            }
            Outcome::Link(Ok(text)) => attributes::one_name(text),
            Outcome::Space(Ok(space)) => {
                Answer::Extended(attributes::space(&space).encode().into())
            }
            Outcome::Done(Ok(())) => status::DONE,
            Outcome::Done(Err(error))
            | Outcome::Data(Err(error))
            | Outcome::Entries(Err(error))
            | Outcome::Metadata(Err(error))
            | Outcome::Link(Err(error))
            | Outcome::Space(Err(error))
            | Outcome::Opened(Err(error)) => status::refused(&error),
            Outcome::Opened(Ok(_)) | Outcome::Lost => status::LOST,
        };
        self.answers.push(id, &answer);
    }
}
