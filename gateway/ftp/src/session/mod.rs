//! The state machine of one control connection.
//!
//! ```text
//! Line → hear → waiting commands → obey → protection, login, data, transfer, files, parameters, about
//! answers of the gateway ───────→ take → the same files
//! Idle, LoginTimeout, Stopping, AccountEnded ─→ ending
//! ```
//!
//! A command that comes while another is under way waits its turn, so replies come in the order of commands. `ABOR`
//! alone overtakes: while it waits, no data port is reserved, no transfer and no work on a file runs or begins, and `ABOR`
//! itself is answered in its turn. `STAT` and `NOOP` are obeyed beside a running transfer when nothing waits before them.

mod about;
mod data;
mod ending;
mod files;
mod login;
mod parameters;
mod protection;
mod settings;
mod state;
mod transfer;

use alloc::{collections::VecDeque, string::String, vec::Vec};
use core::{fmt, mem};

pub use self::settings::{Encryption, Family, Mode, Settings};
use self::{
    ending::Ending,
    state::{Account, Login, Prelude, Progress, Protection, State, Task},
};
use crate::{Action, Command, DataProtection, Event, ListFormat, Reply, Representation};

/// How many commands wait at most while another is under way.
const WAITING_MAX: usize = 16;

/// One control connection, from greeting to goodbye.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    state: State,
    protection: Protection,
    waiting: Waiting,
    ending: Ending,
    wrong_passwords: u32,
    refused_commands: u32,
    /// What the event that is being handled has led to so far.
    actions: Vec<Action>,
}

/// What the client said: a command, or the reply to what is none.
type Said = Result<Command, Reply>;

/// What waits to be obeyed. Its `Debug` shows no command, because a command may hold a password.
struct Waiting(VecDeque<Said>);

impl Session {
    /// A session before its first event, [`Event::Connected`].
    pub const fn new(settings: Settings) -> Self {
        let protection = Protection::at_first(&settings);
        Self {
            settings,
            state: State::Opening,
            protection,
            waiting: Waiting(VecDeque::new()),
            ending: Ending::NotInSight,
            wrong_passwords: 0,
            refused_commands: 0,
            actions: Vec::new(),
        }
    }

    /// Takes what happened and says what to do about it.
    #[must_use]
    pub fn handle(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Connected => self.greet(),
            Event::Line(line) => self.hear(Command::parse(&line)),
            Event::LineTooLong => self.hear(Err(Reply::new(500, "That line is too long"))),
            Event::TlsStarted => self.tls_started(),
            Event::UserChecked(check) => self.user_checked(check),
            Event::PasswordChecked(result) => self.password_checked(result),
            Event::DataPortOpened(result) => self.data_port_opened(result),
            Event::DataPortExpired => self.data_port_expired(),
            Event::FileDone(result) => self.file_done(result),
            Event::Prepared(result) => self.prepared(result),
            Event::TransferEnded(result) => self.transfer_ended(result),
            Event::Progress(bytes) => self.progress(bytes),
            Event::Idle => self.idle(),
            Event::LoginTimeout => self.login_timeout(),
            Event::Stopping => self.stopping(),
            Event::AccountEnded => self.account_ended(),
        }
        self.obey_what_waits();
        mem::take(&mut self.actions)
    }

    /// Whether a line may be handed in now; otherwise an answer is awaited first. While something is under way it may,
    /// as long as not too many commands wait: `ABOR` is obeyed at once, what else is pipelined waits in the session.
    pub fn wants_line(&self) -> bool {
        matches!(self.state, State::Login(_) | State::LoggedIn(..))
            && self.waiting.0.len() < WAITING_MAX
    }

    fn greet(&mut self) {
        if matches!(self.state, State::Opening) {
            self.state = State::Login(Login::Nobody);
            self.say(220, "Welcome");
        }
    }

    /// What is said before the greeting, between `AUTH` and TLS, or after the goodbye is never obeyed.
    fn hear(&mut self, said: Said) {
        if !matches!(self.state, State::Login(_) | State::LoggedIn(..)) {
            return;
        }
        self.waiting.0.push_back(said);
    }

    fn obey_what_waits(&mut self) {
        loop {
            if self.is_abort_waiting() {
                self.drop_what_runs();
            }
            self.end_if_it_is_time();
            let Some(said) = self.waiting.0.pop_front_if(|said| self.state.takes(said)) else {
                return;
            };
            // Whatever comes next is the command that a prelude was for, or the prelude was in vain.
            let prelude = self
                .account()
                .map(|account| mem::take(&mut account.prelude))
                .unwrap_or_default();
            match said {
                Ok(command) => self.obey(command, prelude),
                Err(refusal) => self.reply(refusal),
            }
        }
    }

    fn is_abort_waiting(&self) -> bool {
        self.waiting.0.contains(&Ok(Command::Abort))
    }

    fn obey(&mut self, command: Command, prelude: Prelude) {
        if self.account().is_none() && !is_for_everybody(&command) {
            return self.say(530, "Log in first, with USER and PASS");
        }
        match command {
            Command::AuthTls => self.auth(Protection::Encrypted),
            Command::AuthSsl => self.auth(Protection::Sized(DataProtection::Private)),
            Command::ProtectionBufferSize => self.protection_buffer_size(),
            Command::ProtectClear => self.protect(DataProtection::Clear),
            Command::ProtectPrivate => self.protect(DataProtection::Private),
            Command::ClearControl => self.clear_control(),

            Command::User(name) => self.user(name),
            Command::Password(password) => self.password(password),
            Command::Reinitialize => self.reinitialize(),
            Command::Quit => self.close(221, "Goodbye"),

            Command::Abort => self.abort(),
            Command::Features => self.features(),
            Command::Help(topic) => self.help(topic.as_deref()),
            Command::Nothing => self.say(200, "Nothing done"),
            Command::SiteHelp => self.site_help(),
            Command::Status(None) => self.status(),
            Command::System => self.say(215, "UNIX Type: L8"),
            Command::Utf8 => self.say(200, "Names are sent as they are stored, mostly UTF-8"),

            Command::Port | Command::ExtendedPort => self.port(),
            Command::Passive => self.passive(prelude),
            Command::ExtendedPassive(family) => self.extended_passive(family, prelude),
            Command::ExtendedPassiveAll => self.extended_passive_all(),

            Command::Ascii => self.represent(Representation::Ascii),
            Command::Image => self.represent(Representation::Image),
            Command::StreamMode => self.say(200, "MODE S"),
            Command::FileStructure => self.say(200, "STRU F"),
            Command::Allocate => self.say(202, "Not needed here"),
            Command::Restart(offset) => self.restart(offset),
            Command::ChooseFacts(facts) => self.choose_facts(facts),

            Command::PrintDirectory => self.print_directory(),
            Command::ChangeToParent => self.change_directory(b"..".to_vec()),
            Command::ChangeDirectory(path) => self.change_directory(path),
            Command::MakeDirectory(path) => self.make_directory(path),
            Command::RemoveDirectory(path) => self.remove_directory(path),
            Command::Delete(path) => self.delete(path),
            Command::RenameFrom(path) => self.rename_from(path),
            Command::RenameTo(path) => self.rename_to(path, prelude),
            Command::Size(path) => self.size(path),
            Command::ModificationTime(path) => self.modification_time(path),
            Command::Facts(path) => self.facts(path),
            Command::Status(Some(path)) => self.status_of(path),
            Command::ModifyTime(time, path) => self.modify_time(time, path),
            Command::ChangeMode(mode, path) => self.change_mode(mode, path),

            Command::Retrieve(path) => self.retrieve(path, &prelude),
            Command::Store(path) => self.store(path, &prelude),
            Command::Append(path) => self.append(path, &prelude),
            Command::StoreUnique => self.store_unique(),
            Command::List(path) => self.list(path, ListFormat::Long),
            Command::Names(path) => self.list(path, ListFormat::Names),
            Command::ListFacts(path) => self.list_facts(path),
        }
    }
}

/// Whether somebody who has not logged in may ask for this.
const fn is_for_everybody(command: &Command) -> bool {
    matches!(
        command,
        Command::AuthTls
            | Command::AuthSsl
            | Command::ProtectionBufferSize
            | Command::ProtectClear
            | Command::ProtectPrivate
            | Command::ClearControl
            | Command::User(_)
            | Command::Password(_)
            | Command::Reinitialize
            | Command::Quit
            | Command::Abort
            | Command::Features
            | Command::Help(_)
            | Command::Nothing
            | Command::SiteHelp
            | Command::Status(None)
            | Command::System
            | Command::Utf8
    )
}

/// How every file of this folder answers and asks.
impl Session {
    fn say(&mut self, code: u16, text: impl Into<String>) {
        self.reply(Reply::new(code, text));
    }

    /// Sends a reply. Before the login refusals are counted: who only guesses commands is a scanner.
    fn reply(&mut self, reply: Reply) {
        if reply.is_refusal() && matches!(self.state, State::Login(_)) {
            self.refused_commands = self.refused_commands.saturating_add(1);
            if self.refused_commands >= self.settings.refused_commands_max {
                return self.close(421, "Too many refused commands; goodbye");
            }
        }
        self.ask(Action::Send(reply));
    }

    fn ask(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn account(&mut self) -> Option<&mut Account> {
        match &mut self.state {
            State::LoggedIn(account, _) => Some(account),
            _ => None,
        }
    }

    /// What is under way, which is over with this call if it is `the_one`. Otherwise it goes on, and nothing is found:
    /// an answer came that nobody waits for any more.
    fn finish_task(&mut self, the_one: impl FnOnce(&Task) -> bool) -> Task {
        match &mut self.state {
            State::LoggedIn(_, task) if the_one(task) => mem::replace(task, Task::Nothing),
            _ => Task::Nothing,
        }
    }

    fn begin_task(&mut self, begun: Task) {
        if let State::LoggedIn(_, task) = &mut self.state {
            *task = begun;
        }
    }
}

impl State {
    /// Whether this may be obeyed now.
    const fn takes(&self, said: &Said) -> bool {
        match self {
            Self::Login(Login::Nobody | Login::Named(_)) | Self::LoggedIn(_, Task::Nothing) => true,
            Self::LoggedIn(_, Task::Transferring(_, Progress::Unasked)) => {
                matches!(said, Ok(Command::Nothing | Command::Status(None)))
            }
            Self::LoggedIn(
                _,
                Task::OpeningPort(_)
                | Task::File(_)
                | Task::Preparing(_)
                | Task::Transferring(_, Progress::Asked),
            )
            | Self::Login(Login::Asking(_) | Login::Checking(_))
            | Self::Opening
            | Self::Securing(_)
            | Self::Closed => false,
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} commands", self.0.len())
    }
}
