//! Sources that have something to read and will get no edge for it.
//!
//! A source may be asked for twice, and get an edge as well: a turn calls it once, or one that has
//! always more to read would be called once more in each turn.

use super::Ready;
use crate::sync::{AtomicUsize, Mutex, Ordering};
use std::sync::Arc;

/// No edge came: what is there to read is looked at all the same.
pub const AGAIN: Ready = Ready {
    readable: true,
    writable: false,
    hangup: false,
    dead: false,
    again: true,
    urgent: false,
    wakes: 0,
};

pub struct Again<S: ?Sized> {
    list: Mutex<Option<Vec<Arc<S>>>>,
    len: AtomicUsize,
}

impl<S: ?Sized> Again<S> {
    pub fn new() -> Again<S> {
        Again {
            list: Mutex::new(Some(Vec::new())),
            len: AtomicUsize::new(0),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len.load(Ordering::SeqCst) == 0
    }

    /// Dropped once the list is closed: by the caller, not under the lock.
    pub fn push(&self, source: Arc<S>) -> Option<Arc<S>> {
        let mut list = self.list.lock();
        let Some(list) = list.as_mut() else {
            return Some(source);
        };
        list.push(source);
        self.len.store(list.len(), Ordering::SeqCst);
        None
    }

    /// Takes all into what is ready.
    pub fn take(&self, ready: &mut Vec<(Arc<S>, Ready)>) {
        if self.is_empty() {
            return;
        }
        let list = {
            let mut list = self.list.lock();
            self.len.store(0, Ordering::SeqCst);
            list.as_mut().map(std::mem::take).unwrap_or_default()
        };
        merge(list, ready);
    }

    pub fn close(&self) -> Option<Vec<Arc<S>>> {
        let mut list = self.list.lock();
        self.len.store(0, Ordering::SeqCst);
        list.take()
    }
}

fn merge<S: ?Sized>(mut list: Vec<Arc<S>>, ready: &mut Vec<(Arc<S>, Ready)>) {
    let address = |source: &Arc<S>| Arc::as_ptr(source).cast::<()>().addr();
    list.sort_unstable_by_key(address);
    list.dedup_by_key(|source| address(source));
    let mut had = vec![false; list.len()];
    for (source, what) in ready.iter_mut() {
        if let Ok(at) = list.binary_search_by_key(&address(source), address) {
            what.readable = true;
            what.again = true;
            had[at] = true;
        }
    }
    let others = list.into_iter().zip(had).filter(|(_, had)| !had);
    ready.extend(others.map(|(source, _)| (source, AGAIN)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_called_once() {
        let (a, b, c) = (Arc::new('a'), Arc::new('b'), Arc::new('c'));
        let again = Again::new();
        for source in [&c, &a, &c, &a] {
            assert!(again.push(Arc::clone(source)).is_none());
        }
        let edge = Ready {
            writable: true,
            ..Ready::default()
        };
        let mut ready = vec![(Arc::clone(&b), edge), (Arc::clone(&a), edge)];
        again.take(&mut ready);
        let told = |at: usize| (*ready[at].0, ready[at].1.readable, ready[at].1.again);
        assert_eq!(ready.len(), 3);
        assert_eq!(told(0), ('b', false, false));
        assert_eq!(told(1), ('a', true, true));
        assert!(ready[1].1.writable, "the edge is not lost");
        assert_eq!(told(2), ('c', true, true));
        assert!(again.is_empty());
    }

    #[test]
    fn a_closed_list_gives_back() {
        let again = Again::new();
        assert!(again.push(Arc::new(1)).is_none());
        assert_eq!(again.close().map(|list| list.len()), Some(1));
        assert_eq!(again.push(Arc::new(2)).as_deref(), Some(&2));
        assert!(again.is_empty());
    }
}
