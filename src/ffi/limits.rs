//! Bounds on what waits. docs/limits.md says what they come to.

use super::handle;
use crate::abi::{mrpc_conn_set, mrpc_room_ptr};
use crate::config::Config;
use crate::error::{Errno, Result};
use core::ffi::{c_int, c_uint};

/// # Safety
/// `set` is NULL or a live handle.
unsafe fn limit(set: *mut mrpc_conn_set, change: impl FnOnce(&Config) -> Result<()>) -> c_int {
    // SAFETY: as this function's own contract.
    let set = unsafe { handle::set(set) };
    handle::code(set.ok_or(Errno::INVAL).and_then(|set| set.change(change)))
}

/// Bounds what waits for a dispatcher on one connection. A connection over a bound
/// is not read from until half of it is gone; what one read brought, up to 64 KiB,
/// waits beyond it. While a sync call of ours waits on the connection, reading goes
/// on up to 16 times the bound; there the call returns MINIRPC_BUSY, so that a
/// handler that made it comes back.
///
/// set: the set.
/// events: requests, messages, replies to async calls and errors; the default is
///     4096.
/// bytes: the payloads of those; the default is 4194304.
///
/// Returns 0; EINVAL if set is NULL or a value is 0. Holds at once, for connections
/// that exist, too. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_event_limit(
    set: *mut mrpc_conn_set,
    events: c_uint,
    bytes: usize,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { limit(set, |config| config.set_event_limit(events, bytes)) }
}

/// Bounds the requests of one connection that have been taken in and not answered,
/// those that handlers keep included. No more are dispatched, and the connection is
/// not read from, until one is answered; a sync call of ours stretches that as in
/// mrpc_set_event_limit().
///
/// set: the set.
/// requests: how many; 0, the default, is no bound.
///
/// Returns 0; EINVAL if set is NULL. Holds at once, for connections that exist, too.
/// Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_request_limit(
    set: *mut mrpc_conn_set,
    requests: c_uint,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { limit(set, |config| config.set_request_limit(requests)) }
}

/// Bounds the replies that the peer of one connection has not taken. Replies are
/// always accepted; but while there are more, no further request of that peer is
/// handled, and it is not read from until half is gone; the connection ends if the
/// peer takes none for longer than mrpc_set_linger() allows.
///
/// set: the set.
/// bytes: headers included; the default is 4194304.
///
/// Returns 0; EINVAL if set is NULL or bytes is 0. Holds at once, for connections
/// that exist, too. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_reply_limit(set: *mut mrpc_conn_set, bytes: usize) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { limit(set, |config| config.set_reply_limit(bytes)) }
}

/// Bounds the calls and one-way messages that wait to be sent on one connection.
/// With a bound, a call or message beyond it returns MINIRPC_BUSY at once, unless
/// nothing else waits, and mrpc_set_room_func() tells when there is room. Without
/// one, a thread outside of handlers that has 1 MiB queued waits until half of it
/// has left, as long as the peer takes bytes.
///
/// set: the set.
/// bytes: headers included; 0, the default, is no bound.
///
/// Returns 0; EINVAL if set is NULL. Holds at once, for connections that exist, too.
/// Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_send_limit(set: *mut mrpc_conn_set, bytes: usize) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { limit(set, |config| config.set_send_limit(bytes)) }
}

/// Sets the function that is told when there is room to send again: when, after a send
/// returned MINIRPC_BUSY, half of the send limit is free and the set is within its memory
/// limit.
///
/// set: the set.
/// func: called in a dispatcher thread, as an event of the connection, once after a
///     refusal; NULL for none. See mrpc_room_fn.
///
/// Returns 0; EINVAL if set is NULL. Holds for events that fire later. Any thread
/// may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_room_func(set: *mut mrpc_conn_set, func: mrpc_room_ptr) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    handle::code(
        set.ok_or(Errno::INVAL)
            .and_then(|set| set.set_room_func(func)),
    )
}

/// Sets how long a connection may wait without any progress: one that is closing
/// and has something to send; that drains; whose peer has ended its sending side and
/// is owed replies; that is not read from because its replies are not taken; or in the
/// middle of a message while the set is over its memory limit. Then it ends: an
/// ioerr event says what was waited for, and the reason is MRPC_DISC_IOERR, unless
/// there was one before.
///
/// set: the set.
/// ms: milliseconds; the default is 60000.
///
/// Returns 0; EINVAL if set is NULL or ms is 0. Holds at once, for connections that
/// exist, too. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_linger(set: *mut mrpc_conn_set, ms: c_uint) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { limit(set, |config| config.set_linger(ms)) }
}

/// Bounds the connections that the set has accepted and that are active. At the
/// bound the listeners rest; who connects then waits in the backlog.
///
/// set: the set.
/// connections: how many; 0, the default, is no bound.
///
/// Returns 0; EINVAL if set is NULL. Holds at once; no connection is ended. Any
/// thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_max_connections(
    set: *mut mrpc_conn_set,
    connections: c_uint,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { limit(set, |config| config.set_max_connections(connections)) }
}

/// Ends connections that are idle: no message has been sent or received completely
/// for this long, and nothing is outstanding in either direction. An ioerr event
/// says so, and the reason is MRPC_DISC_IOERR.
///
/// set: the set.
/// ms: milliseconds; 0, the default, is never.
///
/// Returns 0; EINVAL if set is NULL. Holds at once, for connections that exist, too.
/// Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_idle_timeout(set: *mut mrpc_conn_set, ms: c_uint) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { limit(set, |config| config.set_idle_timeout(ms)) }
}

/// Bounds what all connections of the set hold together: partial messages, payloads
/// that wait for dispatchers, what waits to be sent, and 1 KiB each. Over the bound
/// listeners rest, calls and messages return MINIRPC_BUSY, and the connections that
/// hold more than their share are not read from. Replies are always accepted.
///
/// set: the set.
/// bytes: 0, the default, is no bound.
///
/// Returns 0; EINVAL if set is NULL. Holds at once, for connections that exist, too.
/// Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_memory_limit(set: *mut mrpc_conn_set, bytes: usize) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { limit(set, |config| config.set_memory_limit(bytes)) }
}
