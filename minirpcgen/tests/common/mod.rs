//! What the tests of the program share.

// Each test binary uses its part.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// An empty directory for one test.
pub fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("remove old scratch directory");
    }
    fs::create_dir_all(&directory).expect("make scratch directory");
    directory
}

pub fn minirpcgen(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_minirpcgen"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("CPP")
        .output()
        .expect("run minirpcgen")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The names of a directory's files, sorted.
pub fn listing(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("read directory")
        .map(|entry| entry.expect("read directory").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The files of golden/ and golden/bad/ that are inputs.
pub fn inputs(directory: &Path) -> Vec<String> {
    let names = listing(directory).into_iter();
    let names = names.filter_map(|name| name.strip_suffix(".mx").map(str::to_owned));
    let names: Vec<String> = names.collect();
    assert!(!names.is_empty(), "no inputs in {}", directory.display());
    names
}

/// Makes the outputs of golden/NAME.mx in a directory. What it says on the way is
/// that of golden/NAME.stderr, if there is one.
pub fn generate(name: &str, directory: &Path) -> Result<(), String> {
    let base = directory.join(name);
    let (base, input) = (base.to_string_lossy(), format!("{name}.mx"));
    let mut arguments = vec!["-o", &base, &input];
    if name == "strict" {
        arguments.push("--strict-enums");
    }
    let output = minirpcgen(&golden(), &arguments);
    assert!(output.status.success(), "{input}: {}", stderr(&output));
    let remarks = golden().join(format!("{name}.stderr"));
    match (stderr(&output).as_str(), remarks.exists()) {
        ("", false) => Ok(()),
        (actual, _) => compare(&remarks, actual),
    }
}

/// Makes all the golden inputs' outputs in one directory.
pub fn generate_all(directory: &Path) {
    for name in inputs(&golden()) {
        generate(&name, directory).expect("the remarks are known");
    }
}

/// Compares with the stored file, or stores it if UPDATE_GOLDEN is set.
pub fn compare(stored: &Path, actual: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(stored, actual).expect("update golden file");
        return Ok(());
    }
    let expected =
        fs::read_to_string(stored).map_err(|error| format!("{}: {error}", stored.display()))?;
    let differs = expected
        .lines()
        .zip(actual.lines())
        .position(|(a, b)| a != b);
    let line = match differs {
        Some(line) => line,
        None if expected == actual => return Ok(()),
        None => expected.lines().count().min(actual.lines().count()),
    };
    Err(format!(
        "{}:{}: differs\n  stored: {}\n  actual: {}\n(UPDATE_GOLDEN=1 stores what it is now)",
        stored.display(),
        line + 1,
        expected.lines().nth(line).unwrap_or("(end)"),
        actual.lines().nth(line).unwrap_or("(end)")
    ))
}

pub fn fail_on(problems: Vec<String>) {
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

pub fn include() -> String {
    format!("-I{}/../include", env!("CARGO_MANIFEST_DIR"))
}

/// The flags that bring libtirpc's headers, if they are installed.
pub fn tirpc() -> Option<Vec<String>> {
    let output = Command::new("pkg-config")
        .args(["--cflags", "libtirpc"])
        .output();
    match output {
        Ok(output) if output.status.success() => Some(
            String::from_utf8_lossy(&output.stdout)
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        ),
        // tests/run tells.
        _ => None,
    }
}

/// Both ways of compiling: with <minirpc/xdr.h>'s own types, and the system's.
pub fn header_flags() -> Vec<Vec<String>> {
    let own = vec![include()];
    let mut all = vec![own.clone()];
    if let Some(tirpc) = tirpc() {
        all.push(own.into_iter().chain(tirpc).collect());
    }
    all
}

pub fn compiler(variable: &str, default: &str) -> Command {
    command(&std::env::var(variable).unwrap_or_else(|_| default.to_owned()))
}

/// The compiler, and clang's where there is one.
pub fn compilers(variable: &str, default: &str, clang: &str) -> Vec<String> {
    let first = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    let mut all = vec![first];
    // Not by starting it: qemu's vfork succeeds for a program that is not there.
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|dir| dir.join(clang).exists()) {
        all.push(clang.to_owned());
    }
    all
}

pub fn command(words: &str) -> Command {
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command
}

/// Runs a compiler; what it says if it is not content.
pub fn content(command: &mut Command) -> Result<(), String> {
    let output = command.output().expect("run the compiler");
    if output.status.success() && output.stderr.is_empty() {
        Ok(())
    } else {
        Err(format!("{command:?}\n{}", stderr(&output)))
    }
}
