//! Streams over long payloads, which may be in two parts: a procedure can have the second one, a
//! block from malloc, for its object, where its data are the block's beginning.

use super::{FALSE, TRUE};
use crate::abi::{xdr_ops, XDR};
use crate::proto::payload::Long;
use std::ffi::{c_char, c_int, c_long, c_uint};
use std::mem::ManuallyDrop;
use std::ptr;

/// The stream's own part, behind `x_private`; `x_handy` is what is left.
pub struct Parts {
    head: Vec<u8>,
    /// C's, once it was claimed; read from for the rest of the procedure nevertheless.
    rest: ManuallyDrop<Vec<u8>>,
    claimed: bool,
    /// Where the longest data began that could have been claimed, and their length.
    data: Option<(u32, u32)>,
}

impl Parts {
    pub fn new(long: Long) -> Parts {
        Parts {
            head: long.head,
            rest: ManuallyDrop::new(long.rest),
            claimed: false,
            data: None,
        }
    }

    pub fn place(&self) -> Option<u32> {
        self.data.map(|(at, _)| at)
    }

    fn len(&self) -> usize {
        self.head.len() + self.rest.len()
    }

    /// The bytes from `at` on that lie together, up to `len`.
    fn piece(&self, at: usize, len: usize) -> &[u8] {
        let part = match at.checked_sub(self.head.len()) {
            None => &self.head[at..],
            Some(behind) => &self.rest[behind..],
        };
        &part[..len.min(part.len())]
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if !self.claimed {
            // SAFETY: once, and nobody else has it.
            unsafe { ManuallyDrop::drop(&mut self.rest) }
        }
    }
}

/// The stream's parts, the place in them, and `len` bytes less to come; None if there are not as
/// many.
///
/// # Safety
/// `xdrs` is a stream over parts.
unsafe fn take<'a>(xdrs: *mut XDR, len: c_uint) -> Option<(&'a mut Parts, usize)> {
    // SAFETY: our stream: `x_private` are the parts, which outlive it.
    unsafe {
        let parts = &mut *(*xdrs).x_private.cast::<Parts>();
        let left = (*xdrs).x_handy.checked_sub(len)?;
        let at = parts.len() - (*xdrs).x_handy as usize;
        (*xdrs).x_handy = left;
        Some((parts, at))
    }
}

/// Copies off the stream.
///
/// # Safety
/// `xdrs` is a stream over parts; `to` has room.
unsafe fn read(xdrs: *mut XDR, to: *mut u8, len: c_uint) -> bool {
    // SAFETY: as this function's contract.
    let Some((parts, at)) = (unsafe { take(xdrs, len) }) else {
        return false;
    };
    let mut done = 0;
    while done < len as usize {
        let piece = parts.piece(at + done, len as usize - done);
        // SAFETY: within the room that the caller has.
        unsafe { ptr::copy_nonoverlapping(piece.as_ptr(), to.add(done), piece.len()) };
        done += piece.len();
    }
    true
}

/// # Safety
/// `xdrs` is a stream over parts.
unsafe fn word(xdrs: *mut XDR) -> Option<i32> {
    let mut word = [0; 4];
    // SAFETY: as this function's contract; there are four bytes.
    unsafe { read(xdrs, word.as_mut_ptr(), 4) }.then(|| i32::from_be_bytes(word))
}

unsafe extern "C" fn get_long(xdrs: *mut XDR, value: *mut c_long) -> c_int {
    // SAFETY: our stream, and the procedure's own variable.
    unsafe {
        let Some(word) = word(xdrs) else {
            return FALSE;
        };
        *value = word.into();
    }
    TRUE
}

unsafe extern "C" fn get_int32(xdrs: *mut XDR, value: *mut i32) -> c_int {
    // SAFETY: our stream, and the procedure's own variable.
    unsafe {
        let Some(word) = word(xdrs) else {
            return FALSE;
        };
        *value = word;
    }
    TRUE
}

unsafe extern "C" fn get_bytes(xdrs: *mut XDR, to: *mut c_char, len: c_uint) -> c_int {
    // SAFETY: our stream, and room for `len` bytes in the procedure's object.
    c_int::from(unsafe { read(xdrs, to.cast(), len) })
}

unsafe extern "C" fn get_position(xdrs: *mut XDR) -> c_uint {
    // SAFETY: our stream; no bytes are taken.
    let taken = unsafe { take(xdrs, 0) };
    taken.map_or(0, |(_, at)| at as c_uint)
}

unsafe extern "C" fn set_position(xdrs: *mut XDR, pos: c_uint) -> c_int {
    // SAFETY: our stream; the new place is checked against the payload's end.
    unsafe {
        let end = get_position(xdrs) + (*xdrs).x_handy;
        let Some(left) = end.checked_sub(pos) else {
            return FALSE;
        };
        (*xdrs).x_handy = left;
    }
    TRUE
}

unsafe extern "C" fn inline_run(xdrs: *mut XDR, len: c_uint) -> *mut i32 {
    // SAFETY: our stream, whose place is set back where the bytes are not handed out.
    unsafe {
        let left = (*xdrs).x_handy;
        let Some((parts, at)) = take(xdrs, len) else {
            return ptr::null_mut();
        };
        let piece = parts.piece(at, len as usize);
        let run = piece.as_ptr().cast_mut().cast::<i32>();
        if piece.len() < len as usize || !run.is_aligned() {
            (*xdrs).x_handy = left;
            return ptr::null_mut();
        }
        run
    }
}

pub static DECODE: xdr_ops = xdr_ops {
    getlong: get_long,
    getbytes: get_bytes,
    getpostn: get_position,
    setpostn: set_position,
    inline: inline_run,
    getint32: get_int32,
    ..super::DECODE
};

/// The next `len` bytes of the stream as a block from malloc, which is the caller's then; NULL
/// where there is none, and nothing has happened.
///
/// # Safety
/// `xdrs` is a stream of any kind.
pub unsafe fn claim(xdrs: *mut XDR, len: c_uint) -> *mut c_char {
    // SAFETY: a stream has operations; by those it is told whether it is one over parts.
    unsafe {
        if !ptr::eq((*xdrs).x_ops, &DECODE) {
            return ptr::null_mut();
        }
        let left = (*xdrs).x_handy;
        let Some((parts, at)) = take(xdrs, len) else {
            return ptr::null_mut();
        };
        if parts.data.is_none_or(|(_, longest)| len > longest) {
            parts.data = Some((at as c_uint, len));
        }
        if at != parts.head.len() || at == 0 || parts.claimed {
            (*xdrs).x_handy = left;
            return ptr::null_mut();
        }
        parts.claimed = true;
        parts.rest.as_mut_ptr().cast()
    }
}
