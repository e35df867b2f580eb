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

/// A capture of packets with something before their IP headers, between ports 5000 and 80,
/// which is the server's.
struct Capture(Vec<u8>, Vec<u8>);

impl Capture {
    /// Of raw IP packets.
    fn new() -> Capture {
        Capture::of(101, &[])
    }

    fn of(link: u32, before: &[u8]) -> Capture {
        let mut bytes = Vec::new();
        bytes.extend(0xa1b2_c3d4u32.to_le_bytes());
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(262_144u32.to_le_bytes());
        bytes.extend(link.to_le_bytes());
        Capture(bytes, before.to_vec())
    }

    fn add(&mut self, from_server: bool, flags: u8, sequence: u32, payload: &[u8]) {
        let (from, to) = if from_server {
            (80, 5000)
        } else {
            (5000u16, 80u16)
        };
        let len = 40 + payload.len();
        let frame = (len + self.1.len()) as u32;
        self.0.extend([1, 0, 0, 0, 2, 0, 0, 0]);
        self.0.extend(frame.to_le_bytes());
        self.0.extend(frame.to_le_bytes());
        self.0.extend(&self.1);
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

/// Such as those of `mrpc ping`, or of a newer interface.
#[test]
fn unknown_procedures_are_shown_in_step() {
    let mut capture = Capture::new();
    capture.add(false, SYN, 99, &[]);
    capture.add(true, SYN | ACK, 499, &[]);
    let unknown = message(PENDING, 77, PAIR);
    let empty = [0, 0, 0, 3, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0];
    let known = message(PENDING, 1, PAIR);
    let segment = [&unknown[..], &empty, &known].concat();
    capture.add(false, ACK, 100, &segment);
    assert_eq!(
        capture.lines("unknown"),
        [
            r#""request","sequence":3,"name":77,"data":"0000000100000002"}"#,
            r#""request","sequence":3,"name":0}"#,
            REQUEST,
        ]
    );
}

/// Segments that wait for one that never comes: a bound of memory, and of time.
#[test]
fn a_gap_that_is_not_filled() {
    let mut capture = Capture::new();
    capture.add(false, SYN, 99, &[]);
    for i in 0..80_000u32 {
        capture.add(false, ACK, 200 + 2 * (80_000 - i), &[7]);
    }
    capture.add(false, ACK, 1_000_000, &message(PENDING, 1, PAIR));
    let begun = std::time::Instant::now();
    assert_eq!(capture.lines("gap"), [REQUEST]);
    assert!(begun.elapsed().as_secs() < 60);
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

#[test]
fn link_types() {
    let cooked = [0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0];
    let cooked2 = [8, 0, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];
    let ethernet = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0];
    for (link, before) in [
        (0, &[2, 0, 0, 0][..]),
        (0, &[0, 0, 0, 2]),
        (108, &[0, 0, 0, 2]),
        (1, &ethernet),
        (12, &[]),
        (101, &[]),
        (228, &[]),
        (113, &cooked),
        (276, &cooked2),
    ] {
        let mut capture = Capture::of(link, before);
        capture.add(false, ACK, 7, &message(PENDING, 1, PAIR));
        assert_eq!(capture.lines(&format!("link-{link}")), [REQUEST], "{link}");
    }
    // None that is known.
    let mut capture = Capture::of(105, &[]);
    capture.add(false, ACK, 7, &message(PENDING, 1, PAIR));
    assert_eq!(capture.lines("link-105"), [""; 0]);
}

/// Big-endian, and with nanoseconds.
#[test]
fn other_forms_of_pcap() {
    let mut capture = Capture::new();
    capture.add(false, ACK, 7, &message(PENDING, 1, PAIR));
    let swap = |bytes: &[u8]| -> Vec<u8> {
        let words = bytes
            .chunks(4)
            .map(|word| [word[3], word[2], word[1], word[0]]);
        words.flatten().collect()
    };
    let mut big = swap(&capture.0[..4]);
    big.extend([0, 2, 0, 4]);
    big.extend(swap(&capture.0[8..40]));
    big.extend(&capture.0[40..]);
    assert_eq!(Capture(big, Vec::new()).lines("big"), [REQUEST]);
    let mut nanoseconds = capture.0.clone();
    nanoseconds[..4].copy_from_slice(&0xa1b2_3c4du32.to_le_bytes());
    nanoseconds[28..32].copy_from_slice(&2000u32.to_le_bytes());
    assert_eq!(Capture(nanoseconds, Vec::new()).lines("nano"), [REQUEST]);
}

/// As tcpdump -w - writes it.
#[test]
fn from_a_pipe() {
    let directory = scratch("pipe");
    let mut capture = Capture::new();
    capture.add(false, ACK, 7, &message(PENDING, 1, PAIR));
    fs::write(directory.join("x.mx"), INTERFACE).expect("write");
    fs::write(directory.join("c"), &capture.0).expect("write");
    let mrpc = env!("CARGO_BIN_EXE_mrpc");
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("cat c | '{mrpc}' decode x.mx /dev/stdin")])
        .current_dir(&directory)
        .output()
        .expect("run sh");
    let out = String::from_utf8(output.stdout).expect("text");
    assert!(out.trim_end().ends_with(REQUEST), "{out}");
}

const TRACE: &str = "\
# time\tconnection\tkind\tcmd\tsequence\tstatus\tbytes\ttook_us\ttext
10.000000\t1\tup\t0\t0\t0\t0\t0.000\t
10.000100\t1\trequest_out\t1\t0\t0\t44\t0.000\t
10.000200\t1\trequest_in\t1\t8\t0\t24\t0.000\t
10.000260\t1\treply_in\t1\t0\t7\t16\t160.000\t
10.000300\t1\tdispatched\t1\t8\t0\t0\t13.500\t
10.000400\t1\tanswered\t1\t8\t0\t16\t12.250\t
10.000500\t1\tmessage_in\t-1\t9\t0\t24\t0.000\t
10.000600\t1\trequest_in\t5\t10\t0\t24\t0.000\t
10.000700\t1\trefused\t5\t10\t-3\t16\t0.000\t
10.000800\t1\tdown\t0\t0\t1\t0\t0.000\tthe end
";

#[test]
fn traces_have_names_too() {
    let directory = scratch("traces");
    fs::write(directory.join("x.mx"), INTERFACE).expect("write");
    fs::write(directory.join("t"), TRACE).expect("write");
    let (out, err, status) = run(&directory, &["decode", "x.mx", "t"]);
    assert_eq!((err.as_str(), status), ("", 0));
    let line = |time, from, to, rest| {
        format!(
            "{{\"time\":10.000{time},\"connection\":1,\"from\":\"{from}\",\"to\":\"{to}\",\"kind\":{rest}}}\n"
        )
    };
    // `event` is the client's: so it is the client's trace.
    let expected = [
        line(
            100,
            "client",
            "server",
            r#""request","sequence":0,"name":"add""#,
        ),
        line(
            200,
            "server",
            "client",
            r#""request","sequence":8,"name":"ask""#,
        ),
        line(
            260,
            "server",
            "client",
            r#""reply","sequence":0,"name":"add","status":7"#,
        ),
        line(
            400,
            "client",
            "server",
            r#""reply","sequence":8,"name":"ask","status":0"#,
        ),
        line(
            500,
            "server",
            "client",
            r#""message","sequence":9,"name":"event""#,
        ),
        line(
            600,
            "server",
            "client",
            r#""request","sequence":10,"name":5"#,
        ),
        line(
            700,
            "client",
            "server",
            r#""reply","sequence":10,"name":5,"status":-3"#,
        ),
    ];
    assert_eq!(out, expected.concat());
    let (out, _, status) = run(&directory, &["decode", "x.mx", "t", "--as", "server"]);
    assert_eq!(status, 0);
    assert!(out.starts_with(&line(
        100,
        "server",
        "client",
        r#""request","sequence":0,"name":"ask""#
    )));
    // Without the message it could be either's.
    let either: String = TRACE
        .lines()
        .filter(|l| !l.contains("\t-1\t"))
        .map(|l| l.to_owned() + "\n")
        .collect();
    fs::write(directory.join("t"), either).expect("write");
    let (out, err, status) = run(&directory, &["decode", "x.mx", "t"]);
    assert_eq!((out.as_str(), status), ("", 1));
    assert!(
        err.contains("say whose by --as client or --as server"),
        "{err}"
    );
    fs::write(directory.join("t"), "# x\nhello\n").expect("write");
    let (_, err, status) = run(&directory, &["decode", "x.mx", "t"]);
    assert_eq!(status, 1);
    assert!(err.contains("line 2 is none of a trace"), "{err}");
}
