//! One direction of a connection: segments in, whole messages out. Segments may come twice
//! or out of order. Where bytes are lost, it goes on with the next segment that begins with
//! a header.

use std::collections::BTreeMap;

use crate::wire::Frame;

/// What is kept while bytes before it are missing: bytes, and segments.
const MAX_WAITING: usize = 4 << 20;
const MAX_SEGMENTS: usize = 1 << 16;

#[derive(Default)]
pub struct Direction {
    /// The next byte's place in the stream, once that is known: its number, which does not wrap
    /// here.
    next: Option<u64>,
    /// Behind a gap, by their places.
    waiting: BTreeMap<u64, Vec<u8>>,
    waiting_len: usize,
    bytes: Vec<u8>,
    /// Whether `bytes` begins where a message does.
    in_step: bool,
}

/// A byte's place, so that what came before the first that is known has one, too.
fn place(sequence: u32) -> u64 {
    (1 << 32) + u64::from(sequence)
}

impl Direction {
    pub fn begin(&mut self, sequence: u32) {
        *self = Direction {
            next: Some(place(sequence.wrapping_add(1))),
            in_step: true,
            ..Direction::default()
        };
    }

    /// A segment; `plausible` says whether a header can be one.
    pub fn add(
        &mut self,
        sequence: u32,
        payload: &[u8],
        plausible: &dyn Fn(&Frame, u32) -> bool,
        most: u32,
    ) -> Vec<Frame> {
        if payload.is_empty() {
            return Vec::new();
        }
        let next = *self.next.get_or_insert(place(sequence));
        // Numbers wrap: it is ahead, or was before, by less than half of them.
        let ahead = sequence.wrapping_sub(next as u32) as i32;
        let at = next.saturating_add_signed(i64::from(ahead));
        if at > next {
            if self.wait(at, payload) {
                return Vec::new();
            }
            let mut found = self.give_up(plausible, most);
            // Nothing waits now, so this is the last time.
            found.extend(self.add(sequence, payload, plausible, most));
            return found;
        }
        self.append(at, payload);
        self.join();
        self.messages(plausible, most)
    }

    /// What waits for bytes that do not come goes on without them.
    pub fn give_up(&mut self, plausible: &dyn Fn(&Frame, u32) -> bool, most: u32) -> Vec<Frame> {
        let mut found = Vec::new();
        while let Some((first, _)) = self.waiting.first_key_value() {
            self.next = Some(*first);
            self.bytes.clear();
            self.in_step = false;
            self.join();
            found.extend(self.messages(plausible, most));
        }
        found
    }

    /// What waited may be next now.
    fn join(&mut self) {
        while let Some(entry) = self.waiting.first_entry() {
            if self.next.is_some_and(|next| *entry.key() > next) {
                break;
            }
            let (at, payload) = entry.remove_entry();
            self.waiting_len -= payload.len();
            self.append(at, &payload);
        }
    }

    /// Whether there is room for it.
    fn wait(&mut self, at: u64, payload: &[u8]) -> bool {
        let known = self.waiting.get(&at).map_or(0, Vec::len);
        if payload.len() <= known {
            return true;
        }
        let len = self.waiting_len - known + payload.len();
        if len > MAX_WAITING || known == 0 && self.waiting.len() == MAX_SEGMENTS {
            return false;
        }
        self.waiting_len = len;
        self.waiting.insert(at, payload.to_vec());
        true
    }

    fn append(&mut self, at: u64, payload: &[u8]) {
        let Some(next) = self.next else { return };
        let known = usize::try_from(next.saturating_sub(at)).unwrap_or(usize::MAX);
        if let Some(new) = payload.get(known..) {
            if !self.in_step {
                self.bytes.clear();
            }
            self.bytes.extend(new);
            self.next = Some(next + new.len() as u64);
        }
    }

    fn messages(&mut self, plausible: &dyn Fn(&Frame, u32) -> bool, most: u32) -> Vec<Frame> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(header) = self.bytes.get(at..at + 16) {
            let word = |i: usize| {
                u32::from_be_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]])
            };
            let len = word(12);
            let mut frame = Frame {
                sequence: word(0),
                status: word(4) as i32,
                cmd: word(8) as i32,
                payload: Vec::new(),
            };
            // In step there may also be a procedure that the interface does not have.
            if len > most || !self.in_step && !plausible(&frame, len) {
                at = self.bytes.len();
                self.in_step = false;
                break;
            }
            self.in_step = true;
            let begin = at + 16;
            let Some(payload) = self.bytes.get(begin..begin + len as usize) else {
                break;
            };
            frame.payload = payload.to_vec();
            found.push(frame);
            at = begin + len as usize;
        }
        self.bytes.drain(..at);
        found
    }
}
