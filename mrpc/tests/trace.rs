//! `mrpc trace`, on a file as docs/tracing.md describes it.

mod common;

use std::fs;

use common::{run, scratch};

const TRACE: &str = "\
# time\tconnection\tkind\tcmd\tsequence\tstatus\tbytes\ttook_us\ttext
10.000000\t1\tup\t0\t0\t0\t0\t0.000\t
10.000100\t1\trequest_out\t1\t0\t0\t44\t0.000\t
10.000260\t1\treply_in\t1\t0\t0\t16\t160.000\t
10.000300\t1\tdispatched\t1\t0\t0\t0\t13.500\t
10.000400\t1\tanswered\t1\t0\t0\t16\t12.250\t
10.000500\t1\treply_in\t1\t1\t7\t16\t22.000\t
10.000600\t1\tdown\t0\t0\t1\t0\t0.000\tthe \"end\"
10.0007";

#[test]
fn a_table_by_procedure() {
    let directory = scratch("table");
    fs::write(directory.join("t"), TRACE).expect("write");
    let (out, err, status) = run(&directory, &["trace", "t"]);
    assert_eq!((err.as_str(), status), ("", 0));
    let rows: Vec<Vec<&str>> = out
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[1..],
        [
            ["1", "call", "2", "1", "22.000", "22.000", "160.000", "160.000"],
            ["1", "handler", "1", "0", "12.250", "12.250", "12.250", "12.250"],
            ["1", "wait", "1", "0", "13.500", "13.500", "13.500", "13.500"],
        ]
    );
}

#[test]
fn trace_events() {
    let directory = scratch("events");
    fs::write(directory.join("t"), TRACE).expect("write");
    let (out, err, status) = run(&directory, &["trace", "t", "--chrome"]);
    assert_eq!((err.as_str(), status), ("", 0));
    let events: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let events = events.as_array().expect("an array");
    assert_eq!(events.len(), 7);
    assert_eq!(events[2]["name"], "call 1");
    assert_eq!(events[2]["ph"], "X");
    assert_eq!(events[2]["ts"].as_f64().expect("ts").round(), 10_000_100.0);
    assert_eq!(events[2]["dur"], 160.0);
    assert_eq!(events[6]["args"]["text"], "the \"end\"");
    fs::write(directory.join("t"), "").expect("write");
    assert_eq!(run(&directory, &["trace", "t", "--chrome"]).0, "[]\n");
}

#[test]
fn what_is_no_trace() {
    let directory = scratch("none");
    fs::write(directory.join("t"), "# x\nhello\n").expect("write");
    let (_, err, status) = run(&directory, &["trace", "t"]);
    assert_eq!(status, 1);
    assert!(err.contains("t: line 2 is none of a trace"), "{err}");
    assert_eq!(run(&directory, &["trace", "missing"]).2, 1);
}

#[test]
fn a_picture() {
    let directory = scratch("picture");
    fs::write(directory.join("t"), TRACE).expect("write");
    let (out, err, status) = run(&directory, &["trace", "t", "--svg"]);
    assert_eq!((err.as_str(), status), ("", 0));
    assert!(
        out.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" ") && out.ends_with("</svg>\n")
    );
    for text in ["1: called 1 #0", "1: called 1 #1", "1: served 1 #0"] {
        assert_eq!(out.matches(&format!(">{text}</text>")).count(), 1, "{out}");
    }
    for title in [
        "call 1: 160 us",
        "call 1: 22 us",
        "wait 1: 14 us",
        "handler 1: 12 us",
    ] {
        assert_eq!(
            out.matches(&format!("<title>{title}</title>")).count(),
            1,
            "{title}: {out}"
        );
    }
    assert_eq!(
        out.matches("stroke=\"#b00020\"").count(),
        1,
        "one call failed"
    );
    assert_eq!(run(&directory, &["trace", "t", "--svg", "--chrome"]).2, 1);
    // Of nothing, and of more than a picture holds.
    fs::write(directory.join("t"), "").expect("write");
    assert!(run(&directory, &["trace", "t", "--svg"])
        .0
        .ends_with("</svg>\n"));
    let line = TRACE.lines().nth(3).expect("a line");
    fs::write(directory.join("t"), format!("{line}\n").repeat(500)).expect("write");
    let out = run(&directory, &["trace", "t", "--svg"]).0;
    assert!(
        out.contains(">100 more are left out</text>"),
        "{}",
        &out[..900]
    );
}

/// docs/tracing.md shows a real one, as the program shows it.
#[test]
fn the_documented_trace() {
    let docs = common::root().join("docs");
    let page = fs::read_to_string(docs.join("tracing.md")).expect("tracing.md");
    let (table, err, status) = run(&docs, &["trace", "treecopy.trace"]);
    assert_eq!((err.as_str(), status), ("", 0));
    let table: String = table.lines().map(|line| format!("    {line}\n")).collect();
    assert!(page.contains(&table), "{table}");
    let (picture, err, status) = run(&docs, &["trace", "treecopy.trace", "--svg"]);
    assert_eq!((err.as_str(), status), ("", 0));
    if std::env::var_os("MRPC_WRITE").is_some() {
        fs::write(docs.join("treecopy.svg"), &picture).expect("write");
    }
    assert!(page.contains("](treecopy.svg)"));
    assert!(
        fs::read_to_string(docs.join("treecopy.svg")).expect("treecopy.svg") == picture,
        "treecopy.svg is old: MRPC_WRITE=1 cargo test -p mrpc --test trace"
    );
}
