//! What a set's connections, dispatchers and background share: the loops, the ready queue, the
//! settings, the counts of who uses the set.
//!
//! Generic over the connection, which stands above: `C` is only ever carried.

use crate::abi::{mrpc_accept_fn, mrpc_disconnect_fn, mrpc_ioerr_fn, mrpc_room_fn};
use crate::config::Config;
use crate::error::{Errno, Result};
use crate::observer::Observer;
use crate::places::Places;
use crate::protocol::Role;
use crate::queue::ReadyQueue;
use crate::registry::Registry;
use crate::shards::Shards;
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, AtomicU8, AtomicUsize, Mutex, Ordering};
use crate::sys::{env, fork, thread};
use crate::timers::Timers;
use crate::transport::Transport;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

/// How long a wait may be spent awake, unless MINIRPC_SPIN_US says otherwise.
const SPIN: Duration = Duration::from_micros(50);

/// What a last reference adds to the count of users until its wake-up has been read.
const RELEASING: usize = 1 << (usize::BITS * 3 / 4);
/// What it adds to the waker's count.
const RELEASED: u64 = 1 << 32;

/// The set was never drained; it is being drained; it was, and stays so.
const DRAIN_NEVER: u8 = 0;
const DRAIN_RUNS: u8 = 1;
const DRAIN_OVER: u8 = 2;

#[derive(Clone, Copy, Default)]
pub struct Callbacks {
    pub accept: Option<mrpc_accept_fn>,
    pub disconnect: Option<mrpc_disconnect_fn>,
    pub ioerr: Option<mrpc_ioerr_fn>,
    pub room: Option<mrpc_room_fn>,
}

pub struct Hub<C> {
    role: Role,
    cookie: AtomicPtr<c_void>,
    /// The process that made it, by its number of forks.
    generation: u32,
    /// References of the application's, and `RELEASING` for each wake-up that is not read.
    users: AtomicUsize,
    /// Connection handles and listeners.
    handles: AtomicUsize,
    /// Connection handles made so far.
    numbered: AtomicU64,
    dispatchers: AtomicUsize,
    /// Those of them that wait in the library, each for a loop of its own.
    waiting: AtomicUsize,
    ending: AtomicBool,
    /// What `mrpc_drain` has come to.
    draining: AtomicU8,
    pub config: Config,
    pub callbacks: Mutex<Callbacks>,
    /// What its connections go through, those that are made from now on; None: nothing.
    transport: Mutex<Option<Arc<Transport>>>,
    /// Where commands' long payloads have data.
    pub places: Places,
    pub queue: ReadyQueue<Arc<C>>,
    pub shards: Shards<C>,
    /// Connections that are looked at as time passes, by when they are.
    pub watched: Timers<C>,
    /// Attempts to connect that nobody waits for, by address.
    attempts: Mutex<BTreeMap<usize, Arc<C>>>,
    pub totals: Totals,
    pub registry: Registry<C>,
    pub observer: Observer,
    spin: Option<Duration>,
}

/// What all connections of the set come to.
#[derive(Default)]
pub struct Totals {
    /// Active ones, and those of them that were accepted.
    connections: AtomicUsize,
    accepted: AtomicUsize,
    /// Handshakes under way of those that will be.
    arrivals: AtomicUsize,
    /// Bytes that they hold, where that is limited.
    memory: AtomicUsize,
    /// A listener rests until a connection ends; one has ended since.
    door_shut: AtomicBool,
    door_opens: AtomicBool,
    /// There is room again: those that rest have to be told.
    relief: AtomicBool,
}

/// What the environment and the number of CPUs allow.
fn spin_setting() -> Option<Duration> {
    let limit = match env::var("MINIRPC_SPIN_US") {
        Some(text) => Duration::from_micros(text.trim().parse().unwrap_or(0)),
        None => SPIN,
    };
    // With one CPU, whoever we wait for cannot run while we spin.
    (!limit.is_zero() && thread::online_cpus() > 1).then_some(limit)
}

impl<C> Hub<C> {
    /// With one user reference.
    pub fn new(role: Role, cookie: *mut c_void) -> Result<Hub<C>> {
        Ok(Hub {
            role,
            cookie: AtomicPtr::new(cookie),
            generation: fork::generation(),
            users: AtomicUsize::new(1),
            handles: AtomicUsize::new(0),
            numbered: AtomicU64::new(0),
            dispatchers: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
            draining: AtomicU8::new(DRAIN_NEVER),
            config: Config::default(),
            callbacks: Mutex::new(Callbacks::default()),
            transport: Mutex::new(None),
            places: Places::default(),
            queue: ReadyQueue::new(),
            shards: Shards::new()?,
            watched: Timers::new(),
            attempts: Mutex::new(BTreeMap::new()),
            totals: Totals::default(),
            registry: Registry::new(),
            observer: Observer::new(),
            spin: spin_setting(),
        })
    }

    pub fn cookie(&self) -> *mut c_void {
        self.cookie.load(Ordering::Relaxed)
    }

    pub fn set_cookie(&self, cookie: *mut c_void) {
        self.cookie.store(cookie, Ordering::Relaxed);
    }

    pub fn role(&self) -> &Role {
        &self.role
    }

    pub fn callbacks(&self) -> Callbacks {
        *self.callbacks.lock()
    }

    pub fn transport(&self) -> Option<Arc<Transport>> {
        self.transport.lock().clone()
    }

    pub fn set_transport(&self, transport: Option<Arc<Transport>>) {
        // The old one goes without the lock: C code may run.
        let old = std::mem::replace(&mut *self.transport.lock(), transport);
        drop(old);
    }

    /// An error in a forked child, where the set is dead and its locks may be held for ever.
    #[inline]
    pub fn check_process(&self) -> Result<()> {
        if self.generation == fork::generation() {
            Ok(())
        } else {
            Err(Errno::INVAL)
        }
    }

    // --- spinning

    /// How long a wait may be spent awake; None: not at all.
    pub fn spin_limit(&self) -> Option<Duration> {
        self.spin
    }

    // --- scheduling

    /// Brings a claimed lane to a dispatcher.
    pub fn schedule(&self, conn: Arc<C>) {
        self.queue.push([conn]);
        self.wake_dispatcher();
    }

    /// Somebody has to see what was queued; false if no dispatcher waits for anything.
    pub fn wake_dispatcher(&self) -> bool {
        self.queue.wake_one() || self.shards.end_wait()
    }

    // --- totals

    /// False: the set has been drained, and has no new ones.
    #[must_use]
    pub fn connection_made(&self, id: u64, conn: Arc<C>, accepted: bool) -> bool {
        if !self.registry.enter(id, conn, accepted) {
            return false;
        }
        self.totals.connections.fetch_add(1, Ordering::Relaxed);
        if accepted {
            self.totals.accepted.fetch_add(1, Ordering::SeqCst);
        }
        true
    }

    pub fn connection_gone(&self, accepted: bool) {
        self.totals.connections.fetch_sub(1, Ordering::Relaxed);
        if accepted {
            self.accepted_gone();
        }
    }

    /// A socket that is accepted, and has something to say before it is a connection.
    pub fn preface_made(&self) {
        self.totals.accepted.fetch_add(1, Ordering::SeqCst);
    }

    pub fn preface_gone(&self) {
        self.accepted_gone();
    }

    /// A handshake began with a peer that was accepted: until it ends, it counts as one of those.
    pub fn arrival_began(&self) {
        self.preface_made();
        self.totals.arrivals.fetch_add(1, Ordering::SeqCst);
    }

    pub fn arrival_ended(&self) {
        self.totals.arrivals.fetch_sub(1, Ordering::SeqCst);
        self.preface_gone();
    }

    pub fn has_arrivals(&self) -> bool {
        self.totals.arrivals.load(Ordering::SeqCst) > 0
    }

    fn accepted_gone(&self) {
        self.totals.accepted.fetch_sub(1, Ordering::SeqCst);
        if self.totals.door_shut.swap(false, Ordering::SeqCst) {
            self.totals.door_opens.store(true, Ordering::SeqCst);
            self.shards.home().reactor.wake();
        }
    }

    /// True, once: listeners that rest have to be told.
    pub fn door_opens(&self) -> bool {
        self.totals.door_opens.swap(false, Ordering::SeqCst)
    }

    pub fn connections(&self) -> usize {
        self.totals.connections.load(Ordering::Relaxed)
    }

    /// False: listeners rest, and are told when that changes.
    pub fn admits_connections(&self) -> bool {
        let limit = self.config.max_connections();
        let full = || limit > 0 && self.totals.accepted.load(Ordering::SeqCst) >= limit;
        if full() {
            self.totals.door_shut.store(true, Ordering::SeqCst);
            // One may have ended before that was said.
            if full() {
                return false;
            }
        }
        !self.is_out_of_memory()
    }

    /// What a connection holds has changed. Where that crosses the limit, all are told: those
    /// that rest for want of memory, and those of which time wants to know.
    pub fn memory_changed(&self, from: usize, to: usize) {
        let change = to.wrapping_sub(from);
        let before = self.totals.memory.fetch_add(change, Ordering::SeqCst);
        let limit = self.config.memory_limit();
        if limit > 0 && (before > limit) != (before.wrapping_add(change) > limit) {
            self.relieve();
        }
    }

    pub fn memory(&self) -> usize {
        self.totals.memory.load(Ordering::SeqCst)
    }

    /// True if nothing more may be queued, or accepted.
    #[inline]
    pub fn is_out_of_memory(&self) -> bool {
        let limit = self.config.memory_limit();
        limit > 0 && self.memory() > limit
    }

    /// Those that rest are told in the next turn: not here, where a connection may be locked.
    fn relieve(&self) {
        self.totals.relief.store(true, Ordering::SeqCst);
        self.shards.home().reactor.wake();
    }

    pub fn tell_of_relief(&self) {
        if self.totals.relief.swap(false, Ordering::SeqCst) {
            self.shards.settings_changed();
        }
    }

    /// At the end: what is still listed would keep its connection, and so the hub, for ever.
    pub fn clear_lists(&self) {
        self.shards.clear_lists();
        self.watched.close();
    }

    // --- attempts to connect

    /// One has begun that nobody waits for.
    pub fn attempt_began(&self, conn: &Arc<C>) {
        let key = Arc::as_ptr(conn).addr();
        self.attempts.lock().insert(key, Arc::clone(conn));
    }

    pub fn attempt_ended(&self, conn: &Arc<C>) {
        let ended = self.attempts.lock().remove(&Arc::as_ptr(conn).addr());
        drop(ended);
    }

    pub fn attempts(&self) -> Vec<Arc<C>> {
        self.attempts.lock().values().cloned().collect()
    }

    // --- draining

    /// False if somebody drains it already. From now on nothing new comes into the set.
    #[must_use]
    pub fn begin_drain(&self) -> bool {
        self.draining.swap(DRAIN_RUNS, Ordering::SeqCst) != DRAIN_RUNS
    }

    pub fn end_drain(&self) {
        self.draining.store(DRAIN_OVER, Ordering::SeqCst);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst) != DRAIN_NEVER
    }

    pub fn has_dispatchers(&self) -> bool {
        self.dispatchers.load(Ordering::SeqCst) > 0
    }

    // --- life

    pub fn add_user(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// Drops a reference of the application's. Safe in a signal handler: the last one costs an
    /// atomic step and a write to the waker, and whoever reads that sees to the rest. Until then
    /// the set counts as used, so the write is the last access.
    pub fn drop_user(&self) {
        let counted = self.check_process().is_ok();
        let dropped = self
            .users
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |users| {
                let last = users % RELEASING == 1;
                let users = users.checked_sub(1)?;
                Some(users + if last && counted { RELEASING } else { 0 })
            });
        if counted && dropped.is_ok_and(|users| users % RELEASING == 1) {
            self.shards.home().reactor.wake_counting(RELEASED);
        }
    }

    /// Somebody has read `wakes` from the waker.
    pub fn waker_read(&self, wakes: u64) {
        let released = (wakes / RELEASED) as usize;
        if released > 0 {
            self.users.fetch_sub(released * RELEASING, Ordering::SeqCst);
            self.end_if_unused();
        }
    }

    pub fn handle_made(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// The next connection's number, from 1.
    pub fn next_id(&self) -> u64 {
        self.numbered.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn handle_gone(&self) {
        if self.handles.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.end_if_unused();
        }
    }

    /// True once the set is being destroyed.
    #[inline]
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    /// True if the set will end, or does: the last reference may still have to be read of.
    pub fn is_unused(&self) -> bool {
        let users = self.users.load(Ordering::SeqCst);
        users % RELEASING == 0 && self.handles.load(Ordering::SeqCst) == 0
    }

    fn end_if_unused(&self) {
        let used = |count: &AtomicUsize| count.load(Ordering::SeqCst) > 0;
        if used(&self.users) || used(&self.handles) {
            return;
        }
        if !self.ending.swap(true, Ordering::SeqCst) {
            self.queue.end();
            self.shards.wake_all();
            self.shards.ring_background();
        }
    }

    pub fn dispatchers_came(&self, n: usize) {
        self.dispatchers.fetch_add(n, Ordering::AcqRel);
    }

    /// There are more dispatchers than processors.
    pub fn is_crowded(&self) -> bool {
        self.dispatchers.load(Ordering::Relaxed) > self.shards.roster().most()
    }

    pub fn dispatchers_gone(&self, n: usize) {
        let last = self.dispatchers.fetch_sub(n, Ordering::SeqCst) == n;
        if last && self.check_process().is_ok() {
            // Whether the set ends or lives on without dispatchers, the background takes over.
            self.shards.ring_background();
        }
    }

    /// A dispatcher comes that will wait in the library.
    pub fn waiting_came(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.fit_shards();
    }

    /// It does not any more: a loop may have to leave. If it was woken for something, and ends
    /// (pthread_cancel) before it takes that, another has to.
    pub fn waiting_gone(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if self.check_process().is_ok() {
            if !self.queue.is_empty() {
                self.wake_dispatcher();
            }
            self.shards.ring_background();
        }
    }

    /// Brings as many loops into use as dispatchers and settings want.
    pub fn fit_shards(&self) {
        self.shards.fit(|| {
            let waiting = self.waiting.load(Ordering::SeqCst);
            waiting.min(self.config.max_loops())
        });
    }

    /// True when the background may end: nobody uses the set or dispatches for it any more.
    pub fn is_over(&self) -> bool {
        self.is_ending() && self.dispatchers.load(Ordering::SeqCst) == 0
    }

    /// -1 if there is none.
    pub fn event_fd(&self) -> i32 {
        if self.check_process().is_err() {
            return -1;
        }
        let fd = self.queue.event_fd().unwrap_or(-1);
        // From now on nobody may come to the loop but the background.
        self.shards.ring_background();
        fd
    }
}
