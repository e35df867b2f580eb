//! Runnable lanes, in turn, and the dispatchers that wait for them.

use crate::error::Result;
use crate::sync::{race_point, AtomicBool, AtomicUsize, Mutex, Ordering};
use crate::sys::eventfd::EventFd;
use crate::waiter::Parker;
use once_cell::sync::OnceCell;
use std::collections::VecDeque;
use std::sync::Arc;

/// The ready queue of a set; `T` is a connection.
///
/// INV-Q1: `parked` lists dispatchers that sleep or are about to; whoever takes one off the
///         list pokes it. A dispatcher lists itself, then looks at the queue once more; a
///         pusher pushes, then looks at the list. So one of them sees the other. The same
///         holds for a dispatcher that waits in a poll instead, and says so first (`Seat`).
///         Whoever was woken, and finds more than it takes, wakes another. Dispatchers that
///         run handlers, or dispatch by hand, come by themselves.
pub struct ReadyQueue<T> {
    inner: Mutex<Inner<T>>,
    len: AtomicUsize,
    parked: AtomicUsize,
    /// Made when the application asks for it, and touched only then.
    fd: OnceCell<EventFd>,
}

struct Inner<T> {
    ready: VecDeque<T>,
    parked: Vec<Arc<Parker>>,
    fd_set: bool,
    /// The set is being destroyed: the descriptor stays readable.
    ending: bool,
}

impl<T> ReadyQueue<T> {
    pub fn new() -> ReadyQueue<T> {
        ReadyQueue {
            inner: Mutex::new(Inner {
                ready: VecDeque::new(),
                parked: Vec::new(),
                fd_set: false,
                ending: false,
            }),
            len: AtomicUsize::new(0),
            parked: AtomicUsize::new(0),
            fd: OnceCell::new(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len.load(Ordering::SeqCst) == 0
    }

    pub fn has_parked(&self) -> bool {
        self.parked.load(Ordering::SeqCst) > 0
    }

    /// Queues connections at the tail.
    pub fn push(&self, items: impl IntoIterator<Item = T>) {
        let mut inner = self.inner.lock();
        inner.ready.extend(items);
        self.publish(&mut inner);
    }

    /// The next connection in turn.
    #[inline]
    pub fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut inner = self.inner.lock();
        let item = inner.ready.pop_front();
        self.publish(&mut inner);
        item
    }

    fn publish(&self, inner: &mut Inner<T>) {
        self.len.store(inner.ready.len(), Ordering::SeqCst);
        self.update_fd(inner);
    }

    fn update_fd(&self, inner: &mut Inner<T>) {
        let Some(fd) = self.fd.get() else { return };
        let want = inner.ending || !inner.ready.is_empty();
        if want != inner.fd_set {
            inner.fd_set = want;
            if want {
                fd.set();
            } else {
                fd.clear();
            }
        }
    }

    /// The descriptor that polls readable while something is queued.
    pub fn event_fd(&self) -> Result<i32> {
        let fd = self.fd.get_or_try_init(EventFd::new)?.as_raw();
        self.update_fd(&mut self.inner.lock());
        Ok(fd)
    }

    /// True once the application has asked for it: it may dispatch by hand.
    pub fn has_event_fd(&self) -> bool {
        self.fd.get().is_some()
    }

    /// The set is being destroyed: wakes everybody.
    pub fn end(&self) {
        let mut inner = self.inner.lock();
        inner.ending = true;
        self.update_fd(&mut inner);
        let parked = std::mem::take(&mut inner.parked);
        self.parked.store(0, Ordering::SeqCst);
        drop(inner);
        for p in parked {
            p.poke();
        }
    }

    /// Lists a dispatcher that found nothing to do; false if there is something by now.
    pub fn enlist(&self, parker: &Arc<Parker>) -> bool {
        let mut inner = self.inner.lock();
        if inner.ending {
            return false;
        }
        inner.parked.push(Arc::clone(parker));
        self.parked.store(inner.parked.len(), Ordering::SeqCst);
        drop(inner);
        race_point();
        if self.is_empty() {
            return true;
        }
        self.delist(parker);
        false
    }

    /// Takes a dispatcher off the list, if it still is on it.
    pub fn delist(&self, parker: &Arc<Parker>) {
        let mut inner = self.inner.lock();
        inner.parked.retain(|p| !Arc::ptr_eq(p, parker));
        self.parked.store(inner.parked.len(), Ordering::SeqCst);
    }

    /// Wakes one parked dispatcher; false if there is none.
    pub fn wake_one(&self) -> bool {
        if !self.has_parked() {
            return false;
        }
        let mut inner = self.inner.lock();
        // The one that parked last has the warmest cache.
        let woken = inner.parked.pop();
        self.parked.store(inner.parked.len(), Ordering::SeqCst);
        drop(inner);
        woken.is_some_and(|p| {
            p.poke();
            true
        })
    }
}

/// Where a dispatcher waits in a poll, for those who queue something (INV-Q1).
#[derive(Default)]
pub struct Seat(AtomicBool);

impl Seat {
    /// Runs `wait`, which is told whether it may wait at all.
    pub fn wait<T>(&self, queue: &ReadyQueue<T>, wait: impl FnOnce(bool)) {
        self.0.store(true, Ordering::SeqCst);
        race_point();
        wait(queue.is_empty());
        // Seen late, this costs one wake-up for nothing.
        self.0.store(false, Ordering::Release);
    }

    /// A dispatcher waits, or is about to.
    pub fn is_taken(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
