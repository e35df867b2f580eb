//! The C that targets call, with clang's coverage.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    let out = env::var("OUT_DIR").expect("cargo sets it");
    identity(&out);
    let golden = Path::new("../minirpcgen/tests/golden/language");
    let support = Path::new("../minirpcgen/tests/support");
    let header = fs::read_to_string(golden.join("language_xdr.h")).expect("the golden header");
    let mut list = String::new();
    for line in header.lines() {
        let declared = line.strip_prefix("extern bool_t xdr_");
        if let Some((name, _)) = declared.and_then(|rest| rest.split_once('(')) {
            let _ = writeln!(list, "TYPE({name})");
        }
    }
    fs::write(Path::new(&out).join("list.h"), list).expect("list.h");
    let mut build = cc::Build::new();
    build
        .compiler(env::var("FUZZ_CC").unwrap_or("clang".to_owned()))
        .std("gnu11")
        .opt_level(1)
        .flag("-fsanitize=fuzzer-no-link,undefined")
        .flag("-fsanitize-trap=undefined")
        .define("MINIRPC_OWN_XDR", None)
        .include(golden)
        .include(support)
        .include("../include")
        .include(&out);
    let mut counted = build.clone();
    for name in ["malloc", "calloc", "realloc", "free"] {
        counted.define(name, Some(format!("counted_{name}").as_str()));
    }
    counted
        .file(golden.join("language_xdr.c"))
        .compile("language");
    build
        .files(["c/values.c", "c/role.c"])
        .file(support.join("streams.c"))
        .compile("values");
    println!("cargo:rustc-link-lib=static=language");
    for path in ["build.rs", "c", "../minirpcgen/tests", "../include"] {
        println!("cargo:rerun-if-changed={path}");
    }
}

/// A certificate and its key, of today: none is kept that could expire.
fn identity(out: &str) {
    let (key, cert) = (format!("{out}/key.pem"), format!("{out}/cert.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "3650", "-subj", "/CN=localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout", &key, "-out", &cert])
        .output()
        .expect("the openssl command");
    assert!(
        made.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    let read = |path| fs::read_to_string(path).expect("what openssl wrote");
    let both = read(&cert) + &read(&key);
    fs::write(Path::new(out).join("identity.pem"), both).expect("identity.pem");
}
