//! The functions of protocol.h: what generated stubs call.
//!
//! Here an export has more to do than elsewhere, since its arguments have to be encoded before
//! any lock is taken: it checks in the order that the interface gives, encodes, and sends.

use super::handle;
use crate::abi::{
    mrpc_call_options, mrpc_call_t, mrpc_connection, mrpc_message, mrpc_protocol, mrpc_status_t,
    reply_callback_ptr, TIMEOUT_INHERIT,
};
use crate::conn::requests::{requests, Request};
use crate::conn::{AsyncCall, Conn, Kind, SendError, Terms};
use crate::dispatch::upcall::{self, malformed_reply};
use crate::error::Errno;
use crate::local;
use crate::proto::frame::{Header, HEADER_LEN};
use crate::proto::payload::Arrived;
use crate::proto::status;
use crate::protocol::Type;
use crate::xdr;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{fence, AtomicU64, Ordering::Release};
use std::sync::Arc;

/// # Safety
/// `conn` is NULL or a handle that lives.
unsafe fn checked(
    protocol: *const mrpc_protocol,
    conn: *mut mrpc_connection,
) -> Result<Arc<Conn>, mrpc_status_t> {
    // SAFETY: as this function's contract.
    let conn = unsafe { handle::conn(conn) }.ok_or(status::INVALID_ARGUMENT)?;
    if !ptr::eq(protocol, conn.hub().role().table()) {
        return Err(status::INVALID_PROTOCOL);
    }
    if conn.hub().check_process().is_err() {
        return Err(status::NETWORK_FAILURE);
    }
    Ok(conn)
}

fn send_status(e: SendError) -> mrpc_status_t {
    match e {
        SendError::NeverConnected => status::INVALID_ARGUMENT,
        SendError::Closed => status::NETWORK_FAILURE,
        SendError::Busy => status::BUSY,
        SendError::NoMemory => status::ENCODING_ERR,
    }
}

/// Lays out a frame: `header`, whose length is set, and `object` encoded as `ty`.
///
/// # Safety
/// `object` is NULL or of that type, and outlives `lent`.
#[inline]
unsafe fn encode(
    frame: &mut Vec<u8>,
    lent: &mut xdr::Lent,
    header: [u8; HEADER_LEN],
    ty: Option<Type>,
    object: *mut c_void,
) -> Result<(), mrpc_status_t> {
    frame.extend_from_slice(&header);
    let ty = ty.ok_or(status::ENCODING_ERR)?;
    if ty.is_void() {
        return Ok(());
    }
    let procedure = ty.procedure.filter(|_| !object.is_null());
    let procedure = procedure.ok_or(status::ENCODING_ERR)?;
    // SAFETY: as this function's contract.
    let len = unsafe { xdr::encode(frame, lent, procedure, object) };
    Header::set_len(frame, len.map_err(|_| status::ENCODING_ERR)?);
    Ok(())
}

/// Of what is sent unasked; the sequence number comes with the sending.
#[inline]
fn request_header(cmd: c_int) -> [u8; HEADER_LEN] {
    Header {
        sequence: 0,
        status: status::PENDING,
        cmd,
        len: 0,
    }
    .to_bytes()
}

/// Runs `with` on the thread's frame buffer.
fn with_frame<R>(with: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut frame = local::take_frame();
    let result = with(&mut frame);
    local::put_frame(frame);
    result
}

fn or_status(result: Result<(), mrpc_status_t>) -> mrpc_status_t {
    result.map_or_else(|status| status, |()| status::OK)
}

/// See protocol.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_conn_set_operations(
    conn: *mut mrpc_connection,
    protocol: *const mrpc_protocol,
    ops: *const c_void,
) -> c_int {
    // SAFETY: the caller passes NULL or a handle that lives.
    let conn = unsafe { handle::conn(conn) };
    match conn {
        Some(conn) if ptr::eq(protocol, conn.hub().role().table()) => {
            conn.set_operations(ops);
            0
        }
        _ => Errno::INVAL.0,
    }
}

/// What a call's options say.
struct Options {
    timeout: u32,
    /// Where the key goes.
    call: Option<NonNull<mrpc_call_t>>,
}

const INHERITED: Options = Options {
    timeout: TIMEOUT_INHERIT,
    call: None,
};

impl Options {
    /// # Safety
    /// `options` is NULL or valid; so is what they point to.
    unsafe fn read(options: *const mrpc_call_options) -> Result<Options, mrpc_status_t> {
        if options.is_null() {
            return Ok(INHERITED);
        }
        // SAFETY: as this function's contract.
        let options = unsafe { handle::input(options) }.ok_or(status::INVALID_ARGUMENT)?;
        let call = NonNull::new(options.call);
        call.inspect(|place| tell(*place, 0));
        Ok(Options {
            timeout: options.timeout_ms,
            call,
        })
    }

    /// What the options come to for a call on this connection, whose key `tell` is told.
    #[inline]
    fn terms<'a>(&self, conn: &Conn, tell: &'a dyn Fn(u64)) -> Terms<'a> {
        Terms {
            timeout: conn.call_timeout(self.timeout),
            key: self.call.map(|_| tell),
        }
    }

    fn tell(&self, key: mrpc_call_t) {
        self.call.inspect(|place| tell(*place, key));
    }
}

/// Stores a key where another thread may look for it.
fn tell(place: NonNull<mrpc_call_t>, key: mrpc_call_t) {
    let place = place.as_ptr();
    // SAFETY: the caller's place, which is valid until the call is made.
    unsafe {
        if place.cast::<AtomicU64>().is_aligned() {
            AtomicU64::from_ptr(place).store(key, Release);
        } else {
            // On a machine of 32 bits, C may align it less than an atomic access needs.
            fence(Release);
            place.write_volatile(key);
        }
    }
}

/// See protocol.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_send_request(
    protocol: *const mrpc_protocol,
    conn: *mut mrpc_connection,
    cmd: c_int,
    in_: *mut c_void,
    out: *mut *mut c_void,
) -> mrpc_status_t {
    // SAFETY: as the caller vouches for.
    unsafe { request(protocol, conn, &INHERITED, cmd, in_, place_of(out)) }
}

/// See protocol.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_send_request_with(
    protocol: *const mrpc_protocol,
    conn: *mut mrpc_connection,
    options: *const mrpc_call_options,
    cmd: c_int,
    in_: *mut c_void,
    out: *mut *mut c_void,
) -> mrpc_status_t {
    // SAFETY: as the caller vouches for.
    unsafe {
        let out = place_of(out);
        match Options::read(options) {
            Ok(options) => request(protocol, conn, &options, cmd, in_, out),
            Err(status) => status,
        }
    }
}

/// # Safety
/// `out` is NULL or a place for a result, where there is none so far.
unsafe fn place_of<'a>(out: *mut *mut c_void) -> Option<&'a mut *mut c_void> {
    // SAFETY: as this function's contract.
    unsafe { out.as_mut() }.map(|place| {
        *place = ptr::null_mut();
        place
    })
}

/// # Safety
/// As for `mrpc_send_request`.
#[inline]
unsafe fn request(
    protocol: *const mrpc_protocol,
    conn: *mut mrpc_connection,
    options: &Options,
    cmd: c_int,
    in_: *mut c_void,
    out: Option<&mut *mut c_void>,
) -> mrpc_status_t {
    if conn.is_null() || cmd <= 0 {
        return status::INVALID_ARGUMENT;
    }
    // SAFETY: a handle that lives, and an object of the command's type.
    let result = unsafe { checked(protocol, conn) }.and_then(|conn| {
        let tell = |key| options.tell(key);
        let terms = options.terms(&conn, &tell);
        // SAFETY: likewise.
        with_frame(|frame| unsafe { call(&conn, &terms, cmd, in_, out, frame) })
    });
    result.unwrap_or_else(|status| status)
}

/// # Safety
/// `object` is NULL or of the command's argument type.
unsafe fn call(
    conn: &Arc<Conn>,
    terms: &Terms<'_>,
    cmd: c_int,
    object: *mut c_void,
    out: Option<&mut *mut c_void>,
    frame: &mut Vec<u8>,
) -> Result<mrpc_status_t, mrpc_status_t> {
    let role = conn.hub().role();
    let mut lent = xdr::Lent::default();
    let header = request_header(cmd);
    // SAFETY: as this function's contract.
    unsafe { encode(frame, &mut lent, header, role.sent(cmd), object) }?;
    let ended = |status: mrpc_status_t, payload: Arrived<'_>| {
        if status != status::OK {
            return status;
        }
        let Some(ty) = role.reply_to_sent(cmd) else {
            return status::ENCODING_ERR;
        };
        store_reply(conn, cmd, ty, payload, out)
    };
    let (head, pieces) = lent.split(frame);
    conn.call(cmd, terms, head, &pieces, ended)
        .map_err(send_status)
}

fn store_reply(
    conn: &Arc<Conn>,
    cmd: c_int,
    ty: Type,
    payload: Arrived<'_>,
    out: Option<&mut *mut c_void>,
) -> mrpc_status_t {
    let len = payload.len();
    match (upcall::decode(conn, cmd, false, ty, payload), out) {
        (Ok(None), _) => status::OK,
        (Ok(Some(object)), Some(place)) => {
            *place = object.into_raw();
            status::OK
        }
        // A result that the caller has no place for.
        (Ok(Some(_)), None) => status::ENCODING_ERR,
        (Err(_), _) => {
            conn.report(malformed_reply(cmd, len));
            status::ENCODING_ERR
        }
    }
}

/// See protocol.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_send_request_async(
    protocol: *const mrpc_protocol,
    conn: *mut mrpc_connection,
    cmd: c_int,
    callback: reply_callback_ptr,
    private: *mut c_void,
    in_: *mut c_void,
) -> mrpc_status_t {
    // SAFETY: as the caller vouches for.
    unsafe { request_async(protocol, conn, &INHERITED, cmd, callback, private, in_) }
}

/// See protocol.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_send_request_async_with(
    protocol: *const mrpc_protocol,
    conn: *mut mrpc_connection,
    options: *const mrpc_call_options,
    cmd: c_int,
    callback: reply_callback_ptr,
    private: *mut c_void,
    in_: *mut c_void,
) -> mrpc_status_t {
    // SAFETY: as the caller vouches for.
    unsafe {
        match Options::read(options) {
            Ok(options) => request_async(protocol, conn, &options, cmd, callback, private, in_),
            Err(status) => status,
        }
    }
}

/// # Safety
/// As for `mrpc_send_request_async`.
unsafe fn request_async(
    protocol: *const mrpc_protocol,
    conn: *mut mrpc_connection,
    options: &Options,
    cmd: c_int,
    callback: reply_callback_ptr,
    private: *mut c_void,
    in_: *mut c_void,
) -> mrpc_status_t {
    let Some(callback) = callback.filter(|_| !conn.is_null() && cmd > 0) else {
        return status::INVALID_ARGUMENT;
    };
    let call = AsyncCall {
        cmd,
        callback,
        private: handle::expose(private),
    };
    // SAFETY: a handle that lives, and an object of the command's type.
    or_status(unsafe { checked(protocol, conn) }.and_then(|conn| {
        let tell = |key| options.tell(key);
        let terms = options.terms(&conn, &tell);
        // SAFETY: likewise.
        unsafe { post(&conn, cmd, in_, Kind::Async(call, terms)) }
    }))
}

/// See protocol.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_send_request_noreply(
    protocol: *const mrpc_protocol,
    conn: *mut mrpc_connection,
    cmd: c_int,
    in_: *mut c_void,
) -> mrpc_status_t {
    if conn.is_null() || cmd >= 0 {
        return status::INVALID_ARGUMENT;
    }
    // SAFETY: a handle that lives, and an object of the command's type.
    or_status(unsafe {
        checked(protocol, conn).and_then(|conn| post(&conn, cmd, in_, Kind::Message))
    })
}

/// Encodes and sends what is not waited for.
///
/// # Safety
/// `object` is NULL or of the command's argument type.
#[inline(always)]
unsafe fn post(
    conn: &Arc<Conn>,
    cmd: c_int,
    object: *mut c_void,
    kind: Kind<'_>,
) -> Result<(), mrpc_status_t> {
    with_frame(|frame| {
        let mut lent = xdr::Lent::default();
        let (ty, header) = (conn.hub().role().sent(cmd), request_header(cmd));
        // SAFETY: as this function's contract.
        unsafe { encode(frame, &mut lent, header, ty, object) }?;
        let (head, pieces) = lent.split(frame);
        conn.send(kind, head, &pieces).map_err(send_status)
    })
}

/// The request behind a message handle, checked against the call.
fn request_of(
    protocol: *const mrpc_protocol,
    cmd: c_int,
    message: *mut mrpc_message,
) -> Result<(u64, Request), mrpc_status_t> {
    let key = handle::message_key(message);
    let Some(request) = requests().get(key) else {
        // Answered before, or its connection is gone; or never a request of ours.
        return Err(if requests().is_plausible(key) {
            status::NETWORK_FAILURE
        } else {
            status::INVALID_ARGUMENT
        });
    };
    if request.cmd != cmd {
        return Err(status::INVALID_ARGUMENT);
    }
    if !ptr::eq(protocol, request.conn.hub().role().table()) {
        return Err(status::INVALID_PROTOCOL);
    }
    if request.conn.hub().check_process().is_err() {
        return Err(status::NETWORK_FAILURE);
    }
    Ok((key, request))
}

/// Takes the request out of the table and answers it.
fn answer(key: u64, send: impl FnOnce(&Request) -> bool) -> Result<(), mrpc_status_t> {
    let request = requests().take(key).ok_or(status::NETWORK_FAILURE)?;
    request.conn.unkeep_request(key);
    if send(&request) {
        Ok(())
    } else {
        Err(status::NETWORK_FAILURE)
    }
}

/// See protocol.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_send_reply(
    protocol: *const mrpc_protocol,
    cmd: c_int,
    request: *mut mrpc_message,
    data: *mut c_void,
) -> mrpc_status_t {
    let result = request_of(protocol, cmd, request).and_then(|(key, request)| {
        with_frame(|frame| {
            let ty = request.conn.hub().role().reply_to_received(cmd);
            let mut lent = xdr::Lent::default();
            // SAFETY: the caller passes an object of the command's reply type.
            unsafe { encode(frame, &mut lent, [0; HEADER_LEN], ty, data) }?;
            let (head, pieces) = lent.split(frame);
            answer(key, |r| upcall::send_reply(r, status::OK, head, &pieces))
        })
    });
    or_status(result)
}

/// See protocol.h.
#[no_mangle]
pub unsafe extern "C" fn mrpc_send_reply_error(
    protocol: *const mrpc_protocol,
    cmd: c_int,
    request: *mut mrpc_message,
    status: mrpc_status_t,
) -> mrpc_status_t {
    let result = request_of(protocol, cmd, request).and_then(|(key, _)| {
        if status == status::OK || status == status::PENDING {
            return Err(status::INVALID_ARGUMENT);
        }
        answer(key, |r| upcall::reply_status(r, status))
    });
    or_status(result)
}
