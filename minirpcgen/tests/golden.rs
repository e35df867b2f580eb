//! Inputs beside their expected outputs: golden/NAME.mx makes golden/NAME/*,
//! golden/bad/NAME.mx makes golden/bad/NAME.stderr. UPDATE_GOLDEN=1 stores what
//! the program makes now.

mod common;

use common::{
    command, compare, compiler, compilers, content, fail_on, generate, generate_all, golden,
    header_flags, inputs, listing, minirpcgen, scratch, stderr,
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
        problems.extend(generate(&name, &directory).err());
        let stored = golden().join(&name);
        fs::create_dir_all(&stored).expect("make golden directory");
        let files = listing(&directory);
        for file in &files {
            let actual = fs::read_to_string(directory.join(file)).expect("read output");
            problems.extend(compare(&stored.join(file), &actual).err());
        }
        assert_eq!(listing(&stored), files, "{name}");
        assert_eq!(files.len(), 6, "{name}: {files:?}");
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

/// Each of the flags with each of the compilers.
fn product<'a, T, U>(all: &'a [T], others: &'a [U]) -> Vec<(&'a T, &'a U)> {
    let with = |one| others.iter().map(move |other| (one, other));
    all.iter().flat_map(with).collect()
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
        // C2x is what compilers called C23 before it was done.
        let standards = ["gnu99", "gnu11", "gnu17", "gnu2x"];
        let mut runs: Vec<(String, &str)> = Vec::new();
        for (i, compiler) in compilers("CC", "cc", "clang").into_iter().enumerate() {
            // The second one is there for its own warnings.
            let standards = standards.iter().skip(3 * i);
            runs.extend(standards.map(|standard| (compiler.clone(), *standard)));
        }
        for (flags, (compiler, standard)) in product(&header_flags(), &runs) {
            let mut command = command(compiler);
            command.current_dir(&directory).args(WARNINGS);
            command.arg("-Wstrict-prototypes").args(flags);
            command.arg(format!("-std={standard}"));
            command.args(["-c", "-o", "/dev/null", &file]);
            problems.extend(content(&mut command).err());
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
            for (flags, cxx) in product(&header_flags(), &compilers("CXX", "c++", "clang++")) {
                let mut command = command(cxx);
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
