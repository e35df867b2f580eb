//! A payload that waits for its turn: short ones without an allocation.

/// Payloads this long may be in two parts.
pub const LONG: usize = 64 * 1024;

/// A long payload. `rest` begins where such payloads had data before, so that an application's
/// object can keep that block instead of a copy of it.
#[derive(Default)]
pub struct Long {
    pub head: Vec<u8>,
    pub rest: Vec<u8>,
}

impl Long {
    pub fn len(&self) -> usize {
        self.head.len() + self.rest.len()
    }
}

/// A payload on its way to a procedure that decodes it.
pub enum Arrived<'a> {
    Slice(&'a [u8]),
    Long(Box<Long>),
}

impl Arrived<'_> {
    pub fn len(&self) -> usize {
        match self {
            Arrived::Slice(s) => s.len(),
            Arrived::Long(long) => long.len(),
        }
    }
}

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
    Long(Box<Long>),
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

    pub fn len(&self) -> usize {
        match self {
            Payload::Inline { len, .. } => *len as usize,
            Payload::Heap(v) => v.len(),
            Payload::Long(long) => long.len(),
        }
    }

    /// Gives memory back; what was in it is gone.
    pub fn free(&mut self) {
        match self {
            Payload::Inline { .. } => {}
            Payload::Heap(v) => drop(std::mem::take(v)),
            Payload::Long(_) => *self = Payload::empty(),
        }
    }

    /// For the procedure that decodes it. A long one is given away.
    #[inline]
    pub fn arrived(&mut self) -> Arrived<'_> {
        match self {
            Payload::Inline { len, bytes } => Arrived::Slice(&bytes.0[..*len as usize]),
            Payload::Heap(v) => Arrived::Slice(v),
            Payload::Long(long) => Arrived::Long(std::mem::take(long)),
        }
    }
}
