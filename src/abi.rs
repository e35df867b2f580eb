//! The types that C sees, as C lays them out. No functions: those are in `ffi`.
//!
//! include/minirpc/types.h and protocol.h declare the same types to C.

#![allow(
    non_camel_case_types,
    clippy::upper_case_acronyms,
    reason = "the names are those of the C interface"
)]

use core::ffi::{c_char, c_int, c_uint, c_void};
use core::mem::{offset_of, size_of};

/// Opaque to C: a handle (`ffi/handle.rs` knows what is behind it).
pub struct mrpc_conn_set {
    _private: (),
}

/// Opaque to C: a handle.
pub struct mrpc_connection {
    _private: (),
}

/// Opaque to C: never an address, but the key of a request that waits for its reply.
pub struct mrpc_message {
    _private: (),
}

/// `enum mrpc_status_codes` if zero or negative, the application's own if positive.
pub type mrpc_status_t = c_int;

/// `MRPC_TIMEOUT_INHERIT`
pub const TIMEOUT_INHERIT: c_uint = c_uint::MAX;

/// A call's key.
pub type mrpc_call_t = u64;

/// How a call may end before its reply is read.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mrpc_call_options {
    pub size: usize,
    pub timeout_ms: c_uint,
    pub call: *mut mrpc_call_t,
}

/// `enum mrpc_conn_counter` as an argument: C passes any number.
pub type mrpc_conn_counter_arg = c_int;

/// `enum mrpc_disc_reason` as an argument of a callback.
pub type mrpc_disc_reason_arg = c_int;

/// `socklen_t`
pub type socklen_t = c_uint;
/// `pid_t`
pub type pid_t = c_int;
/// `uid_t`
pub type uid_t = c_uint;
/// `gid_t`
pub type gid_t = c_uint;

/// `struct sockaddr`: of any family, its length beside it.
pub struct sockaddr {
    _private: (),
}

pub type mrpc_accept_fn = unsafe extern "C" fn(
    set_data: *mut c_void,
    conn: *mut mrpc_connection,
    from: *mut c_void,
    from_len: socklen_t,
) -> *mut c_void;

pub type mrpc_disconnect_fn =
    unsafe extern "C" fn(conn_data: *mut c_void, reason: mrpc_disc_reason_arg);

pub type mrpc_ioerr_fn = unsafe extern "C" fn(conn_data: *mut c_void, message: *mut c_char);

pub type mrpc_connect_fn =
    unsafe extern "C" fn(conn_data: *mut c_void, data: *mut c_void, error: c_int);

pub type mrpc_room_fn = unsafe extern "C" fn(conn_data: *mut c_void);

pub type mrpc_trace_fn = unsafe extern "C" fn(data: *mut c_void, event: *const mrpc_trace_event);

/// `mrpc_accept_fn *` in C, where the name without the star is a function type.
pub type mrpc_accept_ptr = Option<mrpc_accept_fn>;
/// `mrpc_disconnect_fn *` in C
pub type mrpc_disconnect_ptr = Option<mrpc_disconnect_fn>;
/// `mrpc_ioerr_fn *` in C
pub type mrpc_ioerr_ptr = Option<mrpc_ioerr_fn>;
/// `mrpc_room_fn *` in C
pub type mrpc_room_ptr = Option<mrpc_room_fn>;
/// `mrpc_trace_fn *` in C
pub type mrpc_trace_ptr = Option<mrpc_trace_fn>;

/// `mrpc_connect_fn *` in C
pub type mrpc_connect_ptr = Option<mrpc_connect_fn>;

/// `reply_callback_fn`: called as one of the next two, by whether the reply's type is void.
pub type reply_callback_fn = unsafe extern "C" fn();
pub type long_reply_callback_fn = unsafe extern "C" fn(
    conn_private: *mut c_void,
    msg_private: *mut c_void,
    status: mrpc_status_t,
    data: *mut c_void,
);
pub type short_reply_callback_fn = unsafe extern "C" fn(
    conn_private: *mut c_void,
    msg_private: *mut c_void,
    status: mrpc_status_t,
);

/// `reply_callback_fn *` in C
pub type reply_callback_ptr = Option<reply_callback_fn>;

/// An XDR procedure: declared variadic by libtirpc, but never defined so.
pub type xdrproc_t = unsafe extern "C" fn(xdrs: *mut XDR, object: *mut c_void) -> c_int;

/// `struct xdr_ops` of both libraries in one (slots 8 and 9 are glibc's; libtirpc has
/// `control` in slot 8, which it calls on its own streams only).
#[repr(C)]
pub struct xdr_ops {
    pub getlong: unsafe extern "C" fn(*mut XDR, *mut core::ffi::c_long) -> c_int,
    pub putlong: unsafe extern "C" fn(*mut XDR, *const core::ffi::c_long) -> c_int,
    pub getbytes: unsafe extern "C" fn(*mut XDR, *mut c_char, c_uint) -> c_int,
    pub putbytes: unsafe extern "C" fn(*mut XDR, *const c_char, c_uint) -> c_int,
    pub getpostn: unsafe extern "C" fn(*mut XDR) -> c_uint,
    pub setpostn: unsafe extern "C" fn(*mut XDR, c_uint) -> c_int,
    pub inline: unsafe extern "C" fn(*mut XDR, c_uint) -> *mut i32,
    pub destroy: unsafe extern "C" fn(*mut XDR),
    pub getint32: unsafe extern "C" fn(*mut XDR, *mut i32) -> c_int,
    pub putint32: unsafe extern "C" fn(*mut XDR, *const i32) -> c_int,
}

pub const XDR_ENCODE: c_int = 0;
pub const XDR_DECODE: c_int = 1;
pub const XDR_FREE: c_int = 2;

/// A stream as an XDR procedure sees it.
#[repr(C)]
pub struct XDR {
    pub x_op: c_int,
    pub x_ops: *const xdr_ops,
    pub x_public: *mut c_char,
    pub x_private: *mut c_void,
    pub x_base: *mut c_char,
    pub x_handy: c_uint,
}

/// Fills in the type and size of a command's argument or result; either place may be null.
pub type info_fn =
    unsafe extern "C" fn(cmd: c_uint, xdr: *mut xdrproc_t, size: *mut c_uint) -> mrpc_status_t;

/// One role of a protocol: a constant table in generated code.
///
/// Whether `sender_reply_info` is of the replies to what this role sends, or of those that it
/// sends, is for `ffi::role` to find out.
#[repr(C)]
pub struct mrpc_protocol {
    pub is_server: c_int,
    /// `None` if the role receives nothing.
    pub request: Option<
        unsafe extern "C" fn(
            ops: *const c_void,
            conn_data: *mut c_void,
            msg: *mut mrpc_message,
            cmd: c_int,
            input: *mut c_void,
            output: *mut c_void,
        ) -> mrpc_status_t,
    >,
    pub sender_request_info: Option<info_fn>,
    pub sender_reply_info: Option<info_fn>,
    pub receiver_request_info: Option<info_fn>,
    pub receiver_reply_info: Option<info_fn>,
}

/// `struct mrpc_histogram`
#[derive(Clone, Copy)]
#[repr(C)]
pub struct mrpc_histogram {
    pub count: u64,
    pub sum_ns: u64,
    pub max_ns: u64,
    pub bucket: [u64; 108],
}

/// `struct mrpc_set_stats`
#[derive(Clone, Copy)]
#[repr(C)]
pub struct mrpc_set_stats {
    pub size: usize,
    pub connections: u64,
    pub connections_max: u64,
    pub accepted: u64,
    pub connected: u64,
    pub bound: u64,
    pub connections_refused: u64,
    pub disconnected_user: u64,
    pub disconnected_closed: u64,
    pub disconnected_error: u64,
    pub calls_made: u64,
    pub calls_ok: u64,
    pub calls_status: u64,
    pub calls_failed: u64,
    pub calls_timed_out: u64,
    pub calls_cancelled: u64,
    pub calls_outstanding: u64,
    pub requests_received: u64,
    pub requests_answered: u64,
    pub requests_refused: u64,
    pub requests_waiting: u64,
    pub requests_kept: u64,
    pub messages_sent: u64,
    pub messages_received: u64,
    pub messages_dropped: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub bytes_unsent: u64,
    pub bytes_undispatched: u64,
    pub late_replies: u64,
    pub reads_paused: u64,
    pub accepts_paused: u64,
    pub busy: u64,
    pub handshakes_failed: u64,
    pub call_time: mrpc_histogram,
    pub dispatch_wait: mrpc_histogram,
    pub handler_time: mrpc_histogram,
}

/// `struct mrpc_conn_stats`
#[derive(Clone, Copy)]
#[repr(C)]
pub struct mrpc_conn_stats {
    pub size: usize,
    pub id: u64,
    pub age_ms: u64,
    pub idle_ms: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub messages_sent: u64,
    pub messages_received: u64,
    pub calls_outstanding: u64,
    pub requests_waiting: u64,
    pub requests_kept: u64,
    pub bytes_unsent: u64,
    pub bytes_undispatched: u64,
    pub late_replies: u64,
}

/// `struct mrpc_trace_event`
#[repr(C)]
pub struct mrpc_trace_event {
    pub size: usize,
    /// `enum mrpc_trace_kind`
    pub kind: c_uint,
    pub time_ns: u64,
    pub connection: u64,
    pub sequence: u32,
    pub cmd: c_int,
    pub status: mrpc_status_t,
    pub bytes: u64,
    pub took_ns: u64,
    pub text: *const c_char,
}

/// `struct iovec`
pub type iovec = libc::iovec;

/// `struct mrpc_transport_end`
#[repr(C)]
pub struct mrpc_transport_end {
    pub size: usize,
    pub server: c_int,
    pub bound: c_int,
    pub host: *const c_char,
    pub address: *const sockaddr,
    pub address_len: socklen_t,
}

/// `enum mrpc_transport_state`
pub const TRANSPORT_READY: c_int = 1;
pub const TRANSPORT_SEND: c_int = 2;
pub const TRANSPORT_MORE: c_int = 4;
pub const TRANSPORT_ENDED: c_int = 8;
pub const TRANSPORT_FAILED: c_int = 16;

/// `struct mrpc_transport`: as C may fill it in.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct mrpc_transport {
    pub size: usize,
    pub attach: Option<transport_attach_fn>,
    pub detach: Option<transport_free_fn>,
    pub open: Option<transport_open_fn>,
    pub free: Option<transport_free_fn>,
    pub receive: Option<transport_receive_fn>,
    pub send: Option<transport_send_fn>,
    pub end: Option<transport_end_fn>,
    pub get_error: Option<transport_error_fn>,
}

pub type transport_attach_fn =
    unsafe extern "C" fn(data: *mut c_void, server: c_int, shared: *mut *mut c_void) -> c_int;
pub type transport_free_fn = unsafe extern "C" fn(shared_or_session: *mut c_void);
pub type transport_open_fn = unsafe extern "C" fn(
    shared: *mut c_void,
    end: *const mrpc_transport_end,
    session: *mut *mut c_void,
    text: *mut c_char,
    text_size: usize,
) -> c_int;
pub type transport_receive_fn = unsafe extern "C" fn(
    session: *mut c_void,
    wire: *const c_void,
    len: usize,
    taken: *mut usize,
    plain: *mut c_void,
    room: usize,
    given: *mut usize,
) -> c_int;
pub type transport_send_fn = unsafe extern "C" fn(
    session: *mut c_void,
    plain: *const iovec,
    count: usize,
    taken: *mut usize,
    wire: *mut c_void,
    room: usize,
    given: *mut usize,
) -> c_int;
pub type transport_end_fn = unsafe extern "C" fn(session: *mut c_void) -> c_int;
pub type transport_error_fn =
    unsafe extern "C" fn(session: *mut c_void, text: *mut c_char, size: usize);

/// A request's key, as C holds it.
pub fn message(key: u64) -> *mut mrpc_message {
    std::ptr::without_provenance_mut(key as usize)
}

/// The application's pointer that was exposed as a number.
pub fn exposed(n: usize) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(n)
}

/// The layouts are ABI: applications carry tables and procedures compiled years ago.
const _: () = {
    const WORD: usize = size_of::<usize>();
    assert!(size_of::<xdr_ops>() == 10 * WORD);
    assert!(offset_of!(XDR, x_ops) == WORD);
    assert!(offset_of!(XDR, x_public) == 2 * WORD);
    assert!(offset_of!(XDR, x_private) == 3 * WORD);
    assert!(offset_of!(XDR, x_base) == 4 * WORD);
    assert!(offset_of!(XDR, x_handy) == 5 * WORD);
    assert!(size_of::<XDR>() == 6 * WORD);
    assert!(offset_of!(mrpc_protocol, request) == WORD);
    assert!(offset_of!(mrpc_protocol, receiver_reply_info) == 5 * WORD);
    assert!(size_of::<mrpc_protocol>() == 6 * WORD);
    assert!(offset_of!(mrpc_call_options, timeout_ms) == WORD);
    assert!(offset_of!(mrpc_call_options, call) == 2 * WORD);
    assert!(size_of::<mrpc_call_options>() == 3 * WORD);
};
