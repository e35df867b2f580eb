//! The slow, obvious reading of docs/wire.md: what a connection does with each byte that comes
//! and each thing that is asked of it.

use crate::proto::counters::Counters;
use crate::proto::flow::Limits;
use crate::proto::foreign;
use crate::proto::frame::{Header, HEADER_LEN};
use crate::proto::life::{Phase, Reason};
use crate::proto::status;

/// An event, in the model's words and in those of what is tested.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Request(u32, i32, Vec<u8>),
    Refused(u32, i32, bool),
    Reply(usize, i32, Vec<u8>),
    Early(usize, i32),
    IoErr(String),
    Room,
    Connect(i32),
    Disconnect(Reason),
}

impl Event {
    pub fn is_request(&self) -> bool {
        matches!(self, Event::Request(_, 0.., _) | Event::Refused(..))
    }

    fn weight(&self) -> usize {
        match self {
            Event::Request(_, _, payload) | Event::Reply(_, _, payload) => payload.len(),
            Event::IoErr(text) => text.len(),
            _ => 0,
        }
    }

    fn is_counted(&self) -> bool {
        !matches!(self, Event::Early(..))
    }
}

/// How a sync call ended: whose it was, the status, the payload.
pub type Ended = (usize, i32, Vec<u8>);

pub struct Call {
    pub sequence: u32,
    pub cmd: i32,
    pub sync: bool,
    pub deadline: Option<u64>,
    pub key: u64,
    pub outstanding: bool,
}

/// A frame that waits to be sent.
pub struct Queued {
    pub bytes: Vec<u8>,
    /// The call that it is.
    pub call: Option<usize>,
    pub reply: bool,
}

pub struct Model {
    pub phase: Phase,
    pub reason: Option<Reason>,
    pub muted: bool,
    pub draining: bool,
    pub paused: bool,
    pub room_wanted: bool,
    pub held: u32,
    pub carried: bool,
    /// What a runner has taken out, the first of it included.
    pub running: Option<Vec<Event>>,
    pub events: Vec<Event>,
    pub calls: Vec<Call>,
    pub numbers: u32,
    /// Replies that will come for nobody.
    pub late: u32,
    pub unanswered: u32,
    pub counters: Counters,
    /// Of the frame that is coming.
    partial: Vec<u8>,
    too_long: bool,
    begun: bool,
    pub outbox: Vec<Queued>,
    /// Bytes of the first frame of the outbox that have left, and how many behind them can't be
    /// taken back: somebody sends them, or a transport has them.
    pub sent: usize,
    pub busy: usize,
    pub ended: Vec<Ended>,
}

impl Model {
    pub fn new() -> Model {
        Model {
            phase: Phase::New,
            reason: None,
            muted: false,
            draining: false,
            paused: false,
            room_wanted: false,
            held: 0,
            carried: false,
            running: None,
            events: Vec::new(),
            calls: Vec::new(),
            numbers: 0,
            late: 0,
            unanswered: 0,
            counters: Counters::default(),
            partial: Vec::new(),
            too_long: false,
            begun: false,
            outbox: Vec::new(),
            sent: 0,
            busy: 0,
            ended: Vec::new(),
        }
    }

    pub fn takes_frames(&self) -> bool {
        self.phase == Phase::Open || self.phase == Phase::Failing
    }

    /// How many calls are outstanding, how many of these are sync, and their first deadline.
    pub fn waiting(&self) -> (usize, usize, Option<u64>) {
        let (mut all, mut syncs, mut first) = (0, 0, None);
        for call in self.calls.iter().filter(|call| call.outstanding) {
            all += 1;
            syncs += usize::from(call.sync);
            first = first.into_iter().chain(call.deadline).min();
        }
        (all, syncs, first)
    }

    pub fn outstanding(&self) -> usize {
        self.calls.iter().filter(|call| call.outstanding).count()
    }

    fn find(&self, sequence: u32) -> Option<usize> {
        let is = |call: &Call| call.outstanding && call.sequence == sequence;
        self.calls.iter().position(is)
    }

    // --- what comes

    pub fn receive(&mut self, mut bytes: &[u8], max: u32) {
        while !bytes.is_empty() {
            // To the end of the header, then to the end of the frame.
            let in_header = self.partial.len() < HEADER_LEN;
            let missing = if in_header {
                HEADER_LEN - self.partial.len()
            } else {
                self.whole() - self.partial.len()
            };
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            self.partial.extend(now);
            bytes = later;
            if self.partial.len() < HEADER_LEN {
                return;
            }
            if in_header {
                self.too_long = self.header().len > max;
                self.announced();
            }
            if self.partial.len() == self.whole() {
                self.complete();
                self.partial.clear();
            }
        }
    }

    /// The length of the frame whose header is there.
    fn whole(&self) -> usize {
        HEADER_LEN + self.header().len as usize
    }

    pub fn is_between_frames(&self) -> bool {
        self.partial.is_empty()
    }

    fn header(&self) -> Header {
        let word = |at: usize| {
            let bytes = &self.partial[at..at + 4];
            bytes.iter().fold(0u32, |word, b| word << 8 | u32::from(*b))
        };
        Header {
            sequence: word(0),
            status: word(4) as i32,
            cmd: word(8) as i32,
            len: word(12),
        }
    }

    fn is_late(&self, header: &Header) -> bool {
        let age = self.numbers.wrapping_sub(header.sequence);
        let given = (1..=1 << 31).contains(&age);
        self.late > 0 && header.cmd >= 0 && given && self.find(header.sequence).is_none()
    }

    /// A header is there.
    fn announced(&mut self) {
        let header = self.header();
        let first = !std::mem::replace(&mut self.begun, true);
        if !self.takes_frames() {
            return;
        }
        let known = self.find(header.sequence).is_some() || self.is_late(&header);
        let is_reply = header.status != status::PENDING;
        let first_bytes = self.partial[..].try_into().unwrap();
        let name = foreign::protocol_of(&first_bytes).filter(|_| first && is_reply && !known);
        if let Some(name) = name {
            let bytes = first_bytes.escape_ascii();
            self.io_error(format!(
                "the peer's first bytes look like {name}, not miniRPC: \"{bytes}\""
            ));
        } else if self.too_long && !(is_reply && self.is_late(&header)) {
            let what = if is_reply { "reply" } else { "payload" };
            let Header { len, cmd, .. } = header;
            self.io_error(format!(
                "{what} of {len} bytes for command {cmd} is over the maximum"
            ));
        }
    }

    fn io_error(&mut self, text: String) {
        if !self.muted {
            self.events.push(Event::IoErr(text));
        }
    }

    fn complete(&mut self) {
        let header = self.header();
        let payload = self.partial[HEADER_LEN..].to_vec();
        self.counters.recv_bytes += self.partial.len() as u64;
        if header.status == status::PENDING {
            self.request(header, payload);
        } else {
            self.reply(header, payload);
        }
    }

    fn request(&mut self, header: Header, payload: Vec<u8>) {
        let Header { sequence, cmd, .. } = header;
        let refused = self.too_long || self.draining;
        if cmd < 0 {
            self.counters.messages_received += 1;
        } else {
            self.counters.requests_received += 1;
        }
        if !self.takes_frames() || (cmd < 0 && refused) {
            self.counters.uncommon().messages_dropped += u64::from(cmd < 0);
            return;
        }
        self.unanswered += u32::from(cmd >= 0);
        self.events.push(if refused {
            Event::Refused(sequence, cmd, self.draining)
        } else {
            Event::Request(sequence, cmd, payload)
        });
    }

    fn reply(&mut self, header: Header, payload: Vec<u8>) {
        if !self.takes_frames() {
            self.counters.uncommon().stray_replies += 1;
            return;
        }
        let call = self.find(header.sequence).filter(|_| header.cmd >= 0);
        let Some(id) = call else {
            if self.is_late(&header) {
                self.late -= 1;
                self.counters.uncommon().late_replies += 1;
            } else {
                self.counters.uncommon().stray_replies += 1;
                if !self.too_long {
                    let sequence = header.sequence;
                    self.io_error(format!("reply with unknown sequence number {sequence}"));
                }
            }
            return;
        };
        let wrong = header.cmd != self.calls[id].cmd;
        let extra = header.status != status::OK && header.len > 0;
        let asked = self.calls[id].cmd;
        let Header {
            status, cmd, len, ..
        } = header;
        if wrong {
            self.io_error(format!(
                "reply for command {cmd} to a request for command {asked}"
            ));
        } else if extra {
            self.io_error(format!(
                "reply with status {status} for command {cmd} carries a payload of {len} bytes"
            ));
        }
        if wrong || extra || self.too_long {
            self.end(id, status::ENCODING_ERR, Vec::new());
            self.counters.uncommon().calls_status += 1;
        } else {
            self.end(id, header.status, payload);
            if header.status == status::OK {
                self.counters.calls_ok += 1;
            } else {
                self.counters.uncommon().calls_status += 1;
            }
        }
    }

    fn end(&mut self, id: usize, status: i32, payload: Vec<u8>) {
        self.calls[id].outstanding = false;
        if self.calls[id].sync {
            self.ended.push((id, status, payload));
        } else {
            self.events.push(Event::Reply(id, status, payload));
        }
    }

    // --- what is asked of it

    pub fn call(&mut self, cmd: i32, sync: bool) -> usize {
        let sequence = self.number();
        self.counters.calls_made += 1;
        self.calls.push(Call {
            sequence,
            cmd,
            sync,
            deadline: None,
            key: 0,
            outstanding: true,
        });
        self.calls.len() - 1
    }

    pub fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers - 1
    }

    pub fn end_early(&mut self, id: usize, status: i32) {
        self.calls[id].outstanding = false;
        let mut begins = 0;
        let mut unsent = None;
        for (place, frame) in self.outbox.iter().enumerate() {
            // What has not begun to leave is taken back.
            let begun = begins < self.sent + self.busy;
            if frame.call == Some(id) && !begun {
                unsent = Some(place);
            }
            begins += frame.bytes.len();
        }
        if let Some(place) = unsent {
            let frame = self.outbox.remove(place);
            self.counters.send_bytes -= frame.bytes.len() as u64;
            self.counters.uncommon().calls_unsent += 1;
        } else {
            self.late += 1;
        }
        match status {
            status::TIMEDOUT => self.counters.uncommon().calls_timed_out += 1,
            status::CANCELLED => self.counters.uncommon().calls_cancelled += 1,
            _ => {
                self.counters.uncommon().calls_failed += 1;
                self.counters.uncommon().busy += 1;
            }
        }
        if self.calls[id].sync {
            self.ended.push((id, status, Vec::new()));
        } else {
            self.events.push(Event::Early(id, status));
        }
    }

    pub fn expire(&mut self, now: u64, most: usize) {
        for _ in 0..most {
            let Some(first) = self.waiting().2.filter(|first| *first <= now) else {
                return;
            };
            let is_first = |call: &Call| call.outstanding && call.deadline == Some(first);
            let id = self.calls.iter().position(is_first).unwrap();
            self.end_early(id, status::TIMEDOUT);
        }
    }

    pub fn fail_calls(&mut self) {
        for id in 0..self.calls.len() {
            if self.calls[id].outstanding {
                self.end(id, status::NETWORK_FAILURE, Vec::new());
                self.counters.uncommon().calls_failed += 1;
            }
        }
    }

    pub fn advance(&mut self, to: Phase, reason: Option<Reason>) -> bool {
        let ahead = to > self.phase;
        if ahead {
            self.phase = to;
            self.reason = self.reason.or(reason);
        }
        ahead
    }

    pub fn is_open_to_replies(&self) -> bool {
        self.phase == Phase::Open || self.phase == Phase::Ending
    }

    // --- what waits

    fn waits(&self) -> impl Iterator<Item = &Event> {
        let taken = self.running.iter().flat_map(|taken| &taken[1..]);
        self.events.iter().chain(taken)
    }

    /// Events that count, the bytes of all of them, requests that are not answered.
    pub fn load(&self) -> (usize, usize, usize) {
        let (mut events, mut bytes) = (0, 0);
        for event in self.waits() {
            events += usize::from(event.is_counted());
            bytes += event.weight();
        }
        let can_answer = self.is_open_to_replies();
        let requests = if can_answer { self.unanswered } else { 0 };
        (events, bytes, requests as usize)
    }

    /// Whether the next event is a request that waits; where so many bytes of replies do, reading
    /// rests as well.
    pub fn gate(&mut self, limits: &Limits, replies: usize) -> bool {
        let queued = self.events.iter().filter(|event| event.is_request());
        let handled = self.unanswered as usize - queued.count().min(self.unanswered as usize);
        let owes = replies > limits.reply_bytes;
        let gated = (owes || (limits.requests > 0 && handled >= limits.requests))
            && self.is_open_to_replies()
            && self.events.first().is_some_and(Event::is_request);
        self.paused |= gated && owes;
        gated
    }

    // --- what leaves

    pub fn queued(&self) -> Vec<u8> {
        let all: Vec<&[u8]> = self.outbox.iter().map(|frame| &frame.bytes[..]).collect();
        all.concat().split_off(self.sent)
    }

    pub fn queued_replies(&self) -> usize {
        let mut begins = 0;
        let mut replies = 0;
        for frame in &self.outbox {
            let ends = begins + frame.bytes.len();
            if frame.reply {
                replies += ends.max(self.sent) - begins.max(self.sent);
            }
            begins = ends;
        }
        replies
    }

    /// So many more bytes have left.
    pub fn left(&mut self, count: usize) {
        self.sent += count;
        while let Some(first) = self.outbox.first() {
            if self.sent < first.bytes.len() {
                break;
            }
            self.sent -= first.bytes.len();
            self.outbox.remove(0);
        }
    }
}
