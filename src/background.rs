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

use crate::conn::{Conn, ConnHub};
use crate::error::Result;
use crate::reactor::Found;
use crate::sync::note_rescue;
use crate::sys::thread::{self, Thread};
use std::any::Any;
use std::ffi::CStr;
use std::sync::Arc;
use std::time::Duration;

const TICK: Duration = Duration::from_millis(1);
const LONGEST_TICK: Duration = Duration::from_millis(8);
/// Ticks without a find after which the background sleeps.
const QUIET_TICKS: u32 = 3;

/// Starts the thread; it keeps the hub, and what C holds of it, alive until all is over.
pub fn start(hub: Arc<ConnHub>, kept: Arc<dyn Any + Send + Sync>) -> Result<()> {
    thread::spawn_detached::<Background>(Arc::new(Background { hub, _kept: kept }))
}

struct Background {
    hub: Arc<ConnHub>,
    _kept: Arc<dyn Any + Send + Sync>,
}

impl Thread for Background {
    const NAME: &'static CStr = c"minirpc-bg";
    type Owner = Background;

    fn run(owner: Arc<Background>) {
        thread::be_considerate();
        owner.hub.shard.bell.attach();
        Run {
            hub: &owner.hub,
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
    hub: &'a Arc<ConnHub>,
    tick: Duration,
    quiet: u32,
    seen_turns: u64,
    /// At the last look, an event waited although a dispatcher was parked.
    stuck: bool,
    buf: Vec<u8>,
}

impl Run<'_> {
    fn run(&mut self) {
        let hub = self.hub;
        let ticks = hub.shard.ticks;
        loop {
            hub.shard.bell.answer();
            // As all that is rung for: not before the answer.
            if hub.is_over() {
                break;
            }
            let mut found = self.flush_dirty();
            let lent = self.check_lent();
            hub.observer.tell();
            let turns = hub.shard.reactor.turns();
            let unattended = turns == self.seen_turns || !ticks;
            self.seen_turns = turns;
            if unattended {
                match self.ensure_driven(lent) {
                    Driving::Ours => {
                        if hub.queue.has_event_fd() || hub.queue.has_parked() {
                            // Who dispatches by hand waits for what is found here, and never
                            // drives; who is parked does not drive yet: a turn of our own
                            // tells of nobody else's.
                            self.seen_turns = hub.shard.reactor.turns();
                        }
                        continue;
                    }
                    Driving::Dispatchers => found = true,
                    Driving::Others => {}
                }
                self.seen_turns = hub.shard.reactor.turns();
            }
            self.sleep(found, lent);
        }
        hub.clear_lists();
    }

    fn flush_dirty(&mut self) -> bool {
        let list = self.hub.shard.take_dirty();
        for conn in &list {
            conn.flush();
        }
        !list.is_empty()
    }

    /// Looks at the lent connections; true if there still are any.
    fn check_lent(&mut self) -> bool {
        let mut list = self.hub.shard.take_lent();
        if list.is_empty() {
            return false;
        }
        list.retain(|conn: &Arc<Conn>| conn.check_lent(&mut self.buf));
        let any = !list.is_empty();
        self.hub.shard.put_lent(list);
        any
    }

    /// Nobody turned the loop since the last look: sees to it that somebody does.
    fn ensure_driven(&mut self, lent: bool) -> Driving {
        let hub = self.hub;
        let shard = &hub.shard;
        if shard.ticks && hub.queue.has_parked() && !hub.shard.reactor.is_driven() {
            // Seen twice: between the two, whoever queued it would have woken somebody.
            let stuck = !hub.queue.is_empty();
            if stuck && self.stuck {
                note_rescue();
            }
            self.stuck = stuck;
            hub.queue.wake_one();
            return Driving::Dispatchers;
        }
        let Some(mut driver) = hub.shard.reactor.try_drive() else {
            return Driving::Others;
        };
        let mut found = Found::default();
        shard.bell.in_poll(|may_wait| {
            let limit = if may_wait && !shard.has_dirty() {
                lent.then_some(self.tick)
            } else {
                Some(Duration::ZERO)
            };
            driver.turn(limit, &mut found);
        });
        drop(driver);
        let some = !found.is_empty();
        if some {
            hub.queue.push(found.first.into_iter().chain(found.rest));
        }
        let woken = some && hub.wake_dispatcher();
        hub.observer.tell();
        // A dispatcher that was woken drives from now on.
        if woken && shard.ticks {
            return Driving::Dispatchers;
        }
        Driving::Ours
    }

    fn sleep(&mut self, found: bool, lent: bool) {
        let hub = self.hub;
        let shard = &hub.shard;
        if found {
            self.quiet = 0;
            self.tick = TICK;
        } else {
            self.quiet += 1;
            self.tick = (self.tick * 2).min(LONGEST_TICK);
        }
        if shard.ticks && (self.quiet <= QUIET_TICKS || lent) {
            shard.bell.doze(self.tick);
            return;
        }
        shard
            .bell
            .sleep(|| hub.shard.reactor.is_driven() && !shard.has_dirty() && !hub.is_over());
        self.quiet = 0;
        self.tick = TICK;
    }
}

/// Who drives the loop.
enum Driving {
    /// The background drives, and goes on.
    Ours,
    /// A dispatcher was woken, and may drive.
    Dispatchers,
    /// Somebody else holds the token.
    Others,
}
