//! `mrpc decode`: a capture as JSON lines.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;

use minirpcgen::ast::Side;
use pcap_parser::{create_reader, Block, PcapBlockOwned, PcapError};
use serde_json::Value;

use super::{data, decode_trace, line, load};
use crate::address::describe;
use crate::capture::packet::{segment, Segment};
use crate::capture::stream::Direction;
use crate::cli::{self, Role};
use crate::failure::Failure;
use crate::schema::Interface;
use crate::wire::{Frame, OK};

/// The largest block of a capture that is read.
const BLOCK: usize = 1 << 20;
/// The longest payload that a header is believed to announce.
const MAX_PAYLOAD: u32 = 64 << 20;

pub fn decode(
    file: &cli::File,
    port: Option<u16>,
    raw: bool,
    role: Option<Role>,
    capture: &Path,
) -> Result<(), Failure> {
    let interface = load(file)?;
    let wrong = |reason: String| Failure::usage(format!("{}: {reason}", capture.display()));
    let mut opened = File::open(capture).map_err(|error| wrong(describe(&error)))?;
    let mut first = [0; 1];
    let read = opened.read(&mut first);
    let read = read.map_err(|error| wrong(describe(&error)))?;
    // A trace begins with its heading, or a time; what captures begin with is neither.
    if matches!(first[0], b'#' | b'0'..=b'9') {
        return decode_trace::decode(&interface, role.map(Side::from), capture);
    }
    let mut decoder = Decoder {
        interface,
        port,
        raw,
        connections: HashMap::new(),
        begun: 0,
    };
    let none = |_: PcapError<&[u8]>| wrong("no pcap or pcapng file, or damaged".to_owned());
    let begun = Begun {
        first: first.into_iter().take(read).next(),
        rest: opened,
    };
    let mut reader = create_reader(BLOCK, begun).map_err(none)?;
    let mut interfaces: Vec<(i32, u64, i64)> = Vec::new();
    let mut unit = 1e-6;
    loop {
        let len = match reader.next() {
            Ok((len, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        interfaces = vec![(header.network.0, 0, 0)];
                        unit = if header.is_nanosecond_precision() {
                            1e-9
                        } else {
                            1e-6
                        };
                    }
                    PcapBlockOwned::Legacy(packet) => {
                        let time = f64::from(packet.ts_sec) + f64::from(packet.ts_usec) * unit;
                        let link = interfaces.first().map_or(1, |interface| interface.0);
                        decoder.packet(link, time, packet.data)?;
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(found)) => interfaces.push((
                        found.linktype.0,
                        found.ts_resolution().unwrap_or(1_000_000),
                        found.ts_offset(),
                    )),
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        if let Some((link, units, offset)) = interfaces.get(packet.if_id as usize) {
                            let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                            let time = *offset as f64 + ticks as f64 / (*units).max(1) as f64;
                            let data = packet.data.get(..packet.caplen as usize);
                            decoder.packet(*link, time, data.unwrap_or(packet.data))?;
                        }
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                len
            }
            Err(PcapError::Eof) => return decoder.finish(),
            Err(PcapError::Incomplete(_)) => {
                reader.refill().map_err(none)?;
                continue;
            }
            // A capture that was cut off ends here.
            Err(PcapError::UnexpectedEof) => return decoder.finish(),
            Err(error) => return Err(none(error)),
        };
        reader.consume(len);
    }
}

/// A file, which may be a pipe, of which one byte has been read.
struct Begun {
    first: Option<u8>,
    rest: File,
}

impl Read for Begun {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some((place, more)) = bytes.split_first_mut() else {
            return Ok(0);
        };
        match self.first.take() {
            // The reader of captures wants a whole header at once.
            Some(byte) => {
                *place = byte;
                Ok(1 + self.rest.read(more)?)
            }
            None => self.rest.read(bytes),
        }
    }
}

/// Both directions of a connection.
#[derive(Default)]
struct Connection {
    number: u64,
    /// Who has accepted it.
    server: Option<SocketAddr>,
    directions: HashMap<SocketAddr, Direction>,
    /// When its last packet came.
    last: f64,
}

struct Decoder {
    interface: Interface,
    port: Option<u16>,
    raw: bool,
    connections: HashMap<(SocketAddr, SocketAddr), Connection>,
    begun: u64,
}

impl Decoder {
    fn packet(&mut self, link: i32, time: f64, frame: &[u8]) -> Result<(), Failure> {
        let Some(segment) = segment(link, frame) else {
            return Ok(());
        };
        let Segment { from, to, .. } = segment;
        if self
            .port
            .is_some_and(|port| from.port() != port && to.port() != port)
        {
            return Ok(());
        }
        let key = (from.min(to), from.max(to));
        let begun = &mut self.begun;
        let connection = self.connections.entry(key).or_insert_with(|| {
            *begun += 1;
            Connection {
                number: *begun,
                ..Connection::default()
            }
        });
        let direction = connection.directions.entry(from).or_default();
        if segment.syn {
            direction.begin(segment.sequence);
        }
        // A port that is given is the server's; else who is called first is, or has the lower one.
        let by_port = self
            .port
            .map(|port| if to.port() == port { to } else { from });
        let lower = if to.port() < from.port() { to } else { from };
        let server =
            *connection
                .server
                .get_or_insert(by_port.unwrap_or(match (segment.syn, segment.ack) {
                    (true, false) => to,
                    (true, true) => from,
                    (false, _) => lower,
                }));
        let side = if to == server {
            Side::Server
        } else {
            Side::Client
        };
        connection.last = time;
        let interface = &self.interface;
        let plausible = |frame: &Frame, len| is_plausible(interface, side, frame, len);
        let sequence = segment.sequence.wrapping_add(u32::from(segment.syn));
        let frames = direction.add(sequence, segment.payload, &plausible, MAX_PAYLOAD);
        let number = connection.number;
        for frame in frames {
            line(&show(
                interface,
                &frame,
                time,
                number,
                (from, to),
                side,
                self.raw,
            ))?;
        }
        Ok(())
    }

    /// The capture ends, and what is missing will not come.
    fn finish(&mut self) -> Result<(), Failure> {
        let mut connections: Vec<_> = self.connections.drain().collect();
        connections.sort_by_key(|(_, connection)| connection.number);
        for ((low, high), mut connection) in connections {
            for (from, to) in [(low, high), (high, low)] {
                let side = match connection.server == Some(to) {
                    true => Side::Server,
                    false => Side::Client,
                };
                let Some(direction) = connection.directions.get_mut(&from) else {
                    continue;
                };
                let interface = &self.interface;
                let plausible = |frame: &Frame, len| is_plausible(interface, side, frame, len);
                for frame in direction.give_up(&plausible, MAX_PAYLOAD) {
                    let (time, number) = (connection.last, connection.number);
                    let ends = (from, to);
                    line(&show(interface, &frame, time, number, ends, side, self.raw))?;
                }
            }
        }
        Ok(())
    }
}

/// Whether the interface has what the header says.
fn is_plausible(interface: &Interface, side: Side, frame: &Frame, len: u32) -> bool {
    if !frame.is_reply() {
        return interface.received(side, frame.cmd).is_some();
    }
    let known = interface.received(side.other(), frame.cmd).is_some();
    known && frame.cmd > 0 && (frame.status == OK || len == 0)
}

fn show(
    interface: &Interface,
    frame: &Frame,
    time: f64,
    number: u64,
    (from, to): (SocketAddr, SocketAddr),
    side: Side,
    raw: bool,
) -> String {
    let receiver = if frame.is_reply() { side.other() } else { side };
    let procedure = interface.received(receiver, frame.cmd);
    let name = procedure.map_or(Value::from(frame.cmd), |p| Value::from(p.name.as_str()));
    let (kind, status, ty) = match (frame.is_reply(), frame.cmd < 0) {
        (true, _) => (
            "reply",
            format!(",\"status\":{}", frame.status),
            procedure
                .and_then(|p| p.result.as_ref())
                .filter(|_| frame.status == OK),
        ),
        (false, true) => (
            "message",
            String::new(),
            procedure.and_then(|p| p.argument.as_ref()),
        ),
        (false, false) => (
            "request",
            String::new(),
            procedure.and_then(|p| p.argument.as_ref()),
        ),
    };
    // Of an unknown procedure there are only bytes.
    let data = match procedure {
        None if frame.payload.is_empty() => String::new(),
        _ => data(interface, ty, &frame.payload, raw || procedure.is_none()),
    };
    format!(
        "{{\"time\":{time:.6},\"connection\":{number},\"from\":\"{from}\",\"to\":\"{to}\",\
         \"kind\":\"{kind}\",\"sequence\":{},\"name\":{name}{status}{data}}}",
        frame.sequence
    )
}
