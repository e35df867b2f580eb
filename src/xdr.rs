//! The XDR streams that the application's procedures run over, and every call of one.
//!
//! Their memory layout is ABI: see include/minirpc/xdr.h, and RFC 4506 for the encoding.
//! One table of operations serves the layouts of glibc and of libtirpc.

#![allow(unsafe_code, reason = "a boundary: C procedures run here")]

use crate::abi::{xdr_ops, xdrproc_t, XDR, XDR_DECODE, XDR_ENCODE, XDR_FREE};
use crate::proto::frame::HEADER_LEN;
use crate::proto::payload::Arrived;
use crate::protocol::Type;
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::hint::black_box;
use std::ptr::{self, NonNull};

mod long;

pub use long::claim;
use long::Parts;

const TRUE: c_int = 1;
const FALSE: c_int = 0;

/// Did not encode or decode.
#[derive(Debug)]
pub struct Malformed;

/// Bytes that stay where they are; they belong in front of `at` in the buffer.
struct Piece {
    at: usize,
    data: *const u8,
    len: usize,
}

/// An encoding stream's own part, behind `x_private`.
struct Encoder<'a> {
    buf: &'a mut Vec<u8>,
    /// In the buffer; behind its end unless the procedure has set the position back.
    pos: usize,
    /// What is encoded: its data may stay where they are, those of any other are copied.
    object: *const c_void,
    pieces: &'a mut Vec<Piece>,
    /// All is copied: the procedure went back in front of a piece.
    together: bool,
    /// Bytes in the pieces.
    apart: usize,
}

/// Large data of a frame that stays with its owner: the frame's buffer has what is around it.
#[derive(Default)]
pub struct Lent {
    pieces: Vec<Piece>,
}

impl Lent {
    /// The frame in `buf` up to the first piece, which begins with the header, and what follows.
    #[inline]
    pub fn split<'a>(&'a self, buf: &'a mut [u8]) -> (&'a mut [u8], Vec<&'a [u8]>) {
        match self.pieces.first() {
            None => (buf, Vec::new()),
            Some(first) => self.split_at(first.at, buf),
        }
    }

    #[cold]
    fn split_at<'a>(&'a self, at: usize, buf: &'a mut [u8]) -> (&'a mut [u8], Vec<&'a [u8]>) {
        let (head, mut tail) = buf.split_at_mut(at);
        let mut rest: Vec<&[u8]> = Vec::new();
        let mut done = head.len();
        for p in &self.pieces {
            let (before, after) = tail.split_at_mut(p.at - done);
            done = p.at;
            tail = after;
            if !before.is_empty() {
                rest.push(before);
            }
            // SAFETY: memory of the object that was encoded, which stays as it is until it has
            // been sent or queued.
            rest.push(unsafe { std::slice::from_raw_parts(p.data, p.len) });
        }
        if !tail.is_empty() {
            rest.push(tail);
        }
        (head, rest)
    }

    /// Bytes in the pieces.
    #[inline]
    fn total(&self) -> usize {
        self.pieces.iter().map(|p| p.len).sum()
    }
}

/// Encodes behind what is in `buf` in one pass. Data that are `lent` stay where they are. Gives
/// the payload's length.
///
/// # Safety
/// `object` is what the procedure expects, and outlives `lent`.
#[inline]
pub unsafe fn encode(
    buf: &mut Vec<u8>,
    lent: &mut Lent,
    procedure: xdrproc_t,
    object: *mut c_void,
) -> Result<u32, Malformed> {
    let pos = buf.len();
    let mut state = Encoder {
        buf,
        pos,
        object,
        pieces: &mut lent.pieces,
        together: false,
        apart: 0,
    };
    let mut xdr = XDR {
        x_op: XDR_ENCODE,
        x_ops: &raw const ENCODE,
        x_public: ptr::null_mut(),
        x_private: (&raw mut state).cast(),
        x_base: ptr::null_mut(),
        x_handy: 0,
    };
    // SAFETY: a complete stream of ours, which outlives the call, and the caller's object.
    let done = unsafe { procedure(&mut xdr, object) };
    let end = state.pos;
    buf.truncate(end);
    let len = buf.len() - HEADER_LEN + lent.total();
    if done == FALSE {
        return Err(Malformed);
    }
    u32::try_from(len).map_err(|_| Malformed)
}

/// A decoded object in memory from malloc, as both sides of the boundary may free it.
pub struct Object {
    at: NonNull<c_void>,
    procedure: Option<xdrproc_t>,
}

impl Object {
    /// Zeroed memory for a type that is not void; None without memory.
    pub fn new(ty: Type) -> Option<Object> {
        // calloc leaves out malloc's fast path, and gives large blocks of zero pages for free.
        // The compiler makes one of malloc and what clears it, unless the two are kept apart.
        const SMALL: usize = 1024;
        // SAFETY: plain malloc and calloc; the result is checked, and as long as what is
        // cleared.
        let at = unsafe {
            if ty.size > SMALL {
                NonNull::new(libc::calloc(1, ty.size))?
            } else {
                let at = NonNull::new(black_box(libc::malloc(ty.size)))?;
                at.as_ptr().cast::<u8>().write_bytes(0, ty.size);
                at
            }
        };
        Some(Object {
            at,
            procedure: ty.procedure,
        })
    }

    pub fn as_ptr(&self) -> *mut c_void {
        self.at.as_ptr()
    }

    /// Hands it to C, which frees it with xdr_free and free.
    pub fn into_raw(self) -> *mut c_void {
        let at = self.at.as_ptr();
        std::mem::forget(self);
        at
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the object is this type's own, zeroed, decoded or partly decoded; it came
        // from calloc.
        unsafe {
            if let Some(procedure) = self.procedure {
                let mut xdr = XDR {
                    x_op: XDR_FREE,
                    x_ops: &raw const FREE,
                    x_public: ptr::null_mut(),
                    x_private: ptr::null_mut(),
                    x_base: ptr::null_mut(),
                    x_handy: 0,
                };
                procedure(&mut xdr, self.at.as_ptr());
            }
            libc::free(self.at.as_ptr());
        }
    }
}

/// Decodes a payload, which must be used up exactly. None: the type is void. `place` becomes where
/// in a long one the object's data began.
pub fn decode(
    ty: Type,
    payload: Arrived<'_>,
    place: &mut Option<u32>,
) -> Result<Option<Object>, Malformed> {
    match payload {
        Arrived::Slice(bytes) => {
            let base = bytes.as_ptr().cast_mut();
            run_decoder(ty, bytes.len(), &DECODE, base.cast(), base.cast())
        }
        Arrived::Long(long) => {
            let len = long.len();
            let mut parts = Parts::new(*long);
            let private = (&raw mut parts).cast();
            let object = run_decoder(ty, len, &long::DECODE, private, ptr::null_mut());
            *place = parts.place();
            object
        }
    }
}

#[inline]
fn run_decoder(
    ty: Type,
    len: usize,
    operations: &'static xdr_ops,
    private: *mut c_void,
    base: *mut c_char,
) -> Result<Option<Object>, Malformed> {
    let len = u32::try_from(len).map_err(|_| Malformed)?;
    if ty.is_void() {
        return if len == 0 { Ok(None) } else { Err(Malformed) };
    }
    let object = Object::new(ty).ok_or(Malformed)?;
    let procedure = ty.procedure.ok_or(Malformed)?;
    let mut xdr = XDR {
        x_op: XDR_DECODE,
        x_ops: operations,
        x_public: ptr::null_mut(),
        x_private: private,
        x_base: base,
        x_handy: len,
    };
    // SAFETY: a stream over the payload, which the operations only read, and zeroed memory of
    // the size that goes with the procedure.
    let done = unsafe { procedure(&mut xdr, object.as_ptr()) };
    if done == FALSE || xdr.x_handy != 0 {
        return Err(Malformed);
    }
    Ok(Some(object))
}

// --- encoding

/// # Safety
/// `xdrs` is a stream that `encode` made.
#[inline]
unsafe fn encoder<'a>(xdrs: *mut XDR) -> &'a mut Encoder<'a> {
    // SAFETY: `encode` stored the address of its state, and is still on the stack.
    unsafe { &mut *(*xdrs).x_private.cast::<Encoder<'a>>() }
}

impl Encoder<'_> {
    /// True if a payload that is `more` bytes longer can be sent.
    #[inline]
    fn has_room(&self, more: usize) -> bool {
        // Each is less than 2^32 and a header.
        let len = self.pos as u64 + self.apart as u64 + more as u64;
        len <= u64::from(u32::MAX) + HEADER_LEN as u64
    }

    #[cold]
    fn grow(&mut self, more: usize) -> bool {
        self.has_room(more) && self.buf.try_reserve(more).is_ok()
    }

    /// Copies what stays apart to its place in the buffer. False without memory.
    #[cold]
    fn join(&mut self) -> bool {
        let mut whole = Vec::new();
        if whole
            .try_reserve_exact(self.buf.len() + self.apart)
            .is_err()
        {
            return false;
        }
        let mut done = 0;
        for piece in self.pieces.drain(..) {
            whole.extend_from_slice(&self.buf[done..piece.at]);
            // SAFETY: memory of the object that is being encoded.
            whole.extend_from_slice(unsafe { std::slice::from_raw_parts(piece.data, piece.len) });
            done = piece.at;
        }
        whole.extend_from_slice(&self.buf[done..]);
        *self.buf = whole;
        self.pos += std::mem::take(&mut self.apart);
        self.together = true;
        true
    }

    #[inline]
    fn put(&mut self, data: &[u8]) -> c_int {
        if self.pos == self.buf.len() {
            if self.buf.capacity() - self.pos < data.len() && !self.grow(data.len()) {
                return FALSE;
            }
            self.buf.extend_from_slice(data);
        } else {
            let over = data.len().min(self.buf.len() - self.pos);
            self.buf[self.pos..self.pos + over].copy_from_slice(&data[..over]);
            self.buf.extend_from_slice(&data[over..]);
        }
        self.pos += data.len();
        TRUE
    }
}

unsafe extern "C" fn put_long(xdrs: *mut XDR, value: *const c_long) -> c_int {
    // SAFETY: our stream, and the procedure's own variable.
    unsafe { encoder(xdrs).put(&(*value as u32).to_be_bytes()) }
}

unsafe extern "C" fn put_int32(xdrs: *mut XDR, value: *const i32) -> c_int {
    // SAFETY: our stream, and the procedure's own variable.
    unsafe { encoder(xdrs).put(&(*value).to_be_bytes()) }
}

unsafe extern "C" fn put_bytes(xdrs: *mut XDR, data: *const c_char, len: c_uint) -> c_int {
    if len == 0 {
        return TRUE;
    }
    // SAFETY: our stream, and `len` bytes of the procedure's object.
    unsafe {
        let e = encoder(xdrs);
        let n = len as usize;
        if !e.has_room(n) {
            return FALSE;
        }
        e.put(std::slice::from_raw_parts(data.cast::<u8>(), n))
    }
}

/// Takes `len` bytes by reference, if they are those of the object that is being encoded: `root`
/// says of which they are. False: they have to be put as any others.
///
/// # Safety
/// `xdrs` is a stream of any kind; `data` are `len` bytes, and part of `root`.
pub unsafe fn lend(xdrs: *mut XDR, root: *const c_void, data: *const c_char, len: c_uint) -> bool {
    // SAFETY: a stream has operations; by those it is told whether it is one of `encode`'s.
    unsafe {
        if !ptr::eq((*xdrs).x_ops, &ENCODE) {
            return false;
        }
        let e = encoder(xdrs);
        let n = len as usize;
        let fits = e.pos == e.buf.len() && !e.together && e.has_room(n);
        if !fits || root != e.object || len == 0 {
            return false;
        }
        e.pieces.push(Piece {
            at: e.pos,
            data: data.cast(),
            len: n,
        });
        e.apart += n;
    }
    true
}

unsafe extern "C" fn encode_getpos(xdrs: *mut XDR) -> c_uint {
    // SAFETY: our stream.
    let e = unsafe { encoder(xdrs) };
    (e.pos - HEADER_LEN + e.apart) as c_uint
}

unsafe extern "C" fn encode_setpos(xdrs: *mut XDR, pos: c_uint) -> c_int {
    // SAFETY: our stream.
    let e = unsafe { encoder(xdrs) };
    let pos = pos as usize;
    if (e.apart > 0 && !e.join()) || pos > e.buf.len() - HEADER_LEN {
        return FALSE;
    }
    e.pos = HEADER_LEN + pos;
    TRUE
}

unsafe extern "C" fn encode_inline(xdrs: *mut XDR, len: c_uint) -> *mut i32 {
    // SAFETY: our stream. The reserved bytes become part of the buffer although they are not
    // written yet: by the contract of `inline` the procedure writes all of them, next.
    unsafe {
        let e = encoder(xdrs);
        let n = len as usize;
        if e.pos != e.buf.len() || !e.has_room(n) || e.buf.try_reserve(n).is_err() {
            return ptr::null_mut();
        }
        let at = e.buf.as_mut_ptr().add(e.pos).cast::<i32>();
        if !at.is_aligned() {
            return ptr::null_mut();
        }
        e.buf.set_len(e.pos + n);
        e.pos += n;
        at
    }
}

// --- decoding: as the system's memory streams, x_private is the place and x_handy what is left

/// Takes `len` bytes off the stream.
///
/// # Safety
/// `xdrs` is a stream that `decode` made.
#[inline]
unsafe fn take(xdrs: *mut XDR, len: c_uint) -> Option<*const u8> {
    // SAFETY: our stream; `x_handy` bytes lie behind `x_private`.
    unsafe {
        let xdr = &mut *xdrs;
        xdr.x_handy = xdr.x_handy.checked_sub(len)?;
        let at = xdr.x_private.cast::<u8>();
        xdr.x_private = at.add(len as usize).cast();
        Some(at)
    }
}

/// # Safety
/// As `take`.
#[inline]
unsafe fn take_word(xdrs: *mut XDR) -> Option<i32> {
    // SAFETY: four bytes that `take` vouches for.
    unsafe { Some(i32::from_be_bytes(*take(xdrs, 4)?.cast::<[u8; 4]>())) }
}

unsafe extern "C" fn get_long(xdrs: *mut XDR, value: *mut c_long) -> c_int {
    // SAFETY: our stream, and the procedure's own variable.
    unsafe {
        let Some(word) = take_word(xdrs) else {
            return FALSE;
        };
        *value = word.into();
    }
    TRUE
}

unsafe extern "C" fn get_int32(xdrs: *mut XDR, value: *mut i32) -> c_int {
    // SAFETY: our stream, and the procedure's own variable.
    unsafe {
        let Some(word) = take_word(xdrs) else {
            return FALSE;
        };
        *value = word;
    }
    TRUE
}

unsafe extern "C" fn get_bytes(xdrs: *mut XDR, to: *mut c_char, len: c_uint) -> c_int {
    // SAFETY: our stream, and room for `len` bytes in the procedure's object.
    unsafe {
        let Some(from) = take(xdrs, len) else {
            return FALSE;
        };
        if len > 0 {
            ptr::copy_nonoverlapping(from, to.cast(), len as usize);
        }
    }
    TRUE
}

unsafe extern "C" fn decode_getpos(xdrs: *mut XDR) -> c_uint {
    // SAFETY: our stream: both pointers lie in its payload.
    unsafe { ((*xdrs).x_private.addr() - (*xdrs).x_base.addr()) as c_uint }
}

unsafe extern "C" fn decode_setpos(xdrs: *mut XDR, pos: c_uint) -> c_int {
    // SAFETY: our stream; the new place is checked against the payload's end.
    unsafe {
        let end = decode_getpos(xdrs) + (*xdrs).x_handy;
        let Some(left) = end.checked_sub(pos) else {
            return FALSE;
        };
        (*xdrs).x_handy = left;
        (*xdrs).x_private = (*xdrs).x_base.add(pos as usize).cast();
    }
    TRUE
}

unsafe extern "C" fn decode_inline(xdrs: *mut XDR, len: c_uint) -> *mut i32 {
    // SAFETY: our stream; what is handed out was taken off it.
    unsafe {
        if !(*xdrs).x_private.cast::<i32>().is_aligned() {
            return ptr::null_mut();
        }
        take(xdrs, len).map_or(ptr::null_mut(), |at| at.cast_mut().cast())
    }
}

// --- operations that a direction does not have, or that do nothing

macro_rules! constant {
    ($name:ident($($arg:ty),*) -> $ret:ty, $value:expr) => {
        unsafe extern "C" fn $name(_: *mut XDR, $(_: $arg),*) -> $ret {
            $value
        }
    };
}

constant!(no_get_long(*mut c_long) -> c_int, FALSE);
constant!(no_put_long(*const c_long) -> c_int, FALSE);
constant!(no_get_bytes(*mut c_char, c_uint) -> c_int, FALSE);
constant!(no_put_bytes(*const c_char, c_uint) -> c_int, FALSE);
constant!(no_get_int32(*mut i32) -> c_int, FALSE);
constant!(no_put_int32(*const i32) -> c_int, FALSE);
constant!(nop_get_long(*mut c_long) -> c_int, TRUE);
constant!(nop_put_long(*const c_long) -> c_int, TRUE);
constant!(nop_get_bytes(*mut c_char, c_uint) -> c_int, TRUE);
constant!(nop_put_bytes(*const c_char, c_uint) -> c_int, TRUE);
constant!(nop_getpos() -> c_uint, 0);
constant!(nop_setpos(c_uint) -> c_int, TRUE);
constant!(nop_inline(c_uint) -> *mut i32, ptr::null_mut());
constant!(nop_destroy() -> (), ());
constant!(nop_get_int32(*mut i32) -> c_int, TRUE);
constant!(nop_put_int32(*const i32) -> c_int, TRUE);

static ENCODE: xdr_ops = xdr_ops {
    getlong: no_get_long,
    putlong: put_long,
    getbytes: no_get_bytes,
    putbytes: put_bytes,
    getpostn: encode_getpos,
    setpostn: encode_setpos,
    inline: encode_inline,
    destroy: nop_destroy,
    getint32: no_get_int32,
    putint32: put_int32,
};

static DECODE: xdr_ops = xdr_ops {
    getlong: get_long,
    putlong: no_put_long,
    getbytes: get_bytes,
    putbytes: no_put_bytes,
    getpostn: decode_getpos,
    setpostn: decode_setpos,
    inline: decode_inline,
    destroy: nop_destroy,
    getint32: get_int32,
    putint32: no_put_int32,
};

/// Procedures touch the stream even to free: nothing may happen then, and nothing may fail.
static FREE: xdr_ops = xdr_ops {
    getlong: nop_get_long,
    putlong: nop_put_long,
    getbytes: nop_get_bytes,
    putbytes: nop_put_bytes,
    getpostn: nop_getpos,
    setpostn: nop_setpos,
    inline: nop_inline,
    destroy: nop_destroy,
    getint32: nop_get_int32,
    putint32: nop_put_int32,
};

#[cfg(all(test, not(any(loom, sim))))]
mod tests {
    use super::*;

    #[test]
    fn no_more_has_room_than_a_header_can_say() {
        let encoder = Encoder {
            buf: &mut vec![0; HEADER_LEN],
            pos: HEADER_LEN,
            object: ptr::null_mut(),
            pieces: &mut Vec::new(),
            together: false,
            apart: u32::MAX as usize - 8,
        };
        assert!(encoder.has_room(8));
        assert!(!encoder.has_room(9));
    }
}
