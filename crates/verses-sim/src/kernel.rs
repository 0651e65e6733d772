//! The kernel: virtual time, tasks, timers, randomness and the trace. One thread, no clock, no runtime: a task is polled
//! when something it waits for has happened, and time jumps to the next timer. What the tasks do is in `world`.

use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// A task of the simulation.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Names a task of one run.
pub(crate) type TaskId = usize;
/// Something that happens at a time.
pub(crate) type Action = Box<dyn FnOnce() + Send>;

/// Who a task belongs to: it dies with its owner, and sleeps with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A process of a device.
    Device(usize),
    /// A server process.
    Instance(usize),
    /// Nobody's process: it never dies.
    World,
}

/// One line of a trace that is being kept.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) at_ms: u64,
    pub(crate) text: String,
}

struct Timer {
    at_ms: u64,
    /// Breaks ties, at random: things of the same millisecond happen in any order.
    tie: u32,
    number: u64,
    what: What,
}

enum What {
    Wake(TaskId),
    Do(Action),
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    /// The heap gives the greatest first: the earliest is the greatest.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at_ms, other.tie, other.number).cmp(&(self.at_ms, self.tie, self.number))
    }
}

/// A handle to the kernel. Cloning gives another one.
#[derive(Clone)]
pub(crate) struct Kernel(Arc<Mutex<State>>);

struct State {
    now_ms: u64,
    /// One stream for each kind of owner and each device: what happens to one is not drawn from what another uses, so
    /// that a plan made smaller stays the same where it was not touched.
    streams: Vec<SmallRng>,
    stream: usize,
    timers: BinaryHeap<Timer>,
    timer_number: u64,
    ready: Vec<TaskId>,
    current: TaskId,
    next_task: TaskId,
    spawned: Vec<(TaskId, Owner, Task)>,
    killed: Vec<Owner>,
    paused: Vec<Owner>,
    deferred: Vec<(Owner, TaskId)>,
    events: u64,
    hash: u64,
    trace: Option<Vec<Line>>,
    stopped: bool,
}

impl Kernel {
    pub(crate) fn new(seed: u64, keep_trace: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            now_ms: 0,
            streams: (0..STREAMS).map(|n| SmallRng::seed_from_u64(seed ^ (n as u64) << 48)).collect(),
            stream: 0,
            timers: BinaryHeap::new(),
            timer_number: 0,
            ready: Vec::new(),
            current: 0,
            next_task: 0,
            spawned: Vec::new(),
            killed: Vec::new(),
            paused: Vec::new(),
            deferred: Vec::new(),
            events: 0,
            hash: seed,
            trace: keep_trace.then(Vec::new),
            stopped: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Virtual milliseconds since the start.
    pub(crate) fn now_ms(&self) -> u64 {
        self.state().now_ms
    }

    /// Events so far: polls, timers, deliveries, calls of a store and of the database.
    pub(crate) fn events(&self) -> u64 {
        self.state().events
    }

    /// The hash of everything that happened so far.
    pub(crate) fn trace_hash(&self) -> u64 {
        self.state().hash
    }

    /// Counts an event and adds it to the trace's hash.
    pub(crate) fn event(&self, kind: u64, value: u64) {
        let mut state = self.state();
        state.event(kind, value);
    }

    /// Adds a line to the trace, if one is kept.
    pub(crate) fn note(&self, text: impl FnOnce() -> String) {
        let mut state = self.state();
        let at_ms = state.now_ms;
        if let Some(trace) = &mut state.trace {
            trace.push(Line { at_ms, text: text() });
        }
    }

    /// Adds a line to the trace, if one is kept and there is something to say.
    pub(crate) fn note_some(&self, text: impl FnOnce() -> Option<String>) {
        let mut state = self.state();
        let at_ms = state.now_ms;
        if let Some(trace) = &mut state.trace
            && let Some(text) = text()
        {
            trace.push(Line { at_ms, text });
        }
    }

    pub(crate) fn take_trace(&self) -> Vec<Line> {
        self.state().trace.take().unwrap_or_default()
    }

    pub(crate) fn random(&self) -> u64 {
        self.state().rng().random()
    }

    /// A number from `0..below`; 0 when that is empty.
    pub(crate) fn below(&self, below: u64) -> u64 {
        if below < 2 { 0 } else { self.state().rng().random_range(0..below) }
    }

    /// True with a probability of `per_mille` in a thousand.
    pub(crate) fn chance(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1_000) < u64::from(per_mille)
    }

    /// Runs `action` after `ms`.
    pub(crate) fn after(&self, ms: u64, action: impl FnOnce() + Send + 'static) {
        self.state().timer(ms, What::Do(Box::new(action)));
    }

    pub(crate) fn spawn(&self, owner: Owner, task: impl Future<Output = ()> + Send + 'static) -> TaskId {
        let mut state = self.state();
        let id = state.next_task;
        state.next_task += 1;
        state.spawned.push((id, owner, Box::pin(task)));
        state.ready.push(id);
        id
    }

    /// Ends every task of `owner` before anything else runs, as if the power had gone.
    pub(crate) fn kill(&self, owner: Owner) {
        let mut state = self.state();
        // What was started before dies as well, even if it has not run yet.
        let (dead, alive) = std::mem::take(&mut state.spawned).into_iter().partition(|(_, of, _)| *of == owner);
        state.spawned = alive;
        state.killed.push(owner);
        drop(state);
        let dead: Vec<(TaskId, Owner, Task)> = dead;
        drop(dead);
    }

    /// Tasks of `owner` are not run until [`Self::resume`].
    pub(crate) fn pause(&self, owner: Owner) {
        self.state().paused.push(owner);
    }

    pub(crate) fn resume(&self, owner: Owner) {
        let mut state = self.state();
        state.paused.retain(|paused| *paused != owner);
        let (woken, rest) = std::mem::take(&mut state.deferred).into_iter().partition(|(of, _)| *of == owner);
        state.deferred = rest;
        let woken: Vec<(Owner, TaskId)> = woken;
        state.ready.extend(woken.into_iter().map(|(_, id)| id));
    }

    /// The task that is being polled, for whoever wakes it later.
    pub(crate) fn current(&self) -> TaskId {
        self.state().current
    }

    pub(crate) fn wake(&self, task: TaskId) {
        self.state().ready.push(task);
    }

    /// Ends the run after the present event.
    pub(crate) fn stop(&self) {
        self.state().stopped = true;
    }

    /// Completes after `ms` of virtual time.
    pub(crate) fn sleep(&self, ms: u64) -> Sleep {
        Sleep { kernel: self.clone(), ms: Some(ms), until_ms: 0 }
    }

    /// Forgets what was to happen: a run that has ended must not keep itself alive.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        let (timers, spawned) = (std::mem::take(&mut state.timers), std::mem::take(&mut state.spawned));
        drop(state);
        drop((timers, spawned));
    }
}

/// Streams of randomness: the world's, the server's, and one for each of the first devices.
const STREAMS: usize = 6;

fn stream_of(owner: Owner) -> usize {
    match owner {
        Owner::World => 0,
        Owner::Instance(_) => 1,
        Owner::Device(number) => 2 + number % (STREAMS - 2),
    }
}

impl State {
    fn rng(&mut self) -> &mut SmallRng {
        let stream = self.stream;
        &mut self.streams[stream]
    }

    fn event(&mut self, kind: u64, value: u64) {
        self.events += 1;
        let mixed = (self.hash ^ kind ^ (self.now_ms << 8)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.hash = (mixed ^ value.rotate_left(23)).wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(29);
    }

    fn timer(&mut self, ms: u64, what: What) {
        let (at_ms, number) = (self.now_ms.saturating_add(ms), self.timer_number);
        self.timer_number += 1;
        let tie = self.rng().random();
        self.timers.push(Timer { at_ms, tie, number, what });
    }
}

/// A wait in virtual time.
pub(crate) struct Sleep {
    kernel: Kernel,
    ms: Option<u64>,
    until_ms: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let kernel = self.kernel.clone();
        let mut state = kernel.state();
        match self.ms.take() {
            Some(ms) => {
                let current = state.current;
                self.until_ms = state.now_ms.saturating_add(ms);
                if ms == 0 {
                    state.ready.push(current);
                } else {
                    state.timer(ms, What::Wake(current));
                }
                Poll::Pending
            }
            None if state.now_ms >= self.until_ms => Poll::Ready(()),
            None => Poll::Pending,
        }
    }
}

struct Running {
    owner: Owner,
    task: Option<Task>,
}

/// Runs the tasks of a kernel.
pub(crate) struct Runner {
    kernel: Kernel,
    tasks: Vec<Option<Running>>,
}

impl Runner {
    pub(crate) fn new(kernel: &Kernel) -> Self {
        Self { kernel: kernel.clone(), tasks: Vec::new() }
    }

    /// Runs until nothing is left to do, the run is stopped, or the next thing lies after `until_ms`. Gives whether the
    /// time was reached.
    pub(crate) fn run_until(&mut self, until_ms: u64) -> bool {
        loop {
            self.admit();
            let next = {
                let mut state = self.kernel.state();
                if state.stopped {
                    return false;
                }
                next(&mut state, until_ms)
            };
            match next {
                Next::Poll(id) => self.poll(id),
                Next::Do(action) => {
                    self.kernel.state().stream = 0;
                    action();
                }
                Next::Again => {}
                Next::Reached => return true,
            }
        }
    }

    /// Takes in what was spawned, and drops what was killed.
    fn admit(&mut self) {
        let (spawned, killed) = {
            let mut state = self.kernel.state();
            if state.spawned.is_empty() && state.killed.is_empty() {
                return;
            }
            (std::mem::take(&mut state.spawned), std::mem::take(&mut state.killed))
        };
        for owner in killed {
            for running in &mut self.tasks {
                if running.as_ref().is_some_and(|r| r.owner == owner) {
                    *running = None;
                }
            }
        }
        for (id, owner, task) in spawned {
            if self.tasks.len() <= id {
                self.tasks.resize_with(id + 1, || None);
            }
            self.tasks[id] = Some(Running { owner, task: Some(task) });
        }
    }

    fn poll(&mut self, id: TaskId) {
        let Some(Some(running)) = self.tasks.get_mut(id) else { return };
        {
            let mut state = self.kernel.state();
            let owner = running.owner;
            if state.paused.contains(&owner) {
                state.deferred.push((owner, id));
                return;
            }
            state.current = id;
            state.stream = stream_of(owner);
            state.event(1, id as u64);
        }
        let Some(mut task) = running.task.take() else { return };
        let mut context = Context::from_waker(Waker::noop());
        if task.as_mut().poll(&mut context).is_ready() {
            self.tasks[id] = None;
        } else if let Some(Some(running)) = self.tasks.get_mut(id) {
            running.task = Some(task);
        }
    }
}

enum Next {
    Poll(TaskId),
    Do(Action),
    Again,
    Reached,
}

fn next(state: &mut State, until_ms: u64) -> Next {
    if !state.ready.is_empty() {
        let at = if state.ready.len() == 1 {
            0
        } else {
            {
                let ready = state.ready.len();
                state.streams[0].random_range(0..ready)
            }
        };
        return Next::Poll(state.ready.swap_remove(at));
    }
    match state.timers.peek() {
        Some(timer) if timer.at_ms <= until_ms => {}
        _ => {
            state.now_ms = state.now_ms.max(until_ms);
            return Next::Reached;
        }
    }
    let Some(timer) = state.timers.pop() else { return Next::Again };
    state.now_ms = state.now_ms.max(timer.at_ms);
    state.event(2, timer.number);
    match timer.what {
        What::Wake(task) => Next::Poll(task),
        What::Do(action) => Next::Do(action),
    }
}
