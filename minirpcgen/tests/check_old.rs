//! --check-old: what a program with older stubs will meet.

mod common;

use common::{compiler, header_flags, minirpcgen, scratch, stderr};
use std::fs;
use std::path::Path;

/// The status, and the findings without what they say beyond the severity.
fn check(directory: &Path, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let output = minirpcgen(directory, &[&["--check-old"], arguments].concat());
    assert_eq!(stderr(&output), "", "{arguments:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    for line in text.lines() {
        let said = line.splitn(4, ':').nth(3);
        assert!(said.is_some_and(|said| said.len() > 20), "{line}");
        assert!(line.len() < 300, "{line}");
    }
    let place = |line: &str| line.splitn(4, ':').take(3).collect::<Vec<_>>().join(":");
    (output.status.code(), text.lines().map(place).collect())
}

fn check_text(directory: &Path, text: &str) -> (Option<i32>, Vec<String>) {
    fs::write(directory.join("t.mx"), text).expect("write input");
    check(directory, &["t.mx"])
}

/// Those that were written for these stubs use what is new in them.
#[test]
fn the_examples() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for directory in fs::read_dir(&examples).expect("examples") {
        let directory = directory.expect("an entry").path();
        if !directory.is_dir() {
            continue;
        }
        let names = common::listing(&directory);
        let sources = names.iter().map(String::as_str);
        let is_source =
            |name: &&str| name.ends_with(".c") || name.ends_with(".h") || *name == "Makefile";
        let sources: Vec<&str> = sources.filter(is_source).collect();
        for input in names.iter().filter(|name| name.ends_with(".mx")) {
            let (status, found) = check(&directory, &[&[input.as_str()], &sources[..]].concat());
            let expected: &[&str] = match input.as_str() {
                "color.mx" => &["color.mx:7: note"],
                "guide.mx" => &["guide.mx:5: note"],
                "treecopy.mx" => &["treecopy.mx:32: note"],
                "scale.mx" => &["scale.mx:10: warning"],
                "shop.mx" => &[
                    "shop.mx:2: note",
                    "shop.mx:8: warning",
                    "shop.mx:9: warning",
                    "shop.mx:10: warning",
                ],
                _ => &[],
            };
            assert_eq!(found, expected, "{input}");
            let is_work = expected.iter().any(|line| line.ends_with("warning"));
            assert_eq!(status, Some(i32::from(is_work)), "{input}");
            seen += 1;
        }
    }
    assert!(seen >= 6, "{seen}");
}

/// Things that old files have.
#[test]
fn what_old_files_have() {
    let directory = scratch("old-files");
    let procs = "serverprocs {\n\tget(t) = 1;\n}\n";
    let nothing: &[&str] = &[];
    for (text, status, findings) in [
        // Nothing differs: numbers, enums and bool are decoded as ever.
        ("enum hue { RED };\ntypedef bool t;\nstruct s { hue h; long l; unsigned hyper u; };\n", 0, nothing),
        ("const NO_LIMIT = 0xffffffffffffffff;\nstruct t { unsigned hyper from; };\n", 0, nothing),
        ("typedef int int32_t;\ntypedef unsigned hyper uint64_t;\nstruct t { int32_t a; uint64_t b; };\n", 0, nothing),
        ("struct t { int linux; int unix; };\n", 0, nothing),
        ("struct t { int x; };\ntypedef struct t t;\n", 0, nothing),
        ("struct t { int n; opaque rest[0]; };\n", 0, nothing),
        ("typedef opaque t<PATH_MAX>;\n", 0, nothing),
        ("struct t { int v; t *next; };\n", 0, nothing),
        // To be known, and no more.
        ("typedef string t<PATH_MAX>;\n", 0, &["t.mx:1: note"]),
        ("struct t { netobj who; };\n", 0, &["t.mx:1: note"]),
        ("struct t { opaque export<64>; };\n", 0, &["t.mx:1: note"]),
        ("struct t { string a<>; };\ntypedef string b<>;\n", 0, &["t.mx:1: note"]),
        ("typedef int t;\nserverprocs {\n\topen() = 3;\n\topen_with(t) = 4;\n}\n", 0, &["t.mx:3: note"]),
        ("%#include <rpc/rpc.h>\ntypedef int t;\n", 0, &["t.mx:1: note"]),
        ("typedef int t;\n%#define SIZE(x) xdr_sizeof(xdr_t, x)\n", 0, &["t.mx:2: note"]),
        ("struct t { bool a; int b[3]; };\n", 0, &["t.mx:1: note"]),
        ("struct t { bool a; int b; int c; string d<>; };\n", 0, &["t.mx:1: note"]),
        ("typedef bool flag;\nstruct t { flag a; int b; int c; int d; };\n", 0, nothing),
        ("struct t { bool a; int b; int c; };\n", 0, nothing),
        // To be looked at.
        ("struct t { int v; t *left; t *right; };\n", 1, &["t.mx:1: warning"]),
        ("typedef int t;\nserverprocs { ping() = 2; }\n", 1, &["t.mx:2: warning"]),
        ("typedef int t;\nservermsgs { note(t) = 1; }\n", 1, &["t.mx:2: warning"]),
        ("typedef int t;\nservermsgs { }\n", 0, nothing),
        ("typedef int t;\nservermsgs\n{ note(t) = 1; }\n", 0, nothing),
        // Not taken.
        ("enum hue { RED };\ntypedef hue t;\n%int mrpc_is_valid_hue;\n", 1, &["t.mx:3: error"]),
        ("struct t { hyper b[4000000000]; };\n", 1, &["t.mx:1: error"]),
        ("struct t { unknown x; };\nstruct u { int y[LIMIT]; };\n", 1, &["t.mx:1: error", "t.mx:2: error"]),
        ("%#define LONG \\\n%\t5\ntypedef int t;\n", 1, &["t.mx:1: error"]),
        ("typedef int t;\nconst free_t = 1;\n", 1, &["t.mx:1: error"]),
    ] {
        let text = format!("{text}{procs}");
        assert_eq!(
            check_text(&directory, &text),
            (Some(status), findings.iter().map(|&f| f.to_owned()).collect()),
            "{text}"
        );
    }
    assert_eq!(check(&directory, &["--c-only", "t.mx"]).0, Some(1));
    fs::write(directory.join("t.mx"), "struct t { opaque export<64>; };\n").expect("write input");
    assert_eq!(
        check(&directory, &["--c-only", "t.mx"]),
        (Some(0), Vec::new())
    );
    assert_eq!(common::listing(&directory), ["t.mx"]);
}

const INTERFACE: &str = "\
enum hue { RED = 1 };
struct t { hue h; };
serverprocs {
\tget(t, t) = 1;
}
";

#[test]
fn the_programs_own_files() {
    let directory = scratch("old-sources");
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).expect("write");
    write("t.mx", INTERFACE);
    write(
        "Makefile",
        "LIBS = -lminirpc -ltirpc\nall:\n\trpcgen other.x\n",
    );
    write(
        "a.c",
        "#include <rpc/rpc.h>\n#include \"t_client.h\"\nint mrpc_is_valid_hue(hue);\n\
         static int t_get_with(int x) { return x; }\n",
    );
    write("b.c", "#include <rpc/rpc.h>\nx = clnt_create(h);\n");
    write("c.cc", "mrpc_listen(set, AF_UNSPEC, 0, &port);\n");
    // The stubs of old are no work.
    write("t_xdr.c", "#include <rpc/rpc.h>\nxdr_array(x);\n");
    let files = ["t.mx", "Makefile", "a.c", "b.c", "c.cc", "t_xdr.c"];
    let found = [
        "Makefile:1: note",
        "Makefile:3: note",
        "a.c:1: note",
        "a.c:3: error",
        "a.c:4: error",
        "b.c:2: note",
        "c.cc:1: warning",
    ];
    let found: Vec<String> = found.iter().map(|&line| line.to_owned()).collect();
    assert_eq!(check(&directory, &files), (Some(1), found));
    assert_eq!(check(&directory, &["t.mx", "Makefile", "b.c"]).0, Some(0));
    assert_eq!(check(&directory, &["t.mx", "a.c"]).0, Some(1));
    assert_eq!(check(&directory, &["t.mx", "c.cc"]).0, Some(1));
    // With another base, its stubs have other names.
    let (_, found) = check(&directory, &["-o", "out/u", "t.mx", "a.c"]);
    assert_eq!(found, ["a.c:1: note", "a.c:3: error"]);
}

/// An error is one: the compiler does not take the name.
#[test]
fn the_compiler_agrees() {
    let directory = scratch("old-names");
    fs::write(directory.join("t.mx"), INTERFACE).expect("write input");
    let made = minirpcgen(&directory, &["t.mx"]);
    assert!(made.status.success(), "{}", stderr(&made));
    for (name, is_taken) in [
        ("t_get_with", true),
        ("t_get_async_with", true),
        ("mrpc_is_valid_hue", true),
        ("mrpc_is_valid_t", false),
        ("t_get_without", false),
    ] {
        let text = format!("#include \"t_client.h\"\nint {name};\n");
        fs::write(directory.join("a.c"), text).expect("write source");
        let (status, _) = check(&directory, &["t.mx", "a.c"]);
        assert_eq!(status, Some(i32::from(is_taken)), "{name}");
        for flags in header_flags() {
            let mut cc = compiler("CC", "cc");
            cc.current_dir(&directory).args(flags);
            cc.args(["-c", "-o", "/dev/null", "a.c"]);
            let output = cc.output().expect("run the compiler");
            assert_eq!(output.status.success(), !is_taken, "{name}");
        }
    }
}

#[test]
fn what_cannot_be_checked() {
    let directory = scratch("old-faults");
    let fails = |arguments: &[&str], message: &str| {
        let output = minirpcgen(&directory, &[&["--check-old"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    };
    fails(&["none.mx"], "cannot read none.mx");
    fs::write(directory.join("t.mx"), "#include \"none.mx\"\n").expect("write input");
    fails(&["t.mx"], "the preprocessor `cpp` failed");
    fs::write(directory.join("t.mx"), INTERFACE).expect("write input");
    fails(&["t.mx", "none.c"], "cannot read none.c");
}
