//! The event loop: a `mio::Poll` behind the driver token. Knows nothing of RPC.
//!
//! Whoever holds the token turns the loop for the whole set; taking it never blocks. Sources
//! are registered once, edge-triggered, for both directions. `F` is what a turn finds for
//! others to do: connections whose events can run.

mod again;
pub mod spin;

use crate::error::{Errno, Result};
use crate::proto::terms::NEVER;
use crate::sync::right::{Held, Right};
use crate::sync::{race_point, AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::sys::eventfd::EventFd;
use crate::sys::poll::{self, Events, Interest, Poll, Registry, SourceFd, Token};
use crate::sys::{cancel, clock};
use crate::timers::{Timers, Times};
use again::{Again, AGAIN};
use slab::Slab;
use spin::Spin;
use std::os::fd::RawFd;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

/// Events taken in one wait.
const EVENTS: usize = 256;
/// What one read takes at most; a source that is alone gets `BUDGET` of them in a turn.
pub const READ_SIZE: usize = 64 * 1024;
pub const BUDGET: usize = 4;

const WAKER: Token = Token(usize::MAX);

/// Low bits of a token: the place in the table. Above them, less the highest bit (no source has
/// the waker's token): the generation, by which an event of a source that has gone is dropped.
/// Such events are of the same wait, so 2,048 generations, as a word of 32 bits has, will do.
const INDEX_BITS: u32 = if usize::BITS < 64 { 20 } else { 32 };
const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: usize = usize::MAX >> (INDEX_BITS + 1);

/// What the loop calls when something is ready.
pub trait Source<F>: Send + Sync {
    fn on_ready(self: Arc<Self>, ready: Ready, turn: &mut Turn<'_, F>);

    /// The set's settings have changed, or there is room where there was none.
    fn on_settings(self: Arc<Self>) {}

    /// The time that was asked for with `Reactor::call_at` has come.
    fn on_time(self: Arc<Self>, _now: u64, _turn: &mut Turn<'_, F>) {}
}

type AnySource<F> = Arc<dyn Source<F>>;

/// Why a source is called.
#[derive(Clone, Copy, Default)]
pub struct Ready {
    pub readable: bool,
    pub writable: bool,
    /// The peer has hung up, or the socket has failed.
    pub hangup: bool,
    /// Nothing can be sent any more, either.
    pub dead: bool,
    /// No edge came: whatever came with earlier ones still holds.
    pub again: bool,
    /// Urgent data: a read stops short in front of it.
    pub urgent: bool,
    /// For the waker's source: what its count was.
    pub wakes: u64,
}

/// What sources share during a turn.
pub struct Turn<'a, F> {
    pub scratch: &'a mut Vec<u8>,
    pub found: &'a mut Found<F>,
    timers: &'a mut Times<Instant, dyn Source<F>>,
    again: &'a Again<dyn Source<F>>,
    alone: bool,
}

impl<F> Turn<'_, F> {
    /// The reads that a source gets: one, where others are ready, too, which would have to wait.
    pub fn budget(&self) -> usize {
        if self.alone {
            BUDGET
        } else {
            1
        }
    }

    /// Calls the source again, as readable, in the next turn.
    pub fn again(&self, source: AnySource<F>) {
        drop(self.again.push(source));
    }

    /// Calls the source again, as readable, when it is `time`: at one time at most.
    pub fn at(&mut self, time: Instant, source: AnySource<F>) {
        drop(self.timers.put(time, source));
    }

    /// Does not call the source at its time any more.
    pub fn never(&mut self, source: &AnySource<F>) {
        drop(self.timers.remove(source));
    }
}

/// What a turn finds: mostly one, which needs no allocation.
pub struct Found<T> {
    pub first: Option<T>,
    pub rest: Vec<T>,
}

impl<T> Default for Found<T> {
    fn default() -> Found<T> {
        Found {
            first: None,
            rest: Vec::new(),
        }
    }
}

impl<T> Found<T> {
    pub fn push(&mut self, item: T) {
        if self.first.is_none() {
            self.first = Some(item);
        } else {
            self.rest.push(item);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

pub struct Reactor<F> {
    token: Right<TurnState<F>>,
    table: Mutex<Slab<(Place, AnySource<F>)>>,
    again: Again<dyn Source<F>>,
    timers: Timers<dyn Source<F>>,
    registry: Registry,
    waker: EventFd,
    /// Called whenever the waker has been read.
    waker_source: OnceLock<Weak<dyn Source<F>>>,
    generation: AtomicUsize,
    turns: AtomicU64,
}

/// What whoever holds the driver token turns the loop with.
struct TurnState<F> {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    ready: Vec<(AnySource<F>, Ready)>,
    timers: Times<Instant, dyn Source<F>>,
    spin: Spin,
}

/// The driver token, held.
pub struct Driver<'a, F> {
    reactor: &'a Reactor<F>,
    state: Held<'a, TurnState<F>>,
}

/// A registered source's place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

impl Place {
    fn new(index: usize, generation: usize) -> Place {
        Place(index | (generation & GENERATION_MASK) << INDEX_BITS)
    }

    fn index(self) -> usize {
        self.0 & INDEX_MASK
    }
}

impl<F> Reactor<F> {
    pub fn new() -> Result<Reactor<F>> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = EventFd::new()?;
        registry.register(&mut SourceFd(&waker.as_raw()), WAKER, Interest::READABLE)?;
        Ok(Reactor {
            token: Right::new(TurnState {
                poll,
                events: Events::with_capacity(EVENTS),
                scratch: Vec::new(),
                ready: Vec::new(),
                timers: Times::new(),
                spin: Spin::default(),
            }),
            table: Mutex::new(Slab::new()),
            again: Again::new(),
            timers: Timers::new(),
            registry,
            waker,
            waker_source: OnceLock::new(),
            generation: AtomicUsize::new(0),
            turns: AtomicU64::new(0),
        })
    }

    /// Who is told when the waker has been read.
    pub fn set_waker_source(&self, source: Weak<dyn Source<F>>) {
        let _ = self.waker_source.set(source);
    }

    /// Takes the token if it is free.
    #[inline]
    pub fn try_drive(&self) -> Option<Driver<'_, F>> {
        let state = self.token.try_take()?;
        Some(Driver {
            reactor: self,
            state,
        })
    }

    /// True if somebody holds the token at this moment.
    pub fn is_driven(&self) -> bool {
        self.token.is_held()
    }

    /// Turns made so far by those who drive it.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// True if a turn would find work without any event.
    pub fn has_pending(&self) -> bool {
        !self.again.is_empty()
    }

    /// Ends the wait of whoever drives, now or at its next wait.
    pub fn wake(&self) {
        self.waker.set();
    }

    /// As `wake`, with a count that the waker's source is told. Safe in a signal handler, and
    /// nothing is touched any more once the count can be read.
    pub fn wake_counting(&self, count: u64) {
        self.waker.add(count);
    }

    /// Calls the source in the next turn, and sees to it that there is one.
    pub fn again(&self, source: AnySource<F>) {
        drop(self.again.push(source));
        self.wake();
    }

    /// Calls the source's `on_time` at this time, of `clock::nanos`, unless it is called before.
    pub fn call_at(&self, time: u64, source: AnySource<F>) {
        if self.timers.set(time, source) {
            race_point();
            self.wake();
        }
    }

    /// The source is not called at any time any more.
    pub fn forget_time(&self, source: &AnySource<F>) {
        self.timers.forget(source);
    }

    /// Registers a descriptor; events may come before this returns.
    pub fn register(&self, fd: RawFd, source: AnySource<F>) -> Result<Place> {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        let place = {
            let mut table = self.table.lock();
            let index = table.vacant_key();
            if index > INDEX_MASK {
                return Err(Errno(libc::EMFILE));
            }
            let place = Place::new(index, generation);
            table.insert((place, source));
            place
        };
        let interest = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
        if let Err(e) = self
            .registry
            .register(&mut SourceFd(&fd), Token(place.0), interest)
        {
            self.forget(place);
            return Err(e.into());
        }
        Ok(place)
    }

    /// Changes whether readability is reported; writability and hang-ups always are. TurnState
    /// it on brings an edge if there is something to read.
    pub fn set_interest(&self, fd: RawFd, place: Place, readable: bool) {
        let interest = if readable {
            Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY
        } else {
            Interest::WRITABLE
        };
        // A registered descriptor can always be modified.
        let _ = self
            .registry
            .reregister(&mut SourceFd(&fd), Token(place.0), interest);
    }

    /// Lets go of the sources that are to be called again, now and for ever: each holds what
    /// it belongs to, and so this reactor. When nobody will turn it any more.
    pub fn close(&self) {
        drop(self.again.close());
        self.timers.close();
        if let Some(mut driver) = self.try_drive() {
            driver.state.timers = Times::new();
        }
    }

    /// To be called before the descriptor is closed.
    pub fn deregister(&self, fd: RawFd, place: Place) {
        self.detach(fd);
        self.forget(place);
    }

    /// As `deregister`, but keeps the source until `forget`. Safe in a signal handler.
    pub fn detach(&self, fd: RawFd) {
        let _ = self.registry.deregister(&mut SourceFd(&fd));
    }

    /// Tells every source that settings have changed.
    pub fn settings_changed(&self) {
        let sources: Vec<AnySource<F>> = {
            let table = self.table.lock();
            table.iter().map(|(_, (_, s))| Arc::clone(s)).collect()
        };
        for source in sources {
            source.on_settings();
        }
    }

    pub fn forget(&self, place: Place) {
        let removed = self.table.lock().try_remove(place.index());
        // Its destructor may free a whole connection: not under the lock.
        drop(removed);
    }
}

impl<F> Driver<'_, F> {
    /// The drivers' experience with spinning.
    pub fn spin(&mut self) -> &mut Spin {
        &mut self.state.spin
    }

    /// One turn: waits up to `limit` (None: without bound; not at all if there is work
    /// already), then calls every source that is ready. Returns how many were called.
    pub fn turn(&mut self, limit: Option<Duration>, found: &mut Found<F>) -> usize {
        let turns = &self.reactor.turns;
        turns.store(turns.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.turn_uncounted(limit, found)
    }

    /// A turn, without waiting, of a loop that others drive.
    pub fn help(&mut self, found: &mut Found<F>) {
        self.turn_uncounted(Some(Duration::ZERO), found);
    }

    fn turn_uncounted(&mut self, limit: Option<Duration>, found: &mut Found<F>) -> usize {
        let reactor = self.reactor;
        let state = &mut *self.state;
        let limit = state.bound(limit, reactor.has_pending(), reactor.timers.first());
        race_point();
        // Interrupted by a signal: a turn without events.
        if cancel::held_off(|| state.poll.poll(&mut state.events, limit)).is_err() {
            state.events.clear();
        }
        let mut ready = std::mem::take(&mut state.ready);
        let mut woken = false;
        if !state.events.is_empty() {
            let table = reactor.table.lock();
            for event in &state.events {
                woken |= event.token() == WAKER;
                let place = Place(event.token().0);
                if let Some((now, source)) = table.get(place.index()) {
                    if *now == place {
                        let what = Ready {
                            readable: event.is_readable(),
                            writable: event.is_writable(),
                            hangup: event.is_read_closed() || event.is_error(),
                            dead: event.is_error() || event.is_write_closed(),
                            urgent: event.is_priority(),
                            ..Ready::default()
                        };
                        ready.push((Arc::clone(source), what));
                    }
                }
            }
        }
        if woken {
            let wakes = reactor.waker.take();
            let source = reactor.waker_source.get().and_then(Weak::upgrade);
            let what = Ready {
                wakes,
                ..Ready::default()
            };
            ready.extend(source.map(|source| (source, what)));
        }
        reactor.again.take(&mut ready);
        if state.timers.first().is_some() {
            let now = clock::now();
            while let Some(source) = state.timers.due(now) {
                ready.push((source, AGAIN));
            }
        }
        let mut called = ready.len();
        let mut turn = Turn {
            scratch: &mut state.scratch,
            found,
            timers: &mut state.timers,
            again: &reactor.again,
            alone: called <= 1,
        };
        for (source, what) in ready.drain(..) {
            source.on_ready(what, &mut turn);
        }
        if reactor.timers.first() != NEVER {
            called += reactor.call_due(&mut turn);
        }
        state.ready = ready;
        called
    }
}

/// Waits until one of these loops has something for its driver.
pub fn wait_any<F>(drivers: &[Driver<'_, F>]) {
    let bound = |driver: &Driver<'_, F>| {
        let reactor = driver.reactor;
        let first = reactor.timers.first();
        driver.state.bound(None, reactor.has_pending(), first)
    };
    let limit = drivers.iter().filter_map(bound).min();
    race_point();
    cancel::held_off(|| poll::wait_any(drivers.iter().map(|d| &d.state.poll), limit));
}

impl<F> Reactor<F> {
    /// Calls those whose time has come. How many.
    #[cold]
    fn call_due(&self, turn: &mut Turn<'_, F>) -> usize {
        let now = clock::nanos();
        let mut called = 0;
        // One that asks again for a time that has come waits for the next turn.
        let mut due: Vec<AnySource<F>> = Vec::new();
        while let Some(source) = self.timers.due(now) {
            due.push(source);
        }
        for source in due {
            source.on_time(now, turn);
            called += 1;
        }
        called
    }
}

impl<F> TurnState<F> {
    /// How long a turn may wait; `first`: the time of the first that is to be called.
    fn bound(&self, limit: Option<Duration>, pending: bool, first: u64) -> Option<Duration> {
        if pending {
            return Some(Duration::ZERO);
        }
        let own = self.timers.first();
        if own.is_none() && first == NEVER {
            return limit;
        }
        let own = own.map(|t| t.saturating_duration_since(clock::now()));
        let until = |first: u64| Duration::from_nanos(first.saturating_sub(clock::nanos()));
        let set = (first != NEVER).then(|| until(first));
        limit.into_iter().chain(own).chain(set).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Is readable again, and asks to be called again, whenever it is called.
    struct Insatiable {
        fd: EventFd,
        calls: AtomicUsize,
    }

    impl Source<()> for Insatiable {
        fn on_ready(self: Arc<Self>, _: Ready, turn: &mut Turn<'_, ()>) {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.fd.set();
            turn.again(self);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not know all of epoll")]
    fn who_has_always_more_is_called_once_a_turn() {
        let reactor = Reactor::new().unwrap();
        let source = Arc::new(Insatiable {
            fd: EventFd::new().unwrap(),
            calls: AtomicUsize::new(0),
        });
        let place = reactor.register(source.fd.as_raw(), Arc::clone(&source) as _);
        reactor.again(Arc::clone(&source) as _);
        for turn in 1..=20 {
            let mut driver = reactor.try_drive().unwrap();
            driver.turn(Some(Duration::ZERO), &mut Found::default());
            assert_eq!(source.calls.load(Ordering::SeqCst), turn);
        }
        reactor.deregister(source.fd.as_raw(), place.unwrap());
        reactor.close();
    }
}
