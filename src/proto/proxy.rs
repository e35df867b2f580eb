//! The header of the PROXY protocol, version 2, with which a load balancer begins a
//! connection: it says for whom that is made.

/// What it begins with; the version and command, the address family, and a length follow.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;

/// The addresses of Unix sockets are the longest.
const UNIX: usize = 108;
const KEPT: usize = FIXED + 2 * UNIX;

const NOT_A_HEADER: &str = "it does not begin with a PROXY header";
const OLD: &str = "its PROXY header is of version 1, and only version 2 is known";
const UNKNOWN: &str = "its PROXY header has an unknown version or command";
const SHORT: &str = "its PROXY header is too short for its addresses";

/// Whom the connection is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// The balancer itself, or one that it does not name.
    Unnamed,
    V4([u8; 4], u16),
    V6([u8; 16], u16),
    /// A path, or a zero byte and another name.
    Unix(Vec<u8>),
}

/// What has come of a header.
#[derive(Debug, Default)]
pub struct Header {
    /// The beginning; what follows the addresses concerns nobody here.
    kept: Vec<u8>,
    read: usize,
}

impl Header {
    /// How many bytes can be read without reading beyond it; 0: it is complete.
    pub fn missing(&self) -> usize {
        match self.kept.get(FIXED - 2..FIXED) {
            Some(&[high, low]) => FIXED + usize::from(u16::from_be_bytes([high, low])) - self.read,
            _ => FIXED - self.read,
        }
    }

    /// Takes in what came, no more than is missing. Err: why it is none.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        self.read += bytes.len();
        let room = KEPT - self.kept.len();
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let begun = self.kept.len().min(SIGNATURE.len());
        if self.kept[..begun] != SIGNATURE[..begun] {
            let is_old = self.kept.starts_with(b"PROXY ");
            return Err(if is_old { OLD } else { NOT_A_HEADER });
        }
        match self.kept.get(SIGNATURE.len()) {
            None | Some(0x20 | 0x21) => Ok(()),
            Some(_) => Err(UNKNOWN),
        }
    }

    /// Of a complete header.
    pub fn client(&self) -> Result<Client, &'static str> {
        let (fixed, addresses) = self.kept.split_at_checked(FIXED).ok_or(SHORT)?;
        // The source, and behind it the destination; then the two ports.
        let part = |at: usize, size: usize| addresses.get(at..at + size).ok_or(SHORT);
        let port = |at: usize| part(at, 2).map(|p| u16::from_be_bytes([p[0], p[1]]));
        match (fixed[12], fixed[13]) {
            (0x21, 0x11) => {
                part(0, 12)?;
                let address = part(0, 4)?.try_into().map_err(|_| SHORT)?;
                Ok(Client::V4(address, port(8)?))
            }
            (0x21, 0x21) => {
                part(0, 36)?;
                let address = part(0, 16)?.try_into().map_err(|_| SHORT)?;
                Ok(Client::V6(address, port(32)?))
            }
            (0x21, 0x31) => {
                part(0, 2 * UNIX)?;
                let name = part(0, UNIX)?;
                // A name that is no path begins with a zero byte.
                let rest = name[1..].iter().position(|b| *b == 0);
                let end = rest.map_or(UNIX, |at| at + 1);
                Ok(Client::Unix(name[..end].to_vec()))
            }
            // LOCAL, and what a receiver need not know.
            _ => Ok(Client::Unnamed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend((rest.len() as u16).to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    /// As it would be read, in pieces of `step` bytes: the client, and what is left.
    fn read(mut bytes: &[u8], step: usize) -> Result<(Client, usize), &'static str> {
        let mut header = Header::default();
        while header.missing() > 0 {
            let some = header.missing().min(step).min(bytes.len());
            if some == 0 {
                return Err("ended");
            }
            header.add(&bytes[..some])?;
            bytes = &bytes[some..];
        }
        Ok((header.client()?, bytes.len()))
    }

    const V4: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0x9c, 0x40, 0, 80];

    /// As long as can be; Miri has a shorter one, and fewer cuts.
    const LONG: &[u8] = &[1; if cfg!(miri) { 500 } else { 65535 }];
    const STEP: usize = if cfg!(miri) { 29 } else { 1 };

    #[test]
    fn addresses() {
        let client = Client::V4([192, 0, 2, 1], 40000);
        let mut v6 = [7; 36];
        v6[32..34].copy_from_slice(&[1, 2]);
        let mut path = [0; 2 * UNIX];
        path[..4].copy_from_slice(b"/a/b");
        let mut hidden = [0; 2 * UNIX];
        hidden[1..4].copy_from_slice(b"abc");
        for (bytes, client) in [
            (header(0x21, 0x11, &V4), client.clone()),
            (header(0x21, 0x11, &[&V4[..], &[3; 700]].concat()), client),
            (header(0x21, 0x21, &v6), Client::V6([7; 16], 0x0102)),
            (header(0x21, 0x31, &path), Client::Unix(b"/a/b".to_vec())),
            (
                header(0x21, 0x31, &hidden),
                Client::Unix(vec![0, b'a', b'b', b'c']),
            ),
            (
                header(0x21, 0x31, &[9; 2 * UNIX]),
                Client::Unix(vec![9; UNIX]),
            ),
            (header(0x20, 0x11, &V4), Client::Unnamed),
            (header(0x20, 0, &[]), Client::Unnamed),
            (header(0x21, 0, &[]), Client::Unnamed),
            (header(0x21, 0x12, &V4), Client::Unnamed),
            (header(0x21, 0, LONG), Client::Unnamed),
        ] {
            let with_more = [&bytes[..], b"more"].concat();
            for step in [1, 3, 16, 17, 100_000] {
                assert_eq!(read(&with_more, step), Ok((client.clone(), 4)));
            }
            for end in (0..bytes.len().min(300)).step_by(STEP) {
                assert_eq!(read(&bytes[..end], 5), Err("ended"));
            }
        }
    }

    #[test]
    fn what_is_none() {
        let mut other = header(0x21, 0x11, &V4);
        other[11] = b'\r';
        for (bytes, why) in [
            (&[0; 4][..], NOT_A_HEADER),
            (b"GET / HTTP/1.1", NOT_A_HEADER),
            (b"PROXY TCP4 192.0.2.1", OLD),
            (&other, NOT_A_HEADER),
            (&header(0x11, 0x11, &V4), UNKNOWN),
            (&header(0x22, 0x11, &V4), UNKNOWN),
            (&header(0x21, 0x11, &V4[..11]), SHORT),
            (&header(0x21, 0x21, &[0; 35]), SHORT),
            (&header(0x21, 0x31, &[0; 215]), SHORT),
        ] {
            assert_eq!(read(bytes, 100), Err(why));
        }
        // As soon as it can be seen.
        assert_eq!(read(b"\r\n\r\nx", 1), Err(NOT_A_HEADER));
        assert_eq!(read(b"PROXY ", 6), Err(OLD));
    }
}
