//! The set's background thread: what nobody else does.
//!
//! It sends what was gathered, drives the loop while no dispatcher does, and looks at lent
//! connections. It runs no C code.
//!
//! While there is activity it ticks: it looks every millisecond or so whether the loop is
//! attended, and takes over if it is not. When a few ticks have found nothing to do, it sleeps
//! until it is poked, if somebody else holds the driver token.
//!
//! INV-T2: when the token is free, the background is awake, or has been poked since. It sets
//!         `asleep`, then looks at the token, the dirty list, the lent list; everybody else
//!         changes those, then reads `asleep`.
//! INV-T3: a thread that blocks in the poll without a deadline can be reached by the waker: a
//!         dispatcher with nothing ready, or the background while nothing is dirty or lent.
//!
//! With MINIRPC_TICK=0 there is no tick, so that a test can see that no wake-up is lost: the
//! background drives whenever it is poked and finds the token free, and nothing is lent.

use crate::conn::Conn;
use crate::error::Result;
use crate::reactor::Found;
use crate::set::Set;
use crate::sync::{fence, race_point};
use crate::sys::thread;
use crate::waiter::Parker;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(1);
const LONGEST_TICK: Duration = Duration::from_millis(8);
/// Ticks without a find after which the background sleeps.
const QUIET_TICKS: u32 = 3;

const ELSEWHERE: u8 = 0;
const IN_POLL: u8 = 1;

#[derive(Default)]
pub struct Background {
    parker: OnceLock<Parker>,
    /// Sleeps without a tick: the one who frees the token has to poke it.
    asleep: AtomicBool,
    place: AtomicU8,
    poked: AtomicBool,
    tickless: OnceLock<bool>,
    dirty: Mutex<Vec<Arc<Conn>>>,
    lent: Mutex<Vec<Arc<Conn>>>,
    has_dirty: AtomicBool,
    /// Finds of the tick that a wake-up should have brought: lost ones, if there are any.
    rescues: AtomicU64,
}

impl Background {
    fn ticks(&self) -> bool {
        !*self
            .tickless
            .get_or_init(|| std::env::var_os("MINIRPC_TICK").is_some_and(|v| v == "0"))
    }

    /// Makes the background look at everything once more.
    pub fn poke(&self, set: &Set) {
        self.poked.store(true, Ordering::SeqCst);
        if self.place.load(Ordering::SeqCst) == IN_POLL {
            set.reactor().wake();
        } else if let Some(parker) = self.parker.get() {
            parker.poke();
        }
    }

    /// Lost wake-ups that the tick made good.
    pub fn rescues(&self) -> u64 {
        self.rescues.load(Ordering::Relaxed)
    }
}

impl Set {
    /// A connection gathered bytes that nobody is about to send.
    pub fn gathered(&self, conn: Arc<Conn>) {
        {
            let mut dirty = self.background.dirty.lock();
            dirty.push(conn);
            self.background.has_dirty.store(true, Ordering::SeqCst);
        }
        race_point();
        self.background.poke(self);
    }

    /// A connection was lent to its sync callers.
    pub fn lent(&self, conn: Arc<Conn>) {
        self.background.lent.lock().push(conn);
        self.background.poke(self);
    }

    /// Whether a connection may leave the loop's attention: somebody has to tick for it.
    pub fn can_lend(&self) -> bool {
        self.background.ticks()
    }

    /// Whoever frees the token calls this: nobody may be left to drive.
    #[inline]
    pub fn token_freed(&self) {
        if self.background.asleep.load(Ordering::SeqCst) {
            self.background.poke(self);
        }
    }

    /// Lost wake-ups that the background's tick made good: zero, unless there is a defect.
    pub fn rescues(&self) -> u64 {
        self.background.rescues()
    }
}

/// Starts the thread; it keeps the set alive until it is over.
pub fn start(set: &Arc<Set>) -> Result<()> {
    let set = Arc::clone(set);
    thread::spawn_detached("minirpc-bg", move || {
        thread::be_considerate();
        let _ = set.background.parker.set(Parker::new());
        Run {
            set: &set,
            tick: TICK,
            quiet: 0,
            seen_turns: 0,
            buf: Vec::new(),
        }
        .run();
    })
}

struct Run<'a> {
    set: &'a Arc<Set>,
    tick: Duration,
    quiet: u32,
    seen_turns: u64,
    buf: Vec<u8>,
}

impl Run<'_> {
    fn run(&mut self) {
        let bg = &self.set.background;
        let ticks = bg.ticks();
        while !self.set.is_over() {
            bg.poked.store(false, Ordering::SeqCst);
            fence(crate::sync::Ordering::SeqCst);
            let mut found = self.flush_dirty();
            let lent = self.tend_lent();
            let turns = self.set.reactor().turns();
            let unattended = turns == self.seen_turns || !ticks;
            self.seen_turns = turns;
            if unattended {
                match self.attend(lent) {
                    Attended::Keep => continue,
                    Attended::StepBack => found = true,
                    Attended::Others => {}
                }
                self.seen_turns = self.set.reactor().turns();
            }
            self.sleep(found, lent, ticks);
        }
        // What is still listed would keep its connection, and so the set, for ever.
        self.set.reactor().close();
        drop(std::mem::take(&mut *bg.dirty.lock()));
        drop(std::mem::take(&mut *bg.lent.lock()));
    }

    fn flush_dirty(&mut self) -> bool {
        let bg = &self.set.background;
        if !bg.has_dirty.load(Ordering::SeqCst) {
            return false;
        }
        let list = {
            let mut dirty = bg.dirty.lock();
            bg.has_dirty.store(false, Ordering::SeqCst);
            std::mem::take(&mut *dirty)
        };
        for conn in &list {
            conn.flush();
        }
        true
    }

    /// Looks at the lent connections; true if there still are any.
    fn tend_lent(&mut self) -> bool {
        let bg = &self.set.background;
        let mut list = std::mem::take(&mut *bg.lent.lock());
        if list.is_empty() {
            return false;
        }
        list.retain(|conn| conn.tend(&mut self.buf));
        let any = !list.is_empty();
        bg.lent.lock().append(&mut list);
        any
    }

    /// Nobody turned the loop since the last look: sees to it that somebody does.
    fn attend(&mut self, lent: bool) -> Attended {
        let set = self.set;
        let bg = &set.background;
        if bg.ticks() && set.queue().has_parked() && !set.reactor().is_driven() {
            if !set.queue().is_empty() {
                bg.rescues.fetch_add(1, Ordering::Relaxed);
            }
            set.queue().wake_one();
            return Attended::StepBack;
        }
        let Some(mut driver) = set.reactor().try_drive() else {
            return Attended::Others;
        };
        let limit = lent.then_some(self.tick);
        let mut found = Found::default();
        bg.place.store(IN_POLL, Ordering::SeqCst);
        fence(crate::sync::Ordering::SeqCst);
        race_point();
        let limit = if bg.poked.load(Ordering::SeqCst) {
            Some(Duration::ZERO)
        } else {
            limit
        };
        driver.turn(limit, &mut found);
        bg.place.store(ELSEWHERE, Ordering::SeqCst);
        drop(driver);
        let some = !found.is_empty();
        if some {
            set.queue().push(found.first.into_iter().chain(found.rest));
        }
        // A dispatcher that was woken drives from now on.
        if some && set.queue().wake_one() && bg.ticks() {
            return Attended::StepBack;
        }
        Attended::Keep
    }

    fn sleep(&mut self, found: bool, lent: bool, ticks: bool) {
        let set = self.set;
        let bg = &set.background;
        let Some(parker) = bg.parker.get() else {
            return;
        };
        if found {
            self.quiet = 0;
            self.tick = TICK;
        } else {
            self.quiet += 1;
            self.tick = (self.tick * 2).min(LONGEST_TICK);
        }
        if ticks && (self.quiet <= QUIET_TICKS || lent) {
            parker.park(Some(self.tick));
            return;
        }
        bg.asleep.store(true, Ordering::SeqCst);
        fence(crate::sync::Ordering::SeqCst);
        race_point();
        let free = !set.reactor().is_driven();
        if !free && !bg.poked.load(Ordering::SeqCst) && !set.is_over() {
            parker.park(None);
        }
        bg.asleep.store(false, Ordering::SeqCst);
        self.quiet = 0;
        self.tick = TICK;
    }
}

enum Attended {
    /// The background drives, and goes on.
    Keep,
    /// A dispatcher was woken, and may drive.
    StepBack,
    /// Somebody else holds the token.
    Others,
}
