//! The functions of xdr.h.

use crate::abi::XDR;
use crate::xdr;
use std::ffi::{c_char, c_int, c_uint, c_void};

/// See xdr.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_xdr_claim(xdrs: *mut XDR, len: c_uint) -> *mut c_char {
    // SAFETY: the caller passes a stream that it was handed.
    unsafe { xdr::claim(xdrs, len) }
}

/// See xdr.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_xdr_lend(
    xdrs: *mut XDR,
    root: *const c_void,
    data: *const c_char,
    len: c_uint,
) -> c_int {
    // SAFETY: the caller passes a stream that it was handed, and the object's own data.
    c_int::from(unsafe { xdr::lend(xdrs, root, data, len) })
}
