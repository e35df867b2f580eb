//! Bytes as hexadecimal digits.

use std::fmt::Write as _;

pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// White space between the bytes does not matter.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        digits.push(c.to_digit(16)?);
    }
    if digits.len() % 2 != 0 {
        return None;
    }
    let bytes = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]);
    bytes.map(|byte| u8::try_from(byte).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        assert_eq!(encode(&[0, 0x7f, 0xff]), "007fff");
        assert_eq!(decode("00 7F\nff"), Some(vec![0, 0x7f, 0xff]));
        assert_eq!(decode("0"), None);
        assert_eq!(decode("0g"), None);
    }
}
