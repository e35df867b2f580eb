//! One connection's events: a FIFO from which one event is out at a time.
//!
//! Pure. The lane says when it has to be scheduled (`true`); whoever is told so carries the
//! connection to the ready queue or runs it, exactly once.

use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nobody carries the lane.
    Idle,
    /// Runnable, and somebody carries it.
    Queued,
    /// An event is out.
    Running,
}

pub struct Lane<E> {
    /// The first event, in place: a lone request needs no allocation, and an idle connection
    /// keeps none.
    first: Option<E>,
    rest: VecDeque<E>,
    state: Stage,
    held: u32,
}

impl<E> Default for Lane<E> {
    fn default() -> Lane<E> {
        Lane {
            first: None,
            rest: VecDeque::new(),
            state: Stage::Idle,
            held: 0,
        }
    }
}

impl<E> Lane<E> {
    /// The next event, where it waits.
    pub fn front(&self) -> Option<&E> {
        self.first.as_ref()
    }

    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// INV-L1: an empty `first` means an empty lane.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Nothing waits, and nothing is out.
    pub fn is_idle(&self) -> bool {
        self.is_empty() && self.state == Stage::Idle
    }

    /// Queues an event without asking whether the lane has to be scheduled.
    #[inline]
    pub fn push(&mut self, event: E) {
        if self.first.is_none() {
            self.first = Some(event);
        } else {
            self.rest.push_back(event);
        }
    }

    /// Makes room for `more` events, if some wait already. False: there is no memory for them.
    #[inline]
    #[must_use]
    pub fn reserve(&mut self, more: usize) -> bool {
        self.is_empty()
            || self.rest.capacity() - self.rest.len() >= more
            || self.rest.try_reserve(more).is_ok()
    }

    /// True, once, if the lane is runnable and nobody carries it.
    #[must_use]
    pub fn claim(&mut self) -> bool {
        let runnable = self.state == Stage::Idle && self.held == 0 && !self.is_empty();
        if runnable {
            self.state = Stage::Queued;
        }
        runnable
    }

    /// The carrier starts to run: gives the first event, and moves up to `more` others to
    /// `batch`, which is empty. None: the lane was held meanwhile, and is idle again.
    #[must_use]
    pub fn begin(&mut self, more: usize, batch: &mut VecDeque<E>) -> Option<E> {
        debug_assert!(self.state == Stage::Queued && batch.is_empty());
        if self.held > 0 || self.is_empty() {
            self.state = Stage::Idle;
            return None;
        }
        self.state = Stage::Running;
        let first = self.first.take();
        if more >= self.rest.len() {
            std::mem::swap(&mut self.rest, batch);
        } else {
            // Without memory for a batch they run one by one.
            let more = batch.try_reserve(more).map_or(0, |()| more);
            batch.extend(self.rest.drain(..more));
            self.first = self.rest.pop_front();
        }
        first
    }

    /// The carrier lets go without having run anything.
    pub fn put_down(&mut self) {
        debug_assert_eq!(self.state, Stage::Queued);
        self.state = Stage::Idle;
    }

    /// The runner is through, or an event was released; what is left of its batch goes back
    /// in front. The lane can be claimed again.
    pub fn give_back(&mut self, batch: &mut VecDeque<E>) {
        debug_assert_eq!(self.state, Stage::Running);
        if !batch.is_empty() {
            if let Some(e) = self.first.take() {
                self.rest.push_front(e);
            }
            if self.rest.is_empty() {
                std::mem::swap(&mut self.rest, batch);
            } else {
                while let Some(e) = batch.pop_back() {
                    self.rest.push_front(e);
                }
            }
            self.first = self.rest.pop_front();
        }
        if self.rest.is_empty() && self.rest.capacity() > 0 {
            self.rest = VecDeque::new();
        }
        self.state = Stage::Idle;
    }

    pub fn hold(&mut self) {
        self.held += 1;
    }

    /// False if the lane was not held.
    #[must_use]
    pub fn unhold(&mut self) -> bool {
        let held = self.held > 0;
        self.held -= u32::from(held);
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(l: &mut Lane<u32>, more: usize) -> VecDeque<u32> {
        let mut b = VecDeque::new();
        let first = l.begin(more, &mut b).unwrap();
        b.push_front(first);
        b
    }

    #[test]
    fn one_carrier_at_a_time() {
        let mut l = Lane::default();
        l.push(1);
        assert!(l.claim());
        l.push(2);
        assert!(!l.claim(), "already carried");
        let mut b = run(&mut l, 0);
        assert_eq!(b, [1]);
        assert!(!l.claim(), "an event is out");
        b.clear();
        l.give_back(&mut b);
        assert!(l.claim());
        assert_eq!(run(&mut l, 9), [2]);
        l.give_back(&mut VecDeque::new());
        assert!(!l.claim());
    }

    #[test]
    fn what_a_runner_leaves_goes_back_in_front() {
        let mut l = Lane::default();
        for i in 0..6 {
            l.push(i);
        }
        assert!(l.claim());
        let mut b = run(&mut l, 2);
        assert_eq!(b, [0, 1, 2]);
        l.push(6);
        b.pop_front();
        l.give_back(&mut b);
        assert!(l.claim());
        assert_eq!(l.len(), 6);
        assert_eq!(run(&mut l, 9), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn events_that_come_while_a_batch_is_out_stay_behind_it() {
        let mut l = Lane::default();
        l.push(1);
        l.push(2);
        assert!(l.claim());
        let mut b = run(&mut l, 9);
        assert!(l.is_empty());
        l.push(3);
        l.push(4);
        b.pop_front();
        l.give_back(&mut b);
        assert!(l.claim());
        assert_eq!(run(&mut l, 9), [2, 3, 4]);
    }

    #[test]
    fn holds_nest_and_keep_everything() {
        let mut l = Lane::default();
        l.hold();
        l.hold();
        l.push(1);
        assert!(!l.claim());
        assert!(l.unhold() && !l.claim());
        assert!(l.unhold() && l.claim());
        assert!(!l.unhold());
        l.hold();
        assert!(
            l.begin(0, &mut VecDeque::new()).is_none(),
            "held while carried"
        );
        assert!(l.unhold() && l.claim());
    }
}
