//! Requests whose turn it is start.

use sftp::Effect;

use super::{
    Engine, EngineLimits,
    action::{Action, Target, Turn},
    handle::{Handle, Room},
    handles::Key,
    running::{Place, Running, Work},
    status,
};

impl Engine {
    /// Gives each handle that waits its turn, until there is something to take.
    pub(super) fn advance_round(&mut self, room: Room) {
        for _ in 0..self.round.len() {
            let Some(key) = self.round.pop_front() else {
                return;
            };
            if let Some(handle) = self.handles.handle(key) {
                handle.queued = false;
                self.advance_handle(key, room);
            }
            if self.answers.length() > 0 {
                return;
            }
        }
    }

    /// Starts the requests of a handle whose turn it is.
    pub(super) fn advance_handle(&mut self, key: Key, room: Room) {
        let before = self.answers.length();
        loop {
            let produced = self.answers.length() - before;
            let room =
                if produced >= EngineLimits::TURN || self.running.cost() >= self.limits.reads() {
                    Room::Nothing
                } else {
                    room.less(produced)
                };
            let Some(handle) = self.handles.handle(key) else {
                return;
            };
            let Some((turn, freed)) = handle.next(room) else {
                break;
            };
            self.waiting -= freed;
            self.start(key, &turn);
        }
        if let Some(handle) = self.handles.handle(key)
            && handle.is_waiting()
            && !handle.queued
        {
            handle.queued = true;
            self.round.push_back(key);
        }
    }

    fn start(&mut self, key: Key, turn: &Turn) {
        if matches!(turn.action, Some(Action::Close)) {
            self.close(key, turn);
            return;
        }
        let Some(handle) = self.handles.handle(key) else {
            return;
        };
        let Some(mut call) = turn.call(&handle.target) else {
            let answer = match handle.target {
                Target::File(_) => &status::NOT_A_FOLDER,
                Target::Folder(_) => &status::NOT_A_FILE,
            };
            self.answers.push(turn.id, answer);
            self.changes.remove(&turn.arrival);
            return;
        };
        if turn.moves_data() {
            handle.transfer.begin(&self.drain);
        }
        let effect = turn.effect;
        if let Effect::Write(_) = effect {
            handle.write_answers.begin(turn.arrival, turn.id);
        }
        let work = Work {
            id: turn.id,
            cost: turn.cost(),
            place: Place::Handle {
                key,
                effect,
                arrival: turn.arrival,
                written: turn.payload(),
            },
        };
        if let Some(outcome) = Running::try_now(&mut call) {
            self.finish(work, outcome);
        } else {
            handle.started(self.running.spawn(work, call), effect);
        }
    }

    /// CLOSE is alone on its handle and the last request on it, so the handle goes at once.
    fn close(&mut self, key: Key, turn: &Turn) {
        let Some(Handle {
            target, transfer, ..
        }) = self.handles.remove(key)
        else {
            return;
        };
        let work = Work {
            id: turn.id,
            cost: turn.cost(),
            place: Place::Close {
                arrival: turn.arrival,
                transfer,
            },
        };
        let mut call = target.close();
        if let Some(outcome) = Running::try_now(&mut call) {
            self.finish(work, outcome);
        } else {
            self.running.spawn(work, call);
        }
    }

    /// Starts the requests on paths whose turn it is.
    pub(super) fn advance_paths(&mut self) {
        while let Some(turn) = self.paths.next(self.changes.first().copied()) {
            self.waiting -= turn.cost;
            let access = turn.request.access();
            let opens = turn.request.opens();
            let mut call = turn.request.call(&self.files);
            let work = Work {
                id: turn.id,
                cost: turn.cost,
                place: Place::Path { access, opens },
            };
            if let Some(outcome) = Running::try_now(&mut call) {
                self.finish(work, outcome);
            } else {
                self.paths.started(access);
                self.running.spawn(work, call);
            }
        }
    }
}
