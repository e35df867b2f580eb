//! Dispatchers and the flow of events.

use super::handle;
use crate::abi::{mrpc_conn_set, mrpc_connection};
use crate::dispatch;
use crate::error::Errno;
use core::ffi::{c_int, c_uint};
use std::sync::Arc;

/// Starts a thread that runs the set's events until the set ends. May be called
/// repeatedly, for as many dispatchers. The thread is detached and has all signals
/// blocked.
///
/// set: the set.
///
/// Returns 0 once the thread is registered; EINVAL if set is NULL; EAGAIN or
/// ENOMEM if no thread can be made. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_start_dispatch_thread(set: *mut mrpc_conn_set) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    handle::code(
        set.ok_or(Errno::INVAL)
            .and_then(|set| set.spawn_dispatcher()),
    )
}

/// Bounds the loops that a set waits for its sockets with. There is one for each
/// dispatcher that waits in mrpc_dispatch_loop() or was made by
/// mrpc_start_dispatch_thread(), up to the number of CPUs that the process could run
/// on when the set was made; each beyond the first costs three descriptors. A
/// connection belongs to one of them, and its events run in any dispatcher, in their
/// order, as with one loop. Dispatching by hand has one loop.
///
/// set: the set.
/// loops: how many; 0, the default, is no bound of its own.
///
/// Returns 0; EINVAL if set is NULL. Holds at once: connections of loops that are not
/// used any more move to others. Any thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_set_max_loops(set: *mut mrpc_conn_set, loops: c_uint) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let set = unsafe { handle::set(set) };
    handle::code(
        set.ok_or(Errno::INVAL)
            .and_then(|set| set.set_max_loops(loops)),
    )
}

/// Registers the calling thread as a dispatcher of a set, as it must be before
/// mrpc_dispatch() and mrpc_dispatch_loop(). A thread may serve several sets.
///
/// set: the set; NULL does nothing.
///
/// Each call is to be matched by one of mrpc_dispatcher_remove() in the same
/// thread. Any thread may call it.
#[no_mangle]
pub unsafe extern "C" fn mrpc_dispatcher_add(set: *mut mrpc_conn_set) {
    // SAFETY: the caller passes NULL or a set that it holds.
    if let Some(set) = unsafe { handle::set(set) } {
        set.hub().register_dispatcher();
    }
}

/// Ends the calling thread's service as a dispatcher of a set.
///
/// set: a set that this thread has registered for; it may be gone when this
///     returns, if it had ended. NULL does nothing, nor does a set that the thread
///     is not registered for.
///
/// To be called outside of handlers, in the thread that called
/// mrpc_dispatcher_add().
#[no_mangle]
pub unsafe extern "C" fn mrpc_dispatcher_remove(set: *mut mrpc_conn_set) {
    // SAFETY: the caller passes NULL or a set that it holds or is registered for.
    if let Some(set) = unsafe { handle::set(set) } {
        set.hub().unregister_dispatcher();
    }
}

/// Runs the set's events in the calling thread, waiting for more, until the set
/// ends. See mrpc_conn_set_unref().
///
/// set: a set that the thread is registered for.
///
/// Returns ENXIO when the set is being destroyed: call mrpc_dispatcher_remove();
/// EINVAL if set is NULL; EPERM if the thread is not registered for the set. Not
/// to be called from a handler. A thread that is cancelled (pthread_cancel) ends
/// here when its wait does, and is no dispatcher any more.
#[no_mangle]
pub unsafe extern "C" fn mrpc_dispatch_loop(set: *mut mrpc_conn_set) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds or is registered for.
    let set = unsafe { handle::set(set) };
    set.map_or(Errno::INVAL.0, |set| {
        let hub = Arc::clone(set.hub());
        drop(set);
        dispatch::dispatch_loop(hub)
    })
}

/// Runs events that are queued, in the calling thread, without waiting for more.
/// For programs with an event loop of their own: see mrpc_get_event_fd().
///
/// set: a set that the thread is registered for.
/// max: how many events at most; 0 or less is no bound.
///
/// Returns EAGAIN when the queue ran empty; 0 when max events were run; ENXIO when
/// the set is being destroyed: call mrpc_dispatcher_remove(); EINVAL if set is
/// NULL; EPERM if the thread is not registered for the set. Not to be called from
/// a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_dispatch(set: *mut mrpc_conn_set, max: c_int) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds or is registered for.
    let set = unsafe { handle::set(set) };
    set.map_or(Errno::INVAL.0, |set| {
        let hub = Arc::clone(set.hub());
        drop(set);
        dispatch::dispatch(hub, max)
    })
}

/// Gives a descriptor for poll, select or epoll that is readable while events are
/// queued or the set is being destroyed: then call mrpc_dispatch().
///
/// set: the set.
///
/// Returns the descriptor, the same one at every call; -1 if set is NULL or no
/// descriptor can be made. It is the library's: poll it, but do not read, write or
/// close it. It is valid until a dispatch function returns ENXIO. Any thread may
/// call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_get_event_fd(set: *mut mrpc_conn_set) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds or is registered for.
    let set = unsafe { handle::set(set) };
    set.map_or(-1, |set| set.hub().event_fd())
}

/// Holds back a connection's events: from now on they queue and none is lost. A
/// handler that runs already is not waited for. Calls nest: each takes one
/// mrpc_start_events(). Replies to synchronous calls are not events, and arrive.
///
/// conn: the handle.
///
/// Returns 0, also if the events were stopped already; EINVAL if conn is NULL. Any
/// thread may call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_stop_events(conn: *mut mrpc_connection) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    handle::code(conn.ok_or(Errno::INVAL).and_then(|conn| conn.stop_events()))
}

/// Undoes one mrpc_stop_events(). When all are undone, queued events fire.
///
/// conn: the handle.
///
/// Returns 0; EINVAL if conn is NULL or its events are not stopped. Any thread may
/// call it, also from a handler.
#[no_mangle]
pub unsafe extern "C" fn mrpc_start_events(conn: *mut mrpc_connection) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    handle::code(
        conn.ok_or(Errno::INVAL)
            .and_then(|conn| conn.start_events()),
    )
}

/// Lets the connection's next event fire in another dispatcher while the calling
/// handler still runs, as one does before long work. What the handler was given
/// stays valid until it returns.
///
/// Returns 0; EPERM if the calling thread is not inside a handler; ENOENT if this
/// handler has released its event before.
#[no_mangle]
pub extern "C" fn mrpc_release_event() -> c_int {
    handle::code(dispatch::ticket::release_current())
}
