//! Answers to WRITEs of one handle leave in the order of their requests.
//!
//! The protocol does not ask for that (draft §6), but paramiko does: it keeps a hundred WRITEs under way, waits for the
//! first answer, throws away every other one that it meets meanwhile, and then waits for those for ever.

use std::collections::VecDeque;

use super::running::Outcome;

/// WRITEs of one handle that are under way, and those that have ended before an earlier one.
#[derive(Debug, Default)]
pub(super) struct WriteAnswers(VecDeque<Write>);

#[derive(Debug)]
struct Write {
    arrival: u64,
    id: u32,
    outcome: Option<Outcome>,
}

impl WriteAnswers {
    /// A WRITE starts. They start in the order of their arrival.
    pub(super) fn begin(&mut self, arrival: u64, id: u32) {
        self.0.push_back(Write {
            arrival,
            id,
            outcome: None,
        });
    }

    /// The WRITE that arrived then has ended.
    pub(super) fn end(&mut self, arrival: u64, outcome: Outcome) {
        if let Ok(index) = self.0.binary_search_by_key(&arrival, |write| write.arrival)
            && let Some(write) = self.0.get_mut(index)
        {
            write.outcome = Some(outcome);
        }
    }

    /// The next answer whose turn it is: a request's id and what became of it.
    pub(super) fn next(&mut self) -> Option<(u32, Outcome)> {
        let front = self.0.front_mut()?;
        let outcome = front.outcome.take()?;
        let id = front.id;
        self.0.pop_front();
        Some((id, outcome))
    }
}
