//! Inputs beside their expected outputs: golden/NAME.mx makes golden/NAME/*,
//! golden/bad/NAME.mx makes golden/bad/NAME.stderr. UPDATE_GOLDEN=1 stores what
//! the program makes now.

mod common;

use common::{
    compare, compiler, content, fail_on, generate_all, golden, header_flags, inputs, listing,
    minirpcgen, scratch, stderr,
};
use std::fs;

const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2"];

/// What C++ cannot have for the names' sake.
const C_ONLY: [&str; 1] = ["names"];

#[test]
fn outputs() {
    let mut problems = Vec::new();
    for name in inputs(&golden()) {
        let directory = scratch(&format!("outputs-{name}"));
        let base = directory.join(&name);
        let input = format!("{name}.mx");
        let output = minirpcgen(&golden(), &["-o", &base.to_string_lossy(), &input]);
        assert!(output.status.success(), "{input}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{input}");
        let stored = golden().join(&name);
        fs::create_dir_all(&stored).expect("make golden directory");
        let files = listing(&directory);
        for file in &files {
            let actual = fs::read_to_string(directory.join(file)).expect("read output");
            problems.extend(compare(&stored.join(file), &actual).err());
        }
        assert_eq!(listing(&stored), files, "{input}");
        assert_eq!(files.len(), 6, "{input}: {files:?}");
    }
    fail_on(problems);
}

#[test]
fn diagnostics() {
    let bad = golden().join("bad");
    let mut problems = Vec::new();
    for name in inputs(&bad) {
        let directory = scratch(&format!("bad-{name}"));
        let base = directory.join(&name);
        let input = format!("{name}.mx");
        let output = minirpcgen(&bad, &["-o", &base.to_string_lossy(), &input]);
        assert_eq!(output.status.code(), Some(1), "{input}");
        assert_eq!(output.stdout, b"", "{input}");
        assert_eq!(listing(&directory), Vec::<String>::new(), "{input}");
        let stored = bad.join(format!("{name}.stderr"));
        problems.extend(compare(&stored, &stderr(&output)).err());
    }
    fail_on(problems);
}

#[test]
fn outputs_compile_as_c() {
    let directory = scratch("c");
    generate_all(&directory);
    let mut problems = Vec::new();
    for file in listing(&directory) {
        if !file.ends_with(".c") {
            continue;
        }
        // C23 by the name that compilers from before it know it by, too.
        for standard in ["gnu99", "gnu11", "gnu17", "gnu2x"] {
            for flags in header_flags() {
                let mut command = compiler("CC", "cc");
                command.current_dir(&directory).args(WARNINGS);
                command.arg("-Wstrict-prototypes").args(flags);
                command.arg(format!("-std={standard}"));
                command.args(["-c", "-o", "/dev/null", &file]);
                problems.extend(content(&mut command).err());
            }
        }
    }
    fail_on(problems);
}

#[test]
fn headers_compile_as_cpp() {
    let directory = scratch("cpp");
    generate_all(&directory);
    let mut problems = Vec::new();
    for name in inputs(&golden()) {
        if C_ONLY.contains(&name.as_str()) {
            continue;
        }
        let source = format!("{name}.cc");
        let text = format!("#include \"{name}_client.h\"\n#include \"{name}_server.h\"\n");
        fs::write(directory.join(&source), text).expect("write source");
        for standard in ["c++11", "c++17"] {
            for flags in header_flags() {
                let mut command = compiler("CXX", "c++");
                command.current_dir(&directory).args(WARNINGS);
                command.args(flags).arg(format!("-std={standard}"));
                command.args(["-c", "-o", "/dev/null", &source]);
                problems.extend(content(&mut command).err());
            }
        }
    }
    fail_on(problems);
}

/// Guards and macros of the outputs are not those of the library's headers.
#[test]
fn the_librarys_own_name_is_a_base_like_any_other() {
    let directory = scratch("own-name");
    for base in ["minirpc", "protocol", "xdr"] {
        let input = golden().join("first.mx");
        let output = minirpcgen(&directory, &["-o", base, &input.to_string_lossy()]);
        assert!(output.status.success(), "{base}: {}", stderr(&output));
    }
    let input = golden().join("common.mx");
    let output = minirpcgen(&directory, &["-o", "common", &input.to_string_lossy()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let mut problems = Vec::new();
    for file in listing(&directory) {
        if !file.ends_with(".c") {
            continue;
        }
        for flags in header_flags() {
            let mut command = compiler("CC", "cc");
            command.current_dir(&directory).args(WARNINGS);
            command.arg("-Wstrict-prototypes").args(flags);
            command.args(["-c", "-o", "/dev/null", &file]);
            problems.extend(content(&mut command).err());
        }
    }
    fail_on(problems);
}
