//! What comes on top of the old interface for connecting and listening.

use super::handle;
use crate::abi::mrpc_connection;
use crate::error::Errno;
use core::ffi::c_int;

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
