//! Calls that end before their replies: by their deadlines, or cancelled.
//!
//! INV-E1: a call ends once, by whoever takes it out of the table: the reader of its reply, its
//!         deadline, a canceller, the end of the connection. That is done under the lock, and what
//!         follows, after it.
//! INV-E2: a sync caller keeps its deadline itself, wherever it waits; whoever drives keeps those
//!         of async calls, the first of which is the connection's time in `reactor::call_at`.
//! INV-E3: whoever ends the call of a sleeping caller promotes another in its place: the caller
//!         may have been promoted, and does not try for the right any more.

use super::outputs::Outputs;
use super::{keys, Conn, SendError, State};
use crate::abi::TIMEOUT_INHERIT;
use crate::error::{Errno, Result};
use crate::proto::status;
use crate::proto::terms::NEVER;
use crate::reactor::{Source, Turn};
use crate::sync::race_point;
use crate::sync::Ordering;
use crate::sys::clock;
use crate::sys::eventfd::EventFd;
use crate::waiter::Waiter;
use std::sync::Arc;
use std::time::Duration;

/// Calls whose deadlines have come end in groups of this size: others need the lock, too.
const AT_ONCE: usize = 1024;
const MILLISECOND: u64 = 1_000_000;
/// What a limit of a socket's `recv` may be too late by, beside an eighth: the kernel's timers
/// are as coarse as they are long.
const TICKS: u64 = 20 * MILLISECOND;

/// How a call may end before its reply is read.
#[derive(Clone, Copy, Default)]
pub struct Terms<'a> {
    /// Milliseconds from the making of the call on; 0: for ever.
    pub timeout: u32,
    /// Is told the key by which the call can be cancelled, before the request can leave.
    pub key: Option<&'a dyn Fn(u64)>,
}

impl Terms<'_> {
    #[inline]
    pub fn is_none(&self) -> bool {
        self.timeout == 0 && self.key.is_none()
    }

    fn deadline(&self) -> u64 {
        match self.timeout {
            0 => NEVER,
            ms => clock::nanos() + u64::from(ms) * MILLISECOND,
        }
    }
}

/// What a sync caller keeps in mind while it waits.
pub(super) struct Bound {
    deadline: u64,
    timeout: u64,
    pub cancellable: bool,
    /// It has not waited yet.
    fresh: bool,
}

impl Bound {
    pub fn is_over(&self) -> bool {
        self.deadline != NEVER && clock::nanos() >= self.deadline
    }

    /// Until the deadline; None: for ever.
    pub fn left(&self) -> Option<Duration> {
        let left = |deadline: u64| deadline.saturating_sub(clock::nanos());
        (self.deadline != NEVER).then(|| Duration::from_nanos(left(self.deadline)))
    }

    /// As `left`, before the first wait, or another.
    pub fn left_to_sleep(&mut self) -> Option<Duration> {
        self.fresh = false;
        self.left()
    }

    /// The limit, in milliseconds, for a `recv` that is sure to end in time; the same for all calls
    /// with this timeout. None: it has to be waited otherwise.
    pub fn recv_limit(&mut self) -> Option<u32> {
        let limit = self.timeout - self.timeout / 8;
        let limit = limit.checked_sub(2 * TICKS)? / MILLISECOND * MILLISECOND;
        let left = if std::mem::replace(&mut self.fresh, false) {
            self.timeout
        } else {
            self.deadline.saturating_sub(clock::nanos())
        };
        let fits = limit > 0 && limit + limit / 8 + TICKS <= left;
        fits.then_some((limit / MILLISECOND) as u32)
    }
}

impl State {
    /// What a sync call's caller has to keep in mind; before the call is registered.
    #[cold]
    pub(super) fn sync_bound(
        &self,
        conn: &Conn,
        terms: &Terms<'_>,
        deadline: u64,
    ) -> std::result::Result<Bound, SendError> {
        if terms.key.is_some() {
            self.check_key()?;
            if conn.wake.get().is_none() {
                // Without one, nothing would fetch the caller.
                let wake = EventFd::new().map_err(|_| SendError::Busy)?;
                let _ = conn.wake.set(wake);
            }
        }
        Ok(Bound {
            deadline,
            timeout: u64::from(terms.timeout) * MILLISECOND,
            cancellable: terms.key.is_some(),
            fresh: true,
        })
    }

    pub(super) fn check_key(&self) -> std::result::Result<(), SendError> {
        if self.proto.has_key() {
            Ok(())
        } else {
            Err(SendError::Busy)
        }
    }

    /// Gives a call that was registered just now its key, and a deadline that whoever drives
    /// keeps.
    #[cold]
    pub(super) fn bound(&mut self, sequence: u32, deadline: u64, terms: &Terms<'_>) {
        let serial = terms.key.map_or(0, |_| keys::serial());
        let key = self.proto.bound(sequence, deadline, serial);
        if let Some(tell) = terms.key {
            tell(key);
        }
    }

    /// The time for which the connection has to ask anew, after calls got deadlines.
    #[cold]
    pub(super) fn next_time(&mut self) -> Option<u64> {
        let first = self.proto.poll_timeout();
        let asked = &mut self.rare().time;
        let sooner = asked.is_none_or(|asked| first < asked);
        (sooner && first != NEVER).then(|| *asked.insert(first))
    }

    fn delist(&mut self, conn: &Conn, waiter: &Arc<Waiter>) {
        self.sleepers.retain(|s| !Arc::ptr_eq(s, waiter));
        conn.has_sleepers
            .store(!self.sleepers.is_empty(), Ordering::SeqCst);
    }
}

impl Conn {
    /// For calls that are made later.
    pub fn set_call_timeout(&self, ms: u32) -> Result<()> {
        self.hub.check_process()?;
        self.call_timeout.store(ms, Ordering::Relaxed);
        Ok(())
    }

    /// What `ms`, which may be to inherit, comes to.
    #[inline]
    pub fn call_timeout(&self, ms: u32) -> u32 {
        if ms != TIMEOUT_INHERIT {
            return ms;
        }
        match self.call_timeout.load(Ordering::Relaxed) {
            TIMEOUT_INHERIT => self.hub.config.call_timeout(),
            own => own,
        }
    }

    /// The deadline of a call that is made now.
    #[inline]
    pub(super) fn deadline(terms: &Terms<'_>) -> u64 {
        if terms.timeout == 0 {
            NEVER
        } else {
            terms.deadline()
        }
    }

    /// Asks to be called at this time.
    #[cold]
    pub(super) fn ask_for_time(self: &Arc<Self>, time: u64) {
        let reactor = &self.hub.shards.home().reactor;
        reactor.call_at(time, Arc::clone(self) as _);
        // The end of the connection may not have seen it.
        if self.is_past(crate::proto::life::Phase::Closing) {
            self.forget_time();
        }
    }

    #[cold]
    pub(super) fn forget_time(self: &Arc<Self>) {
        let source: Arc<dyn Source<Arc<Conn>>> = Arc::clone(self) as _;
        self.hub.shards.home().reactor.forget_time(&source);
    }

    /// The connection's time has come.
    pub(super) fn expire(self: &Arc<Self>, now: u64, turn: &mut Turn<'_, Arc<Conn>>) {
        let mut out = Outputs::default();
        let next = {
            let mut st = self.lock();
            st.rare().time = None;
            let waiters = st.proto.expire(now, AT_ONCE);
            out.end_all(waiters, status::TIMEDOUT);
            st.settle(self, &mut out);
            st.next_time()
        };
        if std::mem::take(&mut out.claimed) {
            turn.found.push(Arc::clone(self));
        }
        self.act(out);
        if let Some(next) = next {
            self.ask_for_time(next);
        }
    }

    /// The call that has this key ends, if it has not.
    pub fn cancel_call(self: &Arc<Self>, key: u64) -> Result<()> {
        self.hub.check_process()?;
        let mut out = Outputs::default();
        let sync = {
            let mut st = self.lock();
            let ended = st.proto.cancel(key).ok_or(Errno(libc::ENOENT))?;
            if let Some(waiter) = &ended {
                st.delist(self, waiter);
            }
            let sync = ended.is_some();
            out.end_all(ended.into_iter().collect(), status::CANCELLED);
            st.settle(self, &mut out);
            sync
        };
        self.act(out);
        if sync {
            race_point();
            // The caller looks whether it is done after it has said that it waits.
            if let (true, Some(wake)) = (self.reading.is_waiting(), self.wake.get()) {
                wake.set();
            }
            self.promote_sleeper();
        }
        self.hub.observer.tell();
        Ok(())
    }

    /// A sync caller's time is up. False: its call has ended otherwise, and `waiter` knows how.
    #[cold]
    pub(super) fn time_out(self: &Arc<Self>, sequence: u32, waiter: &Arc<Waiter>) -> bool {
        let mut out = Outputs::default();
        let ended = {
            let mut st = self.lock();
            let ended = st.proto.end_early(sequence, status::TIMEDOUT).is_some();
            if ended {
                st.delist(self, waiter);
                st.settle(self, &mut out);
            }
            ended
        };
        self.act(out);
        if !ended {
            // By whoever took it out of the table, and is about to say so.
            while !waiter.is_done() {
                waiter.sleep(None);
            }
        }
        self.promote_sleeper();
        ended
    }
}
