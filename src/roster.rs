//! Which loops of a set are in use, and how many connections each has.
//!
//! The first loop is always in use. A loop beyond `active` is *leaving* while it has members:
//! they are moved, and it is looked after until they have been.
//!
//! INV-S1: who joins counts itself first, then looks whether the loop is in use; who takes a
//!         loop out of use says so first, then looks at the count. So nobody is left in a loop
//!         that nobody looks after.

use crate::sync::{race_point, AtomicUsize, Ordering};

#[derive(Debug)]
pub struct Roster {
    active: AtomicUsize,
    members: Box<[AtomicUsize]>,
}

impl Roster {
    /// For up to `most` loops, of which one is in use.
    pub fn new(most: usize) -> Roster {
        Roster {
            active: AtomicUsize::new(1),
            members: (0..most.max(1)).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// How many loops there can be.
    pub fn most(&self) -> usize {
        self.members.len()
    }

    /// How many are in use.
    #[inline]
    pub fn active(&self) -> usize {
        self.active.load(Ordering::SeqCst)
    }

    /// By one thread at a time.
    pub fn set_active(&self, active: usize) {
        self.active.store(active, Ordering::SeqCst);
        race_point();
    }

    pub fn members(&self, at: usize) -> usize {
        self.members[at].load(Ordering::SeqCst)
    }

    /// One more, in the loop in use that has the fewest.
    pub fn join(&self) -> usize {
        loop {
            let least = self.least();
            self.members[least].fetch_add(1, Ordering::SeqCst);
            race_point();
            if least < self.active() {
                return least;
            }
            self.leave(least);
        }
    }

    /// The loop in use that has the fewest.
    pub fn least(&self) -> usize {
        let loops = 0..self.active();
        loops.min_by_key(|at| self.members(*at)).unwrap_or(0)
    }

    pub fn leave(&self, at: usize) {
        self.members[at].fetch_sub(1, Ordering::SeqCst);
    }

    /// One member has moved.
    pub fn moved(&self, from: usize, to: usize) {
        self.members[to].fetch_add(1, Ordering::SeqCst);
        self.leave(from);
    }

    /// The loops in use that have by far too many and the fewest members, and how many to move.
    pub fn imbalance(&self) -> Option<(usize, usize, usize)> {
        let loops = || (0..self.active()).map(|at| (self.members(at), at));
        let (most, from) = loops().max()?;
        let (least, to) = loops().min()?;
        (most > 2 * least + 1).then(|| (from, to, (most - least) / 2))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_joins_goes_where_the_fewest_are() {
        let roster = Roster::new(3);
        assert_eq!([roster.join(), roster.join()], [0, 0]);
        roster.set_active(3);
        assert_eq!([roster.join(), roster.join()], [1, 2]);
        assert_eq!([roster.join(), roster.join()], [1, 2]);
        roster.leave(1);
        assert_eq!(roster.join(), 1);
        roster.set_active(2);
        roster.leave(2);
        roster.leave(2);
        assert_eq!([roster.join(), roster.join(), roster.join()], [0, 1, 0]);
    }

    #[test]
    fn a_loop_with_more_than_twice_as_many_as_another_gives_half_of_the_difference() {
        let roster = Roster::new(2);
        for _ in 0..9 {
            roster.join();
        }
        assert_eq!(roster.imbalance(), None, "there is no other");
        roster.set_active(2);
        assert_eq!(roster.imbalance(), Some((0, 1, 4)));
        for _ in 0..4 {
            roster.moved(0, 1);
        }
        assert_eq!(roster.imbalance(), None);
        roster.leave(0);
        roster.leave(0);
        roster.leave(0);
        assert_eq!(roster.imbalance(), None, "one more does not matter");
    }
}
