//! One connection's protocol state: outstanding calls, outbox, events, phase, counters.
//!
//! Pure. Every method mutates and returns what the caller has to do after it has unlocked.

use super::calls::Calls;
use super::event::Event;
use super::foreign;
use super::frame::{Body, Frame, Header, Refused, HEADER_LEN};
use super::lane::Lane;
use super::outbox::Outbox;
use super::payload::Payload;
use super::phase::{Life, Phase, Reason};
use super::status;
use std::collections::VecDeque;

/// While this many events wait, or payloads of this many bytes in all, no more is read from
/// the connection's socket; at half of it, reading goes on.
const LANE_LIMIT: usize = 4096;
const LANE_BYTES: usize = 4 << 20;
/// Sync replies in a row after which a connection counts as one that carries nothing else.
const SOLITARY: u32 = 64;

/// An outstanding call: `S` is a sync caller's waiter, `A` an async call's callback.
pub enum Call<S, A> {
    Sync { cmd: i32, waiter: S },
    Async { cmd: i32, call: A },
}

/// The four public counters, indexed as `enum mrpc_conn_counter`.
#[derive(Default, Clone, Copy)]
pub struct Counters {
    pub send_bytes: u64,
    pub recv_bytes: u64,
    pub send_msgs: u64,
    pub recv_msgs: u64,
}

pub struct Connection<S, A> {
    pub life: Life,
    pub outbox: Outbox,
    pub lane: Lane<Event<A>>,
    pub counters: Counters,
    calls: Calls<Call<S, A>>,
    /// Bytes of the payloads in the lane.
    queued: usize,
    /// Reading stopped until dispatchers catch up with what is queued.
    paused: bool,
    /// Sync calls outstanding: while there are any, reading never pauses.
    syncs: u32,
    /// Sync replies since something else came in.
    solitary: u32,
    /// A header has been seen.
    begun: bool,
    closed_by_user: bool,
}

impl<S, A> Default for Connection<S, A> {
    fn default() -> Connection<S, A> {
        Connection {
            life: Life::default(),
            outbox: Outbox::default(),
            lane: Lane::default(),
            counters: Counters::default(),
            calls: Calls::default(),
            queued: 0,
            paused: false,
            syncs: 0,
            solitary: SOLITARY,
            begun: false,
            closed_by_user: false,
        }
    }
}

/// What a frame meant to the calls that wait.
pub enum Handled<'a, S> {
    /// Queued as an event, or dropped.
    Done,
    /// The reply to the sync call of the thread that reads.
    Own { status: i32, body: Body<'a> },
    /// Another thread's sync call ended.
    Other {
        waiter: S,
        status: i32,
        payload: Payload,
    },
}

/// Why a send was refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    NeverConnected,
    Closed,
}

impl<S, A> Connection<S, A> {
    /// Whether something may be sent.
    pub fn check_open(&self) -> Result<(), Refusal> {
        match self.life.phase() {
            Phase::New => Err(Refusal::NeverConnected),
            Phase::Open => Ok(()),
            _ => Err(Refusal::Closed),
        }
    }

    /// Registers a call and returns its number.
    pub fn call(&mut self, call: Call<S, A>) -> u32 {
        match call {
            Call::Sync { .. } => self.syncs += 1,
            // Its reply, too, is for others than a sync caller.
            Call::Async { .. } => self.solitary = 0,
        }
        self.calls.insert(call)
    }

    /// The number of a one-way message: one that no call has, so that an answer to it, which
    /// some peers send, is taken for none to a call.
    pub fn message(&mut self) -> u32 {
        self.calls.number()
    }

    pub fn is_outstanding(&self, sequence: u32) -> bool {
        self.calls.get(sequence).is_some()
    }

    pub fn has_async_calls(&self) -> bool {
        self.calls.len() > self.syncs as usize
    }

    /// True if a sync caller may expect to be the only one who is interested in what comes.
    pub fn is_solitary(&self) -> bool {
        self.solitary >= SOLITARY && !self.has_async_calls()
    }

    /// True if reading pauses until dispatchers have caught up. A reply that a sync caller
    /// waits for may be behind, so not while there is one.
    pub fn pause(&mut self) -> bool {
        let full = self.lane.len() >= LANE_LIMIT || self.queued >= LANE_BYTES;
        let pause = full && self.syncs == 0;
        self.paused |= pause;
        pause
    }

    /// True until paused reading may go on: when room has come, or a sync call.
    pub fn is_paused(&self) -> bool {
        self.paused && self.syncs == 0
    }

    /// True, once, if paused reading can go on.
    pub fn resume(&mut self) -> bool {
        let resume =
            self.paused && self.lane.len() < LANE_LIMIT / 2 && self.queued < LANE_BYTES / 2;
        self.paused &= !resume;
        resume
    }

    /// Starts to run events; see `Lane::begin`.
    pub fn begin_events(
        &mut self,
        more: usize,
        batch: &mut VecDeque<Event<A>>,
    ) -> Option<Event<A>> {
        let first = self.lane.begin(more, batch)?;
        self.queued -= first.weight() + batch.iter().map(Event::weight).sum::<usize>();
        Some(first)
    }

    /// Gives back what was not run; see `Lane::finish`.
    #[must_use]
    pub fn finish_events(&mut self, batch: &mut VecDeque<Event<A>>) -> bool {
        self.queued += batch.iter().map(Event::weight).sum::<usize>();
        self.lane.finish(batch)
    }

    fn push(&mut self, event: Event<A>) {
        self.queued += event.weight();
        self.lane.push(event);
    }

    /// Counts a frame that was queued or is about to be sent.
    pub fn count_sent(&mut self, len: usize) {
        self.counters.send_bytes += len as u64;
        self.counters.send_msgs += 1;
    }

    /// Queues an I/O-error event, unless the connection was closed by its user.
    pub fn io_error(&mut self, text: String) {
        if !self.closed_by_user {
            self.push(Event::IoErr(text));
        }
    }

    /// Takes one received frame; `own` is the number of the reading thread's own sync call.
    pub fn receive<'a>(&mut self, frame: Frame<'a>, own: Option<u32>) -> Handled<'a, S> {
        let Frame { header, body } = frame;
        let open = self.life.phase() == Phase::Open;
        let first = !std::mem::replace(&mut self.begun, true);
        let told = first && open && self.note_foreign(&header);
        match body {
            Body::Coming => return Handled::Done,
            Body::Refused(why) => {
                if open && !told {
                    self.note_refused(&header, why);
                }
                return Handled::Done;
            }
            _ => {}
        }
        self.counters.recv_bytes += HEADER_LEN as u64 + u64::from(header.len);
        self.counters.recv_msgs += 1;
        if !open {
            return Handled::Done;
        }
        if header.is_request() {
            self.request(header, body);
            Handled::Done
        } else {
            self.reply(header, body, own)
        }
    }

    /// Reports a stream whose first bytes are those of another protocol.
    fn note_foreign(&mut self, header: &Header) -> bool {
        let ours = header.is_request() || self.is_outstanding(header.sequence);
        let first = header.to_bytes();
        let name = foreign::protocol_of(&first).filter(|_| !ours);
        if let Some(name) = name {
            self.io_error(format!(
                "the peer's first bytes look like {name}, not miniRPC: \"{}\"",
                first.escape_ascii()
            ));
        }
        name.is_some()
    }

    fn note_refused(&mut self, header: &Header, why: Refused) {
        let what = if header.is_request() {
            "payload"
        } else {
            "reply"
        };
        let why = match why {
            Refused::TooLong => "is over the maximum",
            Refused::NoMemory => "does not fit into memory",
        };
        let Header { len, cmd, .. } = header;
        self.io_error(format!("{what} of {len} bytes for command {cmd} {why}"));
    }

    fn request(&mut self, header: Header, body: Body<'_>) {
        self.solitary = 0;
        let Header { sequence, cmd, .. } = header;
        if matches!(body, Body::Skipped) {
            if !header.is_one_way() {
                self.push(Event::Refused { sequence, cmd });
            }
            return;
        }
        self.push(Event::Request {
            sequence,
            cmd,
            payload: body.into_payload(),
        });
    }

    fn reply<'a>(&mut self, header: Header, body: Body<'a>, own: Option<u32>) -> Handled<'a, S> {
        // No call has a negative command: an answer to a message of ours, whatever its number.
        let found = if header.cmd < 0 {
            None
        } else {
            self.calls.remove(header.sequence)
        };
        let Some(call) = found else {
            self.solitary = 0;
            if !matches!(body, Body::Skipped) {
                self.io_error(format!(
                    "reply with unknown sequence number {}",
                    header.sequence
                ));
            }
            return Handled::Done;
        };
        self.outbox.answered();
        let cmd = match &call {
            Call::Sync { cmd, .. } | Call::Async { cmd, .. } => *cmd,
        };
        let fault = if header.cmd != cmd {
            Some(format!(
                "reply for command {} to a request for command {cmd}",
                header.cmd
            ))
        } else if header.status != status::OK && header.len > 0 {
            Some(format!(
                "reply with status {} for command {cmd} carries a payload of {} bytes",
                header.status, header.len
            ))
        } else {
            None
        };
        let faulty = fault.is_some() || matches!(body, Body::Skipped);
        if let Some(text) = fault {
            self.io_error(text);
        }
        let (status, body) = if faulty {
            (status::ENCODING_ERR, Body::Slice(&[]))
        } else {
            (header.status, body)
        };
        match call {
            Call::Sync { waiter, .. } => {
                self.syncs -= 1;
                self.solitary = self.solitary.saturating_add(1);
                if own == Some(header.sequence) {
                    Handled::Own { status, body }
                } else {
                    Handled::Other {
                        waiter,
                        status,
                        payload: body.into_payload(),
                    }
                }
            }
            Call::Async { call, .. } => {
                self.push(Event::Reply {
                    call,
                    status,
                    payload: body.into_payload(),
                });
                Handled::Done
            }
        }
    }

    /// The user closes: mutes the lane and fails what is outstanding. The sync waiters are
    /// returned, to be woken with NETWORK_FAILURE.
    pub fn close(&mut self) -> Result<Vec<S>, CloseError> {
        if self.life.phase() == Phase::New {
            return Err(CloseError::NeverConnected);
        }
        if self.closed_by_user {
            return Err(CloseError::Already);
        }
        self.closed_by_user = true;
        if self.life.advance(Phase::Closing, Some(Reason::User)) {
            Ok(self.fail_calls())
        } else {
            Ok(Vec::new())
        }
    }

    /// The socket is dead, or a closing connection has sent all: nothing will come or go any
    /// more. Queues the callbacks of outstanding calls and, last, the disconnect event; the
    /// sync waiters are returned. None if that had been done before.
    pub fn shut(&mut self, reason: Reason) -> Option<Vec<S>> {
        if !self.life.advance(Phase::Shut, Some(reason)) {
            return None;
        }
        if !self.outbox.is_writing() {
            self.outbox.abandon();
        } else {
            self.outbox.clear();
        }
        let waiters = self.fail_calls();
        self.push(Event::Disconnect(self.life.reason()));
        Some(waiters)
    }

    /// True if a closing connection has nothing left to send.
    pub fn is_drained(&self) -> bool {
        self.life.phase() == Phase::Closing && self.outbox.is_empty() && !self.outbox.is_writing()
    }

    fn fail_calls(&mut self) -> Vec<S> {
        let mut waiters = Vec::new();
        self.syncs = 0;
        for call in self.calls.drain() {
            match call {
                Call::Sync { waiter, .. } => waiters.push(waiter),
                Call::Async { call, .. } => self.push(Event::Reply {
                    call,
                    status: status::NETWORK_FAILURE,
                    payload: Payload::empty(),
                }),
            }
        }
        waiters
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum CloseError {
    NeverConnected,
    Already,
}

#[cfg(test)]
mod tests {
    use super::*;

    type C = Connection<&'static str, &'static str>;

    fn open() -> C {
        let mut c = C::default();
        c.life.advance(Phase::Open, None);
        c
    }

    fn frame(sequence: u32, status: i32, cmd: i32, body: &[u8]) -> Frame<'_> {
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

    fn events(c: &mut C) -> Vec<String> {
        let mut q = VecDeque::new();
        if c.lane.claim() {
            let first = c.lane.begin(usize::MAX, &mut q).unwrap();
            assert!(!c.lane.finish(&mut VecDeque::new()));
            q.push_front(first);
        }
        q.into_iter()
            .map(|e| match e {
                Event::Accept(_) => "accept".into(),
                Event::Request { cmd, .. } => format!("request {cmd}"),
                Event::Refused { cmd, .. } => format!("refused {cmd}"),
                Event::Reply { call, status, .. } => format!("{call} {status}"),
                Event::IoErr(_) => "ioerr".into(),
                Event::Disconnect(r) => format!("{r:?}"),
            })
            .collect()
    }

    #[test]
    fn replies_find_their_calls_out_of_order() {
        let mut c = open();
        let a = c.call(Call::Sync {
            cmd: 1,
            waiter: "a",
        });
        let b = c.call(Call::Async { cmd: 2, call: "b" });
        let own = c.call(Call::Sync {
            cmd: 3,
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
            call: "cmd",
        });
        let b = c.call(Call::Async {
            cmd: 1,
            call: "payload",
        });
        c.receive(frame(a, 0, 2, b""), None);
        c.receive(frame(b, 7, 1, b"1234"), None);
        c.receive(frame(99, 0, 1, b""), None);
        let d = c.call(Call::Async {
            cmd: 1,
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
        c.call(Call::Async { cmd: 1, call: "x" });
        c.call(Call::Sync {
            cmd: 1,
            waiter: "w",
        });
        assert_eq!(c.shut(Reason::Closed), Some(vec!["w"]));
        assert_eq!(c.shut(Reason::IoErr), None);
        assert_eq!(c.check_open(), Err(Refusal::Closed));
        assert_eq!(events(&mut c), ["request 4", "x -6", "Closed"]);
    }

    #[test]
    fn close_fails_calls_at_once_and_ignores_what_comes() {
        let mut c = open();
        assert_eq!(C::default().close(), Err(CloseError::NeverConnected));
        c.call(Call::Sync {
            cmd: 1,
            waiter: "w",
        });
        c.outbox.append(b"x", 0, true);
        assert_eq!(c.close(), Ok(vec!["w"]));
        assert_eq!(c.close(), Err(CloseError::Already));
        assert!(!c.is_drained());
        c.receive(frame(0, status::PENDING, 4, b""), None);
        assert_eq!(c.shut(Reason::Closed), Some(vec![]));
        assert_eq!(events(&mut c), ["User"]);
    }

    #[test]
    fn reading_pauses_while_much_is_queued_but_not_for_a_sync_caller() {
        let mut c = open();
        let body = vec![0; LANE_BYTES / 4];
        let mut batch = VecDeque::new();
        for sequence in 0..4 {
            assert!(!c.pause());
            c.receive(frame(sequence, status::PENDING, 4, &body), None);
        }
        c.call(Call::Sync {
            cmd: 1,
            waiter: "w",
        });
        assert!(!c.pause());
        c.receive(frame(0, status::OK, 1, b""), None);
        assert!(c.pause());
        assert!(c.lane.claim());
        assert!(c.begin_events(1, &mut batch).is_some());
        assert!(!c.resume(), "half is still there");
        assert!(c.finish_events(&mut batch));
        assert!(!c.resume(), "one was given back");
        assert!(c.begin_events(2, &mut batch).is_some());
        assert!(c.resume() && !c.resume());
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
}
