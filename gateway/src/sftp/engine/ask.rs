//! A packet becomes a request, and the request an answer or a place in a queue.

use bytes::Bytes;
use sftp::{Answer, InvalidMessage, Message, Request};

use super::{
    Engine, ProtocolError,
    handle::{Room, Waiting},
    paths::PathTurn,
    requests::{Asked, Sorter},
    status,
};

impl Engine {
    /// One packet. `keep` makes a part of it outlive it.
    pub(super) fn accept<'a>(
        &mut self,
        packet: &'a [u8],
        keep: impl FnOnce(&'a [u8]) -> Bytes,
    ) -> Result<(), ProtocolError> {
        match Message::decode(packet) {
            Ok(Message::Initialize { .. }) if !self.greeted => {
                self.greeted = true;
                // A client of a later version goes on in version 3; one of an earlier version knows that it cannot.
                self.answers.push(0, &Answer::Version);
            }
            Ok(Message::Request { id, request }) if self.greeted => {
                self.ask(id, packet.len(), request, keep);
            }
            Err(InvalidMessage::Malformed { id }) if self.greeted => {
                self.answers.push(id, &status::MALFORMED);
            }
            Err(InvalidMessage::UnknownType { id, .. }) if self.greeted => {
                self.answers.push(id, &status::UNKNOWN_REQUEST);
            }
            Err(InvalidMessage::Unanswerable) => return Err(ProtocolError::Unanswerable),
            Ok(_) | Err(_) => return Err(ProtocolError::Greeting),
        }
        Ok(())
    }

    fn ask<'a>(
        &mut self,
        id: u32,
        length: usize,
        request: Request<'a>,
        keep: impl FnOnce(&'a [u8]) -> Bytes,
    ) {
        self.arrivals += 1;
        let sorter = Sorter {
            id,
            arrival: self.arrivals,
            handles_max: self.limits.handles,
        };
        match sorter.sort(request, keep) {
            Asked::Answered(answer) => self.answers.push(id, &answer),
            Asked::OfHandle(handle, waiting) => self.ask_handle(id, handle, waiting),
            Asked::OfPath(request) => {
                tracing::debug!(id, ?request);
                if request.opens().is_some() {
                    if self.handles.open() + self.opening >= self.limits.handles {
                        self.answers.push(id, &status::TOO_MANY_HANDLES);
                        return;
                    }
                    self.opening += 1;
                }
                let turn = PathTurn::new(id, self.arrivals, length, request);
                self.waiting += turn.cost;
                self.paths.push(turn);
                self.advance_paths();
            }
        }
    }

    fn ask_handle(&mut self, id: u32, wire: &[u8], waiting: Waiting) {
        let Some((key, handle)) = self.handles.find(wire) else {
            self.answers.push(id, &status::NO_SUCH_HANDLE);
            return;
        };
        if let Waiting::Request(request) = &waiting
            && request.action.changes()
        {
            self.changes.insert(request.arrival);
        }
        self.waiting += handle.push(waiting);
        self.advance_handle(key, Room::Nothing);
    }
}
