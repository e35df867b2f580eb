//! Which loop a connection belongs to, and its move to another.
//!
//! It moves with the reading right held: so its descriptor stays open, and what both loops hear
//! meanwhile is a note for the holder. An edge that the old loop has taken and not told of is
//! there for the new one, too: a descriptor that is registered reports what it has.
//!
//! INV-S2: who lists a connection to be called again looks afterwards whether it has moved, and
//!         if so lists it again; who moves it looks at the old loop's list afterwards
//!         (`background`). So it is not forgotten in a loop that nobody turns.

use super::Conn;
use crate::error::Result;
use crate::reactor::Place;
use crate::shard::Shard;
use crate::sync::{race_point, Ordering};
use std::os::fd::RawFd;
use std::sync::Arc;

impl Conn {
    #[inline]
    pub fn shard_number(&self) -> usize {
        self.shard.load(Ordering::SeqCst).into()
    }

    #[inline]
    pub(super) fn shard(&self) -> &Shard<Conn> {
        self.hub.shards.at(self.shard_number())
    }

    /// Registers with the loop that has the fewest; with the reading right held.
    pub(super) fn join_shard(self: &Arc<Self>, fd: RawFd) -> Result<Place> {
        let shards = &self.hub.shards;
        let at = shards.roster().join();
        self.shard.store(at as u8, Ordering::SeqCst);
        let place = shards.at(at).reactor.register(fd, Arc::clone(self) as _);
        if place.is_err() {
            shards.roster().leave(at);
        }
        place
    }

    /// Before the descriptor is closed; with the reading right held.
    pub(super) fn leave_shard(&self, fd: RawFd, place: Place) {
        let at = self.shard_number();
        self.hub.shards.at(at).reactor.deregister(fd, place);
        self.hub.shards.roster().leave(at);
    }

    /// Has the loop call it again, as readable.
    pub(super) fn call_again(self: &Arc<Self>) {
        let mut at = self.shard_number();
        loop {
            let reactor = &self.hub.shards.at(at).reactor;
            reactor.again(Arc::clone(self) as _);
            race_point();
            let now = self.shard_number();
            if now == at {
                return;
            }
            at = now;
        }
    }

    /// It gathered bytes: see `Shards::add_dirty`.
    pub(super) fn add_dirty(self: &Arc<Self>, expected: bool) {
        let at = self.shard_number();
        self.hub.shards.add_dirty(at, Arc::clone(self), expected);
    }

    /// Moves to another loop; false if it cannot be moved now.
    pub fn move_to(self: &Arc<Self>, to: usize) -> bool {
        let Some(held) = self.reading.try_take() else {
            return false;
        };
        let moved = self.change_shard(to);
        if self.put_off(held) {
            self.call_again();
        }
        self.promote_sleeper();
        moved
    }

    fn change_shard(self: &Arc<Self>, to: usize) -> bool {
        let shards = &self.hub.shards;
        let (fd, new) = (self.fd(), &shards.at(to).reactor);
        // It is there already where the loop that it was to leave came back meanwhile.
        if fd < 0 || to == self.shard_number() {
            return false;
        }
        let Ok(place) = new.register(fd, Arc::clone(self) as _) else {
            return false;
        };
        let left = {
            let mut st = self.lock();
            // The new loop listens to everything.
            self.take_back(&mut st);
            st.place.as_mut().map(|at| {
                let left = (self.shard_number(), std::mem::replace(at, place));
                self.shard.store(to as u8, Ordering::SeqCst);
                left
            })
        };
        match left {
            Some((from, old)) => {
                shards.at(from).reactor.deregister(fd, old);
                shards.roster().moved(from, to);
            }
            None => new.deregister(fd, place),
        }
        left.is_some()
    }
}
