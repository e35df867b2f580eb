//! A captured frame's TCP segment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

#[derive(Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub sequence: u32,
    pub syn: bool,
    pub ack: bool,
    pub payload: &'a [u8],
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: [u16; 2] = [0x8100, 0x88a8];
const TCP: u8 = 6;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// None for what is no TCP segment, or not all there.
pub fn segment(link: i32, frame: &[u8]) -> Option<Segment<'_>> {
    match link {
        // Loopback: the family, in either order; the version of IP tells as much.
        0 | 108 => ip(frame.get(4..)?),
        1 => ether(half(frame, 12)?, frame.get(14..)?),
        12 | 14 | 101 | 228 | 229 => ip(frame),
        // Linux cooked, 1 and 2.
        113 => ether(half(frame, 14)?, frame.get(16..)?),
        276 => ether(half(frame, 0)?, frame.get(20..)?),
        _ => None,
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn ether(kind: u16, rest: &[u8]) -> Option<Segment<'_>> {
    let (mut kind, mut rest) = (kind, rest);
    while VLAN.contains(&kind) {
        kind = half(rest, 2)?;
        rest = rest.get(4..)?;
    }
    match kind {
        IPV4 | IPV6 => ip(rest),
        _ => None,
    }
}

fn ip(packet: &[u8]) -> Option<Segment<'_>> {
    match packet.first()? >> 4 {
        4 => {
            let header = usize::from(packet[0] & 15) * 4;
            let len = usize::from(half(packet, 2)?);
            // No fragments; a length of 0 is that of a packet which the card will cut.
            if packet.len() < 20 || packet[9] != TCP || half(packet, 6)? & 0x3fff != 0 {
                return None;
            }
            let end = if len == 0 { packet.len() } else { len };
            let address = |at: usize| {
                IpAddr::from(Ipv4Addr::new(
                    packet[at],
                    packet[at + 1],
                    packet[at + 2],
                    packet[at + 3],
                ))
            };
            tcp(address(12), address(16), packet.get(header..end)?)
        }
        6 => {
            let len = usize::from(half(packet, 4)?);
            let address = |at: usize| -> Option<IpAddr> {
                let bytes: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
                Some(Ipv6Addr::from(bytes).into())
            };
            let (mut next, mut at) = (*packet.get(6)?, 40);
            // Hop-by-hop, routing and destination options.
            while matches!(next, 0 | 43 | 60) {
                next = *packet.get(at)?;
                at += 8 + 8 * usize::from(*packet.get(at + 1)?);
            }
            if next != TCP {
                return None;
            }
            let end = if len == 0 { packet.len() } else { 40 + len };
            tcp(address(8)?, address(24)?, packet.get(at..end)?)
        }
        _ => None,
    }
}

fn tcp(from: IpAddr, to: IpAddr, segment: &[u8]) -> Option<Segment<'_>> {
    let offset = usize::from(*segment.get(12)? >> 4) * 4;
    let sequence = segment.get(4..8)?;
    Some(Segment {
        from: SocketAddr::new(from, half(segment, 0)?),
        to: SocketAddr::new(to, half(segment, 2)?),
        sequence: u32::from_be_bytes([sequence[0], sequence[1], sequence[2], sequence[3]]),
        syn: *segment.get(13)? & SYN != 0,
        ack: *segment.get(13)? & ACK != 0,
        payload: segment.get(offset.max(20)..)?,
    })
}
