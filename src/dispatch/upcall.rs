//! Every call of the application's handlers. No lock, right or token is held here: a callback
//! may call anything, block, or end its thread.

#![allow(unsafe_code, reason = "a boundary: handlers are called here")]

use super::ticket::{self, call_out, Answer, Due, Owned};
use crate::abi::{
    self, long_reply_callback_fn, mrpc_connection, mrpc_message, mrpc_status_t,
    short_reply_callback_fn,
};
use crate::conn::requests::{requests, Request};
use crate::conn::AsyncCall;
use crate::conn::{frame_len, Conn, Kind, SendError};
use crate::error::{Errno, Result};
use crate::local;
use crate::proto::event::Event;
use crate::proto::frame::{Header, HEADER_LEN};
use crate::proto::life::Reason;
use crate::proto::payload::{Arrived, Payload};
use crate::proto::status;
use crate::protocol::Type;
use crate::xdr::{self, Object};
use std::ffi::{c_int, c_void, CString};
use std::sync::Arc;

/// What a one-way message's handler gets for a request: no reply to it is valid.
const ONE_WAY: u64 = 1;

/// The application's table of handlers, behind one function.
type Handler = unsafe extern "C" fn(
    *const c_void,
    *mut c_void,
    *mut mrpc_message,
    c_int,
    *mut c_void,
    *mut c_void,
) -> mrpc_status_t;

/// Runs one event of a connection to its end; see `call_out` for the result. What the event
/// holds is freed before C code runs, which may not return.
pub fn run(conn: Arc<Conn>, event: &mut Event<AsyncCall>) -> Option<Arc<Conn>> {
    match event {
        Event::Accept(from) => accept(conn, std::mem::take(from)),
        Event::Connect(errno) => connected(conn, *errno),
        Event::Request { cmd, .. } if conn.is_muted() => {
            if *cmd < 0 {
                conn.count_dropped_message();
            }
            Some(conn)
        }
        Event::IoErr(_) | Event::Room if conn.is_muted() => Some(conn),
        Event::Request {
            sequence,
            cmd,
            came,
            payload,
        } => {
            let asked = Asked {
                sequence: *sequence,
                cmd: *cmd,
                came: *came,
            };
            request(conn, asked, payload)
        }
        Event::Refused {
            sequence,
            cmd,
            late,
        } => {
            let known = *cmd > 0 && conn.hub().role().received(*cmd).is_some();
            let status = if known && !*late {
                status::ENCODING_ERR
            } else {
                status::PROCEDURE_UNAVAIL
            };
            refuse(&conn, *sequence, *cmd, status);
            Some(conn)
        }
        Event::Reply {
            call,
            status,
            payload,
        } => reply(conn, *call, *status, payload),
        // Whatever has become of the connection since.
        Event::Early { call, status } => call_back(conn, *call, *status, None),
        Event::IoErr(text) => io_error(conn, std::mem::take(text), None),
        Event::Room => room(conn),
        Event::Disconnect(reason) => disconnect(conn, *reason),
    }
}

fn accept(conn: Arc<Conn>, from: Vec<u8>) -> Option<Arc<Conn>> {
    let Some(f) = conn.hub().callbacks().accept else {
        return Some(conn);
    };
    // The storage must be aligned as a sockaddr is.
    // SAFETY: all-zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let len = from.len().min(size_of_val(&storage));
    // SAFETY: `len` bytes fit.
    unsafe {
        std::ptr::copy_nonoverlapping(from.as_ptr(), (&raw mut storage).cast::<u8>(), len);
    }
    drop(from);
    let set_data = conn.hub().cookie();
    let handle = conn.as_handle().cast::<mrpc_connection>();
    let at = (&raw mut storage).cast();
    let (cookie, conn, _) = call_out(conn, Owned::default(), || {
        // SAFETY: the application's function, with pointers that are valid while it runs, and
        // the cookie that it gave.
        unsafe { f(set_data, handle, at, len as libc::socklen_t) }
    })?;
    conn.set_cookie(cookie);
    Some(conn)
}

fn connected(conn: Arc<Conn>, errno: i32) -> Option<Arc<Conn>> {
    let Some((call, errno)) = conn.begin_connect_callback(errno) else {
        return Some(conn);
    };
    let owned = Owned {
        due: Due::EndAttempt,
        ..Owned::default()
    };
    let (cookie, data) = (conn.cookie(), abi::exposed(call.data));
    let ((), conn, _) = call_out(conn, owned, || {
        // SAFETY: the application's function, with the pointers that it gave.
        unsafe { (call.callback)(cookie, data, errno) }
    })?;
    conn.end_connect_callback();
    Some(conn)
}

fn disconnect(mut conn: Arc<Conn>, reason: Reason) -> Option<Arc<Conn>> {
    let told = conn.hub().callbacks().disconnect;
    if let Some(f) = told.filter(|_| !conn.ends_unnoticed()) {
        let cookie = conn.cookie();
        let owned = Owned {
            due: Due::EndActive,
            ..Owned::default()
        };
        ((), conn, _) = call_out(conn, owned, || {
            // SAFETY: the application's function, with the cookie that it gave.
            unsafe { f(cookie, reason as c_int) }
        })?;
    }
    conn.end_active();
    Some(conn)
}

/// What a dispatcher finds wrong with an event, whose place in the order the error takes; `answer`
/// as for `io_error`.
fn new_error(conn: Arc<Conn>, text: Option<String>, answer: Option<Answer>) -> Option<Arc<Conn>> {
    match text {
        Some(text) => {
            conn.tell_error(&text);
            io_error(conn, text, answer)
        }
        None => Some(conn),
    }
}

/// `answer`: of the request that the text is about, given afterwards by whoever calls this, or by
/// whoever finds that the callback did not return.
#[cold]
fn io_error(conn: Arc<Conn>, text: String, answer: Option<Answer>) -> Option<Arc<Conn>> {
    let (Some(f), Ok(text)) = (conn.hub().callbacks().ioerr, CString::new(text)) else {
        return Some(conn);
    };
    let mut owned = Owned {
        text: text.into_bytes_with_nul().into_boxed_slice(),
        due: answer.map_or(Due::Nothing, Due::Answer),
        ..Owned::default()
    };
    let (cookie, at) = (conn.cookie(), owned.text.as_mut_ptr());
    let ((), conn, _) = call_out(conn, owned, || {
        // SAFETY: the application's function; the text is a C string of ours while it runs.
        unsafe { f(cookie, at.cast()) }
    })?;
    Some(conn)
}

fn room(conn: Arc<Conn>) -> Option<Arc<Conn>> {
    let Some(f) = conn.hub().callbacks().room else {
        return Some(conn);
    };
    let cookie = conn.cookie();
    let ((), conn, _) = call_out(conn, Owned::default(), || {
        // SAFETY: the application's function, with the cookie that it gave.
        unsafe { f(cookie) }
    })?;
    Some(conn)
}

/// A request or message, as its frame said.
#[derive(Clone, Copy)]
struct Asked {
    sequence: u32,
    cmd: i32,
    /// As `Event::Request` has it.
    came: u64,
}

fn request(conn: Arc<Conn>, asked: Asked, payload: &mut Payload) -> Option<Arc<Conn>> {
    let Asked { sequence, cmd, .. } = asked;
    let len = payload.len();
    let prepared = prepare(&conn, cmd, payload.arrived());
    payload.free();
    match prepared {
        Ok(prepared) => handle_request(conn, asked, prepared),
        Err(why) => {
            let status = why.status();
            // A one-way message has no reply, not even an error.
            let answer = (cmd >= 0).then_some(Answer {
                sequence,
                cmd,
                status,
            });
            let conn = new_error(conn, why.report(cmd, len), answer)?;
            match answer {
                Some(_) => refuse(&conn, sequence, cmd, status),
                None => conn.count_dropped_message(),
            }
            Some(conn)
        }
    }
}

/// What a handler is called with.
struct Prepared {
    handler: Handler,
    operations: *const c_void,
    reply_type: Option<Type>,
    owned: Owned,
}

/// Why no handler gets a request.
#[derive(Clone, Copy)]
enum Refused {
    Unavailable,
    Malformed,
    NoMemory,
}

impl Refused {
    fn status(self) -> i32 {
        match self {
            Refused::Unavailable => status::PROCEDURE_UNAVAIL,
            Refused::Malformed | Refused::NoMemory => status::ENCODING_ERR,
        }
    }

    /// For the ioerr function, at once: the message's place in the order of events is here.
    fn report(self, cmd: i32, len: usize) -> Option<String> {
        match self {
            Refused::Unavailable => None,
            Refused::Malformed => Some(format!(
                "request for command {cmd} has a malformed payload of {len} bytes"
            )),
            Refused::NoMemory => Some(format!("no memory for the result of command {cmd}")),
        }
    }
}

/// Decodes a request. Err: what to answer instead of calling the handler.
fn prepare(
    conn: &Arc<Conn>,
    cmd: i32,
    payload: Arrived<'_>,
) -> std::result::Result<Prepared, Refused> {
    let role = conn.hub().role();
    let operations = conn.operations();
    let ty = role.received(cmd).filter(|_| cmd != 0);
    let (Some(ty), Some(handler)) = (ty, role.table().request) else {
        return Err(Refused::Unavailable);
    };
    if operations.is_null() {
        return Err(Refused::Unavailable);
    }
    let Ok(input) = decode(conn, cmd, true, ty, payload) else {
        return Err(Refused::Malformed);
    };
    let reply_type = if cmd < 0 {
        None
    } else {
        let ty = role.reply_to_received(cmd);
        Some(ty.ok_or(Refused::Unavailable)?).filter(|t| !t.is_void())
    };
    let output = match reply_type {
        Some(ty) => Some(Object::new(ty).ok_or(Refused::NoMemory)?),
        None => None,
    };
    Ok(Prepared {
        handler,
        operations,
        reply_type,
        owned: Owned {
            input,
            output,
            ..Owned::default()
        },
    })
}

/// Decodes the payload of a command's request or reply.
#[inline]
pub fn decode(
    conn: &Conn,
    cmd: i32,
    is_request: bool,
    ty: Type,
    payload: Arrived<'_>,
) -> std::result::Result<Option<Object>, xdr::Malformed> {
    let mut place = None;
    let object = xdr::decode(ty, payload, &mut place);
    if let Some(at) = place {
        conn.hub().places.note(cmd, is_request, at);
    }
    object
}

/// Calls the handler, and answers unless it keeps the request.
fn handle_request(conn: Arc<Conn>, asked: Asked, prepared: Prepared) -> Option<Arc<Conn>> {
    let Asked {
        sequence,
        cmd,
        came,
    } = asked;
    let Prepared {
        handler,
        operations,
        reply_type,
        mut owned,
    } = prepared;
    let began = conn.tell_dispatched(sequence, cmd, came);
    let key = if cmd < 0 {
        ONE_WAY
    } else {
        let request = Request {
            conn: Arc::clone(&conn),
            sequence,
            cmd,
            began,
        };
        match requests().insert(request) {
            Some(key) => key,
            None => {
                refuse(&conn, sequence, cmd, status::PROCEDURE_UNAVAIL);
                return Some(conn);
            }
        }
    };
    if cmd >= 0 {
        owned.due = Due::Keep(key);
    }
    let pointer = |o: &Option<Object>| o.as_ref().map_or(std::ptr::null_mut(), Object::as_ptr);
    let (input, output, cookie) = (pointer(&owned.input), pointer(&owned.output), conn.cookie());
    let (status, conn, mut owned) = call_out(conn, owned, || {
        // SAFETY: generated code for this command, with objects of its types, or NULL for void.
        unsafe { handler(operations, cookie, abi::message(key), cmd, input, output) }
    })?;
    owned.input = None;
    if began > 0 {
        conn.note_handled(began);
    }
    if cmd < 0 {
        if status == status::PROCEDURE_UNAVAIL {
            conn.count_dropped_message();
        }
        return Some(conn);
    }
    if status == status::PENDING {
        conn.keep_request(key);
        if requests().get(key).is_none() {
            // Answered before it was kept.
            conn.unkeep_request(key);
        }
        return Some(conn);
    }
    // Nobody else may reply from here on; None: somebody has.
    if let Some(request) = requests().take(key) {
        let answer = match status {
            status::OK => send_result(&request, reply_type, owned.output),
            status => Some(status),
        };
        match answer {
            // What stubs say for an entry that is not there.
            Some(status::PROCEDURE_UNAVAIL) => refuse(&conn, sequence, cmd, status),
            Some(status) => {
                reply_status(&request, status);
            }
            None => {}
        }
    }
    Some(conn)
}

/// Sends what the handler put into its result; Some: the status to answer instead.
fn send_result(request: &Request, reply_type: Option<Type>, output: Option<Object>) -> Option<i32> {
    let mut frame = local::take_frame();
    frame.resize(HEADER_LEN, 0);
    let answer = match (reply_type, &output) {
        (None, _) => {
            send_reply(request, status::OK, &mut frame, &[]);
            None
        }
        (Some(ty), Some(object)) if send_object(request, &mut frame, ty, object) => None,
        _ => {
            let text = format!("result of command {} does not encode", request.cmd);
            request.conn.report(text);
            Some(status::ENCODING_ERR)
        }
    };
    local::put_frame(frame);
    answer
}

/// False if it does not encode.
fn send_object(request: &Request, frame: &mut Vec<u8>, ty: Type, object: &Object) -> bool {
    let Some(procedure) = ty.procedure else {
        return false;
    };
    let mut lent = xdr::Lent::default();
    // SAFETY: an object of the command's reply type, which stays as it is until this returns.
    let encoded = unsafe { xdr::encode(frame, &mut lent, procedure, object.as_ptr()) }.is_ok();
    if encoded {
        let (head, pieces) = lent.split(frame);
        send_reply(request, status::OK, head, &pieces);
    }
    encoded
}

/// Completes the header of an encoded reply, of which `pieces` are the rest, and sends it.
pub fn send_reply(request: &Request, status: i32, frame: &mut [u8], pieces: &[&[u8]]) -> bool {
    let &Request {
        ref conn,
        sequence,
        cmd,
        began,
    } = request;
    let len = frame_len(frame, pieces);
    put_header(frame, len - HEADER_LEN, sequence, cmd, status);
    match conn.send(Kind::Reply { began }, frame, pieces) {
        Ok(()) => true,
        Err(SendError::NoMemory) => {
            conn.report(format!("no memory for the reply to command {cmd}"));
            // Too short to need any.
            reply_status(request, status::ENCODING_ERR);
            false
        }
        Err(_) => false,
    }
}

/// Replies with a status and no payload.
pub fn reply_status(request: &Request, status: i32) -> bool {
    send_reply(request, status, &mut [0; HEADER_LEN], &[])
}

/// Replies to a request that no handler gets.
fn refuse(conn: &Arc<Conn>, sequence: u32, cmd: i32, status: i32) {
    let mut frame = [0; HEADER_LEN];
    put_header(&mut frame, 0, sequence, cmd, status);
    // If it cannot be sent, the connection has ended.
    let _ = conn.send(Kind::Refusal, &mut frame, &[]);
}

fn put_header(frame: &mut [u8], len: usize, sequence: u32, cmd: i32, status: i32) {
    let header = Header {
        sequence,
        status,
        cmd,
        len: len as u32,
    };
    frame[..HEADER_LEN].copy_from_slice(&header.to_bytes());
}

/// Answers a request whose callback did not return.
pub fn answer(conn: &Arc<Conn>, answer: Answer) {
    refuse(conn, answer.sequence, answer.cmd, answer.status);
}

fn reply(
    conn: Arc<Conn>,
    call: AsyncCall,
    status: i32,
    payload: &mut Payload,
) -> Option<Arc<Conn>> {
    let mut status = if conn.is_muted() {
        status::NETWORK_FAILURE
    } else {
        status
    };
    let ty = conn.hub().role().reply_to_sent(call.cmd);
    let mut data = None;
    let mut report = None;
    if status == status::OK {
        let len = payload.len();
        match ty.map(|ty| decode(&conn, call.cmd, false, ty, payload.arrived())) {
            Some(Ok(object)) => data = object,
            _ => {
                report = Some(malformed_reply(call.cmd, len));
                status = status::ENCODING_ERR;
            }
        }
    }
    payload.free();
    let conn = new_error(conn, report, None)?;
    call_back(conn, call, status, data)
}

/// Calls an async call's callback, with the reply if there is one.
fn call_back(
    conn: Arc<Conn>,
    call: AsyncCall,
    status: i32,
    data: Option<Object>,
) -> Option<Arc<Conn>> {
    let ty = conn.hub().role().reply_to_sent(call.cmd);
    let owned = Owned {
        input: data,
        ..Owned::default()
    };
    let private = abi::exposed(call.private);
    let is_void = ty.is_none_or(|ty| ty.is_void());
    let cookie = conn.cookie();
    let data = owned.input.as_ref();
    let data = data.map_or(std::ptr::null_mut(), Object::as_ptr);
    let ((), conn, _) = call_out(conn, owned, || {
        // SAFETY: the application declared the callback with three arguments if its command's
        // reply is void, else with four; `reply_callback_fn` is only the form it travels in.
        unsafe {
            if is_void {
                let f: short_reply_callback_fn = std::mem::transmute(call.callback);
                f(cookie, private, status);
            } else {
                let f: long_reply_callback_fn = std::mem::transmute(call.callback);
                f(cookie, private, status, data);
            }
        }
    })?;
    Some(conn)
}

/// The connection that a request came on, with a user reference more.
pub fn connection_of(key: u64) -> Result<Arc<Conn>> {
    let found = match key {
        ONE_WAY => ticket::current(),
        _ => requests().get(key).map(|request| request.conn),
    };
    let here = |conn: &Arc<Conn>| conn.hub().check_process().is_ok();
    match found.filter(|conn| here(conn) && conn.try_add_user()) {
        Some(conn) => Ok(conn),
        None if key == ONE_WAY || requests().is_plausible(key) => Err(Errno(libc::ENOENT)),
        None => Err(Errno::INVAL),
    }
}

/// What is reported of a reply that does not decode.
pub fn malformed_reply(cmd: i32, len: usize) -> String {
    format!("reply for command {cmd} has a malformed payload of {len} bytes")
}
