//! Settings, from the environment.

use std::ffi::{c_char, CStr, CString};

pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

extern "C" {
    fn secure_getenv(name: *const c_char) -> *mut c_char;
}

/// None in a program that has its owner's rights instead of its user's.
pub fn secure_var(name: &str) -> Option<Vec<u8>> {
    let name = CString::new(name).ok()?;
    // SAFETY: a string that outlives the call; what it gives is copied at once.
    let value = unsafe {
        let at = secure_getenv(name.as_ptr());
        (!at.is_null()).then(|| CStr::from_ptr(at))
    };
    value.map(|value| value.to_bytes().to_vec())
}
