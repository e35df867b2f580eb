//! Where the requests are in a buffer of whole frames, so that one can be taken back.
//!
//! A request that is taken back stays where it is, with a mark that no frame has: command 0, which
//! no request of ours has, and the status of a request. Then `weed` moves what is behind it.
//!
//! Made only for buffers in which a request was looked for, and of that only once: what takes a
//! request back costs a step for each frame that was appended since the last time, and a search.

use super::frame::{Header, HEADER_LEN};
use super::status;

#[derive(Default)]
pub struct Marks {
    /// Numbers, in their order (INV-F3), and places.
    requests: Vec<(u32, usize)>,
    /// Bytes that were looked at.
    seen: usize,
    /// Bytes that were taken back.
    dead: usize,
}

fn header_at(bytes: &[u8], at: usize) -> Option<Header> {
    let header = bytes.get(at..at + HEADER_LEN)?;
    header.try_into().ok().map(Header::from_bytes)
}

fn is_dead(header: &Header) -> bool {
    header.cmd == 0 && header.status == status::PENDING
}

fn len_of(header: &Header) -> usize {
    HEADER_LEN + header.len as usize
}

impl Marks {
    /// For a buffer whose first frame begins at `first`.
    pub fn new(first: usize) -> Marks {
        Marks {
            seen: first,
            ..Marks::default()
        }
    }

    /// Bytes that were taken back.
    pub fn dead(&self) -> usize {
        self.dead
    }

    /// Takes the request with this number back, unless it begins before `sent`. Gives its length.
    pub fn take_back(&mut self, bytes: &mut [u8], sequence: u32, sent: usize) -> Option<usize> {
        while let Some(header) = header_at(bytes, self.seen) {
            if header.is_request() && header.cmd > 0 {
                self.requests.push((header.sequence, self.seen));
            }
            self.seen += len_of(&header);
        }
        let first = self.requests.first()?.0;
        let age = |number: u32| number.wrapping_sub(first);
        let found = self
            .requests
            .binary_search_by_key(&age(sequence), |(number, _)| age(*number));
        let (_, at) = self.requests[found.ok()?];
        let mut header = header_at(bytes, at)?;
        if at < sent || is_dead(&header) {
            return None;
        }
        header.cmd = 0;
        bytes[at..at + HEADER_LEN].copy_from_slice(&header.to_bytes());
        self.dead += len_of(&header);
        Some(len_of(&header))
    }
}

/// The last place up to `at` where a frame begins, of which one begins at `first`.
pub fn last_begin(bytes: &[u8], first: usize, at: usize) -> usize {
    let mut begin = first;
    while let Some(header) = header_at(bytes, begin) {
        let next = begin + len_of(&header);
        if next > at {
            break;
        }
        begin = next;
    }
    begin
}

/// Removes from a buffer, whose first frame begins at `first`, what was taken back.
pub fn weed(bytes: &mut Vec<u8>, first: usize) {
    let (mut from, mut to) = (first, first);
    while let Some(header) = header_at(bytes, from) {
        let len = len_of(&header);
        if !is_dead(&header) {
            bytes.copy_within(from..from + len, to);
            to += len;
        }
        from += len;
    }
    bytes.truncate(to);
    bytes.shrink_to(2 * to);
}
