//! Requests that handlers are looking at, by key.
//!
//! What C holds as `struct mrpc_message *` is a key: it is checked when a reply is made, so one
//! that is stale, because the request was answered or its connection is gone, touches nothing.

use super::keys::Keys;
use super::Conn;
use crate::sys::fork::Hooks;
use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Clone)]
pub struct Request {
    pub conn: Arc<Conn>,
    pub sequence: u32,
    pub cmd: i32,
    /// When its handler was called, if somebody watches; else 0.
    pub began: u64,
}

type Table = Keys<Request>;

/// std's lock, which has no memory of its own: in a forked child, parking_lot's could be handed
/// to a thread that is not there.
pub struct Requests(Mutex<Table>);

/// The table of the process: a key says nothing about the set it came from.
static REQUESTS: Requests = Requests(Mutex::new(Table::new()));

pub fn requests() -> &'static Requests {
    &REQUESTS
}

thread_local! {
    /// The table's lock while the thread forks: the child, where no other thread lives on to
    /// let go of it, may have sets of its own.
    static FORKING: Cell<Option<MutexGuard<'static, Table>>> = const { Cell::new(None) };
}

/// What a fork has to do for the table.
pub const FORK: Hooks = Hooks {
    before: before_fork,
    after: after_fork,
};

/// Before a fork, in the thread that forks.
fn before_fork() {
    let _ = FORKING.try_with(|f| f.set(Some(REQUESTS.lock())));
}

/// After it, in both processes.
fn after_fork() {
    drop(FORKING.try_with(Cell::take));
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a request; None if more are kept than keys can name.
    pub fn insert(&self, request: Request) -> Option<u64> {
        self.lock().insert(request)
    }

    pub fn get(&self, key: u64) -> Option<Request> {
        self.lock().get(key).cloned()
    }

    /// Takes a request out: whoever gets it is the one to reply.
    pub fn take(&self, key: u64) -> Option<Request> {
        self.lock().remove(key)
    }

    /// Drops requests whose connection is gone.
    pub fn forget(&self, keys: impl IntoIterator<Item = u64>) {
        for key in keys {
            // The connection may be freed with it: not under the lock.
            drop(self.take(key));
        }
    }

    /// True if `key` has the form of one that was given out.
    pub fn is_plausible(&self, key: u64) -> bool {
        self.lock().is_plausible(key)
    }
}
