//! Files that rpcgen and miniRPC's old generator take, and what programs expect of
//! their headers.

mod common;

use common::{
    command, compiler, compilers, content, fail_on, header_flags, include, listing, minirpcgen,
    scratch, stderr, tirpc,
};
use minirpcgen::rpc_h;
use std::fs;
use std::path::Path;
use std::process::Command;

const WARNINGS: [&str; 6] = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wstrict-prototypes",
    "-Werror",
    "-O2",
];

/// Makes t_*.[ch] of this text; what the program says on the way.
fn generate(directory: &Path, text: &str, arguments: &[&str]) -> String {
    fs::write(directory.join("t.mx"), text).expect("write input");
    let output = minirpcgen(directory, &[arguments, &["t.mx"]].concat());
    assert!(output.status.success(), "{text}\n{}", stderr(&output));
    stderr(&output)
}

fn refused(directory: &Path, text: &str) -> String {
    fs::write(directory.join("t.mx"), text).expect("write input");
    let output = minirpcgen(directory, &["t.mx"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    stderr(&output)
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).expect("read output")
}

/// Compiles the C files in the directory.
fn compile(directory: &Path, flags: &[String], more: &[&str]) -> Vec<String> {
    let files = listing(directory).into_iter();
    let sources = files.filter(|file| file.ends_with(".c"));
    sources
        .filter_map(|file| {
            let mut cc = compiler("CC", "cc");
            cc.current_dir(directory).args(WARNINGS).args(flags);
            cc.args(more).args(["-c", "-o", "/dev/null", &file]);
            content(&mut cc).err()
        })
        .collect()
}

fn compile_all(directory: &Path, more: &[&str]) {
    let all = header_flags();
    let problems = all.iter().flat_map(|flags| compile(directory, flags, more));
    fail_on(problems.collect());
}

#[test]
fn the_c_librarys_constants_are_known() {
    let directory = scratch("constants");
    let said = generate(
        &directory,
        "typedef string path<PATH_MAX>;\n\
         const NAMES = NAME_MAX;\n\
         struct address { int family; string text<INET6_ADDRSTRLEN>; opaque id[IFNAMSIZ]; };\n\
         union any switch (int family) { case AF_INET: unsigned v4; case AF_INET6: opaque v6[16]; };\n\
         enum error { NONE, MISSING = ENOENT };\n\
         struct dir { path names<NAMES>; error e; };\n\
         serverprocs { list(dir, any) = 1; at(address) = 2; }\n",
        &[],
    );
    assert_eq!(said, "");
    compile_all(&directory, &["-std=gnu99"]);
    // Nor does it need what GNU adds to C.
    generate(&directory, "typedef string path<PATH_MAX>;", &[]);
    compile_all(&directory, &["-std=c99"]);
    // Lower case may be a mistake, and is no constant of C's anyway.
    let said = refused(&directory, "struct s { int x<stdin>; };");
    assert!(said.contains("unknown constant `stdin`"), "{said}");
    let said = refused(&directory, "struct s { int x<NO_SUCH_MAX>; };");
    assert!(said.contains("unknown constant `NO_SUCH_MAX`"), "{said}");
    assert!(said.contains("`%#include` line makes it known"), "{said}");
}

#[test]
fn without_a_preprocessors_help_there_are_no_constants() {
    let directory = scratch("no-constants");
    fs::write(directory.join("t.mx"), "typedef string p<PATH_MAX>;\n").expect("write input");
    // Shows its input, be it a file's or its own.
    let unchanged = "for last; do :; done\n[ \"$last\" = - ] || exec cat \"$last\"\ncat\n";
    fs::write(directory.join("unchanged"), unchanged).expect("write program");
    for cpp in [
        "sh unchanged",
        "cpp -D__has_include(x)=0 -Wno-builtin-macro-redefined",
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_minirpcgen"))
            .arg("t.mx")
            .current_dir(&directory)
            .env("CPP", cpp)
            .output()
            .expect("run minirpcgen");
        assert_eq!(output.status.code(), Some(1), "{cpp}");
        let said = stderr(&output);
        assert!(said.contains("unknown constant `PATH_MAX`"), "{said}");
    }
}

/// A file with C of its own defines what it likes.
#[test]
fn the_files_own_c_comes_first() {
    let directory = scratch("own-c");
    generate(
        &directory,
        "%#define NAME_MAX 7\n%#define AUTH_SYS 9\n%enum { CALL };\n\
         struct s { string name<NAME_MAX>; int a[AUTH_SYS]; };\n\
         union u switch (int k) { case CALL: void; default: int x<PATH_MAX>; };\n",
        &[],
    );
    let header = read(&directory, "t_xdr.h");
    assert!(!header.contains("#define AUTH_SYS 1"), "{header}");
    assert!(header.contains("limits.h>"), "{header}");
    // libtirpc's own header has these names.
    let own = vec![include(), "-DMINIRPC_OWN_XDR".to_owned()];
    fs::remove_file(directory.join("t.mx")).expect("remove input");
    let mut problems = compile(&directory, &own, &["-Wno-macro-redefined"]);
    // Its NAME_MAX is defined after that of <limits.h>.
    problems.retain(|problem| !problem.contains("\"NAME_MAX\" redefined"));
    fail_on(problems);
}

#[test]
fn types_of_libtirpc_need_it_and_a_note_says_so() {
    let directory = scratch("netobj");
    let said = generate(
        &directory,
        "struct lockarg { netobj who; netobj many<>; netobj *maybe; netobj two[2]; };\n\
         struct auth { opaque_auth plain; struct opaque_auth tagged; struct opaque_auth some<3>; };\n\
         union cred switch (unsigned f) { case AUTH_SYS: int uid; default: void; };\n\
         serverprocs { lock(lockarg, cred) = 1; auth(auth) = 2; }\n",
        &[],
    );
    assert!(
        said.starts_with("t.mx:1:18: note: `netobj` is a type of libtirpc's <rpc/rpc.h>\n"),
        "{said}"
    );
    assert!(said.contains("and programs -ltirpc"), "{said}");
    assert_eq!(said.matches("note: `").count(), 2, "{said}");
    // Without it there is one clear error.
    let errors = compile(
        &directory,
        &[include(), "-DMINIRPC_OWN_XDR".to_owned()],
        &[],
    );
    assert!(errors[0].contains("#error netobj needs the headers of libtirpc"));
    let Some(tirpc) = tirpc() else { return };
    let flags: Vec<String> = [include()].into_iter().chain(tirpc).collect();
    fail_on(compile(&directory, &flags, &[]));
}

/// The table's types are there, with procedures.
#[test]
fn all_types_of_libtirpc_link() {
    let Some(tirpc) = tirpc() else { return };
    let directory = scratch("rpc-types");
    let mut text = "struct all {\n".to_owned();
    for (i, name) in rpc_h::types().enumerate() {
        text.push_str(&format!("{name} m{i};\n"));
    }
    text.push_str("};\n");
    generate(&directory, &text, &[]);
    fs::write(
        directory.join("main.c"),
        "#include \"t_xdr.h\"\n\
         int main(void) { static XDR x; static all a; x.x_op = (enum xdr_op)9; return xdr_all(&x, &a); }\n",
    )
    .expect("write source");
    let mut cc = compiler("CC", "cc");
    cc.current_dir(&directory).args(WARNINGS).arg(include());
    cc.args(tirpc)
        .args(["main.c", "t_xdr.c", "-o", "program", "-ltirpc"]);
    fail_on(content(&mut cc).err().into_iter().collect());
    let status = Command::new(directory.join("program")).status();
    assert!(status.expect("run the program").success());
}

/// The table's constants have libtirpc's values.
#[test]
fn constants_of_libtirpc_have_its_values() {
    let Some(tirpc) = tirpc() else { return };
    let directory = scratch("rpc-values");
    let mut text = "#include <rpc/rpc.h>\n".to_owned();
    for (name, value) in rpc_h::constants() {
        text.push_str(&format!(
            "typedef char is_{name}[{name} == {value} ? 1 : -1];\n"
        ));
    }
    fs::write(directory.join("values.c"), text).expect("write source");
    let mut cc = compiler("CC", "cc");
    cc.current_dir(&directory).args(tirpc);
    cc.args(["-c", "-o", "/dev/null", "values.c"]);
    fail_on(content(&mut cc).err().into_iter().collect());
}

/// Every name of <rpc/rpc.h> may be the file's own.
#[test]
fn no_name_of_rpc_h_is_in_the_way() {
    let directory = scratch("taken");
    let taken: Vec<&str> = rpc_h::names().collect();
    assert!(taken.len() > 400);
    // What <rpc/xdr.h> has cannot be avoided, where that is in use.
    let of_xdr_h = ["netobj", "netbuf", "BYTES_PER_XDR_UNIT", "MAX_NETOBJ_SZ"];
    let mut names: Vec<&str> = taken.clone();
    names.retain(|name| !of_xdr_h.contains(name));
    let enumerators = names.iter().map(|name| format!("{name},\n"));
    let text = format!("enum all {{\n{}LAST }};\n", enumerators.collect::<String>());
    generate(&directory, &text, &[]);
    compile_all(&directory, &[]);
    // A type has a procedure, which may be one of the names, too.
    let structs = names
        .iter()
        .filter(|name| !name.starts_with("xdr_"))
        .map(|name| format!("struct {name} {{ int {name}; }};\n"));
    generate(&directory, &structs.collect::<String>(), &[]);
    assert!(!read(&directory, "t_xdr.h").contains("#include <rpc/rpc.h>"));
    compile_all(&directory, &[]);
    let constants = names.iter().map(|name| format!("const {name} = 77;\n"));
    generate(&directory, &constants.collect::<String>(), &[]);
    assert!(read(&directory, "t_xdr.h").contains("#include <rpc/rpc.h>"));
    compile_all(&directory, &[]);
    // A stub's name counts as well.
    generate(&directory, "serverprocs { run() = 1; }", &["-o", "svc"]);
    assert!(!read(&directory, "svc_xdr.h").contains("#include <rpc/rpc.h>"));
    compile_all(&directory, &[]);
}

#[test]
fn systems_names_are_free_unless_the_file_asks_for_the_system() {
    let directory = scratch("systems");
    let run = |text: &str, cpp: Option<&str>| {
        fs::write(directory.join("t.mx"), text).expect("write input");
        let mut command = Command::new(env!("CARGO_BIN_EXE_minirpcgen"));
        command
            .arg("t.mx")
            .current_dir(&directory)
            .env_remove("CPP");
        if let Some(cpp) = cpp {
            command.env("CPP", cpp);
        }
        let output = command.output().expect("run minirpcgen");
        (output.status.success(), stderr(&output))
    };
    let names = "struct hosts { int linux; int unix; };\nserverprocs { linux(hosts) = 1; }\n";
    assert_eq!(run(names, None), (true, String::new()));
    compile_all(&directory, &[]);

    let asks = "#ifdef linux\nstruct on_linux { int x; };\n#endif\nstruct s { int unix; };\n";
    assert_eq!(run(asks, None), (true, String::new()));
    let on_linux = cfg!(target_os = "linux");
    assert_eq!(read(&directory, "t_xdr.h").contains("on_linux"), on_linux);
    // Also in a file that it includes.
    fs::write(directory.join("part"), asks).expect("write input");
    assert!(run("#include \"part\"\n", None).0);
    assert_eq!(read(&directory, "t_xdr.h").contains("on_linux"), on_linux);
    // A line for the C compiler asks nothing of this preprocessor.
    assert!(run("%#ifdef linux\n%#endif\nstruct s { int linux; };\n", None).0);

    // What the user's command defines stays.
    let value = "struct s { int x[linux]; };\n";
    assert!(run(value, Some("cpp -Dlinux=3")).0);
    assert!(read(&directory, "t_xdr.h").contains("int x[3];"));
    assert!(run(value, Some("cpp -D linux=4")).0);
    assert!(read(&directory, "t_xdr.h").contains("int x[4];"));
    generate(&directory, value, &["-Dlinux=5"]);
    assert!(read(&directory, "t_xdr.h").contains("int x[5];"));
}

/// Preprocessors differ in what they make of these.
#[test]
fn a_copied_line_that_goes_on_is_refused_whatever_the_preprocessor() {
    let directory = scratch("continued");
    let text = "%#define LONG_ONE \\\n%\t5\nstruct s { int a; };\n";
    fs::write(directory.join("t.mx"), text).expect("write input");
    for cc in compilers("CC", "cc", "clang") {
        let output = Command::new(env!("CARGO_BIN_EXE_minirpcgen"))
            .arg("t.mx")
            .current_dir(&directory)
            .env("CPP", format!("{cc} -E"))
            .output()
            .expect("run minirpcgen");
        let said = stderr(&output);
        let first = "t.mx:1:1: error: a `%` line cannot go on in the next line\n";
        assert!(said.starts_with(first), "{cc}: {said}");
        assert!(said.ends_with("minirpcgen: 1 error\n"), "{cc}: {said}");
    }
}

#[test]
fn keywords_of_cpp_bring_a_warning() {
    let directory = scratch("keywords");
    let text = "struct args { string export<64>; int plain; };\n\
                union u switch (int this) { case 1: int new; default: void; };\n\
                enum e { delete, other };\n\
                serverprocs { try(args) = 1; }\nclientmsgs { virtual(args) = 1; }\n";
    let said = generate(&directory, text, &[]);
    for (what, name) in [
        ("member", "export"),
        ("member", "this"),
        ("member", "new"),
        ("enumerator", "delete"),
        ("procedure", "try"),
        ("message", "virtual"),
    ] {
        let line = format!("warning: the {what} `{name}` has the name of a keyword of C++\n");
        assert!(said.contains(&line), "{line}{said}");
    }
    assert_eq!(said.matches("warning:").count(), 6, "{said}");
    assert!(said.starts_with("t.mx:1:22: warning: "), "{said}");
    compile_all(&directory, &["-std=gnu17"]);
    assert_eq!(generate(&directory, text, &["--c-only"]), "");
    compile_all(&directory, &["-std=gnu17"]);
    // C23 has taken some of them over.
    let text = "struct s { int true; int alignas; int thread_local; };\n";
    let said = generate(&directory, text, &["--c-only"]);
    assert_eq!(said.matches("keyword of C since C23").count(), 3, "{said}");
    compile_all(&directory, &["-std=gnu17"]);
}

/// A type that C declares, made known without a definition.
#[test]
fn a_foreign_type_may_be_declared() {
    let directory = scratch("declared");
    generate(
        &directory,
        "%#include \"pos.h\"\ntypedef struct pos pos;\ntypedef struct pos pos;\n\
         struct line { pos from; struct pos to; struct other o; enum hue h; struct other some<>; struct other *maybe; };\n\
         serverprocs { put(pos, line) = 1; }\n",
        &[],
    );
    let header = read(&directory, "t_xdr.h");
    for line in [
        "\tpos to;\n",
        "\tstruct other o;\n",
        "\tenum hue h;\n",
        "\t\tstruct other *some_val;\n",
        "\tstruct other *maybe;\n",
    ] {
        assert!(header.contains(line), "{header}");
    }
    fs::write(
        directory.join("pos.h"),
        "#ifndef POS_H\n#define POS_H\nstruct pos { int x; };\ntypedef struct pos pos;\nstruct other { char *s; };\n\
         enum hue { RED };\nextern bool_t xdr_other(XDR *, struct other *);\n\
         extern bool_t xdr_hue(XDR *, enum hue *);\n#endif\n",
    )
    .expect("write header");
    compile_all(&directory, &[]);
}

/// What a program may use after a generated header alone, as after rpcgen's.
const AFTER_HEADERS: [&str; 8] = [
    "int f(struct sockaddr_in *a);\n\
     int f(struct sockaddr_in *a) { a->sin_port = htons(1);\n\
     return a->sin_addr.s_addr == htonl(INADDR_LOOPBACK); }\n",
    "extern enum clnt_stat s; enum clnt_stat s = RPC_SUCCESS;\n",
    "void g(object *p);\nvoid g(object *p) { xdr_free((xdrproc_t)(void (*)(void))xdr_object, p); }\n",
    "int h(char *b, object *p);\nint h(char *b, object *p) { XDR x;\n\
     xdrmem_create(&x, b, 100, XDR_ENCODE);\n\
     return xdr_object(&x, p) ? (int)xdr_getpos(&x) : -1; }\n",
    "int k(void);\nint k(void) { struct timeval tv = { 0, 0 }; gettimeofday(&tv, NULL);\n\
     return printf(\"%zu\", strlen(\"x\")); }\n",
    "void *m(unsigned n);\nvoid *m(unsigned n) { void *p = mem_alloc(n); mem_free(p, n);\n\
     return NULL; }\n",
    "bool_t q(XDR *x, int *p, u_long *l, char **s);\n\
     bool_t q(XDR *x, int *p, u_long *l, char **s) { return xdr_int(x, p) && xdr_u_long(x, l) &&\n\
     xdr_string(x, s, 5) && xdr_void(); }\n",
    "extern u_quad_t uq; extern quad_t sq; extern u_long ul; extern caddr_t c;\n\
     u_quad_t uq; quad_t sq; u_long ul; caddr_t c;\n",
];

#[test]
fn headers_bring_what_rpcgens_bring() {
    let directory = scratch("after-headers");
    generate(
        &directory,
        "struct object { int x; };\nserverprocs { f(object) = 1; }\n",
        &[],
    );
    let mut problems = Vec::new();
    for (i, text) in AFTER_HEADERS.iter().enumerate() {
        for flags in header_flags() {
            let has_rpc_h = flags.len() > 1;
            // Only libtirpc has its statuses.
            if text.contains("clnt_stat") && !has_rpc_h {
                continue;
            }
            let source = format!("after{i}.c");
            let text = format!("#include \"t_client.h\"\n{text}");
            fs::write(directory.join(&source), text).expect("write source");
            for cc in compilers("CC", "cc", "clang") {
                for standard in ["-std=gnu99", "-std=gnu17", "-std=gnu2x"] {
                    let mut command = command(&cc);
                    command.current_dir(&directory).args(WARNINGS).args(&flags);
                    command.args([standard, "-c", "-o", "/dev/null", &source]);
                    problems.extend(content(&mut command).err());
                }
            }
            for cxx in compilers("CXX", "c++", "clang++") {
                let mut command = command(&cxx);
                command.current_dir(&directory).args(&flags);
                command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c++"]);
                command.args(["-c", "-o", "/dev/null", &source]);
                problems.extend(content(&mut command).err());
            }
        }
    }
    fail_on(problems);
}

/// Before and after ours, beside rpcgen's idea of it.
#[test]
fn rpc_h_may_be_included_anywhere() {
    let Some(tirpc) = tirpc() else { return };
    let directory = scratch("rpc-h-order");
    generate(
        &directory,
        "struct object { int x; };\nserverprocs { f(object) = 1; }\n",
        &[],
    );
    let ours = "#include <minirpc/minirpc.h>\n#include \"t_client.h\"\n#include \"t_server.h\"\n";
    let theirs = "#include <rpc/rpc.h>\n#include <rpc/pmap_clnt.h>\n";
    let mut problems = Vec::new();
    for (name, text) in [
        ("before", format!("{theirs}{ours}")),
        ("after", format!("{ours}{theirs}")),
        ("xdr_before", format!("#include <rpc/xdr.h>\n{ours}")),
        ("types_after", format!("{ours}#include <rpc/types.h>\n")),
    ] {
        let source = format!("{name}.c");
        fs::write(directory.join(&source), text + "extern CLIENT *client;\n").expect("write");
        let mut cc = compiler("CC", "cc");
        cc.current_dir(&directory).args(WARNINGS).arg(include());
        cc.args(&tirpc).args(["-c", "-o", "/dev/null", &source]);
        problems.extend(content(&mut cc).err());
    }
    fail_on(problems);
}

/// As large as can be sent, by what the table of a protocol holds.
#[test]
fn the_largest_objects_compile() {
    let directory = scratch("largest");
    generate(
        &directory,
        "struct raw { opaque b[4294967292]; };\nstruct ints { int i[1073741823]; };\n\
         struct parts { opaque a[2000000000]; hyper b[200000000]; };\n\
         serverprocs { put(raw, ints) = 1; more(parts) = 2; }\n",
        &[],
    );
    compile_all(&directory, &["-std=gnu11"]);
}
