//! Every call of the application's handlers. No lock, right or token is held here: a callback
//! may call anything, block, or end its thread.

use super::handle;
use super::role::Type;
use super::xdr::{self, Object};
use crate::abi::{long_reply_callback_fn, mrpc_connection, short_reply_callback_fn};
use crate::conn::{Conn, Kind};
use crate::event::{AsyncCall, Event};
use crate::local;
use crate::proto::frame::{Header, HEADER_LEN};
use crate::proto::phase::Reason;
use crate::proto::status;
use crate::requests::{requests, Request};
use std::ffi::{c_int, CString};
use std::sync::Arc;

/// What a one-way message's handler gets for a request: no reply to it is valid.
const ONE_WAY: u64 = 1;

/// Runs one event of a connection to its end.
pub fn run(conn: &Arc<Conn>, event: Event<AsyncCall>) {
    match event {
        Event::Accept(from) => accept(conn, from),
        Event::Request {
            sequence,
            cmd,
            payload,
        } => {
            if !conn.is_muted() {
                request(conn, sequence, cmd, payload.as_slice());
            }
        }
        Event::Refused { sequence, cmd } => {
            reply_status(conn, sequence, cmd, status::ENCODING_ERR);
        }
        Event::Reply {
            call,
            status,
            payload,
        } => reply(conn, call, status, payload.as_slice()),
        Event::IoErr(text) => {
            if !conn.is_muted() {
                io_error(conn, text);
            }
        }
        Event::Disconnect(reason) => disconnect(conn, reason),
    }
}

fn accept(conn: &Arc<Conn>, mut from: Vec<u8>) {
    let Some(f) = conn.set().callbacks().accept else {
        return;
    };
    // The storage must be aligned as a sockaddr is.
    // SAFETY: all-zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let len = from.len().min(size_of_val(&storage));
    from.truncate(len);
    // SAFETY: `len` bytes fit; the callback gets pointers that are valid while it runs, and the
    // cookie that the application gave.
    let cookie = unsafe {
        std::ptr::copy_nonoverlapping(from.as_ptr(), (&raw mut storage).cast::<u8>(), len);
        f(
            conn.set().cookie(),
            conn.as_handle().cast::<mrpc_connection>(),
            (&raw mut storage).cast(),
            len as libc::socklen_t,
        )
    };
    conn.set_cookie(cookie);
}

fn disconnect(conn: &Arc<Conn>, reason: Reason) {
    if let Some(f) = conn.set().callbacks().disconnect {
        // SAFETY: the application's function, with the cookie that it gave.
        unsafe { f(conn.cookie(), reason as c_int) };
    }
    conn.end_active();
}

fn io_error(conn: &Arc<Conn>, text: String) {
    let (Some(f), Ok(text)) = (conn.set().callbacks().ioerr, CString::new(text)) else {
        return;
    };
    let mut text = text.into_bytes_with_nul();
    // SAFETY: the application's function; the text is a C string of ours while it runs.
    unsafe { f(conn.cookie(), text.as_mut_ptr().cast()) };
}

fn request(conn: &Arc<Conn>, sequence: u32, cmd: i32, payload: &[u8]) {
    let answer = handle_request(conn, sequence, cmd, payload);
    // A one-way message has no reply, not even an error.
    if cmd >= 0 {
        if let Some(status) = answer {
            reply_status(conn, sequence, cmd, status);
        }
    }
}

/// Calls the handler. Some(status): that is all there is to answer.
fn handle_request(conn: &Arc<Conn>, sequence: u32, cmd: i32, payload: &[u8]) -> Option<i32> {
    let role = conn.set().role();
    let operations = conn.operations();
    let ty = role.received(cmd).filter(|_| cmd != 0);
    let (Some(ty), Some(handler)) = (ty, role.table().request) else {
        return Some(status::PROCEDURE_UNAVAIL);
    };
    if operations.is_null() {
        return Some(status::PROCEDURE_UNAVAIL);
    }
    let Ok(input) = xdr::decode(ty, payload) else {
        conn.report(format!(
            "request for command {cmd} has a malformed payload of {} bytes",
            payload.len()
        ));
        return Some(status::ENCODING_ERR);
    };
    let one_way = cmd < 0;
    let reply_type = if one_way {
        None
    } else {
        match role.reply_to_received(cmd) {
            Some(ty) => Some(ty).filter(|t| !t.is_void()),
            None => return Some(status::PROCEDURE_UNAVAIL),
        }
    };
    let output = reply_type.and_then(Object::new);
    let key = if one_way {
        ONE_WAY
    } else {
        let request = Request {
            conn: Arc::clone(conn),
            sequence,
            cmd,
        };
        match requests().insert(request) {
            Some(key) => key,
            None => return Some(status::PROCEDURE_UNAVAIL),
        }
    };
    let pointer = |o: &Option<Object>| o.as_ref().map_or(std::ptr::null_mut(), Object::as_ptr);
    // SAFETY: generated code for this command, with objects of its types, or NULL for void.
    let status = unsafe {
        handler(
            operations,
            conn.cookie(),
            handle::message(key),
            cmd,
            pointer(&input),
            pointer(&output),
        )
    };
    drop(input);
    if one_way {
        return None;
    }
    if status == status::PENDING {
        if requests().get(key).is_some() {
            conn.keep_request(key);
        }
        return None;
    }
    // Nobody else may reply from here on; None: somebody has.
    requests().take(key)?;
    if status != status::OK {
        return Some(status);
    }
    let mut frame = local::take_frame();
    frame.resize(HEADER_LEN, 0);
    let encoded = match (&reply_type, &output) {
        (Some(ty), Some(object)) => encode_reply(&mut frame, *ty, object),
        (Some(_), None) => false,
        (None, _) => true,
    };
    if encoded {
        send_reply(conn, sequence, cmd, status::OK, &mut frame);
        local::put_frame(frame);
        return None;
    }
    local::put_frame(frame);
    conn.report(format!("result of command {cmd} does not encode"));
    Some(status::ENCODING_ERR)
}

fn encode_reply(frame: &mut Vec<u8>, ty: Type, object: &Object) -> bool {
    ty.procedure.is_some_and(|procedure| {
        // SAFETY: an object of the command's reply type.
        unsafe { xdr::encode(frame, procedure, object.as_ptr(), false) }.is_ok()
    })
}

/// Completes the header of an encoded reply and sends it.
pub fn send_reply(
    conn: &Arc<Conn>,
    sequence: u32,
    cmd: i32,
    status: i32,
    frame: &mut [u8],
) -> bool {
    let header = Header {
        sequence,
        status,
        cmd,
        len: (frame.len() - HEADER_LEN) as u32,
    };
    frame[..HEADER_LEN].copy_from_slice(&header.to_bytes());
    conn.send(Kind::Reply, frame).is_ok()
}

/// Replies with a status and no payload.
pub fn reply_status(conn: &Arc<Conn>, sequence: u32, cmd: i32, status: i32) -> bool {
    send_reply(conn, sequence, cmd, status, &mut [0; HEADER_LEN])
}

fn reply(conn: &Arc<Conn>, call: AsyncCall, status: i32, payload: &[u8]) {
    let mut status = if conn.is_muted() {
        status::NETWORK_FAILURE
    } else {
        status
    };
    let ty = conn.set().role().reply_to_sent(call.cmd);
    let mut data = None;
    if status == status::OK {
        match ty.map(|ty| xdr::decode(ty, payload)) {
            Some(Ok(object)) => data = object,
            _ => {
                conn.report(malformed_reply(call.cmd, payload));
                status = status::ENCODING_ERR;
            }
        }
    }
    let private = handle::exposed(call.private);
    let is_void = ty.is_none_or(|ty| ty.is_void());
    // SAFETY: the application declared the callback with three arguments if its command's
    // reply is void, else with four; `reply_callback_fn` is only the form it travels in.
    unsafe {
        if is_void {
            let f: short_reply_callback_fn = std::mem::transmute(call.callback);
            f(conn.cookie(), private, status);
        } else {
            let f: long_reply_callback_fn = std::mem::transmute(call.callback);
            let at = data.as_ref().map_or(std::ptr::null_mut(), Object::as_ptr);
            f(conn.cookie(), private, status, at);
        }
    }
}

/// What is reported of a reply that does not decode.
pub fn malformed_reply(cmd: i32, payload: &[u8]) -> String {
    format!(
        "reply for command {cmd} has a malformed payload of {} bytes",
        payload.len()
    )
}
