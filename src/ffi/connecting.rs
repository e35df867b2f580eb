//! What comes on top of the old interface for connecting and listening.

use super::handle;
use crate::abi::{
    gid_t, mrpc_conn_set, mrpc_connect_ptr, mrpc_connection, pid_t, sockaddr, socklen_t, uid_t,
};
use crate::conn::{Conn, ConnectCall};
use crate::error::{Errno, Result};
use crate::set::Set;
use core::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::Arc;

/// Bounds the time that connecting may take: the resolution of the name and every address
/// together. With a bound, addresses are tried as RFC 8305 says: IPv6 and IPv4 in turn, the next
/// one after 250 ms or when one fails, and the first that stands is taken; the error is that of
/// the address that failed last. Without one, mrpc_connect() tries one after the other.
///
/// set: the set.
/// ms: milliseconds, after which the error is ETIMEDOUT; 0, the default, leaves
///     the kernel's bound for each address.
///
/// A name is resolved in a thread of its own then, which may go on after the call has
/// returned, and even after the set has gone.
///
/// Returns 0; EINVAL if set is NULL. Holds for attempts that begin later. Any thread may
/// call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_connect_timeout(set: *mut mrpc_conn_set, ms: c_uint) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    let change = |set: Arc<Set>| set.hub().config.set_connect_timeout(ms);
    handle::code(set.ok_or(Errno::INVAL).and_then(change))
}

/// Connects to a server without waiting. Addresses are tried as mrpc_set_connect_timeout()
/// says, also without a bound; a name is resolved in a thread of its own.
///
/// conn, family, host, service: as for mrpc_connect().
/// callback: called in a dispatcher thread, once, as the connection's first event; see
///     mrpc_connect_fn.
/// data: what the callback is given.
///
/// Returns 0, and then the callback will be called, or has been, and the handle is active until
/// that has returned; EINVAL if conn, service or callback is NULL, the set has the server's role,
/// or the handle is or was connected or is connecting; ENAMETOOLONG, or an error of the
/// resolution that is found at once (see mrpc_connect()). On an error there is no callback.
///
/// The connection can be used from the moment that it stands, which may be before the callback.
/// With an error, the handle can be used again, also within the callback.
/// mrpc_conn_close() before the callback has begun makes its error ECANCELED; there is no
/// disconnect event then, and the handle cannot be used again. Any thread may call it, also from a
/// handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_connect_async(
    conn: *mut mrpc_connection,
    family: c_int,
    host: *const c_char,
    service: *const c_char,
    callback: mrpc_connect_ptr,
    data: *mut c_void,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives, and NULL or strings.
    let (conn, host, service) = unsafe {
        (
            handle::conn(conn),
            handle::cstr(host),
            handle::cstr(service),
        )
    };
    let (Some(conn), Some(callback)) = (conn, callback) else {
        return Errno::INVAL.0;
    };
    let data = handle::expose(data);
    let call = ConnectCall { callback, data };
    handle::code(conn.connect_async(family, host, service, call))
}

/// Listens on a socket that listens already: one that a service manager has passed on, or
/// that the application has prepared.
///
/// set: a set of the server's role that has an accept function.
/// fd: a listening stream socket of any family. O_NONBLOCK is set, also for others who share
///     the socket; the descriptor becomes close-on-exec.
///
/// Returns 0, and then the descriptor is the library's, which closes it as mrpc_listen_close()
/// says, but never shuts the socket down: others who have it go on listening, and a socket
/// file stays. EINVAL if set is NULL, has the client's role or no accept function, or fd does
/// not listen; ENOTSOCK, EBADF; EEXIST if the set has it already; ENOMEM. On failure the
/// descriptor stays the caller's. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_listen_fd(set: *mut mrpc_conn_set, fd: c_int) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    handle::code(set.ok_or(Errno::INVAL).and_then(|set| set.listen_fd(fd)))
}

/// Tells a connection handle's number in its set: 1 for the first that was made or accepted,
/// and never given twice.
///
/// conn: the handle.
/// id: where the number goes.
///
/// Returns 0; EINVAL if an argument is NULL. Any thread may call it, also from a
/// handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_id(conn: *mut mrpc_connection, id: *mut u64) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives, and NULL or a place of its own.
    let (conn, place) = unsafe { (handle::conn(conn), id.as_mut()) };
    let (Some(conn), Some(place)) = (conn, place) else {
        return Errno::INVAL.0;
    };
    *place = conn.id();
    0
}

/// Tells why connecting failed, in a user's words: "127.0.0.1 port 4711: Connection refused". That
/// is of the handle's last mrpc_connect(), mrpc_connect_async() or mrpc_bind_fd().
///
/// conn: the handle.
/// text: where the text goes, with a zero byte at its end; empty if nothing failed, or
///     a later attempt succeeded.
/// size: how many bytes there are at text; a longer text is cut.
///
/// Returns 0; EINVAL if conn or text is NULL or size is 0. Any thread may call it, also
/// from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_error(
    conn: *mut mrpc_connection,
    text: *mut c_char,
    size: usize,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    let (Some(conn), false, false) = (conn, text.is_null(), size == 0) else {
        return Errno::INVAL.0;
    };
    handle::code(conn.failure().map(|failure| {
        let mut len = failure.len().min(size - 1);
        while !failure.is_char_boundary(len) {
            len -= 1;
        }
        // SAFETY: the caller has `size` bytes there, and `len` is below that.
        unsafe {
            core::ptr::copy_nonoverlapping(failure.as_ptr(), text.cast(), len);
            text.add(len).write(0);
        }
    }))
}

/// Tells the address of a connection's peer, as getpeername() would: of a Unix socket whose
/// other end has no name, the family alone.
///
/// conn: the handle.
/// address: where the address goes.
/// len: how many bytes there are at address; becomes the length of the whole address, of
///     which no more is stored than there is room for.
///
/// Returns 0, from the moment that the connection stands until the handle goes, so also
/// in and after its disconnect callback; ENOTCONN before; EINVAL if an argument is NULL.
/// Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_peer_address(
    conn: *mut mrpc_connection,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: as this function's own contract.
    unsafe { put_address(conn, Conn::peer_address, address, len) }
}

/// Tells the address of our end of a connection, as getsockname() would.
///
/// conn, address, len: as for mrpc_conn_get_peer_address().
///
/// Returns as mrpc_conn_get_peer_address(). Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_local_address(
    conn: *mut mrpc_connection,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: as this function's own contract.
    unsafe { put_address(conn, Conn::local_address, address, len) }
}

/// # Safety
/// Each pointer is NULL or what it is declared to be; `len` is the room at `address`.
unsafe fn put_address(
    conn: *mut mrpc_connection,
    get: impl FnOnce(&Conn) -> Result<Box<[u8]>>,
    address: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives, and NULL or a length of its own.
    let (conn, len) = unsafe { (handle::conn(conn), len.as_mut()) };
    let (Some(conn), false, Some(len)) = (conn, address.is_null(), len) else {
        return Errno::INVAL.0;
    };
    handle::code(get(&conn).map(|found| {
        let room = found.len().min(*len as usize);
        // SAFETY: the caller has `len` bytes there.
        unsafe { core::ptr::copy_nonoverlapping(found.as_ptr(), address.cast(), room) };
        *len = found.len() as socklen_t;
    }))
}

/// Tells who is at the other end of a Unix socket: the process that connected, or that
/// listened, as it was then (SO_PEERCRED).
///
/// conn: the handle.
/// pid, uid, gid: where the peer's process, user and group go.
///
/// Returns 0, from the moment that the connection stands until the handle goes; ENOTCONN
/// before; EOPNOTSUPP if it is no Unix socket; EINVAL if an argument is NULL. Any thread may
/// call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_peer_credentials(
    conn: *mut mrpc_connection,
    pid: *mut pid_t,
    uid: *mut uid_t,
    gid: *mut gid_t,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives, and NULL or places of its own.
    let (conn, pid, uid, gid) =
        unsafe { (handle::conn(conn), pid.as_mut(), uid.as_mut(), gid.as_mut()) };
    let (Some(conn), Some(pid), Some(uid), Some(gid)) = (conn, pid, uid, gid) else {
        return Errno::INVAL.0;
    };
    handle::code(conn.peer_credentials().map(|who| {
        *pid = who.pid;
        *uid = who.uid;
        *gid = who.gid;
    }))
}
