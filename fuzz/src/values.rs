//! c/values.h: generated code for every form of the language.

use std::ffi::{c_char, c_long, c_uint, c_void, CStr};

extern "C" {
    fn values_types() -> c_uint;
    fn values_name(ty: c_uint) -> *const c_char;
    fn values_again(
        ty: c_uint,
        payload: *const c_void,
        len: usize,
        out: *mut c_void,
        room: usize,
    ) -> c_long;
}

pub fn types() -> u32 {
    // SAFETY: it gives a number.
    unsafe { values_types() }
}

pub fn name(ty: u32) -> String {
    assert!(ty < types());
    // SAFETY: there is a type of this number, whose name is a constant.
    let name = unsafe { CStr::from_ptr(values_name(ty)) };
    name.to_str().expect("a C identifier").to_owned()
}

/// What a payload that is one value of the type encodes to again.
pub fn again(ty: u32, payload: &[u8]) -> Option<Vec<u8>> {
    assert!(ty < types());
    // No value is longer in its other form, but what is left out takes a word.
    let mut out = vec![0; payload.len() + 64];
    // An allocation of its own, of which a sanitizer knows the end.
    let payload = payload.to_vec();
    // SAFETY: both are as long as is said.
    let len = unsafe {
        let out = out.as_mut_ptr().cast();
        values_again(
            ty,
            payload.as_ptr().cast(),
            payload.len(),
            out,
            payload.len() + 64,
        )
    };
    out.truncate(usize::try_from(len).ok()?);
    Some(out)
}
