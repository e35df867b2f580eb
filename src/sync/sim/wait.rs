//! Who waits for what, and what time it is.
//!
//! Time passes only when nobody can run: then it is the first deadline of those who wait. If
//! there is none either, all of them wait for ever, and the run fails: in production a thread
//! would hang.

use super::{AtomicBool, AtomicU32, Ordering};
use shuttle::future::batch_semaphore::{BatchSemaphore, Fairness};
use shuttle::thread;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Futex(usize),
    /// A change of a file: a socket, a poll.
    File(i32),
    /// Of either.
    Files(i32, i32),
    /// Bytes to be brought to a peer.
    Wire,
    /// The end of a thread.
    Thread(usize),
    /// That nobody can run.
    Quiet,
    Time,
}

/// Ends a wait: shuttle's park may end by itself, as often as it likes.
type Bell = Arc<BatchSemaphore>;

struct Wait {
    key: Key,
    deadline: Option<Duration>,
    bell: Bell,
    who: usize,
    /// Some(true): its time was up.
    woken: Option<bool>,
}

#[derive(Default)]
struct Task {
    name: String,
    ended: bool,
    /// Locks that it holds.
    locks: u32,
}

#[derive(Default)]
struct World {
    now: Duration,
    /// What a look at the clock takes.
    step: Duration,
    /// When the run has failed.
    end: Duration,
    running: usize,
    waits: BTreeMap<u64, Wait>,
    made: u64,
    tasks: BTreeMap<usize, Task>,
    rescues: usize,
    random: u64,
    /// What the run is about, for the report of its failure.
    about: String,
}

std::thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

shuttle::thread_local! {
    static FIRST: First = First;
    static LAST: Last = Last;
}

/// A thread has ended when all of its locals are gone. They go in the order in which they were
/// made: this one first, which then makes the last.
struct First;
struct Last;

impl Drop for First {
    fn drop(&mut self) {
        let _ = LAST.try_with(|_| ());
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        let wakes = with(|w| {
            w.task().ended = true;
            w.running -= 1;
            let mut wakes = w.wake(Key::Thread(me()), usize::MAX);
            wakes.extend(w.pass_time());
            wakes
        });
        ring(wakes);
    }
}

fn with<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with(|w| f(&mut w.borrow_mut()))
}

/// The calling thread's number.
pub fn me() -> usize {
    shuttle::current::me().into()
}

fn ring(bells: Vec<Bell>) {
    for bell in bells {
        bell.release(1);
    }
}

impl World {
    fn task(&mut self) -> &mut Task {
        self.tasks.entry(me()).or_default()
    }

    fn wake(&mut self, key: Key, most: usize) -> Vec<Bell> {
        self.wake_if(most, false, |wait| match (wait.key, key) {
            (Key::Files(a, b), Key::File(changed)) => changed == a || changed == b,
            (key, changed) => key == changed,
        })
    }

    fn wake_if(&mut self, most: usize, late: bool, which: impl Fn(&Wait) -> bool) -> Vec<Bell> {
        let waits = self.waits.values_mut();
        let woken: Vec<Bell> = waits
            .filter(|wait| wait.woken.is_none() && which(wait))
            .take(most)
            .map(|wait| {
                wait.woken = Some(late);
                Arc::clone(&wait.bell)
            })
            .collect();
        self.running += woken.len();
        woken
    }

    /// Where nobody can run, time goes on to the next deadline.
    fn pass_time(&mut self) -> Vec<Bell> {
        if self.running > 0 {
            return Vec::new();
        }
        let quiet = self.wake(Key::Quiet, 1);
        if !quiet.is_empty() {
            return quiet;
        }
        let waiting = self.waits.values().filter(|w| w.woken.is_none());
        let Some(next) = waiting.filter_map(|w| w.deadline).min() else {
            if self.waits.is_empty() {
                return Vec::new();
            }
            panic!("all wait for ever:\n{}", self.report());
        };
        self.now = self.now.max(next);
        let now = self.now;
        assert!(now < self.end, "no end after {now:?}:\n{}", self.report());
        self.wake_if(usize::MAX, true, |w| w.deadline.is_some_and(|at| at <= now))
    }

    fn report(&self) -> String {
        let lines = self.waits.values().map(|w| {
            let name = self.tasks.get(&w.who).map_or("?", |t| &t.name);
            format!(
                "  {name} ({}): {:?}, until {:?}\n",
                w.who, w.key, w.deadline
            )
        });
        lines.collect()
    }
}

/// With SIM_TRACE=1, what threads do is printed.
pub fn trace(what: impl FnOnce() -> String) {
    static WANTED: OnceLock<bool> = OnceLock::new();
    if *WANTED.get_or_init(|| std::env::var_os("SIM_TRACE").is_some()) {
        let (now, name) = with(|w| (w.now, w.task().name.clone()));
        println!("{now:?} {name} ({}): {}", me(), what());
    }
}

/// Starts a run, in its first thread. `step`: what a look at the clock takes; `end`: when the
/// run has failed.
pub fn begin(seed: u64, step: Duration, end: Duration) {
    with(|w| {
        *w = World {
            step,
            end,
            running: 1,
            random: seed | 1,
            ..World::default()
        };
        w.task().name = "main".into();
    });
}

/// What is said if the run fails.
pub fn explain(what: impl FnOnce() -> String) {
    with(|w| w.about = what());
}

pub fn explanation() -> String {
    WORLD.with(|w| {
        w.try_borrow()
            .map_or_else(|_| String::new(), |w| w.about.clone())
    })
}

/// A point at which another thread may go on.
pub fn point() {
    // Every access of shuttle's is one.
    AtomicBool::new(false).load(Ordering::SeqCst);
}

/// Waits until woken; true: its time was up first.
pub fn sleep(key: Key, deadline: Option<Duration>) -> bool {
    assert_no_lock();
    trace(|| format!("sleeps, {key:?}, until {deadline:?}"));
    let bell = Arc::new(BatchSemaphore::new(0, Fairness::Unfair));
    let (wait, wakes) = with(|w| {
        w.made += 1;
        let wait = Wait {
            key,
            deadline,
            bell: Arc::clone(&bell),
            who: me(),
            woken: None,
        };
        w.waits.insert(w.made, wait);
        w.running -= 1;
        (w.made, w.pass_time())
    });
    ring(wakes);
    bell.acquire_blocking(1).expect("a wait is not closed");
    let ended = with(|w| w.waits.remove(&wait));
    let late = ended.and_then(|wait| wait.woken).expect("woken");
    trace(|| format!("wakes, late: {late}"));
    late
}

pub fn wake(key: Key) {
    ring(with(|w| w.wake(key, usize::MAX)));
}

fn wake_one(key: Key) {
    ring(with(|w| w.wake(key, 1)));
}

/// Since the beginning of the run.
pub fn now() -> Duration {
    with(|w| {
        w.now += w.step;
        w.now
    })
}

pub fn deadline(limit: Duration) -> Duration {
    with(|w| w.now.saturating_add(limit))
}

/// Starts a thread; its number is for `join`.
pub fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> usize {
    with(|w| w.running += 1);
    let handle = thread::spawn(move || {
        FIRST.with(|_| ());
        run();
    });
    let id = usize::from(handle.thread().id());
    with(|w| w.tasks.entry(id).or_default().name = name.into());
    id
}

/// Waits for the end of a thread.
pub fn join(id: usize) {
    while with(|w| !w.tasks[&id].ended) {
        sleep(Key::Thread(id), None);
    }
}

/// Waits until nobody can run before time passes.
pub fn quiet() {
    sleep(Key::Quiet, None);
}

/// The other threads that have not ended.
pub fn alive() -> Vec<String> {
    let mine = me();
    with(|w| {
        let others = w.tasks.iter().filter(|(id, t)| **id != mine && !t.ended);
        others.map(|(_, t)| t.name.clone()).collect()
    })
}

/// A number below `bound`, of the run's seed.
pub fn random(bound: u64) -> u64 {
    with(|w| {
        let mut x = w.random;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        w.random = x;
        (x >> 11) % bound
    })
}

// --- what must hold

pub fn lock_taken() {
    let locks = with(|w| {
        let locks = &mut w.task().locks;
        *locks += 1;
        *locks
    });
    assert!(locks == 1, "two locks at once");
}

pub fn lock_left() {
    with(|w| w.task().locks -= 1);
}

/// Where a thread may sleep, or C code runs.
pub fn assert_no_lock() {
    assert!(with(|w| w.task().locks) == 0, "with a lock held");
}

pub fn note_rescue() {
    with(|w| w.rescues += 1);
}

/// Wake-ups that the background's tick has made up for.
pub fn rescues() -> usize {
    with(|w| w.rescues)
}

/// As `sys::linux::futex`.
#[derive(Debug)]
pub struct Futex {
    pub word: AtomicU32,
}

impl Futex {
    pub fn new(value: u32) -> Futex {
        Futex {
            word: AtomicU32::new(value),
        }
    }

    fn key(&self) -> Key {
        Key::Futex(std::ptr::from_ref(self).addr())
    }

    pub fn wait(&self, expected: u32, limit: Option<Duration>) {
        // Nobody runs between the look and the sleep.
        if self.word.load(Ordering::SeqCst) == expected {
            sleep(self.key(), limit.map(deadline));
        }
    }

    pub fn wake(&self) {
        wake_one(self.key());
    }
}
