//! Seeing what happens.

use super::handle;
use crate::abi::{
    mrpc_conn_set, mrpc_conn_stats, mrpc_connection, mrpc_message, mrpc_set_stats, mrpc_trace_ptr,
};
use crate::dispatch;
use crate::error::{Errno, Result};
use core::ffi::{c_int, c_void};

/// Stores a structure that begins with its size, as far as the caller knows it.
///
/// # Safety
/// `place` is NULL, or a structure that begins with the size of what may be stored there.
unsafe fn store<T>(place: *mut T, get: impl FnOnce() -> Result<T>) -> Result<()> {
    if place.is_null() {
        return Err(Errno::INVAL);
    }
    // SAFETY: by the contract; T is a C structure whose first member is its size.
    let room = unsafe { place.cast::<usize>().read() };
    let ours = size_of::<T>();
    if room < ours {
        return Err(Errno::INVAL);
    }
    let value = get()?;
    // SAFETY: by the contract there are `room` bytes, of which ours are the first.
    unsafe {
        place.cast::<u8>().add(ours).write_bytes(0, room - ours);
        place.write(value);
    }
    Ok(())
}

/// Tells what a set has done so far, and what waits. Connections are looked at one after
/// the other, while others go on: sums of what happens meanwhile may not match.
///
/// set: the set.
/// stats: where it goes. The caller has set stats->size to sizeof *stats; members that
///     only the caller knows become 0, and stats->size what was filled in.
///
/// Returns 0; EINVAL if an argument is NULL or stats->size is too small. Any thread may
/// call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_get_stats(
    set: *mut mrpc_conn_set,
    stats: *mut mrpc_set_stats,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    let set = set.ok_or(Errno::INVAL);
    // SAFETY: the caller passes NULL or a structure whose size it has set.
    handle::code(set.and_then(|set| unsafe { store(stats, || set.hub().stats()) }))
}

/// Tells what a connection has done so far, and what waits. It can also be asked for after
/// the disconnect, as long as the handle exists.
///
/// conn: the handle.
/// stats: as for mrpc_get_stats().
///
/// Returns as mrpc_get_stats(). Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_stats(
    conn: *mut mrpc_connection,
    stats: *mut mrpc_conn_stats,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    let conn = conn.ok_or(Errno::INVAL);
    // SAFETY: the caller passes NULL or a structure whose size it has set.
    handle::code(conn.and_then(|conn| unsafe { store(stats, || conn.stats()) }))
}

/// Calls a function for each active connection of a set: those that were connected, bound
/// or accepted, oldest first, until their disconnect callbacks have returned. Connections
/// that come or go meanwhile may be left out.
///
/// set: the set.
/// func: called in this thread, with no lock held: it may call any function, also
///     mrpc_conn_close() on the connection. It has to return. The handle stays valid until
///     then, and longer with a reference of the function's own (mrpc_conn_ref()).
/// data: its first argument.
///
/// Returns 0; EINVAL if set or func is NULL. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_for_each_connection(
    set: *mut mrpc_conn_set,
    func: Option<unsafe extern "C" fn(data: *mut c_void, conn: *mut mrpc_connection)>,
    data: *mut c_void,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    let (Some(set), Some(func)) = (set, func) else {
        return Errno::INVAL.0;
    };
    handle::code(set.hub().for_each_connection(|conn| {
        // SAFETY: the application's function, with its own pointer, and a handle that lives.
        unsafe { func(data, conn.as_handle().cast()) }
    }))
}

/// Tells which connection a request came on: one that a handler is given, or has kept. For
/// a one-way message, in its handler only.
///
/// request: what the handler was given.
/// conn: where the handle goes; *conn becomes NULL if the call fails.
///
/// Returns 0: the caller owns a new reference, to be dropped by mrpc_conn_unref(). EINVAL if
/// an argument is NULL, or request never was one; ENOENT if it was replied to, or its
/// connection has gone. Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_message_get_connection(
    request: *mut mrpc_message,
    conn: *mut *mut mrpc_connection,
) -> c_int {
    // SAFETY: the caller passes NULL or a place for the result.
    let Some(place) = (unsafe { conn.as_mut() }) else {
        return Errno::INVAL.0;
    };
    *place = core::ptr::null_mut();
    let found = dispatch::upcall::connection_of(handle::message_key(request));
    handle::code(found.map(|conn| *place = handle::new_conn(conn)))
}

/// Sets the function that is told of each step of the set's connections and messages: see
/// enum mrpc_trace_kind. Without one, nothing is noted, at no cost.
///
/// set: the set.
/// func: called in whichever thread did the step, also in the library's own, with no lock
///     held; it must return, and must not call the library. NULL for none.
/// data: its first argument. After a change an old function may still be running, or be
///     called: it and its data stay valid until the set has ended.
///
/// Returns 0; EINVAL if set is NULL. Holds at once, for connections that exist, too. Any
/// thread may call it, also from a handler.
///
/// MINIRPC_TRACE=path in the environment writes the same to a file, for any program: %p in
/// it is the pid, and stderr is that. It is read when the first set is made.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_trace_func(
    set: *mut mrpc_conn_set,
    func: mrpc_trace_ptr,
    data: *mut c_void,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    handle::code(set.ok_or(Errno::INVAL).and_then(|set| {
        set.hub().check_process()?;
        let hook = func.map(|func| (func, handle::expose(data)));
        set.hub().observer.set_trace(hook);
        Ok(())
    }))
}

/// Records how long things take, for mrpc_get_stats(): call_time, dispatch_wait and
/// handler_time. That costs some clock reads for each call.
///
/// set: the set.
/// enabled: 0, the default, for not; else, what is recorded adds to what there is.
///
/// Returns 0; EINVAL if set is NULL. Holds for calls that begin and messages that arrive
/// later. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_latency_enabled(
    set: *mut mrpc_conn_set,
    enabled: c_int,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    handle::code(set.ok_or(Errno::INVAL).and_then(|set| {
        set.hub().check_process()?;
        set.hub().observer.set_latency_enabled(enabled != 0);
        Ok(())
    }))
}
