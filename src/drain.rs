//! `mrpc_drain`: a set comes to its end without an answer owed.
//!
//! The calling thread looks at all connections every few milliseconds until they are gone: a
//! drain is rare, and nothing else has to know of it.

use crate::conn::ConnHub;
use crate::dispatch::{self, ticket};
use crate::error::{Errno, Result};
use crate::local;
use crate::sys::clock;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks: from the first to the second, twice as long each time.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(10);
/// Handlers that have not returned are waited for no longer than this after the time is over.
const GRACE: Duration = Duration::from_secs(1);

/// Drains the set that the thread has begun to drain, and whose listeners are closed. The set is
/// not kept on the stack while a handler runs, which may not return: the thread finds it again.
/// Err(ETIMEDOUT): what was left has been closed.
pub fn run(limit: Option<Duration>) -> Result<()> {
    let drained = drain(limit);
    if let Some(hub) = ticket::set_draining(None) {
        hub.end_drain();
    }
    drained
}

fn drain(limit: Option<Duration>) -> Result<()> {
    let begun = clock::now();
    for conn in ticket::draining().ok_or(Errno::INVAL)?.registry.close() {
        conn.begin_drain(begun);
    }
    for conn in ticket::draining().ok_or(Errno::INVAL)?.attempts() {
        conn.wake_attempt();
    }
    if let Some(hub) = ticket::draining().filter(|hub| hub.has_arrivals()) {
        // Handshakes under way end.
        hub.shards.settings_changed();
    }
    let end = limit.map(|limit| begun + limit);
    let ended = wait(end, |hub, now| {
        // All of them: one that has not ended must not keep another from its look.
        let left = hub.registry.read().0;
        left.iter().filter(|conn| !conn.drain_some(now)).count() == 0
    });
    if ended {
        return Ok(());
    }
    for conn in ticket::draining().ok_or(Errno::INVAL)?.registry.read().0 {
        conn.give_up_drain();
    }
    wait(Some(clock::now() + GRACE), |_, _| true);
    Err(Errno(libc::ETIMEDOUT))
}

/// Looks until all connections have `ended`, and their disconnect callbacks have returned, if
/// somebody runs them. False: there was no time left.
fn wait(end: Option<Instant>, ended: impl Fn(&ConnHub, Instant) -> bool) -> bool {
    let mut pause = FIRST_LOOK;
    loop {
        if let Some(hub) = ticket::draining() {
            if ticket::registered(Arc::as_ptr(&hub)).is_some() {
                dispatch::dispatch(hub, 0);
            }
        }
        let Some(hub) = ticket::draining() else {
            return true;
        };
        hub.observer.tell();
        let now = clock::now();
        let told = || !hub.has_dispatchers() || hub.connections() == 0;
        if ended(&hub, now) && told() {
            return true;
        }
        if end.is_some_and(|end| now >= end) {
            return false;
        }
        drop(hub);
        let left = end.map_or(pause, |end| pause.min(end - now));
        local::parker().park(Some(left));
        pause = (pause * 2).min(LAST_LOOK);
    }
}
