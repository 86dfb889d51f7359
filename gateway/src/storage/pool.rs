//! The threads that wait for storage.
//!
//! One pool a volume. Calls of one user run first come, first served; users take turns. A user holds at most a share of
//! the threads, hung calls included, so that whoever meets a hung folder stops alone. A call that runs too long counts
//! as stuck: its thread is written off and replaced. Threads start when they are needed and end when idle.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{lock, volume::Load};

/// How long an idle thread waits for another call before it ends.
const IDLE: Duration = Duration::from_secs(5);

/// A blocking call with its answer's way back. Dropped without having run, it must answer [`super::Error::Stuck`].
pub(super) type Call = Box<dyn FnOnce() + Send>;

/// What a pool may use at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolLimits {
    /// Threads that are not stuck.
    pub(super) threads: usize,
    /// Calls of one user that run, stuck ones included.
    pub(super) running_per_user: usize,
    /// Calls of one user that wait.
    pub(super) waiting_per_user: usize,
    /// A call that runs longer is stuck.
    pub(super) stuck_after: Duration,
    /// Stuck threads that are replaced.
    pub(super) stuck_max: usize,
}

/// The threads of one volume. Clones share them.
#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    limits: PoolLimits,
    state: Mutex<State>,
    work: Condvar,
    /// Called at every tick of the watch: housekeeping that needs no thread of its own. Tells whether there is more.
    tick: Box<dyn Fn() -> Housekeeping + Send + Sync>,
}

/// Whether the watch must come again although no call is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Housekeeping {
    Done,
    More,
}

#[derive(Default)]
struct State {
    users: BTreeMap<Arc<str>, Queue>,
    /// Users with a waiting call and room in their share, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    running: BTreeMap<u64, Running>,
    calls: u64,
    /// Threads that are not stuck, idle ones included.
    threads: usize,
    idle: usize,
    stuck: usize,
    waiting: usize,
    watch: Watch,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Watch {
    #[default]
    Off,
    On,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    running: usize,
    stuck: usize,
}

struct Waiting {
    since: Instant,
    kind: CallKind,
    call: Call,
}

/// Whether a call may be given up before it ran.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CallKind {
    /// Somebody waits for its answer, and an error is one.
    Request,
    /// Closing a file may itself wait: it must run here and nowhere else.
    Disposal,
}

struct Running {
    user: Arc<str>,
    since: Instant,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Fine,
    Stuck,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("limits", &self.0.limits)
            .field("load", &self.load())
            .finish()
    }
}

impl Pool {
    /// A pool without threads yet; `tick` is called now and then while there is something to watch.
    pub(super) fn new(
        limits: PoolLimits,
        tick: impl Fn() -> Housekeeping + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            limits,
            state: Mutex::default(),
            work: Condvar::new(),
            tick: Box::new(tick),
        }))
    }

    /// Runs the call when it is this user's turn; drops it at once when storage is stuck or the user's queue is full.
    pub(super) fn submit(&self, user: &Arc<str>, call: Call) {
        let shared = &self.0;
        let mut state = lock(&shared.state);
        let full = state
            .users
            .get(user)
            .is_some_and(|queue| queue.waiting.len() >= shared.limits.waiting_per_user);
        if full || state.stuck > shared.limits.stuck_max {
            drop(state);
            drop(call);
            return;
        }
        shared.enqueue(&mut state, user, CallKind::Request, call);
    }

    /// Runs the call some time, however full the queue is: for closing files, whose number is bounded elsewhere.
    pub(super) fn dispose(&self, user: &Arc<str>, call: Call) {
        let mut state = lock(&self.0.state);
        self.0.enqueue(&mut state, user, CallKind::Disposal, call);
    }

    /// What is under way.
    pub(super) fn load(&self) -> Load {
        let state = lock(&self.0.state);
        Load {
            running: state.running.len(),
            waiting: state.waiting,
            stuck: state.stuck,
        }
    }
}

impl Shared {
    fn enqueue(self: &Arc<Self>, state: &mut State, user: &Arc<str>, kind: CallKind, call: Call) {
        let queue = state.users.entry(Arc::clone(user)).or_default();
        queue.waiting.push_back(Waiting {
            since: Instant::now(),
            kind,
            call,
        });
        if queue.waiting.len() == 1 && queue.running < self.limits.running_per_user {
            state.turns.push_back(Arc::clone(user));
        }
        state.waiting += 1;
        self.staff(state);
        if state.watch == Watch::Off {
            let shared = Arc::clone(self);
            let started = thread::Builder::new()
                .name("storage-watch".into())
                .spawn(move || shared.watch());
            if started.is_ok() {
                state.watch = Watch::On;
            }
        }
    }

    /// Wakes or starts a thread if a call could run.
    fn staff(self: &Arc<Self>, state: &mut State) {
        if state.turns.is_empty() {
            return;
        }
        self.work.notify_one();
        if state.waiting <= state.idle || state.threads >= self.threads_max(state) {
            return;
        }
        let shared = Arc::clone(self);
        let started = thread::Builder::new()
            .name("storage".into())
            .spawn(move || shared.work());
        match started {
            Ok(_) => state.threads += 1,
            Err(error) => {
                tracing::warn!(%error, threads = state.threads, "no thread for storage");
            }
        }
    }

    /// A stuck thread beyond `stuck_max` is not replaced.
    fn threads_max(&self, state: &State) -> usize {
        let unreplaced = state.stuck.saturating_sub(self.limits.stuck_max);
        self.limits.threads.saturating_sub(unreplaced)
    }

    /// The life of one thread.
    fn work(self: Arc<Self>) {
        while let Some((number, call)) = self.next_call() {
            if catch_unwind(AssertUnwindSafe(call)).is_err() {
                tracing::error!("a storage call panicked");
            }
            let mut state = lock(&self.state);
            state.end(number, self.limits.running_per_user);
            if state.threads > self.threads_max(&state) {
                // This thread was replaced while its call was stuck.
                state.threads -= 1;
                drop(state);
                self.work.notify_one();
                return;
            }
        }
    }

    /// Waits for a call; None when there was none for a while: then the thread is no longer counted.
    fn next_call(&self) -> Option<(u64, Call)> {
        let (mut state, _) = self
            .work
            .wait_timeout_while(self.rest(), IDLE, |state| state.turns.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        let next = state.start_next(self.limits.running_per_user);
        if next.is_none() {
            state.threads -= 1;
        }
        drop(state);
        next
    }

    fn rest(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        state.idle += 1;
        state
    }

    /// Looks after the calls until nothing is under way.
    fn watch(self: Arc<Self>) {
        let tick = (self.limits.stuck_after / 4).max(Duration::from_millis(1));
        loop {
            thread::sleep(tick);
            self.give_up_hopeless();
            let housekeeping = (self.tick)();
            if housekeeping == Housekeeping::Done && lock(&self.state).end_watch() {
                return;
            }
        }
    }

    /// Marks stuck calls, replaces their threads, and gives up the calls that wait for nothing.
    fn give_up_hopeless(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        let hopeless = state.mark_stuck(&self.limits, Instant::now());
        self.staff(&mut state);
        drop(state);
        // Dropping a call answers its caller, so it happens outside the lock.
        drop(hopeless);
    }
}

impl State {
    /// The next call in turn, with the number under which it runs.
    fn start_next(&mut self, share: usize) -> Option<(u64, Call)> {
        let user = self.turns.pop_front()?;
        let queue = self.users.get_mut(&user)?;
        let Waiting { call, .. } = queue.waiting.pop_front()?;
        self.waiting -= 1;
        queue.running += 1;
        if !queue.waiting.is_empty() && queue.running < share {
            self.turns.push_back(Arc::clone(&user));
        }
        self.calls += 1;
        let running = Running {
            user,
            since: Instant::now(),
            progress: Progress::Fine,
        };
        self.running.insert(self.calls, running);
        Some((self.calls, call))
    }

    /// The call has returned, and its thread is one of ours again if it was written off.
    fn end(&mut self, number: u64, share: usize) {
        let Some(Running { user, progress, .. }) = self.running.remove(&number) else {
            return;
        };
        let Some(queue) = self.users.get_mut(&user) else {
            return;
        };
        if progress == Progress::Stuck {
            queue.stuck -= 1;
            self.stuck -= 1;
            self.threads += 1;
        }
        if queue.running == share && !queue.waiting.is_empty() {
            self.turns.push_back(Arc::clone(&user));
        }
        queue.running -= 1;
        if queue.running == 0 && queue.waiting.is_empty() {
            self.users.remove(&user);
        }
    }

    /// Whether the watch may end, since nothing is under way but what is known to be stuck.
    fn end_watch(&mut self) -> bool {
        if self.waiting > 0 || self.running.len() > self.stuck {
            return false;
        }
        self.watch = Watch::Off;
        true
    }

    /// Writes off the threads of calls that run too long. Returns the waiting calls that are given up: of a user whose
    /// share is stuck those that waited as long, and all if more is stuck than may be replaced.
    fn mark_stuck(&mut self, limits: &PoolLimits, now: Instant) -> Vec<Call> {
        for running in self.running.values_mut() {
            if running.progress == Progress::Stuck
                || now.duration_since(running.since) < limits.stuck_after
            {
                continue;
            }
            running.progress = Progress::Stuck;
            self.stuck += 1;
            self.threads -= 1;
            if let Some(queue) = self.users.get_mut(&running.user) {
                queue.stuck += 1;
            }
            tracing::warn!(user = %running.user, stuck = self.stuck, "a storage call is stuck");
        }
        let all = self.stuck > limits.stuck_max;
        let mut hopeless = Vec::new();
        for queue in self.users.values_mut() {
            let blocked = queue.stuck >= limits.running_per_user;
            let keeps = |waiting: &Waiting| {
                let long = now.duration_since(waiting.since) >= limits.stuck_after;
                waiting.kind == CallKind::Disposal || !(all || blocked && long)
            };
            let (kept, given_up) = mem::take(&mut queue.waiting)
                .into_iter()
                .partition::<VecDeque<_>, _>(keeps);
            queue.waiting = kept;
            self.waiting -= given_up.len();
            hopeless.extend(given_up.into_iter().map(|waiting| waiting.call));
        }
        let users = &mut self.users;
        self.turns.retain(|user| {
            users
                .get(user)
                .is_some_and(|queue| !queue.waiting.is_empty())
        });
        users.retain(|_, queue| queue.running > 0 || !queue.waiting.is_empty());
        hopeless
    }
}
