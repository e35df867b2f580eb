//! The rules of one connection's protocol state.

use super::*;
use crate::proto::flow;
use crate::proto::frame::{Frame, Header, Refused};
use crate::proto::step::What;

pub type C = Connection<&'static str, &'static str>;

pub fn open() -> C {
    let mut c = C::default();
    c.life.advance(Phase::Open, None);
    c
}

pub fn frame(sequence: u32, status: i32, cmd: i32, body: &[u8]) -> Frame<'_> {
    Frame {
        header: Header {
            sequence,
            status,
            cmd,
            len: body.len() as u32,
        },
        body: Body::Slice(body),
    }
}

pub fn events(c: &mut C) -> Vec<String> {
    let mut q = VecDeque::new();
    while c.claim(&flow::DEFAULT) {
        let mut batch = VecDeque::new();
        let first = c.begin_events(usize::MAX, &mut batch, &flow::DEFAULT);
        c.finish_events(&mut VecDeque::new());
        q.extend(first.into_iter().chain(batch));
    }
    q.into_iter()
        .map(|e| match e {
            Event::Accept(_) => "accept".into(),
            Event::Request { cmd, .. } => format!("request {cmd}"),
            Event::Refused { cmd, .. } => format!("refused {cmd}"),
            Event::Reply { call, status, .. } | Event::Early { call, status } => {
                format!("{call} {status}")
            }
            Event::IoErr(_) => "ioerr".into(),
            Event::Room => "room".into(),
            Event::Disconnect(r) => format!("{r:?}"),
            Event::Connect(errno) => format!("connect {errno}"),
        })
        .collect()
}

#[test]
fn an_attempt_ends_with_its_event_and_one_that_was_closed_is_final() {
    let mut c = C::default();
    assert!(c.life.begin_opening());
    c.connected(111);
    assert_eq!(events(&mut c), ["connect 111"]);
    c.life.give_up_opening();
    assert!(c.life.begin_opening(), "the next may begin");
    c.end_unopened();
    assert_eq!(c.life.phase(), Phase::Gone);
    assert!(!c.life.begin_opening());
    assert_eq!(c.close(), Err(CloseError::Already));
    assert_eq!(c.check_open(false), Err(Refusal::Closed));
    let mut c = open();
    c.end_unopened();
    assert_eq!(c.life.phase(), Phase::Open, "it was opened");
}

#[test]
fn what_comes_is_counted_and_noted_once() {
    let mut c = open();
    let (made, cmd) = (7, 1);
    let ok = c.call(Call::Async {
        cmd,
        made,
        call: "ok",
    });
    let not = c.call(Call::Async {
        cmd,
        made: 0,
        call: "not",
    });
    c.begin_notes(Box::new(Notes {
        now: 10,
        connection: 3,
        steps: Vec::new(),
    }));
    c.receive(frame(ok, 0, 1, b""), None);
    c.receive(frame(not, 5, 1, b""), None);
    c.receive(frame(not, 5, 1, b""), None);
    c.receive(frame(9, status::PENDING, 2, b"1234"), None);
    c.receive(frame(10, status::PENDING, -2, b""), None);
    let steps = c.end_notes().unwrap().steps;
    let seen: Vec<_> = steps
        .iter()
        .map(|s| (s.what, s.sequence, s.status, s.bytes, s.took))
        .collect();
    assert_eq!(
        seen,
        [
            (What::ReplyIn, ok, 0, 16, 3),
            (What::ReplyIn, not, 5, 16, 0),
            (What::Error, 0, 0, 0, 0),
            (What::RequestIn, 9, 0, 20, 0),
            (What::MessageIn, 10, 0, 16, 0),
        ]
    );
    assert!(steps.iter().all(|s| (s.time, s.connection) == (10, 3)));
    c.receive(frame(11, status::PENDING, 2, b""), None);
    assert!(c.end_notes().is_none(), "nobody watches any more");
    let n = &c.counters;
    assert_eq!((n.calls_made, n.calls_ok), (2, 1));
    assert_eq!((n.requests_received, n.messages_received), (2, 1));
    assert_eq!((n.send_msgs(), n.recv_msgs()), (2, 6));
}

#[test]
fn replies_find_their_calls_out_of_order() {
    let mut c = open();
    let a = c.call(Call::Sync {
        cmd: 1,
        made: 0,
        waiter: "a",
    });
    let b = c.call(Call::Async {
        cmd: 2,
        made: 0,
        call: "b",
    });
    let own = c.call(Call::Sync {
        cmd: 3,
        made: 0,
        waiter: "own",
    });
    assert!(matches!(
        c.receive(frame(own, 0, 3, b"1234"), Some(own)),
        Handled::Own {
            status: 0,
            body: Body::Slice(b"1234")
        }
    ));
    assert!(matches!(
        c.receive(frame(b, 5, 2, b""), Some(own)),
        Handled::Done
    ));
    assert!(matches!(
        c.receive(frame(a, 0, 1, b""), None),
        Handled::Other {
            waiter: "a",
            status: 0,
            ..
        }
    ));
    assert_eq!(events(&mut c), ["b 5"]);
}

#[test]
fn faulty_replies_complete_with_an_encoding_error() {
    let mut c = open();
    let a = c.call(Call::Async {
        cmd: 1,
        made: 0,
        call: "cmd",
    });
    let b = c.call(Call::Async {
        cmd: 1,
        made: 0,
        call: "payload",
    });
    c.receive(frame(a, 0, 2, b""), None);
    c.receive(frame(b, 7, 1, b"1234"), None);
    c.receive(frame(99, 0, 1, b""), None);
    let d = c.call(Call::Async {
        cmd: 1,
        made: 0,
        call: "still waits",
    });
    assert_ne!(c.message(), d);
    c.receive(frame(d, status::PROCEDURE_UNAVAIL, -1, b""), None);
    assert!(c.is_outstanding(d));
    assert_eq!(
        events(&mut c),
        ["ioerr", "cmd -2", "ioerr", "payload -2", "ioerr", "ioerr"]
    );
}

#[test]
fn shut_fails_calls_and_disconnects_last_and_once() {
    let mut c = open();
    c.receive(frame(0, status::PENDING, 4, b""), None);
    c.call(Call::Async {
        cmd: 1,
        made: 0,
        call: "x",
    });
    c.call(Call::Sync {
        cmd: 1,
        made: 0,
        waiter: "w",
    });
    assert_eq!(c.shut(Reason::Closed), Some(vec!["w"]));
    assert_eq!(c.shut(Reason::IoErr), None);
    assert_eq!(c.check_open(true), Err(Refusal::Closed));
    assert_eq!(events(&mut c), ["request 4", "x -6", "Closed"]);
}

#[test]
fn close_fails_calls_at_once_and_ignores_what_comes() {
    let mut c = open();
    assert_eq!(C::default().close(), Err(CloseError::NeverConnected));
    c.call(Call::Sync {
        cmd: 1,
        made: 0,
        waiter: "w",
    });
    c.outbox.append(b"x", &[], 0, true);
    assert_eq!(c.close(), Ok(vec!["w"]));
    assert_eq!(c.close(), Err(CloseError::Already));
    assert!(!c.is_drained());
    c.receive(frame(0, status::PENDING, 4, b""), None);
    assert_eq!(c.shut(Reason::Closed), Some(vec![]));
    assert_eq!(events(&mut c), ["User"]);
}

pub fn few_events() -> Limits {
    Limits {
        events: 4,
        ..flow::DEFAULT
    }
}

#[test]
fn reading_pauses_while_much_is_queued_and_goes_on_at_half_of_it() {
    let (mut c, limits) = (open(), few_events());
    let mut batch = VecDeque::new();
    for sequence in 0..4 {
        assert!(c.limit_input(&limits).is_empty() && !c.is_paused());
        c.receive(frame(sequence, status::PENDING, -4, b""), None);
    }
    assert!(c.limit_input(&limits).is_empty() && c.is_paused());
    assert!(c.claim(&limits));
    assert!(c.begin_events(9, &mut batch, &limits).is_some());
    assert_eq!(batch.len(), 1, "then it is looked");
    assert!(!c.resume(&limits), "three are not dispatched");
    batch.pop_front();
    c.finish_events(&mut batch);
    assert!(c.resume(&limits) && !c.is_paused() && !c.resume(&limits));
}

#[test]
fn a_sync_call_stretches_the_bound_and_ends_where_that_ends() {
    let (mut c, limits) = (open(), few_events());
    let call = c.call(Call::Sync {
        cmd: 1,
        made: 0,
        waiter: "w",
    });
    assert!(c.outbox.begin_direct(1));
    assert!(c.outbox.wrote_direct(Vec::new(), false).is_none());
    for sequence in 0..63 {
        c.receive(frame(sequence, status::PENDING, -4, b""), None);
        assert!(c.limit_input(&limits).is_empty() && !c.is_paused());
    }
    c.receive(frame(63, status::PENDING, -4, b""), None);
    assert_eq!(c.limit_input(&limits), ["w"]);
    assert!(c.is_paused());
    assert_eq!(events(&mut c).len(), 64);
    // An answer to a message is not the reply that is late ...
    c.receive(frame(call, 0, -1, b""), None);
    assert_eq!(events(&mut c), ["ioerr"]);
    // ... which is dropped without a word, also if it is too long; another is not.
    for body in [Body::Refused(Refused::TooLong), Body::Skipped] {
        let header = Header {
            sequence: call,
            status: 0,
            cmd: 1,
            len: 99,
        };
        c.receive(Frame { header, body }, None);
    }
    assert!(events(&mut c).is_empty());
    assert_eq!(c.outbox.on_wire(), 0);
    c.receive(frame(call, 0, 1, b""), None);
    assert_eq!(events(&mut c), ["ioerr"]);
}

#[test]
fn no_more_requests_are_handled_than_may_be() {
    let limits = Limits {
        requests: 2,
        ..flow::DEFAULT
    };
    let (mut c, mut batch) = (open(), VecDeque::new());
    for sequence in 0..3 {
        c.receive(frame(sequence, status::PENDING, 4, b""), None);
    }
    c.receive(frame(3, status::PENDING, -4, b""), None);
    assert!(c.limit_input(&limits).is_empty() && c.is_paused());
    for _ in 0..2 {
        assert!(c.claim(&limits));
        assert!(c.begin_events(9, &mut batch, &limits).is_some() && batch.is_empty());
        c.finish_events(&mut batch);
    }
    assert!(!c.claim(&limits), "two are handled");
    c.answer(false);
    assert!(!c.resume(&limits), "two are unanswered");
    assert!(c.claim(&limits));
    assert!(c.begin_events(9, &mut batch, &limits).is_some());
    c.finish_events(&mut batch);
    assert!(c.claim(&limits), "a message is no request");
    c.answer(false);
    assert!(c.resume(&limits));
}

#[test]
fn no_request_is_handled_while_too_many_replies_wait() {
    let limits = Limits {
        reply_bytes: 40,
        ..flow::DEFAULT
    };
    let (mut c, mut batch) = (open(), VecDeque::new());
    for sequence in 0..2 {
        c.receive(frame(sequence, status::PENDING, 4, b""), None);
    }
    c.receive(frame(2, status::PENDING, -4, b""), None);
    for _ in 0..3 {
        c.outbox.append_reply(&[0; 16], &[], true);
    }
    assert!(!c.claim(&limits), "48 bytes wait");
    assert!(
        c.is_paused() && c.is_constrained(),
        "what leaves is told of"
    );
    assert!(!c.resume(&limits));
    let mut chunk = c.outbox.begin_flush().unwrap();
    assert_eq!(chunk.bytes.len(), 48);
    assert!(!c.claim(&limits), "they have not left");
    let raised = Limits {
        reply_bytes: 48,
        ..limits
    };
    assert!(c.claim(&raised));
    assert!(
        c.begin_events(9, &mut batch, &limits).is_none(),
        "looked at again"
    );
    chunk.at = 48;
    assert!(c.outbox.wrote(chunk, 48).is_none());
    assert!(c.claim(&limits));
    assert!(c.begin_events(0, &mut batch, &limits).is_some());
    c.outbox.append_reply(&[0; 48], &[], false);
    c.finish_events(&mut batch);
    assert!(!c.claim(&limits), "the second request waits again");
    assert_eq!(c.shut(Reason::Closed), Some(vec![]));
    assert!(c.claim(&limits), "nobody waits for the replies any more");
}

#[test]
fn a_peer_that_sends_no_more_is_waited_for_all_the_same() {
    let limits = Limits {
        reply_bytes: 40,
        ..flow::DEFAULT
    };
    let mut c = open();
    c.receive(frame(0, status::PENDING, 4, b""), None);
    c.outbox.append_reply(&[0; 48], &[], true);
    c.end_input();
    assert!(!c.claim(&limits), "48 bytes wait");
    assert!(
        !c.resume(&limits) && c.is_constrained(),
        "what leaves is told of"
    );
    let mut chunk = c.outbox.begin_flush().unwrap();
    chunk.at = 48;
    assert!(c.outbox.wrote(chunk, 48).is_none());
    assert!(c.claim(&limits) && c.resume(&limits));
}

#[test]
fn a_request_that_will_be_refused_is_none_that_is_handled() {
    let limits = Limits {
        requests: 1,
        ..flow::DEFAULT
    };
    let (mut c, mut batch) = (open(), VecDeque::new());
    c.receive(frame(0, status::PENDING, 4, b""), None);
    let header = Header {
        sequence: 1,
        status: status::PENDING,
        cmd: 5,
        len: 99,
    };
    let body = Body::Skipped;
    c.receive(Frame { header, body }, None);
    for _ in 0..2 {
        assert!(c.claim(&limits));
        assert!(c.begin_events(9, &mut batch, &limits).is_some());
        assert!(!c.claim(&limits));
        c.answer(false);
        c.finish_events(&mut batch);
    }
    assert_eq!((c.unanswered, c.queued_requests), (0, 0));
}

#[test]
fn where_no_reply_can_leave_none_is_waited_for() {
    let limits = Limits {
        requests: 1,
        ..flow::DEFAULT
    };
    let ends: [fn(&mut C); 3] = [
        |c| c.life.fail(32),
        |c| drop(c.shut(Reason::IoErr)),
        |c| drop(c.close()),
    ];
    for end in ends {
        let (mut c, mut batch) = (open(), VecDeque::new());
        for sequence in 0..2 {
            c.receive(frame(sequence, status::PENDING, 4, b""), None);
        }
        assert!(c.limit_input(&limits).is_empty() && c.claim(&limits));
        assert!(c.begin_events(9, &mut batch, &limits).is_some());
        c.finish_events(&mut batch);
        assert!(!c.claim(&limits) && !c.resume(&limits), "one is kept");
        end(&mut c);
        assert!(c.claim(&limits) && c.resume(&limits));
    }
}

#[test]
fn a_refused_send_is_told_of_room_once() {
    let limits = Limits {
        send_bytes: 100,
        ..flow::DEFAULT
    };
    let mut c = open();
    assert!(c.has_room(500, &limits), "nothing else waits");
    c.outbox.append(&[0; 60], &[], 0, false);
    c.outbox.append_reply(&[0; 500], &[], false);
    assert!(c.has_room(40, &limits) && !c.has_room(41, &limits));
    c.want_room();
    c.note_room(&limits);
    assert!(events(&mut c).is_empty());
    let mut chunk = c.outbox.begin_flush().unwrap();
    chunk.at = 560;
    assert!(c.outbox.wrote(chunk, 560).is_none());
    c.note_room(&limits);
    c.note_room(&limits);
    assert_eq!(events(&mut c), ["room"]);
}

#[test]
fn a_peer_that_sends_no_more_is_still_answered() {
    let mut c = open();
    c.receive(frame(0, status::PENDING, 4, b""), None);
    c.call(Call::Sync {
        cmd: 1,
        made: 0,
        waiter: "w",
    });
    assert_eq!(c.end_input(), ["w"]);
    assert!(c.check_open(true).is_err() && c.check_open(false).is_ok());
    assert!(!c.is_drained());
    c.outbox.append_reply(&[0; 16], &[], true);
    c.answer(false);
    assert!(!c.is_drained());
    let mut chunk = c.outbox.begin_flush().unwrap();
    chunk.at = 16;
    assert!(c.outbox.wrote(chunk, 16).is_none());
    assert!(c.is_drained());
    assert!(c.shut(Reason::IoErr).is_some());
    assert_eq!(events(&mut c), ["request 4", "Closed"]);
}

#[test]
fn a_draining_connection_answers_what_had_come_and_parts_when_all_is_done() {
    let mut c = open();
    assert!(!c.part(), "it does not drain");
    c.receive(frame(0, status::PENDING, 4, b""), None);
    let call = c.call(Call::Async {
        cmd: 1,
        made: 0,
        call: "x",
    });
    c.drain();
    c.receive(frame(1, status::PENDING, 5, b""), None);
    c.receive(frame(0, status::PENDING, -5, b""), None);
    assert_eq!(c.counters.others().messages_dropped, 1);
    assert_eq!(c.check_open(true), Err(Refusal::Closed));
    assert!(c.check_open(false).is_ok(), "messages and replies still go");
    assert_eq!(events(&mut c), ["request 4", "refused 5"]);
    c.answer(false);
    c.answer(true);
    assert!(!c.part(), "a call of ours waits");
    c.receive(frame(call, 0, 1, b""), None);
    assert!(!c.part(), "its callback has not run");
    assert_eq!(events(&mut c), ["x 0"]);
    c.outbox.append(b"rest", &[], 0, false);
    assert!(!c.part(), "something is unsent");
    let mut chunk = c.outbox.begin_flush().unwrap();
    chunk.at = 4;
    assert!(c.outbox.wrote(chunk, 4).is_none());
    assert!(c.part() && !c.part());
    assert_eq!(c.check_open(false), Err(Refusal::Closed));
    c.receive(frame(2, status::PENDING, 5, b""), None);
    assert!(events(&mut c).is_empty());
    assert!(c.end_input().is_empty() && c.is_drained());
    assert!(c.shut(Reason::User).is_some());
    assert_eq!(events(&mut c), ["Closed"]);
}

#[test]
fn an_oversize_request_is_refused_in_its_turn() {
    let mut c = open();
    c.receive(frame(0, status::PENDING, 4, b""), None);
    for cmd in [5, -5] {
        for body in [Body::Refused(Refused::TooLong), Body::Skipped] {
            let header = Header {
                sequence: 1,
                status: status::PENDING,
                cmd,
                len: 99,
            };
            c.receive(Frame { header, body }, None);
        }
    }
    assert_eq!(events(&mut c), ["request 4", "ioerr", "refused 5", "ioerr"]);
}

#[test]
fn texts_of_errors_count_as_payloads() {
    let mut c = open();
    for n in 1..=10 {
        c.receive(frame(n, status::OK, 3, b""), None);
        assert!(c.load().event_bytes >= n as usize * 20);
    }
    assert_eq!(events(&mut c).len(), 10);
    assert_eq!(c.load().event_bytes, 0);
}

#[test]
fn foreign_first_bytes_are_reported_once() {
    let text = Header::from_bytes(b"GET / HTTP/1.1\r\n");
    let mut c = open();
    for expected in [&["ioerr"] as &[_], &[]] {
        let body = Body::Coming;
        c.receive(Frame { header: text, body }, None);
        assert_eq!(events(&mut c), expected);
    }
    let mut c = open();
    let header = Header {
        status: status::PENDING,
        ..text
    };
    let body = Body::Coming;
    c.receive(Frame { header, body }, None);
    assert!(events(&mut c).is_empty(), "a request, whatever its number");
}
