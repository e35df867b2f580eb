//! Calls that end in time.

use super::handle;
use crate::abi::{mrpc_call_t, mrpc_conn_set, mrpc_connection, mrpc_message};
use crate::conn::requests::requests;
use crate::error::Errno;
use core::ffi::{c_int, c_uint};

/// Sets the timeout of the calls of a set's connections that have no other: see struct
/// mrpc_call_options.
///
/// set: the set.
/// ms: milliseconds; 0, the default, is for ever.
///
/// Returns 0; EINVAL if set is NULL or ms is MRPC_TIMEOUT_INHERIT. Holds for calls
/// that are made later. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_call_timeout(set: *mut mrpc_conn_set, ms: c_uint) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    handle::code(
        set.ok_or(Errno::INVAL)
            .and_then(|set| set.hub().config.set_call_timeout(ms)),
    )
}

/// Sets the timeout of a connection's calls that have no other: see struct
/// mrpc_call_options.
///
/// conn: the connection.
/// ms: milliseconds; 0 is for ever, MRPC_TIMEOUT_INHERIT, the default, the set's.
///
/// Returns 0; EINVAL if conn is NULL. Holds for calls that are made later. Any thread
/// may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_conn_call_timeout(
    conn: *mut mrpc_connection,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    handle::code(
        conn.ok_or(Errno::INVAL)
            .and_then(|conn| conn.set_call_timeout(ms)),
    )
}

/// Cancels a call: a sync call returns, an async call's callback comes, once, with
/// MINIRPC_CANCELLED and no result. A request that has not begun to leave is not sent;
/// of one that has, the peer is not told, and its reply is dropped.
///
/// conn: the connection that the call was made on.
/// call: what the call's options told, see struct mrpc_call_options.
///
/// Returns 0; EINVAL if conn is NULL; ENOENT if the call has ended otherwise, or there
/// is none such: another status has come or comes. Any thread may call it, also from a
/// handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_call_cancel(conn: *mut mrpc_connection, call: mrpc_call_t) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    handle::code(
        conn.ok_or(Errno::INVAL)
            .and_then(|conn| conn.cancel_call(call)),
    )
}

/// Tells whether a reply to a request would still be sent: for a handler that takes
/// long, and need not go on for a caller that has gone. Whether the caller still waits
/// is not known: its timeout and its cancelling stay with it. A TCP peer that has closed
/// its socket looks like one that only sends no more, until something is sent to it.
///
/// request: what the handler was given; NULL is allowed.
///
/// Returns 1 if it would; 0 if not: the request has been replied to, its connection is
/// closing or gone, it is a one-way message, or NULL. Any thread may call it, also
/// from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_message_is_live(request: *mut mrpc_message) -> c_int {
    let request = requests().get(handle::message_key(request));
    request
        .is_some_and(|request| request.conn.can_answer())
        .into()
}
