//! The loops of a set, and the bell of the background that looks after them.
//!
//! There is one for each dispatcher that waits in the library, up to the number of CPUs, and
//! always `home`, which listeners, attempts to connect, times and the waker belong to. A
//! dispatcher drives any loop whose token is free, the one it drove last if it can. One that
//! nobody has driven for a tick, because its dispatcher stays in a handler, is adopted by the next
//! that would sleep: it waits in both, until it is asked for one.
//!
//! INV-S3: a dispatcher that finds all tokens taken lists itself as parked, then looks for loops
//!         that are adopted, and ends that wait; who adopts says so, then looks for such
//!         dispatchers, and wakes one when it lets go. So nobody parks for a loop too few.
//!
//! A loop beyond home is
//! - in use: connections join it, dispatchers drive it;
//! - leaving: the background moves its connections to others, and turns it as long as something
//!   is to be called again there (`roster` INV-S1; `conn::moving` INV-S2);
//! - empty: its descriptors stay until it is used again, or the set ends.
//!
//! Without ticks (MINIRPC_TICK=0) there is only home: the background can wait in one poll.

use crate::bell::Bell;
use crate::error::Result;
use crate::reactor::Driver;
use crate::roster::Roster;
use crate::shard::{Care, Shard};
use crate::sync::{race_point, AtomicUsize, Mutex, Ordering};
use crate::sys::{env, thread};
use std::sync::{Arc, OnceLock};

/// A connection knows its loop by a byte.
const MOST: usize = 255;

pub struct Shards<C> {
    home: Shard<C>,
    others: Box<[OnceLock<Box<Shard<C>>>]>,
    roster: Roster,
    /// How many are not cared for as usual.
    neglected: AtomicUsize,
    /// No more than these, for now.
    cap: AtomicUsize,
    /// Held while loops come into use or leave.
    fitting: Mutex<()>,
    /// How the background is reached.
    pub bell: Bell,
    /// False with MINIRPC_TICK=0.
    pub ticks: bool,
}

impl<C> Shards<C> {
    pub fn new() -> Result<Shards<C>> {
        let ticks = env::var("MINIRPC_TICK").is_none_or(|v| v != "0");
        let most = if ticks {
            thread::cpus().clamp(1, MOST)
        } else {
            1
        };
        Ok(Shards {
            home: Shard::new()?,
            others: (1..most).map(|_| OnceLock::new()).collect(),
            roster: Roster::new(most),
            neglected: AtomicUsize::new(0),
            cap: AtomicUsize::new(usize::MAX),
            fitting: Mutex::new(()),
            bell: Bell::default(),
            ticks,
        })
    }

    #[inline]
    pub fn home(&self) -> &Shard<C> {
        &self.home
    }

    /// The loop of this number, which has been in use.
    #[inline]
    pub fn at(&self, at: usize) -> &Shard<C> {
        let other = at.checked_sub(1).and_then(|at| self.others.get(at)?.get());
        other.map_or(&self.home, |shard| shard)
    }

    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Those that are or have been in use.
    pub fn all(&self) -> impl Iterator<Item = &Shard<C>> {
        let others = self.others.iter().map_while(|shard| shard.get());
        std::iter::once(&self.home).chain(others.map(|shard| &**shard))
    }

    /// How many `all` are.
    pub fn made(&self) -> usize {
        self.all().count()
    }

    fn in_use(&self) -> impl Iterator<Item = &Shard<C>> {
        self.all().take(self.roster.active())
    }

    /// Brings as many into use as are wanted, as far as descriptors can be had, or lets some
    /// leave.
    pub fn fit(&self, wanted: impl FnOnce() -> usize) {
        let _one = self.fitting.lock();
        // Here: who asks last has the last word.
        let wanted = wanted();
        let most = self.cap.load(Ordering::SeqCst).min(self.roster.most());
        let wanted = wanted.clamp(1, most);
        let active = self.roster.active();
        let mut made = self.made();
        while made < wanted {
            let Ok(shard) = Shard::new() else { break };
            let _ = self.others[made - 1].set(Box::new(shard));
            made += 1;
        }
        let wanted = wanted.min(made);
        if wanted == active {
            return;
        }
        self.roster.set_active(wanted);
        for shard in self.all().skip(wanted) {
            // Who waits there goes elsewhere.
            shard.reactor.wake();
        }
        self.ring_background();
    }

    /// The next `fit` brings no more into use than these.
    pub fn set_cap(&self, cap: usize) {
        self.cap.store(cap, Ordering::SeqCst);
    }

    // --- driving

    /// Takes the token of a loop in use, `seat` if that can be had; and its number.
    #[inline]
    pub fn try_drive(&self, seat: usize) -> Option<(usize, Driver<'_, Arc<C>>)> {
        let active = self.roster.active();
        if seat < active {
            if let Some(driver) = self.at(seat).reactor.try_drive() {
                return Some((seat, driver));
            }
        }
        let mut others = (0..active).filter(|at| *at != seat);
        others.find_map(|at| Some((at, self.at(at).reactor.try_drive()?)))
    }

    /// With the loop's token held.
    pub fn set_care(&self, shard: &Shard<C>, care: Care) {
        match (shard.replace_care(care), care == Care::Usual) {
            (true, false) => self.neglected.fetch_add(1, Ordering::SeqCst),
            (false, true) => self.neglected.fetch_sub(1, Ordering::SeqCst),
            (true, true) | (false, false) => return,
        };
    }

    /// Those in use but this one that are neglected, with their tokens.
    pub fn neglected(&self, but: usize) -> Vec<(&Shard<C>, Driver<'_, Arc<C>>)> {
        if self.neglected.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let others = (0..self.roster.active()).filter(|at| *at != but);
        let neglected = others.map(|at| self.at(at));
        neglected
            .filter(|shard| shard.is_cared_for(Care::Neglected))
            .filter_map(|shard| Some((shard, shard.reactor.try_drive()?)))
            .collect()
    }

    /// A dispatcher found all tokens taken, and is listed as parked: whoever has two lets go.
    pub fn reclaim(&self) {
        let adopted = self
            .in_use()
            .find(|shard| shard.is_cared_for(Care::Adopted));
        if let Some(shard) = adopted {
            shard.reactor.wake();
        }
    }

    /// True if somebody drives each of them that is in use.
    pub fn are_driven(&self) -> bool {
        self.in_use().all(|shard| shard.reactor.is_driven())
    }

    /// Whoever frees a token calls this: nobody may be left to drive.
    #[inline]
    pub fn token_freed(&self) {
        self.bell.ring_if_asleep();
    }

    /// Ends a dispatcher's wait in some poll; false if none waits.
    pub fn end_wait(&self) -> bool {
        self.all().any(Shard::end_wait)
    }

    pub fn wake_all(&self) {
        self.all().for_each(|shard| shard.reactor.wake());
    }

    pub fn settings_changed(&self) {
        self.all()
            .for_each(|shard| shard.reactor.settings_changed());
    }

    // --- what the background does

    /// Makes the background look at everything once more. If it waits in a poll, that is home's.
    pub fn ring_background(&self) {
        self.bell.ring(|| self.home.reactor.wake());
    }

    /// A connection gathered bytes. `expected`: a reply that is due, or the end of a batch of
    /// events, will send them, unless the peer or a handler takes its time; then a tick does.
    pub fn add_dirty(&self, at: usize, conn: Arc<C>, expected: bool) {
        self.at(at).add_dirty(conn);
        race_point();
        if expected && self.ticks {
            self.bell.ring_unless_awake(|| self.home.reactor.wake());
        } else {
            self.ring_background();
        }
    }

    pub fn have_dirty(&self) -> bool {
        self.all().any(Shard::has_dirty)
    }

    /// Whether a connection may leave the loop's attention: somebody has to tick for it.
    pub fn can_lend(&self) -> bool {
        self.ticks
    }

    /// A connection was lent to its sync callers.
    pub fn lent(&self, at: usize, conn: Arc<C>) {
        self.at(at).add_lent(conn);
        self.ring_background();
    }

    /// At the end: what is still listed would keep its connection for ever.
    pub fn clear_lists(&self) {
        self.all().for_each(Shard::clear_lists);
    }
}
