//! The shared library's link flags, and the C header: as the main library's build.rs.
//!
//! It links to libminirpc.so.1, which cargo may build at the same time or later: so against a
//! library of the same name with the same functions, and nothing in them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const HEADER: &str = "../include/minirpc/tls.h";
/// What is called of the main library: see src/abi.rs.
const CALLED: &[&str] = &["mrpc_set_transport", "mrpc_conn_get_session"];

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libminirpc-tls.so.1");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=src/ffi.rs");
    println!("cargo::rerun-if-changed={HEADER}");
    println!("cargo::rerun-if-env-changed=MINIRPC_TLS_HEADER");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    stand_in(&out);
    println!("cargo::rustc-link-search=native={}", out.display());
    println!("cargo::rustc-link-lib=dylib=minirpc");

    let header = header();
    let fresh = out.join("tls.h");
    fs::write(&fresh, &header).unwrap();
    if let Some(path) = env::var_os("MINIRPC_TLS_HEADER") {
        fs::write(path, &header).unwrap();
    } else if fs::read_to_string(HEADER).unwrap_or_default() != header {
        println!(
            "cargo::error={HEADER} is not what src/ffi.rs says ({}): run `make header`",
            fresh.display()
        );
    }
}

/// A libminirpc.so to link to.
fn stand_in(out: &Path) {
    let source = out.join("minirpc.c");
    let functions = CALLED
        .iter()
        .map(|name| format!("void {name}(void) {{}}\n"));
    fs::write(&source, functions.collect::<String>()).unwrap();
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let made = Command::new(&linker)
        .args([
            "-shared",
            "-fPIC",
            "-nostdlib",
            "-Wl,-soname,libminirpc.so.1",
            "-o",
        ])
        .arg(out.join("libminirpc.so"))
        .arg(&source)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!(
            "cargo::error={} makes no shared library",
            linker.to_string_lossy()
        );
    }
}

fn header() -> String {
    let config = cbindgen::Config::from_file("cbindgen.toml").unwrap();
    let builder = cbindgen::Builder::new()
        .with_config(config)
        .with_src("src/ffi.rs");
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    // What cbindgen has no setting for: no `//` comments.
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().map(|line| {
        let code = line.split("// ").next().unwrap_or_default();
        code.trim_end().to_string() + "\n"
    });
    lines.collect()
}
