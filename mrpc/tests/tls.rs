//! TLS, with certificates that openssl makes for the test.
#![cfg(feature = "tls")]

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{root, run, scratch, Mock};

const INTERFACE: &str = "
    struct pair { int a; int b; };
    struct sum { hyper value; };
    typedef opaque blob<>;
    serverprocs { add(pair, sum) = 1; grow(blob, blob) = 2; }
";

/// Authorities, certificates and keys.
fn certificates() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let directory = scratch("certificates").join("all");
        let made = Command::new(root().join("c-tests/tls/make-certs"))
            .arg(&directory)
            .status();
        assert!(
            made.expect("run make-certs").success(),
            "the openssl command is needed"
        );
        directory
    })
}

fn file(name: &str) -> String {
    certificates().join(name).display().to_string()
}

fn place(name: &str) -> PathBuf {
    let directory = scratch(name);
    fs::write(directory.join("x.mx"), INTERFACE).expect("write");
    // 3 MB there and back.
    let blob = format!("\"{}\"", "AAAA".repeat(1_000_000));
    let answers = format!(r#"{{"add":{{"result":{{"value":3}}}},"grow":{{"result":{blob}}}}}"#);
    fs::write(directory.join("a.json"), answers).expect("write");
    fs::write(directory.join("blob.json"), blob).expect("write");
    directory
}

fn mock(directory: &Path, at: &str, certificate: &str, more: &[&str]) -> Mock {
    let (cert, key) = (
        file(&format!("{certificate}.pem")),
        file(&format!("{certificate}.key")),
    );
    let words = [
        at, "x.mx", "a.json", "--tls", "--cert", &cert, "--key", &key,
    ];
    Mock::start(directory, &[&words, more].concat())
}

/// Output, errors and status of one call.
fn call(directory: &Path, at: &str, more: &[&str]) -> (String, String, i32) {
    let words = ["call", at, "x.mx", "add", r#"{"a":1,"b":2}"#];
    run(directory, &[&words, more].concat())
}

#[test]
fn calls_over_tls() {
    let directory = place("calls");
    let ca = file("ca.pem");
    for certificate in ["p256", "rsa", "ed25519"] {
        let mock = mock(&directory, "127.0.0.1:0", certificate, &[]);
        let (out, err, status) = call(&directory, &mock.place, &["--tls", "--ca", &ca]);
        assert_eq!(
            (out.as_str(), err.as_str(), status),
            ("{\"value\":3}\n", "", 0)
        );
    }
    // More than any buffer holds.
    let mut mock = mock(&directory, "127.0.0.1:0", "p256", &[]);
    mock.drain();
    let words = [
        "call",
        &mock.place,
        "x.mx",
        "grow",
        "@blob.json",
        "--tls",
        "--ca",
        &ca,
    ];
    let (out, err, status) = run(&directory, &words);
    assert_eq!((out.len(), err.as_str(), status), (4_000_003, "", 0));
    let words = ["ping", &mock.place, "--tls", "--ca", &ca];
    assert_eq!(run(&directory, &words).2, 0);
    let words = [
        "bench",
        &mock.place,
        "x.mx",
        "add",
        r#"{"a":1,"b":2}"#,
        "-c",
        "2",
        "-n",
        "8",
        "-t",
        "100ms",
        "--json",
        "--tls",
        "--ca",
        &ca,
    ];
    let (out, err, status) = run(&directory, &words);
    assert_eq!((err.as_str(), status), ("", 0));
    assert!(
        out.contains("\"failed\":0") && !out.contains("second\":0.0"),
        "{out}"
    );
    // A Unix socket has no name that a certificate could be for.
    let mock = self::mock(&directory, "unix:s", "p256", &[]);
    let (_, err, status) = call(&directory, &mock.place, &["--tls", "--ca", &ca]);
    assert_eq!(status, 2);
    assert!(err.contains("give it by --name"), "{err}");
    let more = ["--tls", "--ca", &ca, "--name", "localhost"];
    assert_eq!(call(&directory, &mock.place, &more).2, 0);
}

#[test]
fn whom_to_trust() {
    let directory = place("trust");
    let (ca, other) = (file("ca.pem"), file("other-ca.pem"));
    for (certificate, more, status, says) in [
        ("p256", vec!["--ca", &ca], 0, ""),
        ("p256", vec!["--ca", &other], 2, "(--ca names one)"),
        ("stranger", vec!["--ca", &ca], 2, "(--ca names one)"),
        (
            "wrong-name",
            vec!["--ca", &ca],
            2,
            "(--name says which is meant)",
        ),
        (
            "wrong-name",
            vec!["--ca", &ca, "--name", "other.example"],
            0,
            "",
        ),
        ("expired", vec!["--ca", &ca], 2, "has expired"),
    ] {
        let mock = mock(&directory, "127.0.0.1:0", certificate, &[]);
        let (_, err, found) = call(&directory, &mock.place, &[&["--tls"], &more[..]].concat());
        assert_eq!(found, status, "{certificate}: {err}");
        assert!(err.contains(says), "{certificate}: {err}");
        assert_eq!(err.lines().count(), usize::from(status != 0), "{err}");
    }
}

#[test]
fn clients_have_certificates_too() {
    let directory = place("clients");
    let ca = file("ca.pem");
    let mock = mock(&directory, "127.0.0.1:0", "p256", &["--ca", &ca]);
    let with = |name: &str| {
        let (cert, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        let more = ["--tls", "--ca", &ca, "--cert", &cert, "--key", &key];
        call(&directory, &mock.place, &more)
    };
    assert_eq!(with("client").2, 0);
    // A refusal comes with the first thing that is read.
    let (_, err, status) = with("stranger-client");
    assert!(status == 2 || status == 3, "{err}");
    let (_, err, status) = call(&directory, &mock.place, &["--tls", "--ca", &ca]);
    assert!(status == 2 || status == 3, "{err}");
    assert!(
        err.contains("a client's certificate is required (--cert and --key)"),
        "{err}"
    );
    assert_eq!(with("client").2, 0);
}

#[test]
fn one_end_without_tls() {
    let directory = place("plain");
    let ca = file("ca.pem");
    let mock = mock(&directory, "127.0.0.1:0", "p256", &[]);
    let (_, err, status) = call(&directory, &mock.place, &[]);
    assert_eq!(status, 3, "{err}");
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let at = listener.local_addr().expect("address").to_string();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accept");
        stream.read_exact(&mut [0; 16]).expect("a hello");
        stream.write_all(&[0; 64]).expect("write");
        // Until it has given up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (_, err, status) = call(&directory, &at, &["--tls", "--ca", &ca]);
    assert_eq!(status, 2);
    assert!(err.contains("the peer does not speak TLS"), "{err}");
    served.join().expect("served");
    // Who says nothing, or rubbish, does not keep the others from being served.
    let mut silent = TcpStream::connect(&mock.place).expect("connect");
    silent.write_all(&[22, 3, 1]).expect("write");
    let mut rubbish = TcpStream::connect(&mock.place).expect("connect");
    rubbish.write_all(&[7; 600]).expect("write");
    assert_eq!(call(&directory, &mock.place, &["--tls", "--ca", &ca]).2, 0);
}

#[test]
fn files_that_are_none() {
    let directory = place("files");
    let (ca, cert) = (file("ca.pem"), file("p256.pem"));
    let (text, rsa) = (file("text.pem"), file("rsa.key"));
    for (more, says) in [
        (vec!["--ca", &ca], "--tls"),
        (vec!["--tls", "--cert", &cert], "--key"),
        (vec!["--tls", "--ca", "missing.pem"], "missing.pem: "),
        (
            vec!["--tls", "--ca", &text],
            "text.pem: no certificate in PEM",
        ),
        (
            vec!["--tls", "--ca", &ca, "--cert", &cert, "--key", &text],
            "no key that can be used",
        ),
        (
            vec!["--tls", "--ca", &ca, "--cert", &cert, "--key", &rsa],
            "TLS: ",
        ),
        (
            vec!["--tls", "--ca", &ca, "--name", "no name"],
            "is no name",
        ),
    ] {
        let (_, err, status) = call(&directory, "127.0.0.1:9", &more);
        assert_eq!(status, 1, "{more:?}: {err}");
        assert!(err.contains(says), "{more:?}: {err}");
    }
    let words = ["mock", "unix:s", "x.mx", "a.json", "--tls"];
    let (_, err, status) = run(&directory, &words);
    assert_eq!(status, 1);
    assert!(err.contains("needs --cert and --key"), "{err}");
}
