//! What is used of libminirpc.so.1, as include/minirpc/transport.h has it, and the types that C
//! sees of us.

#![allow(
    non_camel_case_types,
    reason = "the names are those of the C interface"
)]

use core::ffi::{c_char, c_int, c_void};

/// Opaque: a handle of the library's.
#[repr(C)]
pub struct mrpc_conn_set {
    _private: (),
}

/// Opaque: a handle of the library's.
#[repr(C)]
pub struct mrpc_connection {
    _private: (),
}

/// Opaque to C: `settings::Tls`.
#[repr(C)]
pub struct mrpc_tls {
    _private: (),
}

#[repr(C)]
pub struct mrpc_tls_info {
    pub size: usize,
    pub version: c_int,
    pub resumed: c_int,
    pub suite: [c_char; 64],
    pub sni: [c_char; 256],
}

#[repr(C)]
pub struct mrpc_transport_end {
    pub size: usize,
    pub server: c_int,
    pub bound: c_int,
    pub host: *const c_char,
    pub address: *const libc::sockaddr,
    pub address_len: libc::socklen_t,
}

pub const READY: c_int = 1;
pub const SEND: c_int = 2;
pub const MORE: c_int = 4;
pub const ENDED: c_int = 8;
pub const FAILED: c_int = 16;

#[repr(C)]
pub struct mrpc_transport {
    pub size: usize,
    pub attach: unsafe extern "C" fn(*mut c_void, c_int, *mut *mut c_void) -> c_int,
    pub detach: unsafe extern "C" fn(*mut c_void),
    pub open: unsafe extern "C" fn(
        *mut c_void,
        *const mrpc_transport_end,
        *mut *mut c_void,
        *mut c_char,
        usize,
    ) -> c_int,
    pub free: unsafe extern "C" fn(*mut c_void),
    pub receive: unsafe extern "C" fn(
        *mut c_void,
        *const c_void,
        usize,
        *mut usize,
        *mut c_void,
        usize,
        *mut usize,
    ) -> c_int,
    pub send: unsafe extern "C" fn(
        *mut c_void,
        *const libc::iovec,
        usize,
        *mut usize,
        *mut c_void,
        usize,
        *mut usize,
    ) -> c_int,
    pub end: unsafe extern "C" fn(*mut c_void) -> c_int,
    pub get_error: unsafe extern "C" fn(*mut c_void, *mut c_char, usize),
}

extern "C" {
    pub fn mrpc_set_transport(
        set: *mut mrpc_conn_set,
        transport: *const mrpc_transport,
        data: *mut c_void,
    ) -> c_int;
    pub fn mrpc_conn_get_session(
        conn: *mut mrpc_connection,
        transport: *const mrpc_transport,
        session: *mut *mut c_void,
    ) -> c_int;
}
