//! What waits to be sent on one connection, and who may send it.
//!
//! INV-F1: when bytes are queued, somebody writes, or the socket is blocked and a writable
//!         edge is due, or the connection is on the background's list.
//! INV-F2: calls gathered while none is on the wire leave at once, or at the end of the batch
//!         of events that sends them: no reply would come to flush them.
//! INV-F3: frames leave in the order of their numbers, and a partial frame has one owner:
//!         the front buffer, which only the writer takes.
//! INV-F4: where a transport has bytes of its own to send (`control`), somebody writes, or the
//!         socket is blocked: as INV-F1, but that the background has nothing to do with it.

use super::marks::{self, Marks};

/// Gathered bytes that are worth a system call of their own.
pub const GATHER: usize = 16 * 1024;
/// An emptied buffer above this is given back to the allocator.
const KEEP: usize = 4 * 1024;
/// A buffer above this grows by an eighth, and gives back what was sent of it once that is half:
/// else a peer that takes nothing, or little, would hold twice what waits for it.
const LARGE: usize = 64 * 1024;

#[derive(Default)]
pub struct Outbox {
    /// Bytes being sent; taken out by the writer, and put back if the socket blocks.
    front: Vec<u8>,
    front_sent: usize,
    /// Where the first whole frame in it begins.
    front_whole: usize,
    /// Bytes appended since: whole frames.
    back: Vec<u8>,
    /// What is known of requests in either, once one was looked for.
    front_marks: Option<Box<Marks>>,
    back_marks: Option<Box<Marks>>,
    len: usize,
    /// Bytes of replies in `front`, at most, and in `back`.
    front_replies: u32,
    back_replies: u32,
    writer: Writer,
    /// Somebody appended what must not wait.
    urgent: bool,
    /// Calls in `back`, and calls sent but unanswered.
    gathered: u32,
    on_wire: u32,
    /// On the background's list.
    listed: bool,
    /// A transport has bytes to send that stand for none of ours, or for some that wait here.
    control: bool,
    /// Bytes of `front`, behind those that were sent, that a transport has taken: they cannot be
    /// taken back.
    front_begun: u32,
}

/// Who sends what is queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Writer {
    /// Nobody.
    #[default]
    None,
    /// A thread; `edge`: the socket became writable meanwhile.
    Sends { edge: bool },
    /// Whoever hears that the socket is writable.
    Blocked,
}

/// Bytes that the writer took; to be given back through `Outbox::wrote`.
pub struct Chunk {
    pub bytes: Vec<u8>,
    pub at: usize,
    /// Bytes behind `at` that a transport has taken, and that have not left.
    pub begun: u32,
    /// A transport has bytes to send.
    pub control: bool,
}

impl Outbox {
    /// Bytes queued, those under way included.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn is_writing(&self) -> bool {
        matches!(self.writer, Writer::Sends { .. })
    }

    /// Bytes of replies that wait, at most.
    pub fn replies(&self) -> usize {
        (self.front_replies as usize + self.back_replies as usize).min(self.len)
    }

    /// Bytes of calls and messages that wait, at least.
    pub fn others(&self) -> usize {
        self.len - self.replies()
    }

    pub fn on_wire(&self) -> u32 {
        self.on_wire
    }

    /// A reply came for a call that had been sent.
    pub fn answered(&mut self) {
        self.on_wire = self.on_wire.saturating_sub(1);
    }

    /// Asks to send a frame from the caller's own memory: granted when nothing is queued and
    /// nobody writes. The caller then sends, and reports by `wrote_direct`.
    pub fn begin_direct(&mut self, calls: u32) -> bool {
        if !self.is_free() {
            return false;
        }
        self.writer = Writer::Sends { edge: false };
        self.on_wire += calls;
        true
    }

    /// True if nothing is queued and nobody writes.
    pub fn is_free(&self) -> bool {
        self.writer == Writer::None && self.len == 0
    }

    /// Makes room for a frame of `len` bytes; false without memory.
    #[must_use]
    pub fn reserve(&mut self, len: usize) -> bool {
        let free = self.back.capacity() - self.back.len();
        if free >= len || self.back.len() < LARGE {
            return self.back.try_reserve(len).is_ok();
        }
        let more = len.max(self.back.len() / 8);
        self.back.try_reserve_exact(more).is_ok()
    }

    /// Queues a frame, of which `pieces` are the rest, and for which there is room; `calls` is 1 if
    /// it is a call, `urgent` if it must not be gathered.
    #[inline]
    pub fn append(&mut self, frame: &[u8], pieces: &[&[u8]], calls: u32, urgent: bool) {
        let before = self.back.len();
        self.back.extend_from_slice(frame);
        for piece in pieces {
            self.back.extend_from_slice(piece);
        }
        self.len += self.back.len() - before;
        self.gathered += calls;
        self.urgent |= urgent;
    }

    /// Queues a reply likewise.
    pub fn append_reply(&mut self, frame: &[u8], pieces: &[&[u8]], urgent: bool) {
        let before = self.len;
        self.append(frame, pieces, 0, urgent);
        self.back_replies = self.back_replies.saturating_add(short(self.len - before));
    }

    /// True if what is queued is worth sending now.
    pub fn is_ripe(&self) -> bool {
        self.len > 0
            && (self.urgent
                || self.len >= GATHER
                || (self.gathered > 0 && self.gathered >= self.on_wire))
    }

    /// Takes bytes to send, if there are any, nobody writes and the socket is not blocked.
    pub fn begin_flush(&mut self) -> Option<Chunk> {
        if self.writer != Writer::None || (self.len == 0 && !self.control) {
            return None;
        }
        Some(self.take())
    }

    /// As `begin_flush`; what cannot be taken leaves with whoever sends next, without being
    /// gathered any longer.
    pub fn begin_flush_of_all(&mut self) -> Option<Chunk> {
        let chunk = self.begin_flush();
        self.urgent |= chunk.is_none() && self.len > 0;
        chunk
    }

    fn take(&mut self) -> Chunk {
        self.writer = Writer::Sends { edge: false };
        if self.front_marks.is_some() || self.back_marks.is_some() {
            self.weed();
        }
        if self.front.is_empty() {
            std::mem::swap(&mut self.front, &mut self.back);
            self.front_sent = 0;
            self.front_begun = 0;
            self.front_whole = 0;
            self.front_replies = std::mem::take(&mut self.back_replies);
            self.on_wire += self.gathered;
            self.gathered = 0;
            self.urgent = false;
        }
        Chunk {
            bytes: std::mem::take(&mut self.front),
            at: self.front_sent,
            begun: 0,
            control: self.control,
        }
    }

    /// A transport has something to send, or takes bytes from now on: gives a chunk, which may be
    /// empty, to who has to see to it; None: somebody who writes will.
    pub fn nudge(&mut self) -> Option<Chunk> {
        self.control = true;
        self.writable()
    }

    /// The writer's report on a direct frame: `rest` is what the socket did not take.
    /// Gives the next bytes that the same writer has to send.
    pub fn wrote_direct(&mut self, rest: Vec<u8>, reply: bool) -> Option<Chunk> {
        let left = !rest.is_empty();
        if left {
            self.keep(rest, reply);
        }
        self.next(left)
    }

    /// As `wrote_direct`, with a transport, which may have more to send (`control`).
    pub fn wrote_sealed(&mut self, rest: Vec<u8>, reply: bool, control: bool) -> Option<Chunk> {
        let left = !rest.is_empty();
        if left {
            self.keep(rest, reply);
        }
        self.note_control(control);
        self.next(left || self.control)
    }

    fn note_control(&mut self, control: bool) {
        if self.writer != (Writer::Sends { edge: true }) {
            // Else the transport may have more since.
            self.control = control;
        }
    }

    fn keep(&mut self, rest: Vec<u8>, reply: bool) {
        self.len += rest.len();
        self.front_replies = if reply { short(rest.len()) } else { 0 };
        self.front_whole = rest.len();
        self.front = rest;
        self.front_sent = 0;
        self.front_begun = 0;
    }

    /// After `wrote_direct`, if the socket took nothing at all.
    pub fn took_nothing(&mut self) {
        self.front_whole = 0;
    }

    /// The writer has no time to go on: leaves `next`, and what else there is, to whoever flushes.
    pub fn hand_over(&mut self, next: Option<Chunk>) {
        if let Some(chunk) = next.or_else(|| self.writable()) {
            self.front = chunk.bytes;
            self.front_sent = chunk.at;
            self.writer = Writer::None;
        }
    }

    /// Takes the request with this number back, if it has not begun to leave; gives its length.
    pub fn take_back(&mut self, sequence: u32) -> Option<usize> {
        let len = if let Some(len) = self.take_back_of_front(sequence) {
            // It had been counted when its bytes were taken.
            self.answered();
            len
        } else {
            let marks = self.back_marks.get_or_insert_default();
            let len = marks.take_back(&mut self.back, sequence, 0)?;
            self.gathered -= 1;
            if marks.dead() > GATHER.max(self.back.len() / 2) {
                self.back_marks = None;
                marks::weed(&mut self.back, 0);
            }
            len
        };
        self.len -= len;
        if self.len == 0 && !self.is_writing() {
            self.clear();
        }
        Some(len)
    }

    fn take_back_of_front(&mut self, sequence: u32) -> Option<usize> {
        if self.is_writing() || self.front.is_empty() {
            return None;
        }
        let whole = self.front_whole;
        let marks = self
            .front_marks
            .get_or_insert_with(|| Box::new(Marks::new(whole)));
        let begun = self.front_sent + self.front_begun as usize;
        marks.take_back(&mut self.front, sequence, begun)
    }

    /// Removes what was taken back, before a writer gets the rest.
    #[cold]
    fn weed(&mut self) {
        let dead = |marks: Option<Box<Marks>>| marks.is_some_and(|marks| marks.dead() > 0);
        if dead(self.front_marks.take()) {
            marks::weed(&mut self.front, self.front_whole);
        }
        if dead(self.back_marks.take()) {
            marks::weed(&mut self.back, 0);
        }
    }

    /// The writer's report on a chunk, of which `chunk.at` bytes have been sent in all.
    pub fn wrote(&mut self, mut chunk: Chunk, sent_now: usize) -> Option<Chunk> {
        self.len -= sent_now;
        self.note_control(chunk.control);
        let left = chunk.at < chunk.bytes.len();
        if left {
            self.front_replies = self.front_replies.min(short(chunk.bytes.len() - chunk.at));
            self.give_back_sent(&mut chunk);
            self.front = chunk.bytes;
            self.front_sent = chunk.at;
            self.front_begun = chunk.begun;
            return self.next(left);
        }
        self.front_replies = 0;
        if self.back.is_empty() && chunk.bytes.capacity() <= KEEP {
            // the emptied buffer serves the next frames; larger ones go with the burst
            chunk.bytes.clear();
            self.back = chunk.bytes;
        }
        self.next(left || self.control)
    }

    /// Whole frames only: who takes requests back goes through them.
    fn give_back_sent(&mut self, chunk: &mut Chunk) {
        if chunk.at < LARGE || chunk.at < chunk.bytes.len() / 2 {
            return;
        }
        let sent = marks::last_begin(&chunk.bytes, self.front_whole, chunk.at);
        if sent <= chunk.at {
            chunk.bytes.drain(..sent);
            chunk.bytes.shrink_to_fit();
            chunk.at -= sent;
            self.front_whole = 0;
        }
    }

    fn next(&mut self, left: bool) -> Option<Chunk> {
        if left {
            if self.writer == (Writer::Sends { edge: true }) {
                return Some(self.take());
            }
            self.writer = Writer::Blocked;
        } else if self.is_ripe() {
            return Some(self.take());
        } else {
            self.writer = Writer::None;
        }
        None
    }

    /// The socket became writable.
    pub fn writable(&mut self) -> Option<Chunk> {
        if self.is_writing() {
            self.writer = Writer::Sends { edge: true };
            return None;
        }
        self.writer = Writer::None;
        self.begin_flush()
    }

    /// The connection is dead: drops everything. A writer still under way reports later.
    pub fn clear(&mut self) {
        self.front = Vec::new();
        self.back = Vec::new();
        self.front_marks = None;
        self.back_marks = None;
        self.len = 0;
        self.front_replies = 0;
        self.back_replies = 0;
        self.gathered = 0;
        self.urgent = false;
    }

    /// A writer found the connection dead: it sends no more.
    pub fn abandon(&mut self) {
        self.clear();
        self.control = false;
        self.writer = Writer::None;
    }

    /// True if the connection has to be put on the background's list: bytes wait, and nobody
    /// else will send them.
    pub fn list(&mut self) -> bool {
        let empty = self.len == 0 && !self.control;
        if self.listed || empty || self.writer != Writer::None {
            return false;
        }
        self.listed = true;
        true
    }

    /// The background took the connection from its list.
    pub fn unlist(&mut self) {
        self.listed = false;
    }
}

/// As many bytes, or more than any bound.
fn short(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::frame::{Header, HEADER_LEN};
    use crate::proto::status;
    use crate::times;

    fn send(o: &mut Outbox, mut c: Chunk, n: usize) -> Option<Chunk> {
        c.at += n;
        o.wrote(c, n)
    }

    #[test]
    fn direct_only_when_idle() {
        let mut o = Outbox::default();
        assert!(o.begin_direct(0));
        assert!(!o.begin_direct(0), "somebody writes");
        o.append(b"abc", &[], 0, true);
        let c = o
            .wrote_direct(Vec::new(), false)
            .expect("urgent bytes go with the writer");
        assert_eq!(&c.bytes[c.at..], b"abc");
        assert!(send(&mut o, c, 3).is_none());
        assert!(o.is_empty() && o.begin_direct(0));
    }

    #[test]
    fn a_partial_direct_frame_stays_in_front() {
        let mut o = Outbox::default();
        assert!(o.begin_direct(0));
        o.append(b"second", &[], 0, true);
        assert!(o.wrote_direct(b"rst".to_vec(), false).is_none(), "blocked");
        assert!(o.writer == Writer::Blocked && o.len() == 9);
        assert!(o.begin_flush().is_none());
        let c = o.writable().unwrap();
        assert_eq!(&c.bytes[c.at..], b"rst");
        let c = send(&mut o, c, 3).unwrap();
        assert_eq!(&c.bytes[c.at..], b"second");
    }

    #[test]
    fn an_edge_during_the_send_is_not_lost() {
        let mut o = Outbox::default();
        o.append(&[1; 10], &[], 0, true);
        let c = o.begin_flush().unwrap();
        assert!(o.writable().is_none(), "the writer is told instead");
        let c = send(&mut o, c, 4).expect("tries once more");
        assert_eq!(c.at, 4);
        assert!(send(&mut o, c, 0).is_none());
        assert!(o.writer == Writer::Blocked);
    }

    #[test]
    fn calls_gather_up_to_what_is_on_the_wire() {
        let mut o = Outbox::default();
        assert!(o.begin_direct(1));
        assert!(o.wrote_direct(Vec::new(), false).is_none());
        o.append(&[0; 20], &[], 1, false);
        assert!(o.is_ripe(), "1 gathered, 1 on the wire");
        let c = o.begin_flush().unwrap();
        assert_eq!(o.on_wire(), 2);
        assert!(send(&mut o, c, 20).is_none());
        o.append(&[0; 20], &[], 1, false);
        assert!(!o.is_ripe());
        assert!(o.list() && !o.list());
        o.answered();
        assert!(o.is_ripe());
    }

    #[test]
    fn what_a_batch_gathered_while_the_socket_was_blocked_leaves_with_the_rest() {
        let mut o = Outbox::default();
        assert!(o.begin_direct(0));
        assert!(o.wrote_direct(b"rst".to_vec(), true).is_none());
        o.append_reply(b"gathered", &[], false);
        assert!(o.begin_flush_of_all().is_none(), "blocked");
        let c = o.writable().unwrap();
        let c = send(&mut o, c, 3).expect("not left to a tick");
        assert_eq!(&c.bytes[c.at..], b"gathered");
    }

    /// A request of `len` bytes, or with command -1 a message.
    fn request(sequence: u32, cmd: i32, len: usize) -> Vec<u8> {
        let header = Header {
            sequence,
            status: status::PENDING,
            cmd,
            len: (len - HEADER_LEN) as u32,
        };
        let mut frame = header.to_bytes().to_vec();
        frame.resize(len, sequence as u8);
        frame
    }

    /// What a writer who begins with `next` sends.
    fn all_of(o: &mut Outbox, mut next: Option<Chunk>) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(c) = next {
            all.extend_from_slice(&c.bytes[c.at..]);
            let n = c.bytes.len() - c.at;
            next = send(o, c, n);
        }
        all
    }

    fn held(o: &Outbox) -> usize {
        o.front.capacity() + o.back.capacity()
    }

    #[test]
    fn little_more_is_held_than_waits() {
        let mut o = Outbox::default();
        let frame = request(7, 1, 1000);
        for _ in 0..times(5000) {
            assert!(o.reserve(frame.len()));
            o.append_reply(&frame, &[], true);
            assert!(held(&o) <= 2 * LARGE + o.len() / 8 * 9);
        }
        // The peer takes it in pieces that end anywhere.
        let mut next = o.begin_flush();
        let mut taken = 0;
        while let Some(c) = next {
            let part = (c.bytes.len() - c.at).min(17_777);
            assert!(c.bytes[c.at..].starts_with(&[0, 0, 0, 7]) || taken % 1000 != 0);
            taken += part;
            assert!(send(&mut o, c, part).is_none());
            assert!(held(&o) <= 2 * LARGE + o.len() / 4 * 9);
            next = o.writable();
        }
        assert_eq!(taken, 1000 * times(5000) as usize);
    }

    #[test]
    fn requests_can_be_taken_back_behind_what_was_given_back() {
        let mut o = Outbox::default();
        for n in 0..200 {
            o.append(&request(n, 1, 1000), &[], 1, false);
        }
        let c = o.begin_flush().unwrap();
        assert!(send(&mut o, c, 150_500).is_none());
        assert!(o.front.len() == 50_000, "given back");
        assert_eq!(o.take_back(149), None, "gone");
        assert_eq!(o.take_back(150), None, "begun");
        assert_eq!(o.take_back(151), Some(1000));
        let next = o.writable();
        let rest = all_of(&mut o, next);
        assert_eq!(rest.len(), 48_500);
        assert!(rest[500..].starts_with(&request(152, 1, 1000)));
    }

    #[test]
    fn what_has_not_begun_to_leave_is_taken_back() {
        let mut o = Outbox::default();
        // Numbers that wrap, and messages and replies between them that have the same.
        let number = |n: u32| (u32::MAX - 2).wrapping_add(n);
        for n in 0..6 {
            o.append(&request(number(n), 1, 20), &[], 1, false);
            o.append_reply(&[0; 16], &[], false);
            o.append(&request(number(n), -1, 24), &[], 0, false);
        }
        assert_eq!(o.take_back(number(6)), None, "none such");
        assert_eq!(o.take_back(number(0)), Some(20));
        assert_eq!(o.take_back(number(0)), None, "only once");
        assert_eq!(o.take_back(number(4)), Some(20));
        assert_eq!(o.len(), 6 * 60 - 40);
        // The first message goes with one byte of the reply behind it, then the socket is full.
        let c = o.begin_flush().unwrap();
        assert_eq!(o.on_wire(), 4);
        assert_eq!(o.take_back(number(1)), None, "a writer has it");
        assert!(send(&mut o, c, 16 + 24 + 1).is_none());
        assert_eq!(o.take_back(number(1)), None, "a byte of it has left");
        assert_eq!(o.take_back(number(3)), Some(20));
        assert_eq!((o.on_wire(), o.len()), (3, 6 * 60 - 60 - 41));
        o.append(&request(number(6), 1, 30), &[], 1, false);
        assert_eq!(o.take_back(number(6)), Some(30));
        let c = o.writable().expect("what is left");
        assert!(send(&mut o, c, 19).is_none());
        // With the rest of the frame gone, the next is the first.
        assert_eq!(o.take_back(number(2)), Some(20));
        o.append(&request(number(7), 1, 30), &[], 1, false);
        let first = o.writable();
        let mut left = all_of(&mut o, first);
        let rest = o.begin_flush();
        left.extend(all_of(&mut o, rest));
        let mut expected = Vec::new();
        for n in 1..6 {
            if n == 5 {
                expected.extend_from_slice(&request(number(n), 1, 20));
            }
            expected.extend_from_slice(&[0; 16]);
            expected.extend_from_slice(&request(number(n), -1, 24));
        }
        expected.extend_from_slice(&request(number(7), 1, 30));
        assert_eq!(left, expected);
    }

    #[test]
    fn what_a_writer_leaves_is_for_the_next_one() {
        let mut o = Outbox::default();
        assert!(o.begin_direct(0));
        let blocked = o.wrote_direct(b"rest".to_vec(), false);
        o.hand_over(blocked);
        o.append(b"more", &[], 0, true);
        assert!(o.list(), "nobody writes, and no edge is due");
        let c = o.begin_flush().unwrap();
        assert_eq!(&c.bytes[c.at..], b"rest");
        let next = send(&mut o, c, 4);
        assert!(next.is_some());
        o.hand_over(next);
        let c = o.begin_flush().unwrap();
        assert_eq!(&c.bytes[c.at..], b"more");
        let none = send(&mut o, c, 4);
        o.hand_over(none);
        assert!(o.is_free());
    }

    #[test]
    fn a_direct_frame_is_taken_back_only_whole() {
        for sent in [0, 1] {
            let mut o = Outbox::default();
            assert!(o.begin_direct(1));
            let rest = request(1, 1, 20)[sent..].to_vec();
            assert!(o.wrote_direct(rest, false).is_none());
            if sent == 0 {
                o.took_nothing();
            }
            assert_eq!(o.take_back(1).is_some(), sent == 0);
            assert_eq!((o.is_empty(), o.on_wire()), (sent == 0, sent as u32));
            assert!(!o.begin_direct(1), "the socket is still full");
            assert!(o.writable().is_some() == (sent == 1));
        }
    }

    #[test]
    fn what_is_taken_back_again_and_again_takes_no_memory() {
        let mut o = Outbox::default();
        assert!(o.begin_direct(0));
        assert!(o.wrote_direct(vec![1; 9], false).is_none());
        o.append(&request(0, 1, 100), &[], 1, false);
        let times = times(10_000);
        for n in 1..times {
            o.append(&request(n, 1, 100), &[], 1, false);
            assert_eq!(o.take_back(n), Some(100));
            assert!(o.back.len() <= 2 * GATHER && o.back.capacity() <= 4 * GATHER);
        }
        o.append(&request(times, 1, 50), &[], 1, false);
        let c = o.writable().unwrap();
        assert_eq!(send(&mut o, c, 9).map(|c| c.bytes.len()), Some(150));
        let mut o = Outbox::default();
        o.append(&request(0, 1, 100), &[], 1, false);
        assert_eq!(o.take_back(0), Some(100));
        assert!(o.begin_flush().is_none() && o.begin_direct(1));
    }

    /// As a writer whose transport has taken `begun` bytes and sent none.
    fn sealed(o: &mut Outbox, mut chunk: Chunk, begun: u32) -> Option<Chunk> {
        chunk.begun = begun;
        chunk.control = true;
        o.wrote(chunk, 0)
    }

    #[test]
    fn what_a_transport_has_taken_is_not_taken_back() {
        let mut o = Outbox::default();
        o.append(&request(1, 1, 100), &[], 1, false);
        o.append(&request(2, 1, 100), &[], 1, false);
        let c = o.begin_flush().unwrap();
        assert!(sealed(&mut o, c, 50).is_none());
        assert_eq!((o.take_back(1), o.len()), (None, 200));
        assert_eq!((o.take_back(2), o.len()), (Some(100), 100));
        let mut c = o.writable().unwrap();
        assert_eq!((c.bytes.len(), c.at), (100, 0));
        (c.at, c.begun, c.control) = (100, 0, false);
        assert!(o.wrote(c, 100).is_none());
        assert!(o.is_free());
    }

    #[test]
    fn a_transport_with_something_to_send_finds_a_writer() {
        // Nobody writes: who says so does.
        let mut o = Outbox::default();
        let c = o.nudge().unwrap();
        assert!(c.bytes.is_empty() && c.control);
        // The socket is full: the edge brings it up again.
        assert!(o.wrote(c, 0).is_none());
        assert!(!o.is_free() && o.begin_flush().is_none());
        let mut c = o.writable().unwrap();
        // Somebody writes, and goes on, whatever it has seen of the transport.
        assert!(o.nudge().is_none());
        c.control = false;
        let mut c = o.wrote(c, 0).unwrap();
        c.control = false;
        assert!(o.wrote(c, 0).is_none());
        assert!(o.is_free());
        // With a frame of the writer's own.
        assert!(o.begin_direct(0));
        assert!(o.nudge().is_none());
        let mut c = o.wrote_sealed(Vec::new(), false, false).unwrap();
        c.control = false;
        assert!(o.wrote(c, 0).is_none());
        // What is left of it waits for the edge.
        assert!(o.begin_direct(0));
        assert!(o.wrote_sealed(Vec::new(), false, true).is_none());
        assert!(!o.is_free() && o.writable().is_some());
    }

    #[test]
    fn who_has_no_time_leaves_a_transport_to_the_background() {
        let mut o = Outbox::default();
        let c = o.nudge().unwrap();
        let next = o.wrote(c, 0);
        o.hand_over(next);
        assert!(o.list() && o.begin_flush().is_some());
    }

    #[test]
    fn replies_are_counted_until_they_leave() {
        let mut o = Outbox::default();
        o.append(&[0; 30], &[], 1, false);
        o.append_reply(&[0; 20], &[], false);
        assert_eq!((o.replies(), o.others()), (20, 30));
        let c = o.begin_flush().unwrap();
        o.append_reply(&[0; 5], &[], false);
        assert!(send(&mut o, c, 40).is_none());
        assert_eq!((o.replies(), o.others()), (15, 0));
        let c = o.writable().unwrap();
        assert!(send(&mut o, c, 10).is_none());
        assert_eq!((o.replies(), o.others()), (5, 0));
        let c = o.begin_flush().unwrap();
        assert!(send(&mut o, c, 5).is_none());
        assert_eq!((o.replies(), o.others()), (0, 0));
        assert!(o.begin_direct(0));
        assert!(o.wrote_direct(vec![0; 7], true).is_none());
        assert_eq!((o.replies(), o.others()), (7, 0));
    }
}
