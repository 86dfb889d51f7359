//! The figures that stories measure, for example memory: written line by line while they run, printed after.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::command::{Failure, Workshop};

/// The variable by which the stories learn of the file.
pub(crate) const VARIABLE: &str = "SECUREFTP_FIGURES";

/// The file of one run.
pub(crate) struct Figures {
    file: PathBuf,
}

impl Figures {
    /// An empty file: figures of an earlier run are no result of this one.
    pub(crate) fn begin(workshop: &Workshop) -> Result<Self, Failure> {
        let file = workshop.logs.join("figures.txt");
        fs::write(&file, "").map_err(|error| failed("empty", &file, &error))?;
        Ok(Self { file })
    }

    /// Where the stories append a line a figure.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The lines, sorted: stories end in any order.
    pub(crate) fn read(&self) -> Result<Vec<String>, Failure> {
        let text =
            fs::read_to_string(&self.file).map_err(|error| failed("read", &self.file, &error))?;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        Ok(lines)
    }
}

fn failed(what: &str, file: &Path, error: &io::Error) -> Failure {
    Failure(format!("    failed to {what} {}: {error}", file.display()))
}
