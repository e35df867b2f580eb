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
