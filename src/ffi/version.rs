//! Version and texts.

use crate::abi::mrpc_status_t;
use crate::proto::status;
use core::ffi::{c_char, c_int, CStr};

/// Each part has eight bits of the code.
const fn part(decimal: &str) -> c_int {
    let digits = decimal.as_bytes();
    let mut value = 0;
    let mut i = 0;
    while i < digits.len() {
        value = value * 10 + (digits[i] - b'0') as c_int;
        i += 1;
    }
    assert!(value < 256);
    value
}

const VERSION_CODE: c_int = (part(env!("CARGO_PKG_VERSION_MAJOR")) << 24)
    + (part(env!("CARGO_PKG_VERSION_MINOR")) << 16)
    + (part(env!("CARGO_PKG_VERSION_PATCH")) << 8);

/// The version of the library that the program runs with, to be compared with
/// MRPC_MAKE_VERSION_CODE(major, minor, revision). MRPC_VERSION_CODE() is the
/// version of the headers that it was compiled with.
///
/// Any thread may call it, also a signal handler.
#[no_mangle]
pub extern "C" fn mrpc_version_code() -> c_int {
    VERSION_CODE
}

/// Describes a status.
///
/// status: what a call returned or a callback was given.
///
/// Returns a static string in English, never NULL; do not free it. All positive
/// codes, which are the application's own, share one text, and so do all unknown
/// negative ones. Any thread may call it, also a signal handler.
#[no_mangle]
pub extern "C" fn mrpc_strerror(status: mrpc_status_t) -> *const c_char {
    text(status).as_ptr()
}

fn text(status: mrpc_status_t) -> &'static CStr {
    match status {
        status::OK => c"Success",
        status::ENCODING_ERR => c"Serialization error",
        status::PROCEDURE_UNAVAIL => c"Procedure not available at this time",
        status::INVALID_ARGUMENT => c"Invalid argument",
        status::INVALID_PROTOCOL => c"Operation does not match connection role",
        status::NETWORK_FAILURE => c"Connection failure",
        status::TIMEDOUT => c"Call timed out",
        status::CANCELLED => c"Call cancelled",
        status::BUSY => c"Limit reached",
        1.. => c"Application-specific error",
        _ => c"Unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_made_of_the_package_version() {
        let code = mrpc_version_code();
        let spelled = format!(
            "{}.{}.{}",
            code >> 24,
            (code >> 16) & 255,
            (code >> 8) & 255
        );
        assert_eq!(spelled, env!("CARGO_PKG_VERSION"));
        assert!(code > (3 << 8) + (3 << 16), "not above 0.3.3");
    }

    #[test]
    fn every_number_has_a_text() {
        assert_eq!(text(0), c"Success");
        assert_eq!(text(-1), c"Unknown error");
        assert_eq!(text(-6), c"Connection failure");
        assert_eq!(text(-9), c"Limit reached");
        assert_eq!(text(-10), c"Unknown error");
        assert_eq!(text(i32::MIN), c"Unknown error");
        assert_eq!(text(1), c"Application-specific error");
        assert_eq!(text(i32::MAX), c"Application-specific error");
    }
}
