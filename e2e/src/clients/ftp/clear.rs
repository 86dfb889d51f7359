//! A control connection in clear, written by hand: for what no well-behaved client sends.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
};

use anyhow::{Context, Result, bail};

use crate::{door::Door, wait::PATIENCE};

/// A control connection whose lines the story writes itself.
#[derive(Debug)]
pub struct Clear {
    stream: BufReader<TcpStream>,
}

impl Clear {
    /// Connects and reads the greeting.
    pub fn open(door: &Door) -> Result<Self> {
        let stream = TcpStream::connect(door.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut clear = Self {
            stream: BufReader::new(stream),
        };
        let greeting = clear.reply()?;
        if greeting.starts_with("220") {
            Ok(clear)
        } else {
            bail!("the greeting was {greeting}")
        }
    }

    /// Sends one command and answers the whole reply, lines divided by line feeds.
    pub fn ask(&mut self, command: &str) -> Result<String> {
        self.stream
            .get_mut()
            .write_all(format!("{command}\r\n").as_bytes())?;
        self.reply()
            .with_context(|| format!("no answer to {command:?}"))
    }

    /// The next reply; of several lines the last begins with the code and a space (RFC 959 §4.2).
    fn reply(&mut self) -> Result<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the server has closed, after {lines:?}");
            }
            let line = line.trim_end().to_owned();
            let is_last = line.as_bytes().get(3) == Some(&b' ')
                && line.bytes().take(3).all(|byte| byte.is_ascii_digit());
            lines.push(line);
            if is_last {
                return Ok(lines.join("\n"));
            }
        }
    }
}
