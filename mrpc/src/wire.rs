//! Messages on the wire: docs/wire.md.

use std::io::{self, Read, Write};

pub const PENDING: i32 = -1;
pub const OK: i32 = 0;
pub const ENCODING_ERR: i32 = -2;
pub const PROCEDURE_UNAVAIL: i32 = -3;

const HEADER: usize = 16;
/// What is allocated before the payload has arrived.
const STEP: u64 = 64 << 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub sequence: u32,
    /// PENDING marks a request or a message.
    pub status: i32,
    pub cmd: i32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn is_reply(&self) -> bool {
        self.status != PENDING
    }

    /// An answer to this request.
    pub fn answer(&self, status: i32, payload: Vec<u8>) -> Frame {
        Frame {
            sequence: self.sequence,
            status,
            cmd: self.cmd,
            payload,
        }
    }

    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let len = u32::try_from(self.payload.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the payload is too long"))?;
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.status.to_be_bytes());
        bytes.extend(self.cmd.to_be_bytes());
        bytes.extend(len.to_be_bytes());
        bytes.extend(&self.payload);
        to.write_all(&bytes)
    }

    /// The next one, or None at the end of the stream. Memory grows as bytes arrive.
    pub fn read(from: &mut impl Read, most: u32) -> io::Result<Option<Frame>> {
        let mut header = [0; HEADER];
        let mut have = 0;
        while have < HEADER {
            match from.read(&mut header[have..]) {
                Ok(0) if have == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(some) => have += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let word = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let len = word(12);
        if len > most {
            let reason = format!("a payload of {len} bytes; the limit is {most} (--max-reply)");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let mut payload = Vec::new();
        while payload.len() < len as usize {
            let left = u64::from(len) - payload.len() as u64;
            if from
                .by_ref()
                .take(left.min(STEP))
                .read_to_end(&mut payload)?
                == 0
            {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Some(Frame {
            sequence: word(0),
            status: word(4) as i32,
            cmd: word(8) as i32,
            payload,
        }))
    }
}

/// A status in the library's words.
pub fn status_text(status: i32) -> &'static str {
    match status {
        OK => "Success",
        ENCODING_ERR => "Serialization error",
        PROCEDURE_UNAVAIL => "Procedure not available at this time",
        -4 => "Invalid argument",
        -5 => "Operation does not match connection role",
        -6 => "Connection failure",
        -7 => "Call timed out",
        -8 => "Call cancelled",
        -9 => "Limit reached",
        1.. => "Application-specific error",
        _ => "Unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let frame = Frame {
            sequence: 7,
            status: PENDING,
            cmd: -2,
            payload: vec![1; 100_000],
        };
        let mut bytes = Vec::new();
        frame.write(&mut bytes).unwrap();
        assert_eq!(
            bytes[..16],
            [0, 0, 0, 7, 255, 255, 255, 255, 255, 255, 255, 254, 0, 1, 134, 160]
        );
        assert_eq!(Frame::read(&mut &bytes[..], 1 << 20).unwrap(), Some(frame));
        for cut in [1, 15, 16, bytes.len() - 1] {
            assert!(Frame::read(&mut &bytes[..cut], 1 << 20).is_err(), "{cut}");
        }
        assert_eq!(Frame::read(&mut &bytes[..0], 1 << 20).unwrap(), None);
        assert!(Frame::read(&mut &bytes[..], 99_999).is_err());
    }
}
