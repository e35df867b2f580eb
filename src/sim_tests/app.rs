//! The application of the simulated pair: its procedures, written as minirpcgen writes them, its
//! handlers, and what it has seen, with which every run is judged.

use crate::abi::{mrpc_call_options, mrpc_connection, mrpc_message, mrpc_protocol};
use crate::abi::{xdrproc_t, TIMEOUT_INHERIT, XDR};
use crate::abi::{XDR_DECODE, XDR_ENCODE};
use crate::proto::status;
use crate::sync::sim::wait::{self, Key};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// The result is the argument.
pub const ECHO: c_int = 1;
/// As ECHO, when `answer_kept` is called.
pub const LATER: c_int = 2;
/// As ECHO, after a while.
pub const SLOW: c_int = 3;
/// As ECHO, after the handler has called ECHO back.
pub const BACK: c_int = 4;
/// As SLOW, for longer than any tick.
pub const LONG: c_int = 5;
/// A one-way message.
pub const NOTE: c_int = -1;

/// What SLOW takes.
pub const WHILE: Duration = Duration::from_millis(3);

#[repr(C)]
pub struct Item {
    pub id: u32,
    len: u32,
    pad: *mut c_char,
}

type OnReply = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int, *mut c_void);

#[allow(improper_ctypes, reason = "opaque to C")]
extern "C" {
    fn mrpc_send_request_with(
        protocol: *const mrpc_protocol,
        conn: *mut mrpc_connection,
        options: *const mrpc_call_options,
        cmd: c_int,
        input: *mut c_void,
        out: *mut *mut c_void,
    ) -> c_int;
    fn mrpc_send_request_async_with(
        protocol: *const mrpc_protocol,
        conn: *mut mrpc_connection,
        options: *const mrpc_call_options,
        cmd: c_int,
        callback: Option<OnReply>,
        private: *mut c_void,
        input: *mut c_void,
    ) -> c_int;
    fn mrpc_send_request_noreply(
        protocol: *const mrpc_protocol,
        conn: *mut mrpc_connection,
        cmd: c_int,
        input: *mut c_void,
    ) -> c_int;
    fn mrpc_call_cancel(conn: *mut mrpc_connection, call: u64) -> c_int;
    fn mrpc_send_reply(
        protocol: *const mrpc_protocol,
        cmd: c_int,
        request: *mut mrpc_message,
        data: *mut c_void,
    ) -> c_int;
}

/// Whether the procedure's bytes are right is in the bytes: see `check_pad`.
fn pad_byte(id: u32, at: usize) -> u8 {
    (id as usize * 7 + at) as u8
}

unsafe extern "C" fn xdr_item(xdr: *mut XDR, object: *mut c_void) -> c_int {
    // SAFETY: called with streams of the library, and with items.
    unsafe {
        let item = &mut *object.cast::<Item>();
        let ops = &*(*xdr).x_ops;
        let rounded = |len: u32| len.div_ceil(4) * 4;
        match (*xdr).x_op {
            XDR_ENCODE => {
                let (id, len) = (item.id as i32, item.len as i32);
                let head = (ops.putint32)(xdr, &id) != 0 && (ops.putint32)(xdr, &len) != 0;
                c_int::from(head && (ops.putbytes)(xdr, item.pad, rounded(item.len)) != 0)
            }
            XDR_DECODE => {
                let (mut id, mut len) = (0, 0);
                if (ops.getint32)(xdr, &mut id) == 0 || (ops.getint32)(xdr, &mut len) == 0 {
                    return 0;
                }
                item.id = id as u32;
                item.len = len as u32;
                item.pad = libc::calloc(1, rounded(item.len) as usize + 1).cast();
                (ops.getbytes)(xdr, item.pad, rounded(item.len))
            }
            _ => {
                libc::free(item.pad.cast());
                item.pad = null_mut();
                1
            }
        }
    }
}

unsafe extern "C" fn info(cmd: c_uint, xdr: *mut xdrproc_t, size: *mut c_uint) -> c_int {
    if !matches!(cmd as c_int, ECHO | LATER | SLOW | BACK | LONG | NOTE) {
        return status::PROCEDURE_UNAVAIL;
    }
    // SAFETY: NULL or places for the two.
    unsafe {
        if let Some(place) = xdr.as_mut() {
            *place = xdr_item;
        }
        if let Some(place) = size.as_mut() {
            *place = size_of::<Item>() as c_uint;
        }
    }
    status::OK
}

const fn role(is_server: c_int) -> mrpc_protocol {
    mrpc_protocol {
        is_server,
        request: Some(on_request),
        sender_request_info: Some(info),
        sender_reply_info: Some(info),
        receiver_request_info: Some(info),
        receiver_reply_info: Some(info),
    }
}

static CLIENT: mrpc_protocol = role(0);
static SERVER: mrpc_protocol = role(1);

pub fn protocol(is_server: bool) -> &'static mrpc_protocol {
    if is_server {
        &SERVER
    } else {
        &CLIENT
    }
}

/// A call of the application's.
#[derive(Debug, Default)]
pub struct Call {
    pub cmd: c_int,
    /// The thread that made it.
    by: usize,
    /// How it ended, and when.
    pub ended: Option<(c_int, Duration)>,
}

/// One end of a connection, as its application sees it.
pub struct End {
    pub conn: usize,
    pub is_server: bool,
    pub accepted: u32,
    pub over: Option<c_int>,
    pub reports: Vec<String>,
    pub calls: BTreeMap<u32, Call>,
    /// Notes that were taken to be sent, with the threads that sent them, and notes that came,
    /// in that order.
    pub sent: Vec<(u32, usize)>,
    pub notes: Vec<u32>,
    /// Requests that came, by number; kept ones.
    pub asked: Vec<u32>,
    pub kept: Vec<(usize, u32)>,
    pub rooms: u32,
    /// What the callbacks of attempts to connect were told.
    pub told: Vec<c_int>,
    /// The last async reply that came with OK, to each thread's calls but LATER.
    last: BTreeMap<usize, u32>,
    /// In a handler.
    pub busy: u32,
}

std::thread_local! {
    static ENDS: RefCell<Vec<End>> = const { RefCell::new(Vec::new()) };
    static NEXT: RefCell<u32> = const { RefCell::new(0) };
}

pub fn begin() {
    ENDS.with(|ends| ends.borrow_mut().clear());
    NEXT.with(|next| *next.borrow_mut() = 0);
}

pub fn add_end(conn: *mut mrpc_connection, is_server: bool) -> usize {
    ENDS.with(|ends| {
        let mut ends = ends.borrow_mut();
        ends.push(End {
            conn: conn.addr(),
            is_server,
            accepted: 0,
            over: None,
            reports: Vec::new(),
            calls: BTreeMap::new(),
            sent: Vec::new(),
            notes: Vec::new(),
            asked: Vec::new(),
            kept: Vec::new(),
            rooms: 0,
            told: Vec::new(),
            last: BTreeMap::new(),
            busy: 0,
        });
        ends.len() - 1
    })
}

pub fn set_conn(end: usize, conn: *mut mrpc_connection) {
    with(end, |e| e.conn = conn.expose_provenance());
}

pub fn ends() -> usize {
    ENDS.with(|ends| ends.borrow().len())
}

pub fn with<R>(end: usize, f: impl FnOnce(&mut End) -> R) -> R {
    ENDS.with(|ends| f(&mut ends.borrow_mut()[end]))
}

pub fn conn(end: usize) -> *mut mrpc_connection {
    with(end, |e| std::ptr::with_exposed_provenance_mut(e.conn))
}

/// The cookie of an end, which is never NULL.
pub fn cookie(end: usize) -> *mut c_void {
    std::ptr::without_provenance_mut(end + 1)
}

/// An event of this end fires: none may after the disconnect, and no two at once.
fn enter(cookie: *mut c_void) -> usize {
    wait::assert_no_lock();
    let end = cookie.addr() - 1;
    with(end, |e| {
        assert!(e.over.is_none(), "an event after the disconnect");
        e.busy += 1;
        assert!(e.busy == 1, "two events of a connection at once");
    });
    wait::point();
    end
}

fn leave(end: usize) {
    with(end, |e| e.busy -= 1);
}

fn new_id() -> u32 {
    NEXT.with(|next| {
        *next.borrow_mut() += 1;
        *next.borrow()
    })
}

fn with_item<R>(id: u32, pad: usize, f: impl FnOnce(*mut c_void) -> R) -> R {
    let mut bytes: Vec<u8> = (0..pad.div_ceil(4) * 4)
        .map(|at| pad_byte(id, at))
        .collect();
    let mut item = Item {
        id,
        len: pad as u32,
        pad: bytes.as_mut_ptr().cast(),
    };
    f((&raw mut item).cast())
}

/// # Safety
/// `object` is an item.
unsafe fn check_pad(object: *mut c_void) -> u32 {
    // SAFETY: its pad is as long as it says.
    let (id, bytes) = unsafe {
        let item = &*object.cast::<Item>();
        let bytes = std::slice::from_raw_parts(item.pad.cast::<u8>(), item.len as usize);
        (item.id, bytes)
    };
    let right = bytes
        .iter()
        .enumerate()
        .all(|(at, b)| *b == pad_byte(id, at));
    assert!(right, "the bytes of {id} are not what was sent");
    id
}

/// How a call may end early.
#[derive(Clone, Default)]
pub struct Early {
    pub timeout: Option<u32>,
    /// Where its key goes.
    pub key: Option<Arc<AtomicU64>>,
}

impl Early {
    /// Runs `with` on the options, or NULL.
    fn options<R>(&self, with: impl FnOnce(*const mrpc_call_options) -> R) -> R {
        if self.timeout.is_none() && self.key.is_none() {
            return with(null());
        }
        with(&mrpc_call_options {
            size: size_of::<mrpc_call_options>(),
            timeout_ms: self.timeout.unwrap_or(TIMEOUT_INHERIT),
            call: self.key.as_ref().map_or(null_mut(), |key| key.as_ptr()),
        })
    }
}

/// True if the call had not ended.
pub fn cancel(end: usize, key: &AtomicU64) -> bool {
    // SAFETY: a handle that the test holds.
    let result = unsafe { mrpc_call_cancel(conn(end), key.load(Ordering::Acquire)) };
    assert!([0, libc::ENOENT].contains(&result));
    result == 0
}

/// A sync call, which is over when this returns.
pub fn call(end: usize, cmd: c_int, pad: usize) -> c_int {
    call_with(end, cmd, pad, &Early::default())
}

pub fn call_with(end: usize, cmd: c_int, pad: usize, early: &Early) -> c_int {
    let id = new_id();
    let call = Call {
        cmd,
        by: wait::me(),
        ..Call::default()
    };
    with(end, |e| e.calls.insert(id, call));
    let mut out = null_mut();
    let protocol = protocol(with(end, |e| e.is_server));
    let status = with_item(id, pad, |item| {
        early.options(|options| {
            // SAFETY: a handle that the test holds, an item, a place for another.
            unsafe { mrpc_send_request_with(protocol, conn(end), options, cmd, item, &mut out) }
        })
    });
    if status == status::OK {
        // SAFETY: an item of the library's, which is ours now.
        unsafe {
            assert!(check_pad(out) == id, "another call's reply");
            libc::free((*out.cast::<Item>()).pad.cast());
            libc::free(out);
        }
    }
    let now = wait::now();
    with(end, |e| {
        e.calls.entry(id).or_default().ended = Some((status, now))
    });
    status
}

/// An async call; the status is that of sending it.
pub fn call_async(end: usize, cmd: c_int, pad: usize) -> c_int {
    call_async_with(end, cmd, pad, &Early::default())
}

pub fn call_async_with(end: usize, cmd: c_int, pad: usize, early: &Early) -> c_int {
    let id = new_id();
    let call = Call {
        cmd,
        by: wait::me(),
        ended: None,
    };
    with(end, |e| e.calls.insert(id, call));
    let protocol = protocol(with(end, |e| e.is_server));
    let private = std::ptr::without_provenance_mut(id as usize);
    let (conn, callback) = (conn(end), Some(on_reply as OnReply));
    let status = with_item(id, pad, |item| {
        early.options(|options| {
            // SAFETY: as above.
            unsafe {
                mrpc_send_request_async_with(protocol, conn, options, cmd, callback, private, item)
            }
        })
    });
    if status != status::OK {
        with(end, |e| e.calls.remove(&id));
    }
    status
}

pub fn note(end: usize, pad: usize) -> c_int {
    let id = new_id();
    let protocol = protocol(with(end, |e| e.is_server));
    // Written down first: it may arrive before the call returns.
    with(end, |e| e.sent.push((id, wait::me())));
    let status = with_item(id, pad, |item| {
        // SAFETY: as above.
        unsafe { mrpc_send_request_noreply(protocol, conn(end), NOTE, item) }
    });
    if status != status::OK {
        with(end, |e| e.sent.retain(|(sent, _)| *sent != id));
    }
    status
}

/// Answers the requests that LATER has kept.
pub fn answer_kept(end: usize) {
    let (kept, server) = with(end, |e| (std::mem::take(&mut e.kept), e.is_server));
    for (key, id) in kept {
        let request = std::ptr::without_provenance_mut(key);
        with_item(id, 0, |item| {
            // SAFETY: a key, which may be stale, and an item.
            unsafe { mrpc_send_reply(protocol(server), LATER, request, item) }
        });
    }
}

unsafe extern "C" fn on_request(
    _: *const c_void,
    conn_data: *mut c_void,
    message: *mut mrpc_message,
    cmd: c_int,
    input: *mut c_void,
    output: *mut c_void,
) -> c_int {
    let end = enter(conn_data);
    // SAFETY: an item.
    let id = unsafe { check_pad(input) };
    if cmd == NOTE {
        with(end, |e| e.notes.push(id));
        leave(end);
        return status::OK;
    }
    with(end, |e| e.asked.push(id));
    if cmd == LATER {
        with(end, |e| e.kept.push((message.addr(), id)));
        leave(end);
        return status::PENDING;
    }
    if cmd == SLOW {
        wait::sleep(Key::Time, Some(wait::deadline(WHILE)));
    }
    if cmd == LONG {
        wait::sleep(Key::Time, Some(wait::deadline(30 * WHILE)));
    }
    if cmd == BACK {
        call(end, ECHO, 8);
    }
    // SAFETY: two items; the pad goes over to the second.
    unsafe { output.cast::<Item>().write(input.cast::<Item>().read()) };
    // SAFETY: the first has none any more.
    unsafe {
        (*input.cast::<Item>()).pad = null_mut();
        (*input.cast::<Item>()).len = 0;
    }
    leave(end);
    status::OK
}

unsafe extern "C" fn on_reply(
    conn_data: *mut c_void,
    private: *mut c_void,
    status: c_int,
    data: *mut c_void,
) {
    let end = enter(conn_data);
    let id = private.addr() as u32;
    if status == status::OK {
        // SAFETY: an item.
        assert!(unsafe { check_pad(data) } == id, "another call's reply");
    }
    let now = wait::now();
    with(end, |e| {
        let (cmd, by) = e.calls.get(&id).map_or((0, 0), |call| (call.cmd, call.by));
        if status == status::OK && cmd != LATER {
            let before = e.last.insert(by, id);
            assert!(before < Some(id), "replies out of order: {before:?}, {id}");
        }
        let call = e.calls.get_mut(&id);
        let before = call.map(|call| call.ended.replace((status, now)));
        assert!(
            before == Some(None),
            "call {id} ended twice, or was never made"
        );
    });
    leave(end);
}

pub unsafe extern "C" fn on_accept(
    _: *mut c_void,
    conn: *mut mrpc_connection,
    _: *mut c_void,
    _: c_uint,
) -> *mut c_void {
    wait::assert_no_lock();
    let end = add_end(conn, true);
    with(end, |e| e.accepted += 1);
    set_conn(end, conn);
    super::pair::prepare(conn);
    cookie(end)
}

pub unsafe extern "C" fn on_disconnect(conn_data: *mut c_void, reason: c_int) {
    let end = enter(conn_data);
    leave(end);
    with(end, |e| e.over = Some(reason));
}

pub unsafe extern "C" fn on_ioerr(conn_data: *mut c_void, message: *mut c_char) {
    let end = enter(conn_data);
    // SAFETY: a C string.
    let text = unsafe { std::ffi::CStr::from_ptr(message) };
    with(end, |e| e.reports.push(text.to_string_lossy().into()));
    leave(end);
}

pub unsafe extern "C" fn on_room(conn_data: *mut c_void) {
    let end = enter(conn_data);
    with(end, |e| e.rooms += 1);
    leave(end);
}

/// `data`: the end's cookie again.
pub unsafe extern "C" fn on_connect(conn_data: *mut c_void, data: *mut c_void, error: c_int) {
    assert!(conn_data == data, "another's data");
    let end = enter(conn_data);
    with(end, |e| {
        assert!(e.notes.is_empty() && e.asked.is_empty(), "not the first");
        e.told.push(error);
    });
    leave(end);
}
