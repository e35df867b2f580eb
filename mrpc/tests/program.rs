//! The program: commands, exit statuses, and peers that mean no good.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

use common::{run, scratch, Lines, Mock};
use mrpc::wire::Frame;

const INTERFACE: &str = "
    struct pair { int a; int b; };
    struct sum { hyper value; };
    struct node { int v; node *left; node *right; };
    serverprocs { add(pair, sum) = 1; nothing() = 2; grow(node, node) = 3; }
    servermsgs { note(pair) = 1; }
    clientprocs { ask(pair, sum) = 1; }
    clientmsgs { event(pair) = 1; }
";

fn place(name: &str) -> PathBuf {
    let directory = scratch(name);
    fs::write(directory.join("x.mx"), INTERFACE).expect("write");
    directory
}

/// A peer that does this with the first connection.
fn peer(serve: impl FnOnce(TcpStream) + Send + 'static) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("address").to_string();
    (
        address,
        thread::spawn(move || serve(listener.accept().expect("accept").0)),
    )
}

fn words(words: [u32; 4]) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

#[test]
fn exit_statuses() {
    let directory = place("statuses");
    fs::write(
        directory.join("a.json"),
        r#"{"add":{"status":9},"nothing":{"result":{}}}"#,
    )
    .expect("write");
    let mut mock = Mock::start(&directory, &["127.0.0.1:0", "x.mx", "a.json"]);
    let at = mock.place.clone();
    let call = |more: &[&str]| {
        let words: Vec<&str> = ["call", &at, "x.mx"]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        run(&directory, &words)
    };
    assert_eq!(call(&["nothing"]), (String::new(), String::new(), 0));
    for (more, status, says) in [
        (vec!["nowhere"], 1, "x.mx has no `nowhere`"),
        (vec!["note", "{}"], 1, "use mrpc send"),
        (vec!["add"], 1, r#"such as {"a":0,"b":0}"#),
        (vec!["add", "{"], 1, "no JSON"),
        (vec!["add", "@missing"], 1, "cannot read missing"),
        (
            vec!["add", "{\"a\":1,\"b\":2}", "--as", "server"],
            1,
            "does not call",
        ),
        (
            vec!["add", "{\"a\":1,\"b\":null}"],
            5,
            "add: b: expected a number, not null",
        ),
        (vec!["nothing", "1"], 5, "takes no value"),
        (
            vec!["add", "{\"a\":1,\"b\":2}"],
            4,
            "answered 9: Application-specific error",
        ),
        (
            vec!["add", "--raw", "00"],
            4,
            "answered -2: Serialization error",
        ),
        (vec!["ask", "{\"a\":1,\"b\":2}"], 4, "answered 9"),
    ] {
        let (out, err, found) = call(&more);
        assert_eq!((found, out.as_str()), (status, ""), "{more:?}: {err}");
        assert!(err.contains(says), "{more:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    mock.expect("nothing");
    assert_eq!(run(&directory, &["fetch"]).2, 1);
    assert_eq!(run(&directory, &["--help"]).2, 0);
    assert_eq!(run(&directory, &["call", "nohow", "x.mx", "add"]).2, 1);
    assert_eq!(
        run(&directory, &["call", "unix:none", "x.mx", "nothing"]).2,
        2
    );
    let (out, err, status) = run(&directory, &["ping", &at, "-c", "3"]);
    assert_eq!((out.lines().count(), err.as_str(), status), (3, "", 0));
}

/// All forms, by what listens there and what connects.
#[test]
fn addresses() {
    let directory = place("addresses");
    fs::write(directory.join("a.json"), "{}").expect("write");
    for at in [
        "127.0.0.1:0",
        "localhost:0",
        "[::1]:0",
        "[::1%lo]:0",
        ":0",
        "unix:s",
        "unix:@mrpc-a",
    ] {
        if at.starts_with("[::") && TcpListener::bind(at).is_err() {
            eprintln!("NOTE: this machine has no IPv6: {at} is not tested");
            continue;
        }
        let mock = Mock::start(&directory, &[at, "x.mx", "a.json"]);
        // All addresses of a machine are one by its port.
        let port = mock.place.rsplit_once(':').expect("a port").1;
        let there = match at {
            ":0" => format!(":{port}"),
            "localhost:0" => format!("localhost:{port}"),
            _ => mock.place.clone(),
        };
        let (out, err, status) = run(&directory, &["ping", &there]);
        assert_eq!((out.lines().count(), err.as_str(), status), (4, "", 0));
        assert!(out.starts_with(&format!("{there}: answer 1 in ")), "{out}");
    }
}

/// Also what the types could not hold.
#[test]
fn raw_bytes_on_both_ends() {
    let directory = place("raw");
    fs::write(
        directory.join("a.json"),
        r#"{"add":{"result":"00 01"},"nothing":{"result":"07"}}"#,
    )
    .expect("write");
    let mut mock = Mock::start(&directory, &["unix:s", "x.mx", "a.json", "--raw"]);
    let words = ["call", &mock.place, "x.mx", "add", "--raw", "abcdef"];
    assert_eq!(
        run(&directory, &words),
        ("0001\n".to_owned(), String::new(), 0)
    );
    let words = ["call", &mock.place, "x.mx", "nothing", "--raw"];
    assert_eq!(run(&directory, &words).0, "07\n");
    mock.expect("add abcdef");
    mock.expect("nothing");
    mock.drain();
    let words = [
        "bench",
        &mock.place,
        "x.mx",
        "add",
        "ff",
        "--raw",
        "-t",
        "50ms",
        "--json",
    ];
    let (out, err, status) = run(&directory, &words);
    assert_eq!((err.as_str(), status), ("", 0));
    assert!(out.contains("\"failed\":0}"), "{out}");
    fs::write(
        directory.join("a.json"),
        r#"{"add":{"result":{"value":3}}}"#,
    )
    .expect("write");
    let (_, err, status) = run(&directory, &["mock", "unix:t", "x.mx", "a.json", "--raw"]);
    assert_eq!(status, 1);
    assert!(
        err.contains("add[0]: with --raw a result is hexadecimal digits"),
        "{err}"
    );
}

#[test]
fn limits_of_time_and_size() {
    let directory = place("limits");
    fs::write(
        directory.join("a.json"),
        r#"{"add":{"result":{"value":3}}}"#,
    )
    .expect("write");
    let mock = Mock::start(&directory, &["unix:s", "x.mx", "a.json"]);
    let call = |more: &[&str]| {
        let words = ["call", &mock.place, "x.mx", "add", r#"{"a":1,"b":2}"#];
        let words: Vec<&str> = words.iter().chain(more).copied().collect();
        run(&directory, &words)
    };
    assert_eq!(call(&["--max-reply", "8"]).2, 0);
    let (_, err, status) = call(&["--max-reply", "7"]);
    assert_eq!(status, 3);
    assert!(err.contains("8 bytes; the limit is 7"), "{err}");
    // Addresses for documentation: nobody is there, or no way leads there.
    let begun = std::time::Instant::now();
    let words = ["ping", "192.0.2.1:9", "--timeout", "200ms"];
    let (_, err, status) = run(&directory, &words);
    assert_eq!(status, 2, "{err}");
    assert!(
        err.starts_with("mrpc: cannot connect to 192.0.2.1:9: "),
        "{err}"
    );
    assert!(begun.elapsed().as_secs() < 10);
}

#[test]
fn answers_in_turn_and_late() {
    let directory = place("turns");
    fs::write(
        directory.join("a.json"),
        r#"{"add":[{"result":{"value":1}},{"result":{"value":"9007199254740993"}}],
            "nothing":{"status":2,"delay":"1h"}}"#,
    )
    .expect("write");
    let wrong = run(&directory, &["mock", "127.0.0.1:0", "x.mx", "a.json"]);
    assert_eq!(wrong.2, 1);
    assert!(
        wrong.1.contains("nothing[0]: `h` is none of"),
        "{}",
        wrong.1
    );
    let text = fs::read_to_string(directory.join("a.json")).expect("read");
    fs::write(directory.join("a.json"), text.replace("1h", "60m")).expect("write");
    let mock = Mock::start(&directory, &["unix:@mrpc-turns", "x.mx", "a.json"]);
    let add = ["call", &mock.place, "x.mx", "add", r#"{"a":1,"b":2}"#];
    assert_eq!(run(&directory, &add).0, "{\"value\":1}\n");
    for _ in 0..2 {
        assert_eq!(
            run(&directory, &add).0,
            "{\"value\":\"9007199254740993\"}\n"
        );
    }
    let late = ["call", &mock.place, "x.mx", "nothing", "--timeout", "50ms"];
    let (_, err, status) = run(&directory, &late);
    assert_eq!(status, 3);
    assert!(err.contains("no reply in 50ms"), "{err}");
}

#[test]
fn peers_that_mean_no_good() {
    let directory = place("hostile");
    // What comes behind the request's header, and what is said of it.
    let deep: Vec<u8> = (0..600).flat_map(|_| words([1, 1, 1, 1])).collect();
    let mut nested = words([0, 0, 3, deep.len() as u32]);
    nested.extend(deep);
    let mut late = words([0, 0, 1, 8]);
    late.extend([0; 7]);
    let mut stray = words([5, 0, 1, 0]);
    stray.extend(words([0, 0, 2, 0]));
    let mut both = words([0, 3, 1, 4]);
    both.extend([0; 4]);
    for (procedure, bytes, says) in [
        ("add", words([0, 0, 1, u32::MAX]), "the limit is 67108864"),
        ("add", words([0, 0, 1, 60 << 20]), "ends within a message"),
        (
            "add",
            words([0, 0, 1, 0]),
            "does not decode: value: the payload ends here",
        ),
        ("add", late, "ends within a message"),
        ("add", stray, "another procedure"),
        ("add", both, "a status and a payload"),
        ("add", Vec::new(), "closed the connection"),
        ("grow", nested, "does not decode"),
    ] {
        let (address, served) = peer(move |mut stream| {
            let mut request = [0; 24];
            stream.read_exact(&mut request).expect("the request");
            stream.write_all(&bytes).expect("write");
        });
        let argument = match procedure {
            "grow" => r#"{"v":1,"left":null,"right":{"v":2,"left":null,"right":null}}"#,
            _ => r#"{"a":1,"b":2}"#,
        };
        let (out, err, status) = run(&directory, &["call", &address, "x.mx", procedure, argument]);
        assert_eq!((out.as_str(), status), ("", 3), "{err}");
        assert!(err.contains(says), "{says}: {err}");
        served.join().expect("served");
    }
}

#[test]
fn a_peer_may_call_back_and_dribble() {
    let directory = place("dribble");
    let (address, served) = peer(|mut stream| {
        let mut request = [0; 24];
        stream.read_exact(&mut request).expect("the request");
        let mut bytes = words([9, u32::MAX, 1, 8]);
        bytes.extend([0; 8]);
        bytes.extend(words([0, 0, 1, 8]));
        bytes.extend(5u64.to_be_bytes());
        for byte in bytes {
            stream.write_all(&[byte]).expect("write");
        }
        let mut refusal = [0; 16];
        stream.read_exact(&mut refusal).expect("the refusal");
        assert_eq!(refusal[..], words([9, -3i32 as u32, 1, 0])[..]);
    });
    let (out, err, status) = run(
        &directory,
        &["call", &address, "x.mx", "add", r#"{"a":1,"b":2}"#],
    );
    assert_eq!(
        (out.as_str(), err.as_str(), status),
        ("{\"value\":5}\n", "", 0)
    );
    served.join().expect("served");
}

#[test]
fn watching() {
    let directory = place("watch");
    let (address, served) = peer(|mut stream| {
        for (cmd, payload) in [
            (-1i32, [0, 0, 0, 1, 0, 0, 0, 2]),
            (1, [0; 8]),
            (-1, [255; 8]),
            (77, [0; 8]),
        ] {
            let mut bytes = words([4, u32::MAX, cmd as u32, 8]);
            bytes.extend(payload);
            stream.write_all(&bytes).expect("write");
        }
        for cmd in [1, 77] {
            let mut refusal = [0; 16];
            stream.read_exact(&mut refusal).expect("the refusal");
            assert_eq!(refusal[..], words([4, -3i32 as u32, cmd, 0])[..]);
        }
    });
    let mut watch = Lines::start(&directory, &["watch", &address, "x.mx"]);
    for (kind, name, data) in [
        ("message", "\"event\"", r#"{"a":1,"b":2}"#),
        ("request", "\"ask\"", r#"{"a":0,"b":0}"#),
        ("message", "\"event\"", r#"{"a":-1,"b":-1}"#),
        ("request", "77", r#""0000000000000000""#),
    ] {
        let line = watch.next().expect("a line");
        let tail = format!(
            ",\"connection\":1,\"from\":\"server\",\"to\":\"client\",\"kind\":\"{kind}\",\
             \"sequence\":4,\"name\":{name},\"data\":{data}}}"
        );
        assert!(
            line.starts_with("{\"time\":") && line.ends_with(&tail),
            "{line}"
        );
    }
    assert_eq!(watch.next(), None);
    assert!(watch.child.wait().expect("wait").success());
    served.join().expect("served");
}

#[test]
fn a_bench() {
    let directory = place("bench");
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let at = listener.local_addr().expect("address").to_string();
    // What arrives together is answered the other way round.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accept");
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let mut some = [0; 4096];
                while let Ok(have @ 1..) = stream.read(&mut some) {
                    bytes.extend(&some[..have]);
                    let mut replies = Vec::new();
                    let mut rest = &bytes[..];
                    while let Ok(Some(frame)) = Frame::read(&mut rest, 8) {
                        replies.push(match frame.cmd {
                            1 => frame.answer(0, vec![0; 8]),
                            _ => frame.answer(3, Vec::new()),
                        });
                        bytes = rest.to_vec();
                        rest = &bytes[..];
                    }
                    for reply in replies.iter().rev() {
                        if reply.write(&mut stream).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    let bench = |more: &[&str]| {
        let words = ["bench", &at, "x.mx", "-t", "100ms", "-c", "2", "-n", "8"];
        let words: Vec<&str> = words.iter().chain(more).copied().collect();
        run(&directory, &words)
    };
    for (more, all_fail) in [
        (vec!["add", r#"{"a":1,"b":2}"#, "--json"], false),
        (vec!["nothing", "--json"], true),
    ] {
        let (out, err, status) = bench(&more);
        assert_eq!((err.as_str(), status), ("", 0));
        let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let figure = |name: &str| found[name].as_f64().expect(name);
        assert_eq!(figure("failed") > 0.0, all_fail, "{out}");
        assert_eq!(figure("calls_per_second") > 0.0, !all_fail, "{out}");
        assert!(figure("p50_us") <= figure("p99_us") && figure("p99_us") <= figure("p99_9_us"));
    }
    let (out, _, status) = bench(&["add", r#"{"a":1,"b":2}"#]);
    assert!(out.contains(" calls a second; ") && status == 0, "{out}");
    let (address, served) = peer(|mut stream| {
        let mut request = [0; 16];
        stream.read_exact(&mut request).expect("the request");
    });
    let (_, err, status) = run(
        &directory,
        &["bench", &address, "x.mx", "nothing", "-t", "60s"],
    );
    assert_eq!(status, 3);
    assert!(err.contains("the peer closed the connection"), "{err}");
    served.join().expect("served");
}

/// How it ends.
fn signalled(lines: &mut Lines, signal: &str) -> std::process::ExitStatus {
    let pid = lines.child.id();
    let kill = std::process::Command::new("sh")
        .args(["-c", &format!("kill -{signal} {pid}")])
        .status();
    assert!(kill.expect("run kill").success());
    lines.child.wait().expect("wait")
}

#[test]
fn watch_and_mock_end_in_order_at_signals() {
    let directory = place("signals");
    fs::write(directory.join("a.json"), "{}").expect("write");
    for signal in ["TERM", "INT"] {
        let (address, served) = peer(|mut stream| {
            let mut bytes = words([1, u32::MAX, -1i32 as u32, 8]);
            bytes.extend([0; 8]);
            stream.write_all(&bytes).expect("write");
            // The watcher's end.
            assert_eq!(stream.read(&mut [0; 1]).expect("read"), 0);
        });
        let mut watch = Lines::start(&directory, &["watch", &address, "x.mx"]);
        // What it prints is there at once, not when it ends.
        assert!(watch.next().expect("a line").contains("\"event\""));
        assert_eq!(signalled(&mut watch, signal).code(), Some(0));
        served.join().expect("served");

        let mut mock = Lines::start(&directory, &["mock", "unix:s", "x.mx", "a.json"]);
        assert_eq!(mock.next().expect("a line"), "listening on unix:s");
        assert!(directory.join("s").exists());
        assert_eq!(signalled(&mut mock, signal).code(), Some(0));
        assert!(!directory.join("s").exists());
    }
}

/// Starting a C preprocessor takes longer than all the rest.
#[test]
fn a_call_is_quick() {
    let directory = place("quick");
    fs::write(
        directory.join("a.json"),
        r#"{"add":{"result":{"value":3}}}"#,
    )
    .expect("write");
    let mock = Mock::start(&directory, &["127.0.0.1:0", "x.mx", "a.json"]);
    let mut times: Vec<std::time::Duration> = (0..21)
        .map(|_| {
            let begun = std::time::Instant::now();
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_mrpc"))
                .args(["call", &mock.place, "x.mx", "add", r#"{"a":1,"b":2}"#])
                .current_dir(&directory)
                // Where there is none.
                .env("PATH", &directory)
                .output()
                .expect("run mrpc");
            assert_eq!(output.stdout, b"{\"value\":3}\n");
            begun.elapsed()
        })
        .collect();
    times.sort();
    println!("a call takes {:?}", times[10]);
    // docs/mrpc.md says what it is; this is for a debug build, also on an emulated machine that has
    // other work. That no preprocessor was started is what counts.
    assert!(times[10].as_millis() < 1500, "{times:?}");
}
