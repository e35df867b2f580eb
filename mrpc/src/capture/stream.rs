//! One direction of a connection: segments in, whole messages out. Segments may come twice
//! or out of order. Where bytes are lost, it goes on with the next segment that begins with
//! a header.

use std::collections::BTreeMap;

use crate::wire::Frame;

/// What is kept while bytes before it are missing.
const MAX_WAITING: usize = 4 << 20;

#[derive(Default)]
pub struct Direction {
    /// The next byte's number, once that is known.
    next: Option<u32>,
    /// Behind a gap, by their distance from `next` when they came.
    waiting: BTreeMap<u32, Vec<u8>>,
    waiting_len: usize,
    bytes: Vec<u8>,
    /// Whether `bytes` begins where a message does.
    in_step: bool,
}

impl Direction {
    pub fn begin(&mut self, sequence: u32) {
        *self = Direction {
            next: Some(sequence.wrapping_add(1)),
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
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next);
        if ahead != 0 && ahead < 1 << 31 {
            if self.waiting_len + payload.len() <= MAX_WAITING {
                self.waiting_len += payload.len();
                self.waiting.insert(sequence, payload.to_vec());
                return Vec::new();
            }
            self.skip(sequence);
        }
        self.append(sequence, payload);
        // What waited may be next now; numbers wrap, so each is looked at.
        while let Some(found) = self.first_waiting() {
            if let Some(payload) = self.waiting.remove(&found) {
                self.waiting_len -= payload.len();
                self.append(found, &payload);
            }
        }
        self.messages(plausible, most)
    }

    fn first_waiting(&self) -> Option<u32> {
        let next = self.next?;
        let is_due = |sequence: &&u32| {
            let ahead = sequence.wrapping_sub(next);
            ahead == 0 || ahead >= 1 << 31
        };
        self.waiting.keys().find(is_due).copied()
    }

    /// What lies before is lost.
    fn skip(&mut self, to: u32) {
        self.next = Some(to);
        self.bytes.clear();
        self.waiting.clear();
        self.waiting_len = 0;
        self.in_step = false;
    }

    fn append(&mut self, sequence: u32, payload: &[u8]) {
        let Some(next) = self.next else { return };
        let known = next.wrapping_sub(sequence) as usize;
        if let Some(new) = payload.get(known..) {
            if !self.in_step {
                self.bytes.clear();
            }
            self.bytes.extend(new);
            self.next = Some(next.wrapping_add(new.len() as u32));
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
