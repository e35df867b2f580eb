//! A set's active connections by their numbers, and what those that have gone came to.
//!
//! Who sums up takes the list and the sums of those that are not on it at once, and then looks
//! at one connection after the other: none is missed, and none counts twice.

use crate::proto::counters::Counters;
use crate::proto::life::Reason;
use crate::sync::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Registry<C>(Mutex<Book<C>>);

struct Book<C> {
    active: BTreeMap<u64, Arc<C>>,
    /// Nobody enters any more.
    closed: bool,
    sums: Sums,
}

/// What is counted for the set as a whole.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// Active connections: now, and at most.
    pub connections: u64,
    pub connections_max: u64,
    /// By how they came, ...
    pub accepted: u64,
    pub connected: u64,
    pub bound: u64,
    /// ... and went: indexed by `Reason`.
    pub disconnected: [u64; 3],
    /// Came to a listener, and went before they were accepted.
    pub refused: u64,
    pub handshakes_failed: u64,
    /// Times that a listener began to rest.
    pub accepts_paused: u64,
    /// Of connections that have gone.
    pub gone: Counters,
}

impl<C> Registry<C> {
    pub fn new() -> Registry<C> {
        Registry(Mutex::new(Book {
            active: BTreeMap::new(),
            closed: false,
            sums: Sums::default(),
        }))
    }

    /// A connection's active life begins; false: it may not.
    #[must_use]
    pub fn enter(&self, id: u64, conn: Arc<C>, accepted: bool) -> bool {
        let mut book = self.0.lock();
        if book.closed {
            return false;
        }
        book.active.insert(id, conn);
        let now = book.active.len() as u64;
        let sums = &mut book.sums;
        sums.connections_max = sums.connections_max.max(now);
        sums.accepted += u64::from(accepted);
        true
    }

    /// The active connections, which are joined by no others from now on.
    pub fn close(&self) -> Vec<Arc<C>> {
        let mut book = self.0.lock();
        book.closed = true;
        book.active.values().map(Arc::clone).collect()
    }

    /// It has ended, with these counts, which do not change any more.
    pub fn leave(&self, id: u64, reason: Reason, counts: &Counters) {
        let left = {
            let mut book = self.0.lock();
            let left = book.active.remove(&id);
            if left.is_some() {
                book.sums.disconnected[reason as usize] += 1;
                book.sums.gone.add(counts);
            }
            left
        };
        // Not under the lock: it may be the last reference.
        drop(left);
    }

    pub fn count(&self, count: impl FnOnce(&mut Sums)) {
        count(&mut self.0.lock().sums);
    }

    /// The active connections, oldest first, and the sums.
    pub fn read(&self) -> (Vec<Arc<C>>, Sums) {
        let book = self.0.lock();
        let active: Vec<Arc<C>> = book.active.values().map(Arc::clone).collect();
        let connections = active.len() as u64;
        let sums = Sums {
            connections,
            ..book.sums.clone()
        };
        (active, sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_counted_once_and_kept_by_nobody() {
        let registry = Registry::new();
        let conns: Vec<Arc<u64>> = (1..=3).map(Arc::new).collect();
        for conn in &conns {
            assert!(registry.enter(**conn, Arc::clone(conn), **conn == 2));
        }
        let mut counts = Counters::default();
        counts.calls_made = 5;
        counts.uncommon().busy = 1;
        registry.leave(2, Reason::Closed, &counts);
        registry.leave(2, Reason::Closed, &counts);
        assert_eq!(Arc::strong_count(&conns[1]), 1);
        let (active, sums) = registry.read();
        assert_eq!(active.iter().map(|c| **c).collect::<Vec<_>>(), [1, 3]);
        assert_eq!((sums.connections, sums.connections_max), (2, 3));
        assert_eq!((sums.accepted, sums.disconnected), (1, [0, 1, 0]));
        assert_eq!(sums.gone, counts);
    }

    #[test]
    fn nobody_enters_after_the_close() {
        let registry = Registry::new();
        assert!(registry.enter(1, Arc::new(()), false));
        assert_eq!(registry.close().len(), 1);
        assert!(!registry.enter(2, Arc::new(()), false));
        registry.leave(1, Reason::Closed, &Counters::default());
        assert_eq!(registry.close().len(), 0);
    }
}
