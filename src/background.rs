//! The set's background thread: what nobody else does.
//!
//! It sends what was gathered, drives the loop while no dispatcher does, and looks at lent
//! connections. It runs no C code.
//!
//! While there is activity it ticks: it looks every millisecond or so whether the loop is
//! attended, and takes over if it is not. When a few ticks have found nothing to do, it sleeps
//! until it is rung for (`bell`), if somebody else holds the driver token.
//!
//! INV-T2: when the token is free, the background is awake, or has been rung for since. It says
//!         that it sleeps, then looks at the token, the dirty list, the lent list; everybody
//!         else changes those, then looks whether it sleeps.
//! INV-T3: a thread that blocks in the poll without a deadline can be reached by the waker: a
//!         dispatcher with nothing ready, or the background while nothing is dirty or lent.
//!
//! With MINIRPC_TICK=0 there is no tick, so that a test can see that no wake-up is lost: the
//! background drives whenever it is rung for and finds the token free, and nothing is lent.

use crate::bell::Bell;
use crate::conn::Conn;
use crate::error::Result;
use crate::reactor::Found;
use crate::set::Set;
use crate::sync::{note_rescue, race_point};
use crate::sys::thread::{self, Thread};
use parking_lot::Mutex;
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(1);
const LONGEST_TICK: Duration = Duration::from_millis(8);
/// Ticks without a find after which the background sleeps.
const QUIET_TICKS: u32 = 3;

/// What others leave for the background.
pub struct Background {
    bell: Bell,
    ticks: bool,
    dirty: Mutex<Vec<Arc<Conn>>>,
    lent: Mutex<Vec<Arc<Conn>>>,
    has_dirty: AtomicBool,
}

impl Default for Background {
    fn default() -> Background {
        Background {
            bell: Bell::default(),
            ticks: std::env::var_os("MINIRPC_TICK").is_none_or(|v| v != "0"),
            dirty: Mutex::new(Vec::new()),
            lent: Mutex::new(Vec::new()),
            has_dirty: AtomicBool::new(false),
        }
    }
}

impl Set {
    /// Makes the background look at everything once more.
    pub fn ring_background(&self) {
        self.background.bell.ring(|| self.reactor().wake());
    }

    /// A connection gathered bytes. `expected`: a reply that is due, or the end of a batch of
    /// events, will send them, unless the peer or a handler takes its time; then a tick does.
    pub fn gathered(&self, conn: Arc<Conn>, expected: bool) {
        let bg = &self.background;
        {
            let mut dirty = bg.dirty.lock();
            dirty.push(conn);
            bg.has_dirty.store(true, Ordering::SeqCst);
        }
        race_point();
        if expected && bg.ticks {
            bg.bell.ring_unless_awake(|| self.reactor().wake());
        } else {
            self.ring_background();
        }
    }

    /// A connection was lent to its sync callers.
    pub fn lent(&self, conn: Arc<Conn>) {
        self.background.lent.lock().push(conn);
        self.ring_background();
    }

    /// Whether a connection may leave the loop's attention: somebody has to tick for it.
    pub fn can_lend(&self) -> bool {
        self.background.ticks
    }

    /// Whoever frees the token calls this: nobody may be left to drive.
    #[inline]
    pub fn token_freed(&self) {
        self.background.bell.ring_if_asleep();
    }
}

/// Starts the thread; it keeps the set alive until it is over.
pub fn start(set: &Arc<Set>) -> Result<()> {
    thread::spawn_detached::<Background>(Arc::clone(set))
}

impl Thread for Background {
    const NAME: &'static CStr = c"minirpc-bg";
    type Owner = Set;

    fn run(set: Arc<Set>) {
        thread::be_considerate();
        set.background.bell.attach();
        Run {
            set: &set,
            tick: TICK,
            quiet: 0,
            seen_turns: 0,
            stuck: false,
            buf: Vec::new(),
        }
        .run();
    }
}

struct Run<'a> {
    set: &'a Arc<Set>,
    tick: Duration,
    quiet: u32,
    seen_turns: u64,
    /// At the last look, an event waited although a dispatcher was parked.
    stuck: bool,
    buf: Vec<u8>,
}

impl Run<'_> {
    fn run(&mut self) {
        let bg = &self.set.background;
        while !self.set.is_over() {
            bg.bell.answer();
            let mut found = self.flush_dirty();
            let lent = self.tend_lent();
            let turns = self.set.reactor().turns();
            let unattended = turns == self.seen_turns || !bg.ticks;
            self.seen_turns = turns;
            if unattended {
                match self.attend(lent) {
                    Attended::Keep => {
                        if self.set.queue().has_event_fd() {
                            // Who dispatches by hand waits for what is found here, and never
                            // drives: a turn of our own tells of nobody else's.
                            self.seen_turns = self.set.reactor().turns();
                        }
                        continue;
                    }
                    Attended::StepBack => found = true,
                    Attended::Others => {}
                }
                self.seen_turns = self.set.reactor().turns();
            }
            self.sleep(found, lent);
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
        if bg.ticks && set.queue().has_parked() && !set.reactor().is_driven() {
            // Seen twice: between the two, whoever queued it would have woken somebody.
            let stuck = !set.queue().is_empty();
            if stuck && self.stuck {
                note_rescue();
            }
            self.stuck = stuck;
            set.queue().wake_one();
            return Attended::StepBack;
        }
        let Some(mut driver) = set.reactor().try_drive() else {
            return Attended::Others;
        };
        let mut found = Found::default();
        bg.bell.in_poll(|may_wait| {
            let limit = if may_wait && !bg.has_dirty.load(Ordering::SeqCst) {
                lent.then_some(self.tick)
            } else {
                Some(Duration::ZERO)
            };
            driver.turn(limit, &mut found);
        });
        drop(driver);
        let some = !found.is_empty();
        if some {
            set.queue().push(found.first.into_iter().chain(found.rest));
        }
        // A dispatcher that was woken drives from now on.
        if some && set.wake_dispatcher() && bg.ticks {
            return Attended::StepBack;
        }
        Attended::Keep
    }

    fn sleep(&mut self, found: bool, lent: bool) {
        let set = self.set;
        let bg = &set.background;
        if found {
            self.quiet = 0;
            self.tick = TICK;
        } else {
            self.quiet += 1;
            self.tick = (self.tick * 2).min(LONGEST_TICK);
        }
        if bg.ticks && (self.quiet <= QUIET_TICKS || lent) {
            bg.bell.doze(self.tick);
            return;
        }
        bg.bell.sleep(|| {
            set.reactor().is_driven() && !bg.has_dirty.load(Ordering::SeqCst) && !set.is_over()
        });
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
