//! Frames: the 16-byte header (RFC 4506 integers) and an incremental decoder.

use super::partial::{NoMemory, Partial};
use super::payload::{Long, Payload};
use super::status;

pub const HEADER_LEN: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub sequence: u32,
    pub status: i32,
    pub cmd: i32,
    pub len: u32,
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.status.to_be_bytes());
        out[8..12].copy_from_slice(&self.cmd.to_be_bytes());
        out[12..].copy_from_slice(&self.len.to_be_bytes());
        out
    }

    /// Of the frame that begins with it.
    #[inline]
    pub fn set_len(frame: &mut [u8], len: u32) {
        frame[12..HEADER_LEN].copy_from_slice(&len.to_be_bytes());
    }

    pub fn from_bytes(raw: &[u8; HEADER_LEN]) -> Header {
        let word = |i: usize| [raw[i], raw[i + 1], raw[i + 2], raw[i + 3]];
        Header {
            sequence: u32::from_be_bytes(word(0)),
            status: i32::from_be_bytes(word(4)),
            cmd: i32::from_be_bytes(word(8)),
            len: u32::from_be_bytes(word(12)),
        }
    }

    pub fn is_request(&self) -> bool {
        self.status == status::PENDING
    }
}

/// A frame's payload as the decoder hands it out.
pub enum Body<'a> {
    /// Lies whole in the input.
    Slice(&'a [u8]),
    /// Was put together from several inputs.
    Owned(Vec<u8>),
    /// Likewise, and is long.
    Long(Box<Long>),
    /// Not here yet: told of the first frame of a stream, once, as soon as its header is there.
    Coming,
    /// Will be thrown away: told as soon as that is known, once.
    Refused(Refused),
    /// Has been thrown away.
    Skipped,
}

/// Why a payload is thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    TooLong,
    NoMemory,
}

impl Body<'_> {
    #[inline]
    pub fn into_payload(self) -> Payload {
        match self {
            Body::Slice(s) => Payload::from_slice(s),
            Body::Owned(v) => Payload::Heap(v),
            Body::Long(long) => Payload::Long(long),
            Body::Coming | Body::Refused(_) | Body::Skipped => Payload::empty(),
        }
    }
}

pub struct Frame<'a> {
    pub header: Header,
    pub body: Body<'a>,
}

enum Stage {
    /// Some bytes of a header (none: between frames).
    Head {
        have: u8,
        raw: [u8; HEADER_LEN],
    },
    Body(Box<Partial>),
    /// A payload to be thrown away, with the number of bytes that are still to come.
    Skip {
        header: Header,
        left: u32,
        /// Not told yet.
        news: Option<Refused>,
    },
}

/// Cuts a byte stream into frames. It holds at most one partial frame.
pub struct Decoder {
    state: Stage,
    /// No header has been seen yet.
    at_start: bool,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder {
            state: BETWEEN,
            at_start: true,
        }
    }
}

const BETWEEN: Stage = Stage::Head {
    have: 0,
    raw: [0; HEADER_LEN],
};

impl Decoder {
    /// True between two frames.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, Stage::Head { have: 0, .. })
    }

    /// Bytes of the partial payload. What is reserved for the rest is not touched before it
    /// comes: an announcement costs nobody else anything.
    pub fn held(&self) -> usize {
        match &self.state {
            Stage::Body(partial) => partial.held(),
            _ => 0,
        }
    }

    /// Hands every frame that `input` completes to `sink`, in order; keeps the rest.
    /// `max` is the longest payload accepted. `place` says where in a long payload the data are to
    /// begin that get a block of their own; 0: nowhere.
    pub fn feed<'a>(
        &mut self,
        mut input: &'a [u8],
        max: u32,
        place: impl Fn(&Header) -> usize,
        sink: &mut impl FnMut(Frame<'a>),
    ) {
        loop {
            match &mut self.state {
                Stage::Head { have, raw } => {
                    let header = if *have == 0 && input.len() >= HEADER_LEN {
                        let (head, rest) = input.split_at(HEADER_LEN);
                        input = rest;
                        let mut whole = [0; HEADER_LEN];
                        whole.copy_from_slice(head);
                        Header::from_bytes(&whole)
                    } else {
                        let had = usize::from(*have);
                        let n = input.len().min(HEADER_LEN - had);
                        raw[had..had + n].copy_from_slice(&input[..n]);
                        input = &input[n..];
                        if had + n < HEADER_LEN {
                            *have = (had + n) as u8;
                            return;
                        }
                        *have = 0;
                        Header::from_bytes(raw)
                    };
                    let len = header.len as usize;
                    let first = std::mem::take(&mut self.at_start);
                    if header.len > max {
                        self.skip(header, header.len, Refused::TooLong);
                    } else if input.len() >= len {
                        let (body, rest) = input.split_at(len);
                        input = rest;
                        self.reset();
                        sink(Frame {
                            header,
                            body: Body::Slice(body),
                        });
                    } else {
                        if first {
                            let body = Body::Coming;
                            sink(Frame { header, body });
                        }
                        match Partial::new(header, place(&header)) {
                            Ok(partial) => self.state = Stage::Body(partial),
                            Err(NoMemory) => self.skip(header, header.len, Refused::NoMemory),
                        }
                    }
                }
                Stage::Body(partial) => {
                    if partial.take(&mut input).is_err() {
                        self.give_up();
                    } else if !self.finish_body(sink) {
                        return;
                    }
                }
                Stage::Skip { header, left, news } => {
                    let header = *header;
                    if let Some(why) = news.take() {
                        let body = Body::Refused(why);
                        sink(Frame { header, body });
                    }
                    let n = input.len().min(*left as usize);
                    *left -= n as u32;
                    input = &input[n..];
                    if *left > 0 {
                        return;
                    }
                    self.reset();
                    let body = Body::Skipped;
                    sink(Frame { header, body });
                }
            }
            if input.is_empty() && self.is_idle() {
                return;
            }
        }
    }

    /// The buffer of a long partial payload and how many bytes it still wants, for a
    /// reader that can append to it straight from the socket; then call `appended`.
    pub fn direct(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let Stage::Body(partial) = &mut self.state else {
            return None;
        };
        if partial.make_room().is_err() {
            self.give_up();
        }
        match &mut self.state {
            Stage::Body(partial) => partial.direct(),
            _ => None,
        }
    }

    /// After bytes were appended to the buffer that `direct` gave.
    pub fn appended<'a>(&mut self, sink: &mut impl FnMut(Frame<'a>)) {
        self.finish_body(sink);
    }

    fn finish_body<'a>(&mut self, sink: &mut impl FnMut(Frame<'a>)) -> bool {
        let whole = match &self.state {
            Stage::Body(partial) => partial.left() == 0,
            _ => false,
        };
        if !whole {
            return false;
        }
        if let Stage::Body(partial) = std::mem::replace(&mut self.state, BETWEEN) {
            sink(Frame {
                header: partial.header(),
                body: partial.into_body(),
            });
        }
        true
    }

    /// There is no memory for the rest of a payload.
    #[cold]
    fn give_up(&mut self) {
        if let Stage::Body(partial) = &self.state {
            let (header, left) = (partial.header(), partial.left());
            self.skip(header, left as u32, Refused::NoMemory);
        }
    }

    fn skip(&mut self, header: Header, left: u32, why: Refused) {
        self.state = Stage::Skip {
            header,
            left,
            news: Some(why),
        };
    }

    fn reset(&mut self) {
        self.state = BETWEEN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(sequence: u32, status: i32, cmd: i32, body: &[u8]) -> Vec<u8> {
        let mut out = Header {
            sequence,
            status,
            cmd,
            len: body.len() as u32,
        }
        .to_bytes()
        .to_vec();
        out.extend_from_slice(body);
        out
    }

    fn collect(chunks: &[&[u8]], max: u32) -> Vec<(Header, Option<Vec<u8>>)> {
        let mut d = Decoder::default();
        let mut got = Vec::new();
        for c in chunks {
            d.feed(c, max, |_| 0, &mut |f| {
                let body = match f.body {
                    Body::Slice(s) => Some(s.to_vec()),
                    Body::Owned(v) => Some(v),
                    Body::Long(long) => Some([long.head, long.rest].concat()),
                    Body::Coming | Body::Refused(_) => return,
                    Body::Skipped => None,
                };
                got.push((f.header, body));
            });
        }
        assert!(d.is_idle());
        got
    }

    #[test]
    fn header_is_big_endian_in_wire_order() {
        let h = Header {
            sequence: 0x0102_0304,
            status: -1,
            cmd: -2,
            len: 5,
        };
        let raw = h.to_bytes();
        assert_eq!(
            raw,
            [1, 2, 3, 4, 255, 255, 255, 255, 255, 255, 255, 254, 0, 0, 0, 5]
        );
        assert_eq!(Header::from_bytes(&raw), h);
        assert!(h.is_request());
    }

    #[test]
    fn every_split_point_gives_the_same_frames() {
        let mut bytes = frame(7, -1, 3, b"abcd");
        bytes.extend(frame(8, 0, 3, b""));
        bytes.extend(frame(9, -1, 4, &[7; 40])); // over the limit below
        bytes.extend(frame(10, -1, -1, &[1; 8]));
        let whole = collect(&[&bytes], 16);
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[2].1, None);
        for i in 0..=bytes.len() {
            for j in (i..=bytes.len()).step_by(5) {
                let parts = [&bytes[..i], &bytes[i..j], &bytes[j..]];
                assert_eq!(collect(&parts, 16), whole, "split at {i}, {j}");
            }
        }
        let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(collect(&bytewise, 16), whole);
    }

    #[test]
    fn an_announcement_alone_reserves_little() {
        let head = Header {
            sequence: 0,
            status: -1,
            cmd: 1,
            len: u32::MAX,
        };
        let mut d = Decoder::default();
        d.feed(&head.to_bytes(), u32::MAX, |_| 0, &mut |f| {
            assert!(matches!(f.body, Body::Coming));
        });
        assert_eq!(d.held(), 0);
        let (buf, room) = d.direct().unwrap();
        assert!(buf.capacity() <= 1 << 20 && room <= 1 << 20);
    }

    #[test]
    fn a_long_payload_is_refused_with_its_header_and_answered_with_its_end() {
        let bytes = frame(1, -1, 2, &[0; 40]);
        let mut d = Decoder::default();
        let mut told = Vec::new();
        for (i, byte) in bytes.iter().enumerate() {
            d.feed(&[*byte], 16, |_| 0, &mut |f| match f.body {
                Body::Refused(why) => told.push((i, Some(why))),
                Body::Skipped => told.push((i, None)),
                _ => panic!("no other news"),
            });
        }
        let last = HEADER_LEN - 1;
        let all = [(last, Some(Refused::TooLong)), (bytes.len() - 1, None)];
        assert_eq!(told, all);
    }

    #[test]
    fn direct_appends_complete_the_frame() {
        let body = vec![9u8; 3 << 20];
        let bytes = frame(1, 0, 2, &body);
        let mut d = Decoder::default();
        d.feed(&bytes[..100], u32::MAX, |_| 0, &mut |f| {
            assert!(matches!(f.body, Body::Coming));
        });
        let mut at = 100;
        let mut got = None;
        while let Some((buf, room)) = d.direct() {
            let n = room.min(70_000);
            buf.extend_from_slice(&bytes[at..at + n]);
            at += n;
            d.appended(&mut |f| got = Some(f.header.len));
        }
        d.feed(&bytes[at..], u32::MAX, |_| 0, &mut |f| {
            got = Some(f.header.len)
        });
        assert_eq!(got, Some(body.len() as u32));
        assert!(d.is_idle());
    }
}
