//! What connections go through: include/minirpc/transport.h, which has the comments.

use super::handle;
use crate::abi::{mrpc_conn_set, mrpc_connection, mrpc_transport};
use crate::error::Errno;
use crate::transport::Transport;
use core::ffi::{c_int, c_void};

#[no_mangle]
pub unsafe extern "C" fn mrpc_set_transport(
    set: *mut mrpc_conn_set,
    transport: *const mrpc_transport,
    data: *mut c_void,
) -> c_int {
    // SAFETY: the caller passes NULL or a set that it holds.
    let Some(set) = (unsafe { handle::set(set) }) else {
        return Errno::INVAL.0;
    };
    let address = transport.addr();
    let data = handle::expose(data);
    handle::code(set.set_transport(|server| {
        if transport.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller passes a table that begins with its size.
        let table = unsafe { handle::input(transport) }.ok_or(Errno::INVAL)?;
        Transport::attach(&table, address, data, server).map(Some)
    }))
}

#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_get_session(
    conn: *mut mrpc_connection,
    transport: *const mrpc_transport,
    session: *mut *mut c_void,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives, and NULL or a place of its own.
    let (conn, place) = unsafe { (handle::conn(conn), session.as_mut()) };
    let (Some(conn), Some(place), false) = (conn, place, transport.is_null()) else {
        return Errno::INVAL.0;
    };
    handle::code(
        conn.session(transport.addr())
            .map(|session| *place = session),
    )
}
