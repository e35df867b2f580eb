//! Every cast between C's pointers and what they stand for.
//!
//! A handle is the address of an object that keeps itself alive: a set by its background
//! thread, a connection by its own reference, until C has given up all of its references.

use crate::abi::{mrpc_conn_set, mrpc_connection, mrpc_message};
use crate::conn::Conn;
use crate::error::Result;
use crate::set::Set;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::ptr::NonNull;
use std::sync::Arc;

/// # Safety
/// `p` is NULL or a set handle that is still held.
#[inline]
pub unsafe fn set(p: *mut mrpc_conn_set) -> Option<Arc<Set>> {
    // SAFETY: by the contract, the address of a live Set inside an Arc.
    unsafe { share(p.cast::<Set>()) }
}

/// # Safety
/// `p` is NULL or a connection handle that is still valid.
#[inline]
pub unsafe fn conn(p: *mut mrpc_connection) -> Option<Arc<Conn>> {
    // SAFETY: by the contract, the address of a live Conn inside an Arc.
    unsafe { share(p.cast::<Conn>()) }
}

/// # Safety
/// `p` is NULL or came from `Arc::as_ptr` of an Arc that is still alive.
unsafe fn share<T>(p: *const T) -> Option<Arc<T>> {
    if p.is_null() {
        return None;
    }
    // SAFETY: as above; the count is raised for the reference that is made.
    unsafe {
        Arc::increment_strong_count(p);
        Some(Arc::from_raw(p))
    }
}

/// For signal handlers, where no reference may be the last: the set outlives the call, by its
/// own thread's reference.
///
/// # Safety
/// `p` is NULL or a set handle that is still held.
pub unsafe fn borrow_set<'a>(p: *mut mrpc_conn_set) -> Option<&'a Set> {
    // SAFETY: by the contract, the address of a live Set.
    unsafe { p.cast::<Set>().as_ref() }
}

pub fn new_set(set: Arc<Set>) -> *mut mrpc_conn_set {
    set.as_handle().cast()
}

pub fn new_conn(conn: Arc<Conn>) -> *mut mrpc_connection {
    conn.as_handle().cast()
}

/// The key behind what C holds; 0 for NULL.
pub fn message_key(p: *mut mrpc_message) -> u64 {
    p.addr() as u64
}

/// # Safety
/// `p` is NULL or a NUL-terminated string that outlives `'a`.
pub unsafe fn cstr<'a>(p: *const c_char) -> Option<&'a CStr> {
    if p.is_null() {
        return None;
    }
    // SAFETY: as above.
    Some(unsafe { CStr::from_ptr(p) })
}

/// A structure that the caller filled in, and that begins with its size. None if it is shorter
/// than ours, or longer and says there what we do not know.
///
/// # Safety
/// `p` is the address of as many bytes as the `size_t` says that it begins with.
pub unsafe fn input<T: Copy>(p: *const T) -> Option<T> {
    // SAFETY: by the contract.
    unsafe {
        let size = p.cast::<usize>().read();
        let beyond = size.checked_sub(size_of::<T>())?;
        let beyond = std::slice::from_raw_parts(p.add(1).cast::<u8>(), beyond);
        beyond.iter().all(|byte| *byte == 0).then(|| p.read())
    }
}

/// 0, or the errno value.
pub fn code(r: Result<()>) -> c_int {
    r.map_or_else(|e| e.0, |()| 0)
}

/// A copy of `text` that C frees with free(); None without memory.
pub fn malloc_str(text: &str) -> Option<NonNull<c_char>> {
    // SAFETY: room for the text and a NUL, which calloc has written; checked before the copy.
    unsafe {
        let at = NonNull::new(libc::calloc(1, text.len() + 1).cast::<c_char>())?;
        std::ptr::copy_nonoverlapping(text.as_ptr(), at.as_ptr().cast(), text.len());
        Some(at)
    }
}

/// The application's pointer as a number, and back.
pub fn expose(p: *mut c_void) -> usize {
    p.expose_provenance()
}
