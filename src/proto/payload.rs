//! A payload that waits for its turn: short ones without an allocation.

/// Small calls dominate; 24 bytes hold most of their arguments and keep an event small.
const INLINE: usize = 24;

/// Aligned as XDR procedures like their data.
#[repr(align(8))]
pub struct Short([u8; INLINE]);

/// The tag and the length are moved as one word, not as bytes.
#[repr(u32)]
pub enum Payload {
    Inline { len: u32, bytes: Short },
    Heap(Vec<u8>),
}

impl Payload {
    pub fn empty() -> Payload {
        Payload::from_slice(&[])
    }

    #[inline]
    pub fn from_slice(data: &[u8]) -> Payload {
        if data.len() <= INLINE {
            let mut bytes = [0; INLINE];
            // A length that is known needs no call of memcpy, whose small writes the processor
            // cannot join when the whole is moved.
            match data.len() {
                4 => bytes[..4].copy_from_slice(&data[..4]),
                8 => bytes[..8].copy_from_slice(&data[..8]),
                n => bytes[..n].copy_from_slice(data),
            }
            Payload::Inline {
                len: data.len() as u32,
                bytes: Short(bytes),
            }
        } else {
            Payload::Heap(data.to_vec())
        }
    }

    /// Gives memory back; what was in it is gone.
    pub fn free(&mut self) {
        if let Payload::Heap(v) = self {
            drop(std::mem::take(v));
        }
    }

    pub fn as_slice(&self) -> &[u8] {
        match self {
            Payload::Inline { len, bytes } => &bytes.0[..*len as usize],
            Payload::Heap(v) => v,
        }
    }
}
