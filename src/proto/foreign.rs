//! What other protocols say first, for those who connect to the wrong port.

use super::frame::HEADER_LEN;

/// HTTP: RFC 9110's methods, HTTP/2's preface (RFC 9113, 3.4), and answers.
const HTTP: [&[u8]; 11] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
    b"PRI * HTTP/2",
    b"HTTP/",
];
/// HAProxy's header, version 1 and version 2.
const PROXY: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];

/// The protocol that a stream beginning with these bytes speaks, if it is a well-known one.
pub fn protocol_of(first: &[u8; HEADER_LEN]) -> Option<&'static str> {
    let begins = |with: &[u8]| first.starts_with(with);
    if HTTP.into_iter().any(begins) {
        Some("HTTP")
    } else if PROXY.into_iter().any(begins) {
        Some("a PROXY header")
    } else if begins(b"SSH-") {
        Some("SSH")
    } else if matches!(first[..6], [0x16, 3, 0..=4, _, _, 1 | 2]) {
        // A handshake record with a hello in it (RFC 8446, 5.1 and 4).
        Some("TLS")
    } else if begins(b"\r\n") || begins(b"\n") || first.iter().all(is_text) {
        Some("text")
    } else {
        None
    }
}

fn is_text(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::frame::Header;

    fn of(bytes: &[u8]) -> Option<&'static str> {
        let mut first = [0; HEADER_LEN];
        let n = bytes.len().min(HEADER_LEN);
        first[..n].copy_from_slice(&bytes[..n]);
        protocol_of(&first)
    }

    #[test]
    fn well_known_protocols_are_named() {
        assert_eq!(of(b"GET / HTTP/1.1\r\nHost: a"), Some("HTTP"));
        assert_eq!(of(b"HTTP/1.1 400 Bad"), Some("HTTP"));
        assert_eq!(of(b"PRI * HTTP/2.0\r\n\r\n"), Some("HTTP"));
        assert_eq!(of(b"PROXY TCP4 127.0.0.1 "), Some("a PROXY header"));
        assert_eq!(of(b"\r\n\r\n\0\r\nQUIT\n\x21\x11"), Some("a PROXY header"));
        assert_eq!(of(b"SSH-2.0-Client_1.0\r\n"), Some("SSH"));
        assert_eq!(of(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"), Some("TLS"));
        assert_eq!(of(b"\r\n\0\0\0\x07"), Some("text"));
        assert_eq!(of(b"EHLO mail.example.org\r\n"), Some("text"));
    }

    #[test]
    fn headers_are_not() {
        for sequence in [0, 7, 0x4745_5420, u32::MAX] {
            for (status, cmd, len) in [(-1, 1, 0), (-1, -3, 4), (0, 1, 16), (-3, 2, 0)] {
                let header = Header {
                    sequence,
                    status,
                    cmd,
                    len,
                };
                let looks = protocol_of(&header.to_bytes());
                // Who calls this has looked whether the header makes sense.
                assert_eq!(looks.is_some(), sequence == 0x4745_5420, "{header:?}");
            }
        }
    }
}
