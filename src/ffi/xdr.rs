//! The function of xdr.h.

use crate::abi::XDR;
use crate::xdr;
use std::ffi::{c_char, c_uint};

/// See xdr.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_xdr_claim(xdrs: *mut XDR, len: c_uint) -> *mut c_char {
    // SAFETY: the caller passes a stream that it was handed.
    unsafe { xdr::claim(xdrs, len) }
}
