//! `mrpc doctor`, on programs that are made for it.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{run, scratch};

fn compile(directory: &Path, source: &str, words: &[&str]) {
    fs::write(directory.join("x.c"), source).expect("write");
    let status = Command::new(std::env::var("CC").unwrap_or("cc".to_owned()))
        .args(["-w", "x.c"])
        .args(words)
        .current_dir(directory)
        .status();
    assert!(status.expect("run the compiler").success());
}

const LIBRARY: &str = "void mrpc_conn_set_create(void) {} void mrpc_send_request(void) {}\n";
const PROGRAM: &str = "int main(void) { mrpc_conn_set_create(); mrpc_send_request(); return 0; }\n";

fn library(directory: &Path, name: &str, source: &str) {
    fs::create_dir_all(directory.join(name)).expect("make directory");
    let output = format!("{name}/libminirpc.so.1");
    let words = [
        "-shared",
        "-fPIC",
        "-Wl,-soname,libminirpc.so.1",
        "-o",
        &output,
    ];
    compile(directory, source, &words);
}

/// What is found, without what depends on this machine.
fn findings(directory: &Path, program: &str) -> String {
    let (out, err, status) = run(directory, &["doctor", program]);
    assert_eq!((err.as_str(), status), ("", 0));
    // Each that needs a remedy has one.
    let looks = out
        .lines()
        .filter(|line| line.starts_with("look  "))
        .count();
    assert_eq!(looks, out.matches("\n      -> ").count(), "{out}");
    assert!(out.contains(" open files: each connection is one"), "{out}");
    out
}

#[test]
fn which_library() {
    let directory = scratch("which");
    library(&directory, "old", LIBRARY);
    let ours = "__asm__(\".section .comment; .string \\\"rustc version 1.85\\\"; .text\");\n";
    library(
        &directory,
        "new",
        &format!("{ours}{LIBRARY} void mrpc_drain(void) {{}}"),
    );
    for (name, says) in [
        ("old", "and none of this library"),
        ("new", "this library, 1.1 or later"),
    ] {
        let rpath = format!("-Wl,-rpath,$ORIGIN/{name}");
        let words = ["-o", "p", "-L", name, "-l:libminirpc.so.1", &rpath];
        compile(&directory, PROGRAM, &words);
        let out = findings(&directory, "p");
        let place = format!("/{name}/libminirpc.so.1, ");
        assert!(out.contains(&place) && out.contains(says), "{name}: {out}");
        assert!(out.contains("made by minirpcgen 1.0 or later"), "{out}");
    }
    fs::remove_dir_all(directory.join("new")).expect("remove");
    let out = findings(&directory, "p");
    assert!(!out.contains("/new/"), "{out}");
}

#[test]
fn what_made_the_stubs() {
    let directory = scratch("stubs");
    library(&directory, "lib", LIBRARY);
    for name in ["libother.so", "libtirpc.so.3"] {
        let (soname, output) = (format!("-Wl,-soname,{name}"), format!("lib/{name}"));
        let source = "void xdr_u_int(void) {} void xdr_array(void) {}\n";
        let words = ["-shared", "-fPIC", &soname, "-o", &output];
        compile(&directory, source, &words);
    }
    let theirs = PROGRAM.replace("return", "xdr_u_int(); xdr_array(); return");
    let linked = |source: &str, library: &str| {
        let words = ["-Wl,--no-as-needed", "-o", "p", "-Llib"];
        let words = [&words[..], &["-l:libminirpc.so.1", library]].concat();
        compile(&directory, source, &words);
        findings(&directory, "p")
    };
    let out = linked(&theirs, "-l:libother.so");
    assert!(out.contains("made by rpcgen: it calls xdr_array"), "{out}");
    assert!(out.contains("link it with -ltirpc"), "{out}");
    let out = linked(&theirs, "-l:libtirpc.so.3");
    assert!(
        out.contains("it loads libtirpc, which such stubs need"),
        "{out}"
    );
    let out = linked(PROGRAM, "-l:libtirpc.so.3");
    assert!(out.contains("leave -ltirpc out"), "{out}");

    compile(&directory, "int main(void) { return 0; }", &["-o", "p"]);
    let out = findings(&directory, "p");
    assert!(out.contains("it does not need libminirpc.so.1"), "{out}");
}

#[test]
fn no_program() {
    let directory = scratch("none");
    let (out, err, status) = run(&directory, &["doctor"]);
    assert_eq!((err.as_str(), status), ("", 0));
    assert!(
        out.contains("libminirpc.so.1") && out.contains("preprocessor"),
        "{out}"
    );
    let (_, err, status) = run(&directory, &["doctor", "missing"]);
    assert_eq!(
        (err.as_str(), status),
        ("mrpc: missing: No such file or directory\n", 1)
    );
    fs::write(directory.join("text"), "#!/bin/sh\n").expect("write");
    let (_, err, status) = run(&directory, &["doctor", "text"]);
    assert_eq!(status, 1);
    assert!(err.contains("no program or library"), "{err}");
    // Damage anywhere is no more than that.
    let whole = fs::read("/bin/true").expect("/bin/true");
    for at in (0..whole.len().min(4000)).step_by(61) {
        let mut damaged = whole.clone();
        damaged[at..at + 4].fill(0xff);
        fs::write(directory.join("damaged"), &damaged).expect("write");
        let (_, err, status) = run(&directory, &["doctor", "damaged"]);
        assert!(status <= 1 && !err.contains("panicked"), "{at}: {err}");
    }
}
