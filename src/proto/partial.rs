//! A payload that comes in several reads.

use super::frame::{Body, Header};
use super::payload::{Long, LONG};

/// A payload this long is received into its own allocation; one that announces more grows
/// towards it, so that an announcement alone costs no memory.
const RESERVE: usize = 1 << 20;
/// What is left of a payload is received into its own allocation down to this.
const DIRECT: usize = 4096;

/// A frame whose payload is not complete.
pub struct Partial {
    header: Header,
    /// Bytes that belong apart from the rest.
    head: usize,
    held: Long,
}

/// There is no memory for more of it.
pub struct NoMemory;

impl Partial {
    /// `head`: where the rest is to begin, in a payload that is long.
    pub fn new(header: Header, head: usize) -> Result<Box<Partial>, NoMemory> {
        let len = header.len as usize;
        let head = if len >= LONG && head < len { head } else { 0 };
        let mut held = Long::default();
        reserve(&mut held.head, head)?;
        reserve(&mut held.rest, (len - head).min(RESERVE))?;
        Ok(Box::new(Partial { header, head, held }))
    }

    pub fn header(&self) -> Header {
        self.header
    }

    /// Bytes that are there.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> usize {
        self.header.len as usize - self.held()
    }

    /// Takes what belongs to it off the front of `input`.
    pub fn take(&mut self, input: &mut &[u8]) -> Result<(), NoMemory> {
        while !input.is_empty() && self.left() > 0 {
            let (buf, room) = self.next();
            let n = input.len().min(room);
            reserve(buf, n)?;
            buf.extend_from_slice(&input[..n]);
            *input = &input[n..];
        }
        Ok(())
    }

    /// Where the next bytes go, and how many of them.
    fn next(&mut self) -> (&mut Vec<u8>, usize) {
        let Long { head, rest } = &mut self.held;
        if head.len() < self.head {
            let room = self.head - head.len();
            (head, room)
        } else {
            let room = self.header.len as usize - head.len() - rest.len();
            (rest, room)
        }
    }

    /// Sees that `direct` has room to give.
    pub fn make_room(&mut self) -> Result<(), NoMemory> {
        let left = self.left();
        let rest = &mut self.held.rest;
        if left >= DIRECT && rest.len() == rest.capacity() {
            reserve(rest, left.min(rest.len().max(RESERVE)))?;
        }
        Ok(())
    }

    /// The buffer for what is left and how much of that it has room for, if it is worth a read of
    /// its own.
    pub fn direct(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let left = self.left();
        let whole = self.held.head.len() == self.head;
        let rest = &mut self.held.rest;
        let room = left.min(rest.capacity() - rest.len());
        (whole && left >= DIRECT).then_some((rest, room))
    }

    /// The whole payload, once nothing is left to come.
    pub fn into_body<'a>(self) -> Body<'a> {
        if self.header.len as usize >= LONG {
            Body::Long(Box::new(self.held))
        } else {
            Body::Owned(self.held.rest)
        }
    }
}

fn reserve(buf: &mut Vec<u8>, more: usize) -> Result<(), NoMemory> {
    buf.try_reserve_exact(more).map_err(|_| NoMemory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::frame::{Decoder, HEADER_LEN};
    use crate::proto::payload::Payload;

    const HEAD: usize = 12;

    /// What the stream's only frame has in its two parts, whatever pieces it comes in.
    fn parts(len: usize, place: usize, pieces: &[usize], direct: bool) -> (Vec<u8>, Vec<u8>) {
        let header = Header {
            sequence: 1,
            status: -1,
            cmd: 2,
            len: len as u32,
        };
        let word = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let words: Vec<[u8; 8]> = (0..=len as u64 / 8).map(word).collect();
        let payload = &words.as_flattened()[..len];
        let bytes = [&header.to_bytes()[..], payload].concat();
        let mut decoder = Decoder::default();
        let mut got = None;
        let mut at = 0;
        let mut pieces = pieces.iter().copied().chain(std::iter::repeat(50_000));
        while at < bytes.len() {
            let n = pieces.next().unwrap().min(bytes.len() - at);
            let mut keep = |body: Body<'_>| got = Some(body.into_payload());
            let straight = decoder.direct().filter(|_| direct).map(|(buf, room)| {
                let n = n.min(room);
                buf.extend_from_slice(&bytes[at..at + n]);
                n
            });
            match straight {
                Some(n) => {
                    at += n;
                    decoder.appended(&mut |f| keep(f.body));
                }
                None => {
                    let piece = &bytes[at..at + n];
                    decoder.feed(piece, u32::MAX, |_| place, &mut |f| keep(f.body));
                    at += n;
                }
            }
        }
        assert!(decoder.is_idle());
        let Some(Payload::Long(long)) = got else {
            panic!("not a long payload");
        };
        assert_eq!([&long.head[..], &long.rest].concat(), payload);
        (long.head, long.rest)
    }

    #[test]
    fn the_head_is_apart_whatever_the_cuts() {
        let (lens, step) = if cfg!(miri) { (1, 15) } else { (3, 1) };
        for len in [LONG, LONG + 5, 3 << 20].into_iter().take(lens) {
            for cut in (1..HEADER_LEN + 2 * HEAD).step_by(step) {
                for direct in [false, true] {
                    let (head, rest) = parts(len, HEAD, &[cut, 3], direct);
                    assert_eq!((head.len(), rest.len()), (HEAD, len - HEAD));
                    assert_eq!(rest.capacity(), rest.len(), "no more is held than has come");
                }
            }
        }
    }

    #[test]
    fn a_place_that_cannot_be_is_none() {
        for place in [0, LONG, LONG + 1, usize::MAX] {
            let (head, rest) = parts(LONG, place, &[100], true);
            assert_eq!((head.len(), rest.len()), (0, LONG));
        }
        let (head, rest) = parts(LONG, LONG - 1, &[100], true);
        assert_eq!((head.len(), rest.len()), (LONG - 1, 1));
    }
}
