//! A verb, and how its argument is read.

use alloc::{format, vec::Vec};

use super::{Command, arguments};
use crate::Reply;

/// One verb with its argument.
pub(super) struct Verb {
    pub(super) name: &'static str,
    /// How the whole command is written.
    pub(super) syntax: &'static str,
    pub(super) takes: Takes,
}

/// What follows a verb.
pub(super) enum Takes {
    Nothing(Command),
    Path(fn(Vec<u8>) -> Command),
    /// A path, or nothing for the current folder.
    PathOrNothing(fn(Option<Vec<u8>>) -> Command),
    /// As `ls` takes it: options such as `-la`, which change nothing, and a path or nothing.
    OptionsAndPath(fn(Option<Vec<u8>>) -> Command),
    /// The same where nothing is not the current folder: clients that send `STAT -la` mean that one.
    OptionsOrPath(fn(Option<Vec<u8>>) -> Command),
    /// Bytes that mean something to this verb alone.
    Bytes(fn(&[u8]) -> Result<Command, Refusal>),
    /// The same where spaces at the end mean nothing.
    Words(fn(&[u8]) -> Result<Command, Refusal>),
    /// Anything; whether it is right makes no difference.
    Anything(Command),
    /// The command is in an RFC but not here; this is what is said.
    Refused(u16, &'static str),
}

/// Why an argument is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not written as this verb demands.
    Syntax,
    /// It is written well, but this server does not do it: the code and the reason.
    Because(u16, &'static str),
}

impl Verb {
    /// The command that this verb makes of `argument`.
    pub(super) fn parse(&self, argument: &[u8]) -> Result<Command, Reply> {
        let command = match &self.takes {
            Takes::Nothing(command) if argument.trim_ascii().is_empty() => Ok(command.clone()),
            Takes::Nothing(_) => Err(Refusal::Syntax),
            Takes::Path(make) => path(argument).map(make).ok_or(Refusal::Syntax),
            Takes::PathOrNothing(make) => Ok(make(path(argument))),
            Takes::OptionsAndPath(make) => Ok(make(path(arguments::without_options(argument)))),
            Takes::OptionsOrPath(make) if argument.is_empty() => Ok(make(None)),
            Takes::OptionsOrPath(make) => {
                let named = path(arguments::without_options(argument));
                Ok(make(Some(named.unwrap_or_else(|| b".".to_vec()))))
            }
            Takes::Bytes(parse) => parse(argument),
            Takes::Words(parse) => parse(argument.trim_ascii_end()),
            Takes::Anything(command) => Ok(command.clone()),
            Takes::Refused(code, reason) => Err(Refusal::Because(*code, reason)),
        };
        command.map_err(|refusal| match refusal {
            Refusal::Syntax => Reply::new(501, format!("The syntax is: {}", self.syntax)),
            Refusal::Because(code, reason) => Reply::new(code, reason),
        })
    }

    /// How the command is written; None: it is not implemented.
    pub(super) const fn syntax(&self) -> Option<&'static str> {
        match self.takes {
            Takes::Refused(502, _) => None,
            _ => Some(self.syntax),
        }
    }
}

fn path(bytes: &[u8]) -> Option<Vec<u8>> {
    (!bytes.is_empty()).then(|| bytes.to_vec())
}
