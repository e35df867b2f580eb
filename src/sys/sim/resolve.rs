//! One machine, which is called by any name; a service is a number.

use crate::error::{Errno, Failure};
use std::ffi::CStr;

pub struct Address {
    pub family: i32,
    pub port: u16,
}

impl Address {
    pub fn of_peer(family: i32, bytes: &[u8]) -> Address {
        let port = bytes
            .get(2..4)
            .map_or(0, |p| u16::from_be_bytes([p[0], p[1]]));
        Address { family, port }
    }

    /// There are no files.
    pub fn path(&self) -> Option<&CStr> {
        None
    }

    pub fn bytes(&self) -> Vec<u8> {
        ipv4(self.port)
    }

    pub fn describe(&self) -> String {
        format!("port {}", self.port)
    }
}

/// As the system would give it, of the only machine.
pub fn ipv4(port: u16) -> Vec<u8> {
    let mut bytes = vec![0; size_of::<libc::sockaddr_in>()];
    bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    bytes[2..4].copy_from_slice(&port.to_be_bytes());
    bytes
}

pub fn resolve(
    _family: i32,
    _host: Option<&CStr>,
    service: Option<&CStr>,
    _passive: bool,
) -> Result<Vec<Address>, Failure> {
    let service = service.map_or(Ok("0"), CStr::to_str);
    let port = service.ok().and_then(|text| text.parse().ok());
    let address = |port| Address {
        family: libc::AF_INET,
        port,
    };
    let port = port.ok_or_else(|| Failure::of("service", Errno(libc::ENOENT)))?;
    Ok(vec![address(port)])
}

pub fn resolve_at_once(
    family: i32,
    host: Option<&CStr>,
    service: &CStr,
) -> Option<Result<Vec<Address>, Failure>> {
    Some(resolve(family, host, Some(service), false))
}
