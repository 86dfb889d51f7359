//! Any bytes from a client, any answers of the world, and what must hold all the same.
//!
//! An input begins with a byte for the settings and for how far the client has come already, the number of choices of
//! the world, and these choices. The rest is what the client sends. Where the choices are used up everything goes well,
//! so that a dictionary of commands (`control.dict`) gets far.

#![no_main]

mod judge;
mod world;

use ftp::{Encryption, Event, Family, Line, Lines, Mode, Session, Settings};
use libfuzzer_sys::fuzz_target;

use judge::Judge;
use world::World;

fuzz_target!(|input: &[u8]| converse(input));

fn converse(input: &[u8]) {
    let Some(([first, count], rest)) = input.split_first_chunk() else {
        return;
    };
    let (choices, sent) = rest.split_at(usize::from(*count).min(rest.len()));
    let mut conversation = Conversation::new(settings(*first));
    conversation.handle(Event::Connected);
    for line in beginning(*first) {
        conversation.hear(line);
    }
    conversation.world.choices = choices.iter();
    for part in sent.chunks(usize::from(*first) + 1) {
        conversation.hear(part);
    }
    conversation.finish();
}

fn settings(bits: u8) -> Settings {
    Settings {
        encryption: match bits & 0b11 {
            0 | 1 => Encryption::Optional,
            2 => Encryption::ControlRequired,
            _ => Encryption::Required,
        },
        implicit: bits & 0b100 != 0,
        active_refusal: "no".into(),
        passive: if bits & 0b11_1000 == 0b11_1000 {
            Mode::Deny("no".into())
        } else {
            Mode::Allow
        },
        family: Family::V4,
        wrong_passwords_max: 3,
        refused_commands_max: 100,
    }
}

/// What the client has sent and the world has agreed to before the input comes.
fn beginning(bits: u8) -> &'static [&'static [u8]] {
    const SECURE: [&[u8]; 3] = [b"AUTH TLS\r\n", b"PBSZ 0\r\n", b"PROT P\r\n"];
    const LOGIN: [&[u8]; 2] = [b"USER a\r\n", b"PASS b\r\n"];
    const SECURE_LOGIN: [&[u8]; 5] = [SECURE[0], SECURE[1], SECURE[2], LOGIN[0], LOGIN[1]];
    match bits >> 6 {
        0 => &[],
        1 => &LOGIN,
        2 => &SECURE,
        _ => &SECURE_LOGIN,
    }
}

struct Conversation<'a> {
    lines: Lines,
    session: Session,
    world: World<'a>,
    judge: Judge,
}

impl Conversation<'_> {
    fn new(settings: Settings) -> Self {
        Self {
            lines: Lines::default(),
            session: Session::new(settings.clone()),
            world: World::default(),
            judge: Judge::new(settings),
        }
    }

    /// Takes what the client sent, as a connection does: line by line, while the session wants one.
    fn hear(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
        while !self.judge.is_closed() {
            if let Some(event) = self.world.choose() {
                self.handle(event);
            } else if self.session.wants_line() {
                match self.lines.pop() {
                    Some(Line::Whole(line)) => self.handle(Event::Line(line)),
                    Some(Line::TooLong) => self.handle(Event::LineTooLong),
                    None => return,
                }
            } else {
                let answer = self.world.answer().expect("an answer is awaited");
                self.handle(answer);
            }
        }
    }

    /// Lets the world answer all that it was asked.
    fn finish(&mut self) {
        while !self.judge.is_closed()
            && let Some(answer) = self.world.answer()
        {
            self.handle(answer);
        }
    }

    fn handle(&mut self, event: Event) {
        self.judge.hear(&event);
        for action in self.session.handle(event) {
            self.judge.see(&action);
            if self.world.is_to(&action) {
                self.lines.clear();
            }
        }
        if self.world.is_asked_nothing() {
            self.judge.rest();
        }
    }
}
