//! Connections.

use super::handle;
use crate::abi::{mrpc_conn_counter_arg, mrpc_conn_set, mrpc_connection};
use crate::conn::Conn;
use crate::error::Errno;
use core::ffi::{c_char, c_int, c_void};
use core::ptr::null_mut;
use std::sync::Arc;

/// Makes a connection handle, not connected yet, for mrpc_connect() or
/// mrpc_bind_fd().
///
/// new_conn: where the handle goes; *new_conn becomes NULL if the call fails.
/// set: the set that it belongs to. The handle keeps the set as long as it exists.
/// data: the connection's cookie, which its handlers and callbacks are given;
///     NULL means the handle's own address.
///
/// Returns 0; EINVAL if new_conn or set is NULL; ENOMEM. The caller owns one
/// reference, to be dropped by mrpc_conn_unref(). Any thread may call it, also
/// from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_create(
    new_conn: *mut *mut mrpc_connection,
    set: *mut mrpc_conn_set,
    data: *mut c_void,
) -> c_int {
    // SAFETY: the caller passes NULL or a place for the result, and NULL or a set that it holds.
    let (place, set) = unsafe { (new_conn.as_mut(), handle::set(set)) };
    let Some(place) = place else {
        return Errno::INVAL.0;
    };
    *place = null_mut();
    let conn = set
        .ok_or(Errno::INVAL)
        .and_then(|set| Conn::create(set.hub(), data));
    handle::code(conn.map(|conn| *place = handle::new_conn(conn)))
}

/// Takes a reference on a connection handle.
///
/// conn: the handle; NULL does nothing.
///
/// The caller holds a reference already, or the connection is active; the new
/// reference is dropped by mrpc_conn_unref(). Any thread may call it, also from a
/// handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_ref(conn: *mut mrpc_connection) {
    // SAFETY: the caller passes NULL or a handle that lives.
    if let Some(conn) = unsafe { handle::conn(conn) } {
        conn.add_user();
    }
}

/// Drops a reference on a connection handle. This does not close the connection.
///
/// conn: the handle; NULL does nothing.
///
/// The handle lives until its last reference is gone and it is not active. It is
/// active from a successful connect, bind or accept until its disconnect callback
/// has returned (without a disconnect function: until that event has passed). So
/// an application may drop its last reference on a live connection and go on
/// using the handle until the disconnect.
///
/// Never blocks. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_unref(conn: *mut mrpc_connection) {
    // SAFETY: the caller passes NULL or a handle on which it has a reference to give up.
    if let Some(conn) = unsafe { handle::conn(conn) } {
        conn.drop_user();
    }
}

/// Connects to a server. Blocks until the connection stands or failed.
///
/// conn: a handle that is not connected, of a set of the client's role.
/// family: AF_INET, AF_INET6, or AF_UNSPEC for any of them; or AF_UNIX.
/// host: a name or address; NULL is this machine's loopback. With AF_UNIX: a path of at most
///     107 bytes, or an `@` and a name that is no file's.
/// service: a port number or a service name; with AF_UNIX "".
///
/// The name is resolved and every address is tried in order. Returns 0; EINVAL if
/// conn or service is NULL, the set has the server's role, or the handle is or
/// was connected, or is connecting; ENAMETOOLONG for a path. If the name does not resolve: EADDRNOTAVAIL (no address of this
/// family), EAGAIN (try again later), EINVAL, EIO (the name server failed),
/// EAFNOSUPPORT, ENOMEM, ENOENT (no such name or service), EOPNOTSUPP, or errno.
/// Else the errno of the last address tried (ECONNREFUSED, ETIMEDOUT, EMFILE ...).
/// mrpc_set_connect_timeout() bounds the time; mrpc_conn_get_error() tells the reason.
/// After a failure the handle can be used to try again.
///
/// Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_connect(
    conn: *mut mrpc_connection,
    family: c_int,
    host: *const c_char,
    service: *const c_char,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    // SAFETY: the caller passes NULL or strings.
    let (host, service) = unsafe { (handle::cstr(host), handle::cstr(service)) };
    let connect = |conn: Arc<Conn>| conn.connect(family, host, service);
    handle::code(conn.ok_or(Errno::INVAL).and_then(connect))
}

/// Makes a connection of a socket that is connected already: one end of a
/// socketpair, an inherited descriptor, or a socket that the application has
/// finished its own handshake on.
///
/// conn: a handle that is not connected, of either role.
/// fd: a connected stream socket of any family, blocking or not. The library makes
///     it blocking and close-on-exec.
///
/// Returns 0, and then the descriptor is the library's, which closes it; EINVAL
/// if conn is NULL or is or was connected; EPROTONOSUPPORT if fd is not a stream
/// socket; else the errno of getpeername (ENOTCONN, ENOTSOCK, EBADF ...). On
/// failure the descriptor stays the caller's. There is no accept callback.
///
/// Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_bind_fd(conn: *mut mrpc_connection, fd: c_int) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    handle::code(conn.ok_or(Errno::INVAL).and_then(|conn| conn.bind(fd)))
}

/// Reads one of a connection's counters. They start at zero with the handle and
/// survive the disconnect.
///
/// conn: the handle.
/// counter: which one.
/// result: where the value goes.
///
/// Returns 0; EINVAL if conn or result is NULL or there is no such counter. Any
/// thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_counter(
    conn: *mut mrpc_connection,
    counter: mrpc_conn_counter_arg,
    result: *mut u64,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives, and NULL or a place of its own.
    let (conn, place) = unsafe { (handle::conn(conn), result.as_mut()) };
    let (Some(conn), Some(place), Ok(index)) = (conn, place, usize::try_from(counter)) else {
        return Errno::INVAL.0;
    };
    let value = conn.counter(index).ok_or(Errno::INVAL);
    handle::code(value.map(|value| *place = value))
}

/// Closes a connection. Messages that are queued are sent first, as long as the peer
/// takes them: see mrpc_set_linger(). Nothing new can be sent. Events still to come: accept, if it has not fired; the callbacks of
/// outstanding calls, with MINIRPC_NETWORK_FAILURE; disconnect, last, with
/// MRPC_DISC_USER unless the connection had ended before. Requests and ioerr
/// events are dropped.
///
/// conn: the handle. No reference is dropped: see mrpc_conn_unref().
///
/// When a handler of this connection calls this before mrpc_release_event(), no
/// event but those fires afterwards. Returns 0, also if the peer had already gone;
/// EINVAL if conn is NULL; ENOTCONN if it was never connected; EALREADY if this was
/// called before. While mrpc_connect_async() is under way, it is given up: see there.
///
/// Never blocks. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_close(conn: *mut mrpc_connection) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    handle::code(conn.ok_or(Errno::INVAL).and_then(|conn| conn.close()))
}
