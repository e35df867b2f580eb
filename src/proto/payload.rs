//! A payload that waits for its turn: short ones without an allocation.

/// Small calls dominate; 24 bytes hold most of their arguments and keep an event small.
const INLINE: usize = 24;

/// Aligned as XDR procedures like their data.
#[repr(align(8))]
pub struct Short([u8; INLINE]);

pub enum Payload {
    Inline { bytes: Short, len: u8 },
    Heap(Vec<u8>),
}

impl Payload {
    pub fn empty() -> Payload {
        Payload::from_slice(&[])
    }

    pub fn from_slice(data: &[u8]) -> Payload {
        if data.len() <= INLINE {
            let mut bytes = [0; INLINE];
            bytes[..data.len()].copy_from_slice(data);
            Payload::Inline {
                bytes: Short(bytes),
                len: data.len() as u8,
            }
        } else {
            Payload::Heap(data.to_vec())
        }
    }

    pub fn as_slice(&self) -> &[u8] {
        match self {
            Payload::Inline { bytes, len } => &bytes.0[..usize::from(*len)],
            Payload::Heap(v) => v,
        }
    }
}
