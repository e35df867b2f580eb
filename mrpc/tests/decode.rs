//! `mrpc decode`: packets as TCP may bring them.

mod common;

use std::fs;

use common::{run, scratch};
use mrpc::wire::{Frame, PENDING};

const INTERFACE: &str = "
    struct pair { int a; int b; };
    struct sum { hyper value; };
    serverprocs { add(pair, sum) = 1; }
    clientprocs { ask(sum, pair) = 1; }
    clientmsgs { event(pair) = 1; }
";

const SYN: u8 = 2;
const ACK: u8 = 16;

/// A capture of raw IP packets, between ports 5000 and 80, which is the server's.
struct Capture(Vec<u8>);

impl Capture {
    fn new() -> Capture {
        let mut bytes = Vec::new();
        bytes.extend(0xa1b2_c3d4u32.to_le_bytes());
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(262_144u32.to_le_bytes());
        bytes.extend(101u32.to_le_bytes());
        Capture(bytes)
    }

    fn add(&mut self, from_server: bool, flags: u8, sequence: u32, payload: &[u8]) {
        let (from, to) = if from_server {
            (80, 5000)
        } else {
            (5000u16, 80u16)
        };
        let len = 40 + payload.len();
        self.0.extend([1, 0, 0, 0, 2, 0, 0, 0]);
        self.0.extend((len as u32).to_le_bytes());
        self.0.extend((len as u32).to_le_bytes());
        self.0.extend([0x45, 0]);
        self.0.extend((len as u16).to_be_bytes());
        self.0
            .extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 1]);
        self.0.extend(from.to_be_bytes());
        self.0.extend(to.to_be_bytes());
        self.0.extend(sequence.to_be_bytes());
        self.0.extend([0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0]);
        self.0.extend(payload);
    }

    /// What is decoded of it, without what is the same in all lines.
    fn lines(&self, name: &str) -> Vec<String> {
        let directory = scratch(name);
        fs::write(directory.join("x.mx"), INTERFACE).expect("write");
        fs::write(directory.join("c"), &self.0).expect("write");
        let (out, err, status) = run(&directory, &["decode", "x.mx", "c"]);
        assert_eq!((err.as_str(), status), ("", 0));
        let short = |line: &str| {
            let head = "{\"time\":1.000002,\"connection\":1,\"from\":\"10.0.0.1:";
            let rest = line.strip_prefix(head).expect(line);
            rest.split_once("\"kind\":").expect(line).1.to_owned()
        };
        out.lines().map(short).collect()
    }
}

fn message(status: i32, cmd: i32, payload: [u8; 8]) -> Vec<u8> {
    let frame = Frame {
        sequence: 3,
        status,
        cmd,
        payload: payload.to_vec(),
    };
    let mut bytes = Vec::new();
    frame.write(&mut bytes).expect("write");
    bytes
}

const REQUEST: &str = r#""request","sequence":3,"name":"add","data":{"a":1,"b":2}}"#;
const PAIR: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 2];

#[test]
fn both_ends_call() {
    let mut capture = Capture::new();
    capture.add(false, SYN, 99, &[]);
    capture.add(true, SYN | ACK, 499, &[]);
    capture.add(false, ACK, 100, &message(PENDING, 1, PAIR));
    let from_server = [
        message(0, 1, PAIR),
        message(PENDING, 1, PAIR),
        message(PENDING, -1, PAIR),
    ];
    capture.add(true, ACK, 500, &from_server.concat());
    let sum = "4294967298";
    assert_eq!(
        capture.lines("both"),
        [
            REQUEST.to_owned(),
            format!(r#""reply","sequence":3,"name":"add","status":0,"data":{{"value":{sum}}}}}"#),
            format!(r#""request","sequence":3,"name":"ask","data":{{"value":{sum}}}}}"#),
            r#""message","sequence":3,"name":"event","data":{"a":1,"b":2}}"#.to_owned(),
        ]
    );
}

#[test]
fn segments_of_one_byte_twice_and_out_of_order() {
    let mut capture = Capture::new();
    // The numbers wrap on the way.
    let first = u32::MAX - 30;
    capture.add(false, SYN, first.wrapping_sub(1), &[]);
    let bytes = [message(PENDING, 1, PAIR), message(PENDING, 1, PAIR)].concat();
    let mut order: Vec<usize> = (0..bytes.len()).collect();
    order.chunks_mut(7).for_each(<[usize]>::reverse);
    for at in order.iter().flat_map(|at| [at, at]) {
        capture.add(
            false,
            ACK,
            first.wrapping_add(*at as u32),
            &bytes[*at..=*at],
        );
    }
    assert_eq!(capture.lines("bytes"), [REQUEST, REQUEST]);
}

#[test]
fn many_in_a_segment() {
    let mut capture = Capture::new();
    capture.add(false, ACK, 7, &message(PENDING, 1, PAIR).repeat(1000));
    assert_eq!(capture.lines("many"), vec![REQUEST; 1000]);
}

#[test]
fn a_capture_that_begins_within_a_message() {
    let mut capture = Capture::new();
    let whole = message(PENDING, 1, PAIR);
    capture.add(false, ACK, 7, &whole[5..]);
    capture.add(false, ACK, 26, &whole);
    assert_eq!(capture.lines("middle"), [REQUEST]);
}

#[test]
fn what_is_no_capture() {
    let directory = scratch("no-capture");
    fs::write(directory.join("x.mx"), INTERFACE).expect("write");
    fs::write(directory.join("c"), [7; 5000]).expect("write");
    let (out, err, status) = run(&directory, &["decode", "x.mx", "c"]);
    assert_eq!((out.as_str(), status), ("", 1));
    assert!(err.contains("no pcap or pcapng file"), "{err}");
    // Damage anywhere is no more than that.
    let mut capture = Capture::new();
    for _ in 0..20 {
        capture.add(false, ACK, 7, &message(PENDING, 1, PAIR));
    }
    for at in (24..capture.0.len()).step_by(41) {
        let mut damaged = capture.0.clone();
        damaged[at] = 0xff;
        fs::write(directory.join("c"), &damaged).expect("write");
        let (_, err, status) = run(&directory, &["decode", "x.mx", "c"]);
        assert!(status <= 1 && !err.contains("panicked"), "{at}: {err}");
    }
}

/// Another format, link type and version of IP.
#[test]
fn pcapng_with_ethernet_and_ipv6() {
    let block = |kind: u32, body: &[u8]| {
        let len = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes(), &len[..], body, &len].concat()
    };
    let bytes = message(PENDING, 1, PAIR);
    let mut frame = vec![0; 12];
    // A VLAN's tag, and options before the TCP header.
    frame.extend([
        0x81,
        0,
        0,
        5,
        0x86,
        0xdd,
        0x60,
        0,
        0,
        0,
        0,
        8 + 20 + 24,
        60,
        64,
    ]);
    frame.extend(
        [[0; 15], [0; 15]]
            .map(|zeros| [&zeros[..], &[1]].concat())
            .concat(),
    );
    frame.extend([6, 0, 1, 4, 0, 0, 0, 0]);
    frame.extend([
        0x13, 0x88, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, ACK, 1, 0, 0, 0, 0, 0,
    ]);
    frame.extend(&bytes);
    let len = frame.len() as u32;
    frame.resize(frame.len().next_multiple_of(4), 0);
    let mut packet = Vec::new();
    for word in [0, 0, 2_500_000, len, len] {
        packet.extend(u32::to_le_bytes(word));
    }
    packet.extend(&frame);
    let section = [&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let capture = [
        block(0x0a0d_0d0a, &section),
        block(1, &[1, 0, 0, 0, 0, 0, 4, 0]),
        block(6, &packet),
    ];
    let directory = scratch("pcapng");
    fs::write(directory.join("x.mx"), INTERFACE).expect("write");
    fs::write(directory.join("c"), capture.concat()).expect("write");
    let (out, err, status) = run(&directory, &["decode", "x.mx", "c", "--port", "80"]);
    assert_eq!((err.as_str(), status), ("", 0));
    let head = r#"{"time":2.500000,"connection":1,"from":"[::1]:5000","to":"[::1]:80","kind":"#;
    assert_eq!(out, format!("{head}{REQUEST}\n"));
    let (out, _, status) = run(&directory, &["decode", "x.mx", "c", "--port", "81"]);
    assert_eq!((out.as_str(), status), ("", 0));
}
