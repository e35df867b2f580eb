//! A whole set, over a socketpair on which a peer sends any bytes: what handlers and callbacks are
//! called with, and what is answered, beside the model of the target `frames`. The set is one
//! for all inputs, so that what one leaves behind shows in the next ones.

#![no_main]
// A copy of it, of which the model needs a part.
#![allow(dead_code)]

#[path = "frames/model.rs"]
mod model;
#[path = "../../src/proto/mod.rs"]
mod proto;

// For its C functions.
extern crate minirpc as _;

use libfuzzer_sys::fuzz_target;
use minirpc_fuzz::{pattern, Choices};
use model::{Event, Model};
use proto::frame::{Header, HEADER_LEN};
use proto::life::{Phase, Reason};
use proto::status;
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_long, c_void};
use std::io::{Read, Write};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

/// The longest payload that is accepted.
const MAX: u32 = 300;
/// Nothing takes as long, whatever the machine does meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

#[repr(C)]
struct Set(c_int);
#[repr(C)]
struct Conn(c_int);
#[repr(C)]
struct Role(c_int);
#[repr(C)]
struct Message(c_int);

extern "C" {
    static role: Role;
    fn role_type(cmd: c_int, reply: c_int) -> c_int;
    fn role_again(
        ty: c_int,
        payload: *const c_void,
        len: usize,
        out: *mut c_void,
        room: usize,
    ) -> c_long;
    fn role_call(conn: *mut Conn, cmd: c_int, data: *mut c_void) -> c_int;
    fn role_say(conn: *mut Conn) -> c_int;
    fn role_answer(message: *mut Message) -> c_int;

    fn mrpc_conn_set_create(set: *mut *mut Set, protocol: *const Role, data: *mut c_void) -> c_int;
    fn mrpc_set_disconnect_func(set: *mut Set, f: extern "C" fn(*mut c_void, c_int)) -> c_int;
    fn mrpc_set_ioerr_func(set: *mut Set, f: extern "C" fn(*mut c_void, *mut c_char)) -> c_int;
    fn mrpc_set_max_buf_len(set: *mut Set, len: u32) -> c_int;
    fn mrpc_dispatcher_add(set: *mut Set);
    fn mrpc_dispatch(set: *mut Set, max: c_int) -> c_int;
    fn mrpc_get_event_fd(set: *mut Set) -> c_int;
    fn mrpc_conn_create(conn: *mut *mut Conn, set: *mut Set, data: *mut c_void) -> c_int;
    fn mrpc_conn_set_operations(
        conn: *mut Conn,
        protocol: *const Role,
        ops: *const c_void,
    ) -> c_int;
    fn mrpc_bind_fd(conn: *mut Conn, fd: c_int) -> c_int;
    fn mrpc_conn_close(conn: *mut Conn) -> c_int;
    fn mrpc_conn_unref(conn: *mut Conn);
    fn mrpc_stop_events(conn: *mut Conn) -> c_int;
    fn mrpc_start_events(conn: *mut Conn) -> c_int;
}

/// What the application saw.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Called(i32, Vec<u8>),
    Replied(usize, i32, Vec<u8>),
    IoErr,
    Disconnected(i32),
}

#[derive(Default)]
struct Log {
    seen: Vec<Seen>,
    kept: Vec<usize>,
}

// All handlers run in the one thread that dispatches.
thread_local! {
    static LOG: RefCell<Log> = RefCell::default();
}

fn seen(what: Seen) {
    LOG.with_borrow_mut(|log| log.seen.push(what));
}

/// # Safety
/// So many bytes are there.
unsafe fn bytes_of(bytes: *const u8, len: c_long) -> Vec<u8> {
    let len = usize::try_from(len).expect("what was decoded encodes");
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(bytes, len) }.to_vec()
}

#[no_mangle]
extern "C" fn role_called(
    _: *mut c_void,
    cmd: c_int,
    message: *mut Message,
    bytes: *const u8,
    len: c_long,
) {
    // SAFETY: role.c's bytes.
    seen(Seen::Called(cmd, unsafe { bytes_of(bytes, len) }));
    if cmd == 5 {
        LOG.with_borrow_mut(|log| log.kept.push(message as usize));
    }
}

#[no_mangle]
extern "C" fn role_replied(
    _: *mut c_void,
    data: *mut c_void,
    status: c_int,
    bytes: *const u8,
    len: c_long,
) {
    // SAFETY: role.c's bytes.
    let bytes = unsafe { bytes_of(bytes, len) };
    seen(Seen::Replied(data as usize - 1, status, bytes));
}

extern "C" fn io_error(_: *mut c_void, _: *mut c_char) {
    seen(Seen::IoErr);
}

extern "C" fn disconnected(_: *mut c_void, reason: c_int) {
    seen(Seen::Disconnected(reason));
}

/// The set, with this thread as its one dispatcher.
fn set() -> *mut Set {
    thread_local! {
        static SET: *mut Set = {
            let mut set = null_mut();
            // SAFETY: as minirpc.h has it.
            unsafe {
                assert_eq!(mrpc_conn_set_create(&raw mut set, &raw const role, null_mut()), 0);
                assert_eq!(mrpc_set_disconnect_func(set, disconnected), 0);
                assert_eq!(mrpc_set_ioerr_func(set, io_error), 0);
                assert_eq!(mrpc_set_max_buf_len(set, MAX), 0);
                mrpc_dispatcher_add(set);
            }
            set
        };
    }
    SET.with(|set| *set)
}

/// Runs events until so much has been seen.
fn dispatch(set: *mut Set, mut enough: impl FnMut(&Log) -> bool) {
    let begun = Instant::now();
    loop {
        // SAFETY: this thread is registered for the set.
        unsafe { mrpc_dispatch(set, 0) };
        if LOG.with_borrow(&mut enough) {
            return;
        }
        // SAFETY: a descriptor of the set's, which lives.
        unsafe {
            let (fd, events) = (mrpc_get_event_fd(set), libc::POLLIN);
            let mut poll = libc::pollfd {
                fd,
                events,
                revents: 0,
            };
            libc::poll(&raw mut poll, 1, 1000);
        }
        let late = begun.elapsed() > PATIENCE;
        assert!(
            !late,
            "waits in vain; so far: {:?}",
            LOG.with_borrow(|log| log.seen.clone())
        );
    }
}

/// What a payload of this type is to the application; None: nothing.
fn again(ty: c_int, payload: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; payload.len() + 64];
    // SAFETY: both are as long as is said.
    let len = unsafe {
        let to = out.as_mut_ptr().cast();
        role_again(ty, payload.as_ptr().cast(), payload.len(), to, out.len())
    };
    out.truncate(usize::try_from(len).ok()?);
    Some(out)
}

/// What the application is to see of the model's events, and the replies, of which those to
/// procedure 5 come last.
fn expected(model: &Model) -> (Vec<Seen>, Vec<u8>) {
    const NONE: c_int = 5;
    // SAFETY: it gives a number.
    let ty = |cmd, reply| unsafe { role_type(cmd, reply) };
    let (mut seen, mut replies, mut last) = (Vec::new(), Vec::new(), Vec::new());
    let mut answer = |sequence, cmd, status, payload: &[u8]| {
        let len = payload.len() as u32;
        let header = Header {
            sequence,
            status,
            cmd,
            len,
        };
        let to = if (cmd, status) == (5, status::OK) {
            &mut last
        } else {
            &mut replies
        };
        to.extend(header.to_bytes());
        to.extend(payload);
    };
    for event in &model.events {
        match event {
            Event::Request(sequence, cmd, payload) => {
                let (sequence, cmd) = (*sequence, *cmd);
                let (status, result) = match (ty(cmd, 0), again(ty(cmd, 0).min(4), payload)) {
                    (NONE, _) => (status::PROCEDURE_UNAVAIL, Vec::new()),
                    (_, None) => {
                        seen.push(Seen::IoErr);
                        (status::ENCODING_ERR, Vec::new())
                    }
                    (_, Some(value)) => {
                        seen.push(Seen::Called(cmd, value.clone()));
                        match cmd {
                            2 | 3 => (status::OK, value),
                            4 => (7, Vec::new()),
                            _ => (status::OK, Vec::new()),
                        }
                    }
                };
                if cmd >= 0 {
                    answer(sequence, cmd, status, &result);
                }
            }
            Event::Refused(sequence, cmd, _) => {
                let known = ty(*cmd, 0) != NONE;
                let status = if known {
                    status::ENCODING_ERR
                } else {
                    status::PROCEDURE_UNAVAIL
                };
                answer(*sequence, *cmd, status, &[]);
            }
            Event::Reply(id, status::OK, payload) => {
                let value = again(ty(model.calls[*id].cmd, 1), payload);
                if value.is_none() {
                    seen.push(Seen::IoErr);
                }
                let status = if value.is_some() {
                    status::OK
                } else {
                    status::ENCODING_ERR
                };
                seen.push(Seen::Replied(*id, status, value.unwrap_or_default()));
            }
            Event::Reply(id, status, _) => seen.push(Seen::Replied(*id, *status, Vec::new())),
            Event::IoErr(_) => seen.push(Seen::IoErr),
            Event::Disconnect(reason) => seen.push(Seen::Disconnected(*reason as i32)),
            _ => unreachable!("nothing makes it here"),
        }
    }
    replies.extend(last);
    (seen, replies)
}

/// One thing that the peer sends.
fn peer_sends(model: &Model, choices: &mut Choices<'_>, to: &mut Vec<u8>) {
    if choices.below(8) == 0 {
        let len = choices.length();
        return to.extend(choices.bytes(len));
    }
    let mut header = Header {
        sequence: u32::from(choices.byte()),
        status: status::PENDING,
        cmd: choices.below(9) as i32 - 2,
        len: 0,
    };
    if !model.calls.is_empty() && choices.flag() {
        let call = &model.calls[choices.below(model.calls.len())];
        header.sequence = call.sequence;
        header.status = choices.pick(&[0, 0, 0, 0, 9, -3]);
        header.cmd = if choices.below(8) == 0 {
            header.cmd
        } else {
            call.cmd
        };
    }
    let payload = match choices.below(4) {
        0 => Vec::new(),
        1 => pattern(choices.length(), 1),
        2 => {
            // Text, mostly.
            let len = choices.below(9);
            let mut text = (len as u32).to_be_bytes().to_vec();
            text.extend(pattern(len, 65));
            text.resize(text.len().next_multiple_of(4), 0);
            text
        }
        _ => {
            let len = choices.length();
            choices.bytes(len).to_vec()
        }
    };
    header.len = payload.len() as u32;
    to.extend(header.to_bytes());
    to.extend(payload);
}

fn run(choices: &mut Choices<'_>) {
    LOG.with_borrow_mut(|log| *log = Log::default());
    let (set, mut model) = (set(), Model::new());
    model.phase = Phase::Open;
    let (ours, mut peer) = UnixStream::pair().expect("socketpair");
    let mut conn = null_mut();
    // SAFETY: as minirpc.h has it.
    unsafe {
        assert_eq!(mrpc_conn_create(&raw mut conn, set, null_mut()), 0);
        assert_eq!(
            mrpc_conn_set_operations(conn, &raw const role, (&raw const role).cast()),
            0
        );
        assert_eq!(mrpc_bind_fd(conn, ours.into_raw_fd()), 0);
    }
    let mut sent = Vec::new();
    let mut asked = |model: &mut Model, cmd, status: c_int| {
        assert_eq!(status, status::OK);
        let (sequence, status, len) = (model.number(), status::PENDING, 0);
        sent.extend(
            Header {
                sequence,
                status,
                cmd,
                len,
            }
            .to_bytes(),
        );
    };
    for _ in 0..choices.below(5) {
        let cmd = 1 + choices.below(4) as i32;
        let id = model.call(cmd, false);
        // Given again just below.
        model.numbers -= 1;
        // SAFETY: a connection that lives; the number comes back.
        let status = unsafe { role_call(conn, cmd, (id + 1) as *mut c_void) };
        asked(&mut model, cmd, status);
    }
    let closes = choices.below(8) == 0;
    let mut stopped = 0;
    let mut bytes = Vec::new();
    while !choices.is_empty() && bytes.len() < 8192 {
        match choices.below(16) {
            0 => asked(&mut model, -1, {
                // SAFETY: a connection that lives.
                unsafe { role_say(conn) }
            }),
            1 => {
                stopped += 1;
                // SAFETY: likewise.
                assert_eq!(unsafe { mrpc_stop_events(conn) }, 0);
            }
            2 if stopped > 0 => {
                stopped -= 1;
                // SAFETY: likewise.
                assert_eq!(unsafe { mrpc_start_events(conn) }, 0);
            }
            3 => dispatch(set, |_| true),
            _ => {
                let mut piece = Vec::new();
                peer_sends(&model, choices, &mut piece);
                let cut = choices.length().min(piece.len());
                for part in [&piece[..cut], &piece[cut..]] {
                    peer.write_all(part).expect("room in the socket");
                }
                bytes.extend(piece);
            }
        }
    }
    for _ in 0..stopped {
        // SAFETY: likewise.
        assert_eq!(unsafe { mrpc_start_events(conn) }, 0);
    }
    model.receive(&bytes, MAX);
    model.advance(Phase::Ending, Some(Reason::Closed));
    model.fail_calls();
    model.events.push(Event::Disconnect(Reason::Closed));
    let (events, replies) = expected(&model);
    if closes {
        // SAFETY: likewise.
        unsafe {
            assert_eq!(mrpc_conn_close(conn), 0);
            mrpc_conn_unref(conn);
        }
        drop(peer);
        return closed(set, &model, &events);
    }
    peer.shutdown(std::net::Shutdown::Write).expect("shutdown");
    let before_the_last = events.len() - 1;
    dispatch(set, |log| log.seen.len() >= before_the_last);
    for message in LOG.with_borrow_mut(|log| std::mem::take(&mut log.kept)) {
        // SAFETY: a key of a request that was kept.
        assert_eq!(unsafe { role_answer(message as *mut Message) }, status::OK);
    }
    let mut all = Vec::new();
    peer.set_nonblocking(true).expect("a socket");
    dispatch(set, |log| {
        take(&mut peer, &mut all);
        log.seen.len() > before_the_last
    });
    LOG.with_borrow(|log| assert_eq!(log.seen, events));
    // SAFETY: the reference is ours.
    unsafe { mrpc_conn_unref(conn) };
    peer.set_nonblocking(false).expect("a socket");
    peer.read_to_end(&mut all).expect("the end of the stream");
    answered(&all, &sent, &replies);
}

/// Reads what has come. Some hundred messages, however short, fill a Unix socket if each is sent by
/// itself, and all have to be sent before the connection ends.
fn take(peer: &mut UnixStream, all: &mut Vec<u8>) {
    match peer.read_to_end(all) {
        Ok(_) => {}
        Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::WouldBlock),
    }
}

/// All that was sent: calls and messages in their order, and replies in theirs.
fn answered(all: &[u8], sent: &[u8], replies: &[u8]) {
    let (mut asked, mut answers) = (Vec::<u8>::new(), Vec::<u8>::new());
    let mut rest = all;
    while let Some((head, behind)) = rest.split_first_chunk::<HEADER_LEN>() {
        let header = Header::from_bytes(head);
        let to = if header.is_request() {
            &mut asked
        } else {
            &mut answers
        };
        let (payload, behind) = behind.split_at(header.len as usize);
        to.extend(head);
        to.extend(payload);
        rest = behind;
    }
    assert!(rest.is_empty());
    assert_eq!(asked, sent);
    assert_eq!(answers, replies);
}

/// Closed by us at any moment: what ran before is the beginning of what would have run, each call
/// ends once, and the disconnect comes last.
fn closed(set: *mut Set, model: &Model, events: &[Seen]) {
    let is_end = |seen: &Seen| matches!(seen, Seen::Disconnected(_));
    dispatch(set, |log| log.seen.iter().any(is_end));
    let seen = LOG.with_borrow(|log| log.seen.clone());
    let (last, before) = seen.split_last().expect("the end at least");
    assert_eq!(*last, Seen::Disconnected(Reason::User as i32));
    assert!(!before.iter().any(is_end));
    let same = before
        .iter()
        .zip(events)
        .take_while(|(a, b)| a == b)
        .count();
    let failed =
        |seen: &Seen| matches!(seen, Seen::Replied(_, status::NETWORK_FAILURE, v) if v.is_empty());
    assert!(
        before[same..].iter().all(failed),
        "{before:?} is no beginning of {events:?}"
    );
    let ended = |seen: &Seen| match seen {
        Seen::Replied(id, ..) => Some(*id),
        _ => None,
    };
    let mut calls: Vec<usize> = before.iter().filter_map(ended).collect();
    calls.sort_unstable();
    assert!(calls.into_iter().eq(0..model.calls.len()));
}

fuzz_target!(|data: &[u8]| run(&mut Choices::new(data)));
