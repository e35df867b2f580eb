//! The set's background thread: what nobody else does.
//!
//! It sends what was gathered, drives the loop while no dispatcher does, and looks at lent
//! connections. It runs no C code.
//!
//! While there is activity it ticks: it looks every eight milliseconds, at first more often,
//! whether the loop is attended, and takes over if it is not. When a few ticks have found nothing
//! to do, and nobody has turned the loop since the last, it sleeps until it is rung for (`bell`),
//! if somebody else holds the driver token.
//!
//! INV-T2: when a token is free, the background is awake, or has been rung for since. It says
//!         that it sleeps, then looks at the tokens, the dirty lists, the lent lists; everybody
//!         else changes those, then looks whether it sleeps.
//! INV-T3: a thread that blocks in a poll without a deadline can be reached by its waker: a
//!         dispatcher with nothing ready, or the background, in the only loop in use, while
//!         nothing is dirty or lent.
//!
//! Where several loops are in use (`shards`), it never blocks in one of them: it turns those that
//! nobody drives, tick by tick. A dispatcher that stays in a handler leaves one loop too many:
//! after a while there is one less, and its connections move.
//!
//! With MINIRPC_TICK=0 there is no tick, so that a test can see that no wake-up is lost: the
//! background drives whenever it is rung for and finds the token free, and nothing is lent.

use crate::conn::{Conn, ConnHub};
use crate::error::Result;
use crate::reactor::{Driver, Found};
use crate::shard::Care;
use crate::sync::note_rescue;
use crate::sys::clock;
use crate::sys::thread::{self, Thread};
use std::any::Any;
use std::ffi::CStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(1);
const LONGEST_TICK: Duration = Duration::from_millis(8);
/// Ticks without a find after which the background sleeps, unless somebody drives.
const QUIET_TICKS: u32 = 3;
/// Looks, a tick apart, after which somebody must have been forgotten.
const STUCK_LOOKS: u32 = 8;
/// Connections that are moved to another loop at a look.
const MOVES: usize = 256;
/// Looks between two attempts, where none of those to be moved could be.
const LOOKS_IN_VAIN: u32 = 64;
/// A loop that no dispatcher has driven for so long is one too many, ...
const ABANDONED: Duration = Duration::from_millis(250);
/// ... at first for so long, ...
const FIRST_CAP: Duration = Duration::from_secs(1);
/// ... and each time that it comes soon again, for twice as long, up to this.
const LONGEST_CAP: Duration = Duration::from_secs(64);

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
        owner.hub.shards.bell.attach();
        Run {
            hub: &owner.hub,
            tick: TICK,
            quiet: 0,
            looks: vec![Look::default(); owner.hub.shards.roster().most()],
            cap: None,
            in_vain: 0,
            active: false,
            own_turn: 0,
            stuck: 0,
            buf: Vec::new(),
        }
        .run();
    }
}

struct Run<'a> {
    hub: &'a Arc<ConnHub>,
    tick: Duration,
    quiet: u32,
    /// By loop.
    looks: Vec<Look>,
    cap: Option<Cap>,
    /// So many looks are made before connections are tried to be moved again.
    in_vain: u32,
    /// A dispatcher has turned a loop since the last look.
    active: bool,
    /// The number of the last turn that was the background's.
    own_turn: u64,
    /// So many looks in a row an event waited although a dispatcher was parked.
    stuck: u32,
    buf: Vec<u8>,
}

/// What the last look at a loop saw.
#[derive(Clone, Default)]
struct Look {
    turns: u64,
    /// Since when no dispatcher has driven it.
    neglected: Option<Instant>,
}

/// Dispatchers stayed in handlers: fewer loops are in use.
#[derive(Clone, Copy)]
struct Cap {
    end: Instant,
    length: Duration,
}

impl Run<'_> {
    fn run(&mut self) {
        let hub = self.hub;
        let shards = &hub.shards;
        loop {
            shards.bell.answer();
            // As all that is rung for: not before the answer.
            if hub.is_over() {
                break;
            }
            let mut found = self.flush_dirty();
            let lent = self.check_lent();
            hub.observer.tell();
            found |= self.look_for_stuck();
            let settled = self.fit_shards();
            if !settled || shards.roster().active() > 1 {
                let (some, attended) = self.attend_all();
                self.sleep(found || some, lent || !settled || !attended);
                continue;
            }
            let turns = shards.home().reactor.turns();
            let attended = turns != self.looks[0].turns;
            self.active = attended && turns != self.own_turn;
            let unattended = !attended || !shards.ticks;
            self.looks[0].turns = turns;
            if unattended {
                match self.ensure_driven(lent) {
                    Driving::Ours => {
                        self.own_turn = shards.home().reactor.turns();
                        if hub.queue.has_event_fd() || hub.queue.has_parked() {
                            // Who dispatches by hand waits for what is found here, and never
                            // drives; who is parked does not drive yet: a turn of our own
                            // tells of nobody else's.
                            self.looks[0].turns = self.own_turn;
                        }
                        continue;
                    }
                    Driving::Dispatchers => found = true,
                    Driving::Others => {}
                }
                self.looks[0].turns = shards.home().reactor.turns();
            }
            self.sleep(found, lent);
        }
        hub.clear_lists();
    }

    fn flush_dirty(&mut self) -> bool {
        let mut any = false;
        for shard in self.hub.shards.all() {
            let list = shard.take_dirty();
            for conn in &list {
                conn.flush();
            }
            any |= !list.is_empty();
        }
        any
    }

    /// Looks at the lent connections; true if there still are any.
    fn check_lent(&mut self) -> bool {
        let mut any = false;
        for shard in self.hub.shards.all() {
            let mut list = shard.take_lent();
            if list.is_empty() {
                continue;
            }
            list.retain(|conn: &Arc<Conn>| conn.check_lent(&mut self.buf));
            any |= !list.is_empty();
            shard.put_lent(list);
        }
        any
    }

    /// Nobody turned the only loop since the last look: sees to it that somebody does.
    fn ensure_driven(&mut self, lent: bool) -> Driving {
        let hub = self.hub;
        let shards = &hub.shards;
        let home = shards.home();
        if shards.ticks && hub.queue.has_parked() && !home.reactor.is_driven() {
            self.wake_parked();
            return Driving::Dispatchers;
        }
        let Some(mut driver) = home.reactor.try_drive() else {
            return Driving::Others;
        };
        let mut found = Found::default();
        shards.bell.in_poll(|may_wait| {
            let limit = if may_wait && !shards.have_dirty() {
                lent.then_some(self.tick)
            } else {
                Some(Duration::ZERO)
            };
            driver.turn(limit, &mut found);
        });
        drop(driver);
        // A dispatcher that was woken drives from now on.
        if self.hand_over(found) == Some(true) && shards.ticks {
            return Driving::Dispatchers;
        }
        Driving::Ours
    }

    /// Whoever queues an event wakes somebody at once. Where an event waits and a dispatcher is
    /// parked at one look after the other, that was forgotten. True: it may have been.
    fn look_for_stuck(&mut self) -> bool {
        let hub = self.hub;
        if !hub.shards.ticks || hub.queue.is_empty() || !hub.queue.has_parked() {
            self.stuck = 0;
            return false;
        }
        self.stuck += 1;
        if self.stuck >= STUCK_LOOKS {
            self.stuck = 0;
            note_rescue();
            hub.queue.wake_one();
        }
        true
    }

    /// To drive. While an event waits, its wake-up is on the way, or will be missed.
    fn wake_parked(&self) {
        if self.stuck == 0 {
            self.hub.queue.wake_one();
        }
    }

    /// After a turn, whose token has been freed: queues what was found, and tells what happened.
    /// None: nothing was found; Some(true): a dispatcher was woken for it.
    fn hand_over(&self, found: Found<Arc<Conn>>) -> Option<bool> {
        let hub = self.hub;
        let woken = (!found.is_empty()).then(|| {
            hub.queue.push(found.first.into_iter().chain(found.rest));
            hub.wake_dispatcher()
        });
        hub.observer.tell();
        woken
    }

    fn sleep(&mut self, found: bool, needed: bool) {
        let hub = self.hub;
        let shards = &hub.shards;
        if found {
            self.quiet = 0;
            self.tick = TICK;
        } else {
            self.quiet += 1;
            self.tick = (self.tick * 2).min(LONGEST_TICK);
        }
        // A wake-up for each pause between two requests would cost more than to tick on.
        let needed = needed || std::mem::take(&mut self.active);
        if shards.ticks && (self.quiet <= QUIET_TICKS || needed) {
            shards.bell.doze(self.tick);
            return;
        }
        shards
            .bell
            .sleep(|| shards.are_driven() && !shards.have_dirty() && !hub.is_over());
        self.quiet = 0;
        self.tick = TICK;
    }
}

/// Several loops.
impl Run<'_> {
    /// Brings loops into use and lets them leave. False: one of those has not been left.
    fn fit_shards(&mut self) -> bool {
        let shards = &self.hub.shards;
        if self.cap.is_some_and(|cap| clock::now() >= cap.end) {
            shards.set_cap(usize::MAX);
        }
        self.hub.fit_shards();
        let roster = shards.roster();
        let active = roster.active();
        let mut settled = true;
        for (at, shard) in shards.all().enumerate().skip(active) {
            self.looks[at].neglected = None;
            // The list last: who was moved may just have been put there (INV-S2).
            let members = roster.members(at) > 0;
            if !members && !shard.reactor.is_driven() && !shard.reactor.has_pending() {
                continue;
            }
            settled = false;
            self.move_some(at, MOVES, || roster.least());
            if let Some(driver) = shard.reactor.try_drive() {
                shards.set_care(shard, Care::Usual);
                self.help(driver);
            }
        }
        if self.in_vain > 0 {
            self.in_vain -= 1;
        } else if let Some((from, to, number)) = roster.imbalance() {
            if self.move_some(from, number.min(MOVES), || to) == 0 {
                self.in_vain = LOOKS_IN_VAIN;
            }
        }
        settled
    }

    /// How many could be moved.
    fn move_some(&self, from: usize, number: usize, to: impl Fn() -> usize) -> usize {
        let (conns, _) = self.hub.registry.read();
        let members = conns.iter().filter(|conn| conn.shard_number() == from);
        let tried = members.take(number);
        tried.filter(|conn| conn.move_to(to())).count()
    }

    /// True: it found something.
    fn help(&self, mut driver: Driver<'_, Arc<Conn>>) -> bool {
        let mut found = Found::default();
        driver.help(&mut found);
        drop(driver);
        self.hand_over(found).is_some()
    }

    /// Sees to the loops that nobody has turned since the last look. (There was something, all
    /// have their drivers.)
    fn attend_all(&mut self) -> (bool, bool) {
        let shards = &self.hub.shards;
        let (mut found, mut attended) = (false, true);
        let mut abandoned = 0;
        for at in 0..shards.roster().active() {
            let shard = shards.at(at);
            let turns = shard.reactor.turns();
            let turned = std::mem::replace(&mut self.looks[at].turns, turns) != turns;
            self.active |= turned;
            if turned || shard.is_waited_in() {
                self.looks[at].neglected = None;
                continue;
            }
            attended = false;
            let now = clock::now();
            let since = *self.looks[at].neglected.get_or_insert(now);
            abandoned += usize::from(now - since >= ABANDONED);
            let Some(driver) = shard.reactor.try_drive() else {
                continue;
            };
            shards.set_care(shard, Care::Neglected);
            found |= self.help(driver);
            if self.hub.queue.has_parked() {
                self.wake_parked();
            } else {
                // It adopts this one.
                shards.end_wait();
            }
        }
        if abandoned > 0 {
            self.cap(abandoned);
        }
        (found, attended)
    }

    /// So many dispatchers do not come back from their handlers.
    fn cap(&mut self, missing: usize) {
        let now = clock::now();
        let length = match self.cap {
            Some(last) if now < last.end + last.length => (last.length * 2).min(LONGEST_CAP),
            _ => FIRST_CAP,
        };
        self.cap = Some(Cap {
            end: now + length,
            length,
        });
        let shards = &self.hub.shards;
        shards.set_cap(shards.roster().active().saturating_sub(missing).max(1));
        self.looks.fill(Look::default());
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
