//! What is to be called at a time: set by any thread, kept by whoever drives.
//!
//! Each thing has one time at most, the earliest that was asked for. Times are those of
//! `clock::nanos`.

use crate::proto::terms::NEVER;
use crate::sync::{AtomicU64, Mutex, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Timers<T: ?Sized> {
    /// None at the end.
    inner: Mutex<Option<Times<u64, T>>>,
    /// The first time: spares a driver the lock, and the clock where there is none.
    first: AtomicU64,
}

/// Things by their times, one each.
pub struct Times<K, T: ?Sized> {
    order: BTreeMap<(K, usize), Arc<T>>,
    /// By address.
    times: BTreeMap<usize, K>,
}

fn key<T: ?Sized>(what: &Arc<T>) -> usize {
    Arc::as_ptr(what).addr()
}

impl<K: Ord + Copy, T: ?Sized> Times<K, T> {
    pub const fn new() -> Times<K, T> {
        Times {
            order: BTreeMap::new(),
            times: BTreeMap::new(),
        }
    }

    pub fn first(&self) -> Option<K> {
        self.order.keys().next().map(|(at, _)| *at)
    }

    /// In the place of another time of its own. Gives what is left over.
    pub fn put(&mut self, at: K, what: Arc<T>) -> Option<Arc<T>> {
        let key = key(&what);
        let old = self.take(key);
        self.times.insert(key, at);
        self.order.insert((at, key), what);
        old
    }

    pub fn remove(&mut self, what: &Arc<T>) -> Option<Arc<T>> {
        self.take(key(what))
    }

    /// What is due first.
    pub fn due(&mut self, now: K) -> Option<Arc<T>> {
        let (at, key) = *self.order.keys().next()?;
        if at > now {
            return None;
        }
        self.take(key)
    }

    fn take(&mut self, key: usize) -> Option<Arc<T>> {
        let at = self.times.remove(&key)?;
        self.order.remove(&(at, key))
    }
}

impl<T: ?Sized> Timers<T> {
    pub fn new() -> Timers<T> {
        Timers {
            inner: Mutex::new(Some(Times::new())),
            first: AtomicU64::new(NEVER),
        }
    }

    /// The first time; NEVER if there is none.
    #[inline]
    pub fn first(&self) -> u64 {
        self.first.load(Ordering::SeqCst)
    }

    /// Has `what` called at this time, if it is not called before. True: that is the first time of
    /// all now, and whoever waits for an earlier one has to be told.
    #[must_use]
    pub fn set(&self, at: u64, what: Arc<T>) -> bool {
        // Dropped without the lock.
        let (_old, sooner) = {
            let mut inner = self.inner.lock();
            let Some(inner) = inner.as_mut() else {
                return false;
            };
            let before = inner.times.get(&key(&what));
            if before.is_some_and(|before| *before <= at) {
                return false;
            }
            let old = inner.put(at, what);
            let first = inner.first().unwrap_or(NEVER);
            let sooner = first < self.first();
            self.first.store(first, Ordering::SeqCst);
            (old, sooner)
        };
        sooner
    }

    /// What is due first.
    pub fn due(&self, now: u64) -> Option<Arc<T>> {
        if self.first() > now {
            return None;
        }
        self.take_by(|times| times.due(now))
    }

    pub fn forget(&self, what: &Arc<T>) {
        drop(self.take_by(|times| times.remove(what)));
    }

    fn take_by(&self, take: impl FnOnce(&mut Times<u64, T>) -> Option<Arc<T>>) -> Option<Arc<T>> {
        let mut inner = self.inner.lock();
        let inner = inner.as_mut()?;
        let taken = take(inner);
        self.first
            .store(inner.first().unwrap_or(NEVER), Ordering::SeqCst);
        taken
    }

    /// All are due now.
    pub fn hurry(&self) {
        if let Some(times) = self.inner.lock().as_mut() {
            let all = std::mem::take(&mut times.order);
            times.times.clear();
            for what in all.into_values() {
                times.put(0, what);
            }
            self.first
                .store(times.first().unwrap_or(NEVER), Ordering::SeqCst);
        }
    }

    /// Lets go of all, now and for ever.
    pub fn close(&self) {
        let all = self.inner.lock().take();
        self.first.store(NEVER, Ordering::SeqCst);
        drop(all);
    }
}

#[cfg(all(test, not(any(loom, sim))))]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_earliest_time() {
        let timers = Timers::new();
        let (a, b) = (Arc::new('a'), Arc::new('b'));
        assert!(timers.set(20, Arc::clone(&a)));
        assert!(!timers.set(30, Arc::clone(&b)), "not the first");
        assert!(!timers.set(40, Arc::clone(&b)), "later than before");
        assert!(timers.set(10, Arc::clone(&b)));
        assert_eq!((timers.first(), timers.due(9)), (10, None));
        assert_eq!(timers.due(25).as_deref(), Some(&'b'));
        assert_eq!(timers.due(25).as_deref(), Some(&'a'));
        assert_eq!((timers.first(), timers.due(NEVER - 1)), (NEVER, None));
    }

    #[test]
    fn what_is_forgotten_is_let_go_of() {
        let timers = Timers::new();
        let a = Arc::new(());
        assert!(timers.set(20, Arc::clone(&a)));
        timers.forget(&a);
        assert_eq!((timers.first(), Arc::strong_count(&a)), (NEVER, 1));
        assert!(timers.set(20, Arc::clone(&a)));
        timers.close();
        assert!(!timers.set(10, Arc::clone(&a)));
        assert_eq!((timers.first(), Arc::strong_count(&a)), (NEVER, 1));
    }
}
