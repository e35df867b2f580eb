//! For the stress tests, whose library is built with the feature `chaos`; in no other.

use std::ffi::c_ulong;

/// How often the background's tick found what a wake-up should have brought.
#[no_mangle]
pub extern "C" fn minirpc_chaos_rescues() -> c_ulong {
    crate::sync::rescues() as c_ulong
}
