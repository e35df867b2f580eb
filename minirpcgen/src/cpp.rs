//! Running the C preprocessor: `$CPP`, else `cpp`, else `cc -E`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

/// One run's output, or what there is to say about its failure.
pub struct Preprocessed {
    pub text: String,
    /// What the preprocessor wrote to its standard error.
    pub warnings: String,
}

/// Macros that C compilers define for their system, though C leaves the names to the
/// user.
pub const SYSTEMS: [&str; 17] = [
    "linux", "unix", "i386", "mips", "MIPSEB", "MIPSEL", "m68k", "mc68000", "PPC", "powerpc",
    "hppa", "parisc", "sparc", "sun", "WIN32", "WIN64", "WINNT",
];

/// Where the C library's macros are looked for: what <rpc/rpc.h> includes, and more
/// that has sizes and numbers. The first that brings a macro is taken for its home.
const HEADERS: [&str; 19] = [
    "limits.h",
    "linux/limits.h",
    "stdint.h",
    "stdio.h",
    "stdlib.h",
    "errno.h",
    "fcntl.h",
    "sys/stat.h",
    "time.h",
    "sys/time.h",
    "sys/select.h",
    "signal.h",
    "sys/socket.h",
    "netinet/in.h",
    "net/if.h",
    "netdb.h",
    "unistd.h",
    "sys/param.h",
    "rpc/rpc.h",
];

/// The macros to undefine: those of `SYSTEMS` that no directive of the files asks for
/// and the user's own preprocessor command does not define.
pub fn unwanted_macros() -> Vec<&'static str> {
    let command = candidates().concat();
    let mut words = command.iter().map(String::as_str);
    let mut defined = Vec::new();
    while let Some(word) = words.next() {
        let definition = match word.strip_prefix("-D") {
            Some("") => words.next(),
            definition => definition,
        };
        defined.extend(definition.and_then(|text| text.split('=').next()));
    }
    SYSTEMS
        .into_iter()
        .filter(|name| !defined.contains(name))
        .collect()
}

/// Which of `macros` the files' own directives mention.
pub fn mentioned<'a>(files: &[String], macros: &[&'a str]) -> Vec<&'a str> {
    let mut found = BTreeSet::new();
    for file in files {
        // What cannot be read has been read by the preprocessor.
        let text = fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let directives = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix('#'));
        for directive in directives {
            let words = directive.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            found.extend(words.filter_map(|word| macros.iter().find(|name| **name == word)));
        }
    }
    found.into_iter().copied().collect()
}

/// Defines `pass` (to 1) and `defines`, undefines `unwanted`, and preprocesses `input`.
pub fn run(
    input: &Path,
    pass: &str,
    defines: &[OsString],
    unwanted: &[&str],
) -> Result<Preprocessed, String> {
    // Comments stay, for those in `%` lines.
    let mut arguments = vec![OsString::from("-C")];
    arguments.extend(
        unwanted
            .iter()
            .map(|name| OsString::from(format!("-U{name}"))),
    );
    arguments.push(format!("-D{pass}=1").into());
    for define in defines {
        let mut argument = OsString::from("-D");
        argument.push(define);
        arguments.push(argument);
    }
    // A name that looks like an option, or like the standard input.
    if input.as_os_str().as_encoded_bytes().starts_with(b"-") {
        arguments.push(Path::new(".").join(input).into());
    } else {
        arguments.push(input.into());
    }
    let (command, result) = start(&arguments, "");
    finish(&command, result)
}

/// The header of the C library that defines each of these macros, as far as one does.
pub fn defining_headers(names: &BTreeSet<String>) -> BTreeMap<String, &'static str> {
    // C's constants are in capitals; others may be mistakes.
    let is_constant = |name: &&String| !name.contains(|c: char| c.is_ascii_lowercase());
    let names: Vec<&String> = names.iter().filter(is_constant).collect();
    let mut found = BTreeMap::new();
    // Rather one that has it also for strict compilers.
    for first in ["#define __STRICT_ANSI__ 1\n", ""] {
        let missing: Vec<&String> = names
            .iter()
            .copied()
            .filter(|name| !found.contains_key(*name))
            .collect();
        if !missing.is_empty() {
            look_for(&missing, first, &mut found);
        }
    }
    found
}

fn look_for(names: &[&String], first: &str, found: &mut BTreeMap<String, &'static str>) {
    let mut text = format!("{first}#ifdef __has_include\n");
    for (i, header) in HEADERS.iter().enumerate() {
        let _ = write!(
            text,
            "#if __has_include(<{header}>)\n#include <{header}>\n#endif\n"
        );
        for name in names {
            let _ = write!(
                text,
                "#ifdef {name}\n\"minirpcgen\" {i} \"{name}\"\n#endif\n"
            );
        }
    }
    text.push_str("#endif\n");
    let output = match start(&["-".into()], &text).1 {
        Ok(output) if output.status.success() => output,
        _ => return,
    };
    let output = String::from_utf8_lossy(&output.stdout);
    // What does not preprocess has not found anything.
    if output.lines().any(|line| line.starts_with("#if")) {
        return;
    }
    for line in output.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["\"minirpcgen\"", header, name] = words.as_slice() {
            let header = header.parse().ok().and_then(|i: usize| HEADERS.get(i));
            if let Some(header) = header {
                found
                    .entry(name.trim_matches('"').to_owned())
                    .or_insert(*header);
            }
        }
    }
}

fn candidates() -> Vec<Vec<String>> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    match env::var("CPP") {
        Ok(command) if !command.trim().is_empty() => vec![words(&command)],
        _ => vec![words("cpp"), words("cc -E")],
    }
}

/// Runs the first preprocessor that there is, with `input` as its standard input.
fn start(arguments: &[OsString], input: &str) -> (Vec<String>, io::Result<Output>) {
    let mut commands = candidates();
    let last = commands.pop().unwrap_or_default();
    for command in commands {
        match spawn(&command, arguments, input) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return (command, result),
        }
    }
    let result = spawn(&last, arguments, input);
    (last, result)
}

fn spawn(command: &[String], arguments: &[OsString], input: &str) -> io::Result<Output> {
    let Some((program, first)) = command.split_first() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    // The language is told, since the suffix .mx means nothing to a compiler.
    let mut child = Command::new(program)
        .args(first)
        .args(["-x", "c"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        // Beside the reading: neither may wait for the other. Who reads nothing is
        // told nothing.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    })
}

fn finish(command: &[String], result: io::Result<Output>) -> Result<Preprocessed, String> {
    let command = command.join(" ");
    let output = result.map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "; install a C compiler, or name a preprocessor in CPP",
            _ => "",
        };
        format!("minirpcgen: error: cannot run the preprocessor `{command}`: {error}{remedy}\n")
    })?;
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!(
            "{warnings}minirpcgen: error: the preprocessor `{command}` failed\n"
        ));
    }
    Ok(Preprocessed {
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        warnings,
    })
}
