//! One machine, which is called by any name; a service is a number.

use crate::error::{Errno, Result};
use std::ffi::CStr;

pub struct Address {
    pub family: i32,
    pub port: u16,
}

pub fn resolve(
    _family: i32,
    _host: Option<&CStr>,
    service: Option<&CStr>,
    _passive: bool,
) -> Result<Vec<Address>> {
    let service = service.map_or(Ok("0"), CStr::to_str);
    let port = service.ok().and_then(|text| text.parse().ok());
    let address = |port| Address {
        family: libc::AF_INET,
        port,
    };
    Ok(vec![address(port.ok_or(Errno(libc::ENOENT))?)])
}
