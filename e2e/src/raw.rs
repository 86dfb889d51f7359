//! SFTP packets written by hand: for what no well-behaved client sends.

use std::{io::Write, process::ChildStdin};

use anyhow::{Context, Result};

use crate::{clients::openssh::ssh, place::Place, program::Program};

/// A session whose packets the story writes itself, over OpenSSH's ssh. What the server answers is kept.
#[derive(Debug)]
pub struct Raw {
    program: Program,
    input: ChildStdin,
}

/// Kinds of packets (draft-ietf-secsh-filexfer-02 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Opens a file.
    Open = 3,
    /// Reads from a handle.
    Read = 5,
    /// Asks for the attributes of a path.
    Stat = 17,
}

/// An answer: its kind, its id, and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The kind of the packet: 101 is a status, 102 a handle, 103 data, 105 attributes.
    pub kind: u8,
    /// The id of the request.
    pub id: u32,
    /// What follows the id.
    pub rest: Vec<u8>,
}

impl Raw {
    /// Logs in and agrees on version 3.
    pub fn open(place: &Place) -> Result<Self> {
        let mut program = Program::start_with_pipe(&mut ssh(place, &["-s"], &["sftp"]))?;
        let input = program.input()?;
        let mut raw = Self { program, input };
        raw.write(&[0, 0, 0, 5, 1, 0, 0, 0, 3])?;
        Ok(raw)
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.input.write_all(bytes)?;
        Ok(self.input.flush()?)
    }

    /// Writes one request.
    pub fn request(&mut self, kind: Kind, id: u32, body: &[u8]) -> Result<()> {
        let mut packet = u32::try_from(body.len() + 5)?.to_be_bytes().to_vec();
        packet.push(kind as u8);
        packet.extend(id.to_be_bytes());
        packet.extend(body);
        self.write(&packet)
    }

    /// The whole answers so far, without the version.
    pub fn answers(&self) -> Result<Vec<Answer>> {
        let said = self.program.stdout()?;
        let mut rest = said.as_slice();
        let mut answers = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length))?;
            let Some((packet, after)) = after.split_at_checked(length) else {
                break;
            };
            rest = after;
            let (&kind, body) = packet.split_first().context("an empty packet")?;
            if let Some((id, body)) = body.split_first_chunk::<4>().filter(|_| kind != 2) {
                answers.push(Answer {
                    kind,
                    id: u32::from_be_bytes(*id),
                    rest: body.to_vec(),
                });
            }
        }
        Ok(answers)
    }

    /// The program that carries the packets.
    pub const fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}

/// A string as packets carry it: its length, then its bytes.
pub fn string(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut string = u32::try_from(bytes.len())?.to_be_bytes().to_vec();
    string.extend(bytes);
    Ok(string)
}
