//! The functions of the transport, as C calls them: see include/minirpc/transport.h.

#![allow(unsafe_code, reason = "this is the boundary")]

use crate::abi::{mrpc_transport, mrpc_transport_end};
use crate::session::{Session, Step};
use crate::settings::Tls;
use crate::shared::{Shared, Target};
use std::ffi::{c_char, c_int, c_void, CStr};
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::slice;

pub static TABLE: mrpc_transport = mrpc_transport {
    size: size_of::<mrpc_transport>(),
    attach,
    detach,
    open,
    free,
    receive,
    send,
    end,
    get_error,
};

/// Stores `text` with a zero byte at its end, cut to `size` bytes.
///
/// # Safety
/// There are `size` bytes at `place`, one at least.
pub unsafe fn put_text(text: &str, place: *mut c_char, size: usize) {
    let mut len = text.len().min(size - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    // SAFETY: by the contract, as `len` is below `size`.
    unsafe {
        text.as_ptr()
            .cast::<c_char>()
            .copy_to_nonoverlapping(place, len);
        place.add(len).write(0);
    }
}

/// `data` is a `Tls` that the caller of `mrpc_set_tls` holds.
unsafe extern "C" fn attach(data: *mut c_void, server: c_int, shared: *mut *mut c_void) -> c_int {
    // SAFETY: `mrpc_set_tls` passes one.
    let tls = unsafe { &*data.cast::<Tls>() };
    let settings = tls.settings().clone();
    let made = Shared::new(&settings, server != 0);
    tls.note(made.map(|made| {
        // SAFETY: a place of the library's.
        unsafe { shared.write(Box::into_raw(Box::new(made)).cast()) };
    }))
}

unsafe extern "C" fn detach(shared: *mut c_void) {
    // SAFETY: what `attach` made, given back once.
    drop(unsafe { Box::from_raw(shared.cast::<Shared>()) });
}

unsafe extern "C" fn open(
    shared: *mut c_void,
    end: *const mrpc_transport_end,
    session: *mut *mut c_void,
    text: *mut c_char,
    text_size: usize,
) -> c_int {
    // SAFETY: what `attach` made, and the library's own description of the connection.
    let (shared, end) = unsafe { (&*shared.cast::<Shared>(), &*end) };
    // SAFETY: NULL or a string.
    let host = (!end.host.is_null()).then(|| unsafe { CStr::from_ptr(end.host) });
    // SAFETY: an address of that length.
    let address =
        unsafe { slice::from_raw_parts(end.address.cast::<u8>(), end.address_len as usize) };
    let target = if end.bound != 0 || family(address) == libc::AF_UNIX {
        Target::Unnamed
    } else {
        Target::Connected(host.map(CStr::to_bytes), ip_address(address))
    };
    match shared.open(&target) {
        Ok(made) => {
            // SAFETY: a place of the library's.
            unsafe { session.write(Box::into_raw(Box::new(made)).cast()) };
            0
        }
        Err(failure) => {
            // SAFETY: room of the library's.
            unsafe { put_text(&failure.text, text, text_size) };
            failure.errno
        }
    }
}

fn family(address: &[u8]) -> i32 {
    let family = address.first_chunk().map(|f| u16::from_ne_bytes(*f));
    family.map_or(libc::AF_UNSPEC, i32::from)
}

/// Behind family and port, as struct sockaddr_in and sockaddr_in6 have it.
fn ip_address(address: &[u8]) -> Option<IpAddr> {
    let part = |from: usize, to: usize| address.get(from..to);
    match family(address) {
        libc::AF_INET => <[u8; 4]>::try_from(part(4, 8)?)
            .ok()
            .map(|a| Ipv4Addr::from(a).into()),
        libc::AF_INET6 => <[u8; 16]>::try_from(part(8, 24)?)
            .ok()
            .map(|a| Ipv6Addr::from(a).into()),
        _ => None,
    }
}

unsafe extern "C" fn free(session: *mut c_void) {
    // SAFETY: what `open` made, given back once.
    drop(unsafe { Box::from_raw(session.cast::<Session>()) });
}

/// # Safety
/// `taken` and `given` are places.
unsafe fn put(step: Step, taken: *mut usize, given: *mut usize) -> c_int {
    // SAFETY: by the contract.
    unsafe {
        taken.write(step.taken);
        given.write(step.given);
    }
    step.state
}

/// # Safety
/// There are `len` bytes at `at`, unless that is 0.
unsafe fn bytes<'a>(at: *const c_void, len: usize) -> &'a [u8] {
    match len {
        0 => &[],
        // SAFETY: by the contract.
        _ => unsafe { slice::from_raw_parts(at.cast(), len) },
    }
}

/// # Safety
/// As `bytes`. What is there is only ever written.
unsafe fn room<'a>(at: *mut c_void, len: usize) -> &'a mut [u8] {
    match len {
        0 => &mut [],
        // SAFETY: by the contract; the bytes may be uninitialised, of which rustls reads none.
        _ => unsafe { slice::from_raw_parts_mut(at.cast(), len) },
    }
}

unsafe extern "C" fn receive(
    session: *mut c_void,
    wire: *const c_void,
    len: usize,
    taken: *mut usize,
    plain: *mut c_void,
    plain_room: usize,
    given: *mut usize,
) -> c_int {
    // SAFETY: what `open` made, and memory of the library's.
    unsafe {
        let session = &*session.cast::<Session>();
        let step = session.receive(bytes(wire, len), room(plain, plain_room));
        put(step, taken, given)
    }
}

unsafe extern "C" fn send(
    session: *mut c_void,
    plain: *const libc::iovec,
    count: usize,
    taken: *mut usize,
    wire: *mut c_void,
    wire_room: usize,
    given: *mut usize,
) -> c_int {
    // SAFETY: what `open` made, and memory of the library's. IoSlice has iovec's layout.
    unsafe {
        let session = &*session.cast::<Session>();
        let pieces = match count {
            0 => &[][..],
            _ => slice::from_raw_parts(plain.cast::<IoSlice<'_>>(), count),
        };
        let step = session.send(pieces, room(wire, wire_room));
        put(step, taken, given)
    }
}

unsafe extern "C" fn end(session: *mut c_void) -> c_int {
    // SAFETY: what `open` made.
    unsafe { &*session.cast::<Session>() }.end()
}

unsafe extern "C" fn get_error(session: *mut c_void, text: *mut c_char, size: usize) {
    // SAFETY: what `open` made, and room of the library's.
    unsafe { put_text(&(*session.cast::<Session>()).error(), text, size) };
}
