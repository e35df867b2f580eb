//! Connection sets: their life, their handlers, their listeners.

use super::handle;
use crate::abi::{
    mrpc_accept_ptr, mrpc_conn_set, mrpc_disconnect_ptr, mrpc_ioerr_ptr, mrpc_protocol,
};
use crate::error::{Errno, Result};
use crate::protocol::Role;
use crate::set::Set;
use crate::sys::errno;
use core::ffi::{c_char, c_int, c_void, CStr};
use core::ptr::{copy_nonoverlapping, null_mut, NonNull};
use std::sync::Arc;

/// Makes a connection set: a group of connections that speak the same role of
/// the same protocol, share their settings and handlers, and are served by the
/// same dispatcher threads. A background thread of the library, which has all
/// signals blocked, does the set's network I/O.
///
/// new_set: where the set goes; *new_set becomes NULL if the call fails.
/// protocol: a role as generated code exports it (NAME_client or NAME_server);
///     it must stay valid for ever.
/// set_data: the set's cookie, which the accept function is given; NULL means
///     the set's own address.
///
/// Returns 0; EINVAL if new_set or protocol is NULL; else the errno of what could
/// not be made (ENOMEM, EMFILE, EAGAIN). The caller owns one reference, to be
/// dropped by mrpc_conn_set_unref(). Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_set_create(
    new_set: *mut *mut mrpc_conn_set,
    protocol: *const mrpc_protocol,
    set_data: *mut c_void,
) -> c_int {
    // SAFETY: the caller passes NULL or a place for the result, and NULL or a constant table.
    let (place, protocol) = unsafe { (new_set.as_mut(), protocol.as_ref()) };
    let Some(place) = place else {
        return Errno::INVAL.0;
    };
    *place = null_mut();
    let set = protocol
        .ok_or(Errno::INVAL)
        .and_then(|protocol| Set::create(Role::new(protocol), set_data));
    handle::code(set.map(|set| *place = handle::new_set(set)))
}

/// Takes a reference on a set.
///
/// set: the set; NULL does nothing.
///
/// The caller holds a reference already, and drops the new one by
/// mrpc_conn_set_unref(). Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_set_ref(set: *mut mrpc_conn_set) {
    // SAFETY: the caller passes NULL or a set that it holds.
    if let Some(set) = unsafe { handle::set(set) } {
        set.hub().add_user();
    }
}

/// Drops a reference on a set.
///
/// set: the set, not to be used afterwards by the owner of this reference; NULL
///     does nothing.
///
/// When the last reference is gone and no connection handle and no listener of
/// the set is left, the set ends: the dispatch functions return ENXIO, the event
/// descriptor polls readable, threads made by mrpc_start_dispatch_thread() end.
/// Each other dispatcher then calls mrpc_dispatcher_remove(), and after the last
/// one the background thread ends and the memory is freed. So the set's address
/// stays valid for a registered dispatcher until it has removed itself.
///
/// Never blocks. Any thread may call it, also from a handler of the set, and in a
/// signal handler, whatever that interrupts.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_set_unref(set: *mut mrpc_conn_set) {
    // SAFETY: the caller passes NULL or a set on which it has a reference to give up; it is
    // not touched after that.
    if let Some(set) = unsafe { handle::borrow_set(set) } {
        errno::kept(|| set.hub().drop_user());
    }
}

/// Sets the function that is told of new connections on the set's listeners. A
/// server calls this before mrpc_listen().
///
/// set: a set of the server's role.
/// func: called in a dispatcher thread, as the first event of each accepted
///     connection; see mrpc_accept_fn.
///
/// Returns 0; EINVAL if an argument is NULL or the set has the client's role.
/// Holds for events that fire later. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_accept_func(
    set: *mut mrpc_conn_set,
    func: mrpc_accept_ptr,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    match (set, func) {
        (Some(set), Some(func)) => handle::code(set.set_accept_func(func)),
        _ => Errno::INVAL.0,
    }
}

/// Sets the function that is told of connections that have ended.
///
/// set: the set.
/// func: called in a dispatcher thread, once and last of all for every connection
///     that was ever connected; NULL for none. See mrpc_disconnect_fn.
///
/// Returns 0; EINVAL if set is NULL. Holds for events that fire later. Any thread
/// may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_disconnect_func(
    set: *mut mrpc_conn_set,
    func: mrpc_disconnect_ptr,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    handle::code(
        set.ok_or(Errno::INVAL)
            .and_then(|set| set.set_disconnect_func(func)),
    )
}

/// Sets the function that is told of errors, for logging: of messages that could not be
/// processed, after which the connection goes on, and of errors of the socket, after
/// which it ends.
///
/// set: the set.
/// func: called in a dispatcher thread; NULL for none. See mrpc_ioerr_fn.
///
/// Returns 0; EINVAL if set is NULL. Holds for events that fire later. Any thread
/// may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_ioerr_func(
    set: *mut mrpc_conn_set,
    func: mrpc_ioerr_ptr,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    handle::code(
        set.ok_or(Errno::INVAL)
            .and_then(|set| set.set_ioerr_func(func)),
    )
}

/// Opens listeners. May be called repeatedly; a set can have any number.
///
/// set: a set of the server's role that has an accept function.
/// family: AF_INET, AF_INET6, or AF_UNSPEC for all that listenaddr resolves to.
/// listenaddr: a name or address of this machine; NULL is any address.
/// service: *service is a port number or a service name, and stays the caller's.
///     Or *service is NULL: then a free port is taken, and *service becomes its
///     number as a string, which the caller frees with free().
///
/// With AF_UNIX, listenaddr is a path of at most 107 bytes, or an `@` and a name that is no
/// file's, and *service is "" or NULL and stays as it is. A socket file that nobody listens on is
/// replaced (who does listen sees a connection that ends at once); the listener removes its own
/// when it is closed (a process that ends without mrpc_listen_close() leaves it). Meanwhile
/// there is a file with ".lock" behind the path.
///
/// One listener is opened for each address found, or, for a free port, one in all;
/// SO_REUSEADDR is set. A listener of IPv6 serves IPv4 clients as the system is configured
/// (net.ipv6.bindv6only); with AF_UNSPEC and no address there is one of each family
/// instead. Returns 0 if at least one could be opened; EINVAL if set or
/// service is NULL, the set has the client's role or no accept function, or
/// *service is NULL with AF_UNSPEC; the error of the name resolution as in
/// mrpc_connect(); ENAMETOOLONG; else the last errno (EADDRINUSE, EACCES, EMFILE ...).
///
/// The listeners hold the set until mrpc_listen_close(). Blocks while the name is
/// resolved. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_listen(
    set: *mut mrpc_conn_set,
    family: c_int,
    listenaddr: *const c_char,
    service: *mut *mut c_char,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds, and NULL or a place of its own.
    let (set, service) = unsafe { (handle::set(set), service.as_mut()) };
    let (Some(set), Some(service)) = (set, service) else {
        return Errno::INVAL.0;
    };
    // SAFETY: the caller passes NULL or strings.
    let (address, name) = unsafe { (handle::cstr(listenaddr), handle::cstr(*service)) };
    handle::code(match name {
        Some(name) => set.listen(family, address, Some(name)).map(drop),
        None if family == libc::AF_UNIX => set.listen(family, address, None).map(drop),
        None => listen_anywhere(&set, family, address).map(|port| *service = port.as_ptr()),
    })
}

/// Listens on a free port and gives its number as a string from malloc.
fn listen_anywhere(
    set: &Arc<Set>,
    family: c_int,
    address: Option<&CStr>,
) -> Result<NonNull<c_char>> {
    // Memory for the longest number comes first: with the listener open, nothing may fail.
    let text = handle::malloc_str("65535").ok_or(Errno(libc::ENOMEM))?;
    match set.listen(family, address, None) {
        Ok(port) => {
            let digits = format!("{}\0", port.unwrap_or_default());
            // SAFETY: a port has at most as many digits as the string that is there has.
            unsafe { copy_nonoverlapping(digits.as_ptr().cast(), text.as_ptr(), digits.len()) };
            Ok(text)
        }
        Err(errno) => {
            // SAFETY: malloc gave it just now, and nobody else has it.
            unsafe { libc::free(text.as_ptr().cast()) };
            Err(errno)
        }
    }
}

/// Closes all listeners of a set. Connections stay, and accept events that are
/// queued already still fire.
///
/// set: the set; NULL does nothing.
///
/// Never blocks. Any thread may call it, also from a handler, and in a signal
/// handler, whatever that interrupts; a thread that accepts at that moment closes its
/// listener itself, next.
#[no_mangle]
pub unsafe extern "C" fn mrpc_listen_close(set: *mut mrpc_conn_set) {
    // SAFETY: the caller passes NULL or a set that it holds.
    if let Some(set) = unsafe { handle::borrow_set(set) } {
        errno::kept(|| set.close_listeners());
    }
}
