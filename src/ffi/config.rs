//! A set's settings.

use super::handle;
use crate::abi::mrpc_conn_set;
use crate::config::Config;
use crate::error::{Errno, Result};
use core::ffi::{c_int, c_uint};

/// # Safety
/// `set` is NULL or a live handle.
unsafe fn apply(set: *mut mrpc_conn_set, change: impl FnOnce(&Config) -> Result<()>) -> c_int {
    // SAFETY: as this function's own contract.
    let set = unsafe { handle::set(set) };
    handle::code(
        set.ok_or(Errno::INVAL)
            .and_then(|set| change(&set.hub().config)),
    )
}

/// Sets the largest payload that the set's connections accept. A larger message
/// is skipped and the ioerr function told: a request is answered with
/// MINIRPC_ENCODING_ERR, a call whose reply it is returns that, and a one-way message
/// is dropped.
///
/// set: the set.
/// len: bytes; the default is 16384.
///
/// Returns 0; EINVAL if set is NULL or len is 0. Holds for messages that arrive
/// later. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_max_buf_len(set: *mut mrpc_conn_set, len: c_uint) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { apply(set, |config| config.set_max_buf_len(len)) }
}

/// Sets how many connections may wait to be accepted.
///
/// set: the set.
/// backlog: connections per listener; the default is 16.
///
/// Returns 0; EINVAL if set is NULL or backlog is 0. Holds for later calls of
/// mrpc_listen(). Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_listen_backlog(
    set: *mut mrpc_conn_set,
    backlog: c_uint,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { apply(set, |config| config.set_listen_backlog(backlog)) }
}

/// Sets how long a listener rests when the process or the system has run out of
/// descriptors or memory, before it accepts again.
///
/// set: the set.
/// ms: milliseconds; the default is 1000.
///
/// Returns 0; EINVAL if set is NULL or ms is 0. Holds from the next time that it
/// runs out. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_accept_backoff(set: *mut mrpc_conn_set, ms: c_uint) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { apply(set, |config| config.set_accept_backoff(ms)) }
}

/// Sets whether connections begin with a header of the PROXY protocol, version 2, by which
/// a load balancer says for whom it connects. The address that the accept function and
/// mrpc_conn_get_peer_address() give is then that client's; it is the balancer's own where
/// the header names nobody, as for its health checks (LOCAL). Where it is on, a connection
/// that does not begin with such a header, or does not send it within 5 seconds, is refused:
/// it is closed, counted, and told to the trace function (MRPC_TRACE_ERROR). The accept
/// function is called when the header is complete.
///
/// Whoever can connect can name any address: only the balancer should be able to.
///
/// set: the set.
/// enabled: 0 is off, which is the default, all else on.
///
/// Returns 0; EINVAL if set is NULL. Holds for connections that are accepted later, by all
/// of the set's listeners. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_proxy_protocol(set: *mut mrpc_conn_set, enabled: c_int) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { apply(set, |config| config.set_proxy_protocol(enabled != 0)) }
}

/// Sets whether the kernel probes idle connections (SO_KEEPALIVE), so that a peer
/// that vanished is noticed.
///
/// set: the set.
/// enabled: 0 is off, all else on, which is the default.
///
/// Returns 0; EINVAL if set is NULL. Holds for connections made later. Any thread
/// may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_keepalive_enabled(
    set: *mut mrpc_conn_set,
    enabled: c_int,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe { apply(set, |config| config.set_keepalive_enabled(enabled != 0)) }
}

/// Sets when and how often the kernel probes idle TCP connections.
///
/// set: the set.
/// idletime: seconds without traffic before the first probe, 1 to 32767; the
///     default is 7200.
/// count: unanswered probes after which the connection fails, 1 to 127; the
///     default is 9.
/// interval: seconds between probes, 1 to 32767; the default is 75.
///
/// Returns 0; EINVAL if set is NULL or a value is out of its range, and then no
/// value changes. Holds for TCP connections made later, if keepalive is enabled.
/// A peer that owes an acknowledgement is no idle one, and the kernel would wait for
/// it a quarter of an hour: after this call the library ends such a connection, too,
/// when the peer has acknowledged nothing for idletime + count x interval. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_keepalive_parameters(
    set: *mut mrpc_conn_set,
    idletime: c_uint,
    count: c_uint,
    interval: c_uint,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    unsafe {
        apply(set, |config| {
            config.set_keepalive_parameters(idletime, count, interval)
        })
    }
}
