//! getaddrinfo, with its errors as errno values.

use crate::error::{Errno, Failure};
use std::ffi::CStr;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ptr;

/// A socket address as the kernel takes it, with what `socket` needs for it.
pub struct Address {
    pub family: i32,
    pub protocol: i32,
    pub bytes: Vec<u8>,
}

impl Address {
    /// That of a peer, as `accept` gives it.
    pub fn of_peer(family: i32, bytes: &[u8]) -> Address {
        Address {
            family,
            protocol: 0,
            bytes: bytes.to_vec(),
        }
    }

    /// True for an IPv4 address in IPv6 form (RFC 4291, section 2.5.5.2).
    pub fn is_mapped(&self) -> bool {
        const PREFIX: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        // Behind family, port and flow information, as struct sockaddr_in6 has it.
        self.family == libc::AF_INET6 && self.bytes.get(8..20) == Some(&PREFIX)
    }

    /// Where the file of a Unix socket is; None for a name without one.
    pub fn path(&self) -> Option<&CStr> {
        let name = self.bytes.get(NAME..)?;
        (self.family == libc::AF_UNIX && name.first() != Some(&0))
            .then(|| CStr::from_bytes_until_nul(name).ok())?
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// For a user to read.
    pub fn describe(&self) -> String {
        let port = || u16::from_be_bytes([self.bytes[2], self.bytes[3]]);
        let part = |from: usize, to: usize| self.bytes.get(from..to);
        match self.family {
            libc::AF_INET => match part(4, 8).and_then(|a| <[u8; 4]>::try_from(a).ok()) {
                Some(a) => format!("{} port {}", Ipv4Addr::from(a), port()),
                None => String::new(),
            },
            libc::AF_INET6 => match part(8, 24).and_then(|a| <[u8; 16]>::try_from(a).ok()) {
                Some(a) => format!("{} port {}", Ipv6Addr::from(a), port()),
                None => String::new(),
            },
            libc::AF_UNIX => match (self.path(), self.bytes.get(NAME + 1..)) {
                (Some(path), _) => path.to_string_lossy().into_owned(),
                (None, Some(name)) => format!("@{}", String::from_utf8_lossy(name)),
                (None, None) => String::new(),
            },
            family => format!("address of family {family}"),
        }
    }
}

/// Where a Unix socket's name begins, and how long a path may be.
const NAME: usize = std::mem::offset_of!(libc::sockaddr_un, sun_path);
const LONGEST: usize = size_of::<libc::sockaddr_un>() - NAME - 1;

/// The address of a Unix socket: a path, or after an `@` a name that is no file's.
fn unix(name: Option<&CStr>, service: Option<&CStr>) -> Result<Address, Failure> {
    let name = name.map_or(&[][..], CStr::to_bytes);
    if name.is_empty() {
        return Err(Failure::new(libc::EINVAL, "no path is given"));
    }
    if service.is_some_and(|service| !service.is_empty()) {
        let why = "the service of a Unix socket must be empty";
        return Err(Failure::new(libc::EINVAL, why));
    }
    if name.len() > LONGEST {
        let why = format!("the path has more than {LONGEST} bytes");
        return Err(Failure::new(libc::ENAMETOOLONG, why));
    }
    let mut bytes = (libc::AF_UNIX as libc::sa_family_t).to_ne_bytes().to_vec();
    match name.strip_prefix(b"@") {
        Some(name) => {
            bytes.push(0);
            bytes.extend_from_slice(name);
        }
        None => {
            bytes.extend_from_slice(name);
            bytes.push(0);
        }
    }
    Ok(Address {
        family: libc::AF_UNIX,
        protocol: 0,
        bytes,
    })
}

/// Resolves for stream sockets; `passive`: for bind, so that no host means any address.
pub fn resolve(
    family: i32,
    host: Option<&CStr>,
    service: Option<&CStr>,
    passive: bool,
) -> Result<Vec<Address>, Failure> {
    if family == libc::AF_UNIX {
        return Ok(vec![unix(host, service)?]);
    }
    // getaddrinfo refuses to resolve nothing at all; port 0 asks for a free one.
    let service = service.unwrap_or(c"0");
    let flags = if passive { libc::AI_PASSIVE } else { 0 };
    look_up(family, host, service, flags).map_err(|code| failure(code, host, service))
}

/// Resolves what takes no time: None if `host` is a name.
pub fn resolve_at_once(
    family: i32,
    host: Option<&CStr>,
    service: &CStr,
) -> Option<Result<Vec<Address>, Failure>> {
    if family == libc::AF_UNIX {
        return Some(resolve(family, host, Some(service), false));
    }
    match look_up(family, host, service, libc::AI_NUMERICHOST) {
        Err(libc::EAI_NONAME) if host.is_some() => None,
        found => Some(found.map_err(|code| failure(code, host, service))),
    }
}

/// getaddrinfo; an error is one of its own.
fn look_up(
    family: i32,
    host: Option<&CStr>,
    service: &CStr,
    flags: i32,
) -> Result<Vec<Address>, i32> {
    // SAFETY: all-zero hints mean "anything".
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = family;
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_flags = flags;
    let mut list = ptr::null_mut();
    // SAFETY: NUL-terminated strings (or NULL), valid hints, and a place for the result.
    let code = unsafe {
        libc::getaddrinfo(
            host.map_or(ptr::null(), CStr::as_ptr),
            service.as_ptr(),
            &hints,
            &mut list,
        )
    };
    if code != 0 {
        return Err(code);
    }
    let mut out = Vec::new();
    let mut next = list;
    // SAFETY: a list that getaddrinfo made: each node and its address are valid until
    // freeaddrinfo.
    unsafe {
        while let Some(node) = next.as_ref() {
            let raw =
                std::slice::from_raw_parts(node.ai_addr.cast::<u8>(), node.ai_addrlen as usize);
            out.push(Address {
                family: node.ai_family,
                protocol: node.ai_protocol,
                bytes: raw.to_vec(),
            });
            next = node.ai_next;
        }
        libc::freeaddrinfo(list);
    }
    Ok(out)
}

fn failure(code: i32, host: Option<&CStr>, service: &CStr) -> Failure {
    let errno = to_errno(code);
    let of_service = code == libc::EAI_SERVICE;
    let what = host.filter(|_| !of_service).unwrap_or(service);
    let what = what.to_string_lossy();
    if code == libc::EAI_SYSTEM {
        return Failure::of(&what, errno);
    }
    // SAFETY: a constant text for each code.
    let why = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
    Failure {
        errno,
        text: format!("{what}: {}", why.to_string_lossy()),
    }
}

fn to_errno(code: i32) -> Errno {
    // EAI_ADDRFAMILY and EAI_NODATA are GNU extensions that the libc crate leaves out.
    const EAI_ADDRFAMILY: i32 = -9;
    const EAI_NODATA: i32 = -5;
    Errno(match code {
        EAI_ADDRFAMILY => libc::EADDRNOTAVAIL,
        libc::EAI_AGAIN => libc::EAGAIN,
        libc::EAI_BADFLAGS => libc::EINVAL,
        libc::EAI_FAMILY => libc::EAFNOSUPPORT,
        libc::EAI_MEMORY => libc::ENOMEM,
        EAI_NODATA | libc::EAI_NONAME | libc::EAI_SERVICE => libc::ENOENT,
        libc::EAI_SOCKTYPE => libc::EOPNOTSUPP,
        libc::EAI_SYSTEM => return Errno::last(),
        _ => libc::EIO,
    })
}
