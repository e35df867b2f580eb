//! The shared library's link flags, and the C header: made of the exports' comments, and
//! compared with the checked-in copy, so that neither can change without the other.

use std::path::Path;
use std::{env, fs};

/// In the order of the header's sections.
const EXPORTS: &[&str] = &[
    "version",
    "set",
    "config",
    "conn",
    "dispatch",
    "limits",
    "connecting",
    "drain",
    "view",
    "timeouts",
];
const HEADER: &str = "include/minirpc/minirpc.h";

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libminirpc.so.1");
    // A thread that used the library may outlive dlclose, and its thread-locals' destructors
    // are our code.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");

    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed={HEADER}");
    println!("cargo::rerun-if-env-changed=MINIRPC_HEADER");
    let header = header();
    let fresh = Path::new(&env::var_os("OUT_DIR").unwrap()).join("minirpc.h");
    fs::write(&fresh, &header).unwrap();
    if let Some(path) = env::var_os("MINIRPC_HEADER") {
        fs::write(path, &header).unwrap();
    } else if fs::read_to_string(HEADER).unwrap_or_default() != header {
        println!(
            "cargo::error={HEADER} is not what src/ffi says ({}): run `make header`",
            fresh.display()
        );
    }
}

fn header() -> String {
    let mut config = cbindgen::Config::from_file("cbindgen.toml").unwrap();
    let part = |name| env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap();
    config.after_includes = Some(format!(
        "#include <sys/types.h>\n#include <sys/socket.h>\n#include <stdint.h>\n\
         #include <minirpc/types.h>\n\n\
         /** The version of these headers, as a code. See mrpc_version_code(). */\n\
         #define MRPC_VERSION_CODE() MRPC_MAKE_VERSION_CODE({}, {}, {})",
        part("MAJOR"),
        part("MINOR"),
        part("PATCH")
    ));
    let mut builder = cbindgen::Builder::new().with_config(config);
    for name in EXPORTS {
        let source = format!("src/ffi/{name}.rs");
        println!("cargo::rerun-if-changed={source}");
        builder = builder.with_src(source);
    }
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    // What cbindgen has no setting for: no `//` comments, which C89 lacks, and the star of a
    // pointer beside the name, as elsewhere in the header.
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().map(|line| {
        let code = line.split("// ").next().unwrap_or_default();
        code.trim_end().replace("_fn * ", "_fn *") + "\n"
    });
    lines.collect()
}
