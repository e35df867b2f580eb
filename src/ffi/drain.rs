//! The end of a set that owes nobody an answer.

use super::handle;
use crate::abi::mrpc_conn_set;
use crate::drain;
use crate::error::Errno;
use core::ffi::{c_int, c_uint};
use std::time::Duration;

/// Ends all that a set's connections do, without leaving anybody unanswered: what a
/// server does before it is replaced. Listeners close. Requests that have arrived are
/// answered; those that come later are not executed, but answered in their turn with
/// MINIRPC_PROCEDURE_UNAVAIL, so that it is safe to repeat them elsewhere, and one-way
/// messages are dropped. Calls of ours are waited for; new ones return
/// MINIRPC_NETWORK_FAILURE. Messages and replies can still be sent.
///
/// When nothing is left on a connection, and nothing has come for 50 ms, our side of it
/// ends; when the peer's has ended, too, it is disconnected (MRPC_DISC_CLOSED). A peer
/// that makes no progress for the time of mrpc_set_linger() is given up
/// (MRPC_DISC_IOERR).
///
/// set: the set; from now on mrpc_listen(), mrpc_connect() and the like return ESHUTDOWN
///     for it, for good; so do attempts under way, which are not waited for.
/// timeout_ms: milliseconds; 0 is for as long as it takes.
///
/// Returns 0 when no connection is left and all disconnect functions have returned (if
/// the set has no dispatcher, as soon as only their events are left), also if there was
/// none, or the set was drained before. ETIMEDOUT when the time is over: the rest has
/// been closed, and disconnected for MRPC_DISC_USER; handlers that do not return within a
/// further second are not waited for. EALREADY while another thread drains the set;
/// EDEADLK in a handler; EINVAL if set is NULL. The calling thread blocks; if it is
/// registered as a dispatcher of the set, it dispatches meanwhile. Not to be called in a
/// signal handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_drain(set: *mut mrpc_conn_set, timeout_ms: c_uint) -> c_int {
    let limit = Duration::from_millis(timeout_ms.into());
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    let begun = set.ok_or(Errno::INVAL).and_then(|set| set.begin_drain());
    handle::code(begun.and_then(|()| drain::run((timeout_ms > 0).then_some(limit))))
}
