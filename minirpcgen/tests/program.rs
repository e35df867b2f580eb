//! The program's options and its files.

mod common;

use common::{golden, listing, minirpcgen, scratch, stderr};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const OUTPUTS: [&str; 6] = [
    "t_client.h",
    "t_minirpc.c",
    "t_minirpc.h",
    "t_server.h",
    "t_xdr.c",
    "t_xdr.h",
];

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).expect("write input");
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).expect("read output")
}

#[test]
fn wrong_arguments_print_the_usage() {
    let directory = scratch("usage");
    for arguments in [
        &[][..],
        &["a.mx", "b.mx"],
        &["--unknown", "a.mx"],
        &["-x", "a.mx"],
        &["-F", "a.d", "a.mx"],
        &["-o"],
        &["-D"],
        &["a.mx", "-MF"],
        &["--check-old"],
    ] {
        let output = minirpcgen(&directory, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let usage = String::from_utf8_lossy(&output.stdout);
        assert!(usage.starts_with("Usage: minirpcgen "), "{usage}");
    }
}

#[test]
fn help_and_version() {
    let directory = scratch("help");
    let output = minirpcgen(&directory, &["-h"]);
    assert!(output.status.success());
    let usage = minirpcgen::cli::usage();
    assert_eq!(String::from_utf8_lossy(&output.stdout), usage);
    assert!(usage.lines().all(|line| line.len() < 100), "{usage}");
    let output = minirpcgen(&directory, &["--help"]);
    assert!(output.status.success());
    let long = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        long.starts_with("Usage: minirpcgen [OPTIONS] <FILE.mx>\n       minirpcgen --check-old "),
        "{long}"
    );
    assert!(long.len() > usage.len());
    let output = minirpcgen(&directory, &["--version"]);
    assert!(output.status.success());
    let version = format!("minirpcgen {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), version);
}

#[test]
fn outputs_go_to_the_current_directory_or_where_told() {
    let directory = scratch("places");
    for name in ["in", "out"] {
        fs::create_dir(directory.join(name)).expect("make directory");
    }
    write(&directory.join("in"), "t.mx", "struct a { int x; };");
    let output = minirpcgen(&directory.join("out"), &["../in/t.mx"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(listing(&directory.join("out")), OUTPUTS);
    assert_eq!(listing(&directory.join("in")), ["t.mx"]);

    let output = minirpcgen(&directory, &["-oin/other", "in/t.mx"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(read(&directory.join("in"), "other_xdr.h").contains("#ifndef OTHER_XDR_H"));
}

#[test]
fn all_or_nothing() {
    let directory = scratch("nothing");
    write(&directory, "t.mx", "struct a { int x; };");
    for name in OUTPUTS {
        write(&directory, name, "old");
    }
    write(&directory, "bad.mx", "struct a { int x };");
    let output = minirpcgen(&directory, &["-o", "t", "bad.mx"]);
    assert_eq!(output.status.code(), Some(1));
    for name in OUTPUTS {
        assert_eq!(read(&directory, name), "old");
    }
    // The last one cannot be replaced.
    fs::remove_file(directory.join("t_xdr.c")).expect("remove");
    fs::create_dir(directory.join("t_xdr.c")).expect("make directory");
    let before = listing(&directory);
    let output = minirpcgen(&directory, &["t.mx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write t_xdr.c"));
    assert_eq!(listing(&directory), before);
    assert_eq!(read(&directory, "t_client.h"), "old");

    let output = minirpcgen(&directory, &["-o", "missing/t", "t.mx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write missing/t_client.h"));
}

#[test]
fn faults_of_the_input_file() {
    let directory = scratch("faults");
    let output = minirpcgen(&directory, &["none.mx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("minirpcgen: error: cannot read none.mx: "));

    write(&directory, "my-proto.mx", "");
    let output = minirpcgen(&directory, &["my-proto.mx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("`my-proto` cannot start a C name"));

    let output = minirpcgen(&directory, &["-o", "out/", "my-proto.mx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("`` cannot start a C name"));

    write(&directory, "t.mx", "#include \"none.h\"\n");
    let output = minirpcgen(&directory, &["t.mx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("none.h"));
    assert!(stderr(&output).contains("the preprocessor `cpp` failed"));
    assert_eq!(listing(&directory), ["my-proto.mx", "t.mx"]);
}

#[test]
fn the_preprocessor_is_chosen_by_cpp() {
    let directory = scratch("preprocessor");
    write(
        &directory,
        "t.mx",
        "#ifdef MORE\nstruct more { int x; };\n#endif\n",
    );
    let run = |cpp: &str| {
        Command::new(env!("CARGO_BIN_EXE_minirpcgen"))
            .arg("t.mx")
            .current_dir(&directory)
            .env("CPP", cpp)
            .output()
            .expect("run minirpcgen")
    };
    assert!(run("cc -E -DMORE").status.success());
    assert!(read(&directory, "t_xdr.h").contains("struct more"));
    assert!(run("cpp").status.success());
    assert!(!read(&directory, "t_xdr.h").contains("struct more"));
    let output = run("no-such-preprocessor -x");
    assert_eq!(output.status.code(), Some(1));
    let expected = "minirpcgen: error: cannot run the preprocessor `no-such-preprocessor -x`";
    assert!(stderr(&output).starts_with(expected));
}

/// Where the shell finds a program.
fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH");
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|program| program.exists())
        .unwrap_or_else(|| panic!("there is no {name}"))
}

#[test]
fn without_cpp_the_compiler_preprocesses() {
    let directory = scratch("fallback");
    let programs = directory.join("programs");
    fs::create_dir(&programs).expect("make directory");
    write(&directory, "t.mx", "struct a { int x; };\n");
    let run = || {
        Command::new(env!("CARGO_BIN_EXE_minirpcgen"))
            .arg("t.mx")
            .current_dir(&directory)
            .env_remove("CPP")
            .env("PATH", &programs)
            .output()
            .expect("run minirpcgen")
    };
    let output = run();
    assert_eq!(output.status.code(), Some(1));
    let expected = "minirpcgen: error: cannot run the preprocessor `cc -E`";
    assert!(stderr(&output).starts_with(expected), "{}", stderr(&output));
    assert!(stderr(&output).contains("install a C compiler"));

    // Links, since a program just written may still be open in a forked test.
    symlink(which("cc"), programs.join("cc")).expect("link cc");
    let output = run();
    assert!(output.status.success(), "{}", stderr(&output));
    // The first one that there is, even if it fails.
    symlink(which("false"), programs.join("cpp")).expect("link false");
    let output = run();
    assert_eq!(output.status.code(), Some(1));
    let expected = "minirpcgen: error: the preprocessor `cpp` failed\n";
    assert_eq!(stderr(&output), expected);
}

/// cpp stops at some of these, or warns, in words of its own.
#[test]
fn what_a_preprocessor_may_let_through() {
    let directory = scratch("let-through");
    // Leaves all as it is.
    write(
        &directory,
        "unchanged",
        "for last; do :; done\nexec cat \"$last\"\n",
    );
    let run = |text: &str| {
        write(&directory, "t.mx", text);
        let output = Command::new(env!("CARGO_BIN_EXE_minirpcgen"))
            .arg("t.mx")
            .current_dir(&directory)
            .env("CPP", "sh unchanged")
            .output()
            .expect("run minirpcgen");
        assert_eq!(output.status.code(), Some(1), "{text}");
        stderr(&output)
    };
    let text = run("const A = \"open;\n");
    assert!(
        text.starts_with("t.mx:1:11: error: this text has no closing \"\n"),
        "{text}"
    );
    let text = run("const A = 'c;\n");
    assert!(
        text.starts_with("t.mx:1:11: error: this text has no closing '\n"),
        "{text}"
    );
    let text = run("const A = 1;\n/* open\n");
    assert!(
        text.starts_with("t.mx:2:1: error: this comment is not closed\n"),
        "{text}"
    );
}

#[test]
fn three_passes_and_defines() {
    let directory = scratch("passes");
    let input = "\
#ifdef MINIRPC
%/* in no file */
struct stubs { int x[SIZE]; };
#if MINIRPC != 1
#error
#endif
#endif
#ifdef RPC_HDR
%#define IN_HEADER
#endif
#ifdef RPC_XDR
%#define IN_SOURCE
#endif
#ifdef FLAG
struct flagged { int x; };
#endif
struct both { int x[SIZE]; };
";
    write(&directory, "t.mx", input);
    let output = minirpcgen(&directory, &["-D", "SIZE=3", "-DFLAG", "t.mx"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let (header, source) = (read(&directory, "t_xdr.h"), read(&directory, "t_xdr.c"));
    let stubs = read(&directory, "t_minirpc.h");
    assert!(header.contains("#define IN_HEADER\n") && !header.contains("IN_SOURCE"));
    assert!(source.contains("#define IN_SOURCE\n") && !source.contains("IN_HEADER"));
    assert!(header.contains("int x[3];") && header.contains("struct flagged"));
    assert!(stubs.contains("free_stubs") && stubs.contains("free_flagged"));
    assert!(!header.contains("stubs") && !source.contains("xdr_stubs"));
    for text in [header, source, stubs] {
        assert!(!text.contains("in no file"));
    }
}

#[test]
fn blocks_in_any_layout_add_up() {
    let directory = scratch("blocks");
    let input = "\
struct a{int x;};serverprocs{one(a)=1;}clientmsgs{m()=2;}
serverprocs
{
three
(
a ,
a
)
=
3
;
}
servermsgs { };
serverprocs { two() = 2; /* } */ four(void, a) = 4; }
clientmsgs { n(a) = 1; }
";
    write(&directory, "t.mx", input);
    let output = minirpcgen(&directory, &["t.mx"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let header = read(&directory, "t_minirpc.h");
    let server = "enum t_server_procedures {\n\tnr_t_one = 1,\n\tnr_t_two = 2,\n\
                  \tnr_t_three = 3,\n\tnr_t_four = 4\n};";
    assert!(header.contains(server), "{header}");
    let client = "enum t_client_procedures {\n\tnr_t_n = -1,\n\tnr_t_m = -2\n};";
    assert!(header.contains(client), "{header}");
}

#[test]
fn dependencies_are_a_make_rule() {
    let directory = scratch("dependencies");
    let input = golden().join("first.mx");
    let input = input.to_string_lossy();
    let output = minirpcgen(&directory, &["-M", &input]);
    assert!(output.status.success(), "{}", stderr(&output));
    let rule = read(&directory, "first.d");
    assert!(rule.starts_with("first_client.h first_server.h "), "{rule}");
    assert!(rule.contains("/first.mx"), "{rule}");
    assert!(rule.contains("/common.mx:\n"), "{rule}");

    let output = minirpcgen(&directory, &["-MF", "rules", "-o", "t", &input]);
    assert!(output.status.success(), "{}", stderr(&output));
    let rule = read(&directory, "rules");
    assert!(rule.starts_with("t_client.h t_server.h "), "{rule}");
    // As make reads it.
    let output = Command::new("make")
        .args(["-f", "rules", "-q", "t_xdr.h"])
        .current_dir(&directory)
        .output()
        .expect("run make");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}
