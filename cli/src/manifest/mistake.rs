//! What is wrong in a manifest, where, and how to mend it.

use std::{borrow::Cow, fmt, sync::Arc};

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// Where a file begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// A position in a named file; shows as `FILE:LINE:COLUMN`, which editors and terminals open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The path as the person would type it.
    pub file: Arc<str>,
    /// Where in it.
    pub position: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "{}:{line}:{column}", self.file)
    }
}

/// Whether a mistake stops everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing starts, nothing changes.
    Error,
    /// Worth a line, nothing more.
    Warning,
}

/// Something a person should mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where it is.
    pub place: Place,
    /// The object, as `KIND/NAME`; empty where no object is known yet.
    pub subject: String,
    /// The field path in the object, for example `spec.listeners[0].port`; empty for the object itself.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it; empty where `what` says it all.
    pub mend: String,
    /// Whether it stops everything.
    pub severity: Severity,
}

impl Mistake {
    /// An error at this place, of no object yet.
    pub fn error(place: Place, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            place,
            subject: String::new(),
            field: String::new(),
            what: what.into(),
            mend: mend.into(),
            severity: Severity::Error,
        }
    }

    /// The same of this field of this object.
    #[must_use]
    pub fn of(mut self, subject: impl Into<String>, field: impl Into<String>) -> Self {
        self.subject = subject.into();
        self.field = field.into();
        self
    }

    /// The same, as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Mistake {
    /// Two lines: where and what, then how to mend it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        match (self.subject.is_empty(), self.field.is_empty()) {
            (true, true) => {}
            (false, true) => write!(f, "{}: ", shown(&self.subject))?,
            (true, false) => write!(f, "{}: ", shown(&self.field))?,
            (false, false) => write!(f, "{} {}: ", shown(&self.subject), shown(&self.field))?,
        }
        f.write_str(&shown(&self.what))?;
        if !self.mend.is_empty() {
            write!(f, "\n    mend: {}", shown(&self.mend))?;
        }
        Ok(())
    }
}

/// What was written in a manifest must not move the cursor of whoever reads this.
fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escaped = text.chars().map(|character| {
        if character.is_control() {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    });
    escaped.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_cannot_command_the_terminal() {
        let place = Place {
            file: Arc::from("a.yaml"),
            position: Position::START,
        };
        let mistake = Mistake::error(place, "`\u{1b}[2J\n` is no name", "").of("User/\u{7}", "\r");

        let shown = mistake.to_string();

        assert_eq!(
            shown,
            "a.yaml:1:1: User/\\u{7} \\r: `\\u{1b}[2J\\n` is no name"
        );
    }
}
