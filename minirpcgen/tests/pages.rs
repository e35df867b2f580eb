//! The manual page and the completions are what the command line makes of itself; the page's
//! prose is here. UPDATE_GOLDEN=1 writes them anew.

mod common;
#[path = "common/page.rs"]
mod tidy;

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use minirpcgen::cli::Cli;

const DESCRIPTION: &str = r#"
.B minirpcgen
reads the description of an interface in the XDR language and writes C stubs
for libminirpc, or peers in Python.
From
.I file.mx
it makes
.IR file _client.h
and
.IR file _server.h
(one side's stubs each),
.IR file _minirpc.h
and
.IR file _minirpc.c
(what both share, and the stubs' code), and
.IR file _xdr.h
and
.IR file _xdr.c
(the types and their XDR procedures).
The files appear only if all of them could be made.
The language, and what becomes of it in C, are in
.BR mx (5).
.PP
For each procedure there are stubs to call it, sync and async, and the same with
options, whose names end in
.BR _with .
One of the latter whose name is taken, as by a procedure
.B open_with
beside
.BR open ,
is left out, with a note.
.PP
With
.B \-\-python
there is one output,
.IR file .py,
with the types as dataclasses and enums, their XDR code, and the classes Client and
Server for asyncio.
It needs Python 3.11 or later and the package minirpc, which comes with libminirpc's
sources.
.PP
With
.B \-\-lua
there is one output,
.IR file .lua,
a dissector for Wireshark, with which the preference
.IR file .port
and Decode As show messages with names and values.
.PP
With
.B \-\-check\-old
there is no output; what a program that was built with the stubs of miniRPC 0.3.3 and
.BR rpcgen (1)
will meet when they are made anew is printed, a finding a line with what to do about it.
Files of the program may be named, too: its C files and headers, where names that the new
stubs take, uses of libtirpc, and calls that the new library takes otherwise are looked for,
and Makefiles and the like, in which libtirpc and rpcgen are.
Nothing is said of what stays as it was, as decoding of
.BR bool ,
where any number but 0 is true, and of enums, where any number passes.
.PP
The generated C needs the headers of libminirpc and
.B \-lminirpc
alone.
The outputs belong to the owner of the interface, and may be distributed under any terms.
"#;

const ENVIRONMENT: &str = r#"
.TP
.B CPP
The preprocessor and its arguments.
Without it,
.B cpp
is run, or
.B cc \-E
where there is none.
"#;

const STATUS: &str = r#"
0 on success, 1 on any error.
Errors are reported as
.IR file : line : column :
.BR error :
.IR message ,
with the line in question.
Warnings and notes look alike, and change nothing.
Wrong arguments print the usage on standard output.
.PP
With
.BR \-\-check\-old ,
as with other programs that look for faults: 0 if there is nothing to do, which notes do not
change; 1 if there are errors or warnings; 2 if a file cannot be read or preprocessed.
"#;

const EXAMPLE: &str = r#"
.B minirpcgen \-o build/clock clock.mx
.PP
writes build/clock_client.h and the five other files.
"#;

fn page() -> String {
    let man = clap_mangen::Man::new(Cli::command());
    let mut page = Vec::new();
    man.render_title(&mut page).expect("render");
    man.render_name_section(&mut page).expect("render");
    let usage = Cli::command().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").expect("usage");
    let usage: Vec<&str> = usage.lines().map(str::trim).collect();
    let usage = usage.join("\n.br\n").replace('-', "\\-");
    page.extend(section("SYNOPSIS", &format!("{usage}\n")).bytes());
    page.extend(section("DESCRIPTION", DESCRIPTION).bytes());
    man.render_options_section(&mut page).expect("render");
    for (title, text) in [
        ("ENVIRONMENT", ENVIRONMENT),
        ("EXIT STATUS", STATUS),
        ("EXAMPLE", EXAMPLE),
        (
            "SEE ALSO",
            "\n.BR mrpc (1),\n.BR rpcgen (1),\n.BR mx (5),\n.BR minirpc (7)\n",
        ),
    ] {
        page.extend(section(title, text).bytes());
    }
    tidy::tidy(&String::from_utf8(page).expect("text"))
}

fn section(title: &str, text: &str) -> String {
    format!(".SH \"{title}\"\n{}", text.trim_start())
}

fn completion(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "minirpcgen", &mut text);
    String::from_utf8(text).expect("text")
}

#[test]
fn they_are_current() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let problems = [
        ("minirpcgen.1", page()),
        ("completions/minirpcgen.bash", completion(Shell::Bash)),
        ("completions/_minirpcgen", completion(Shell::Zsh)),
        ("completions/minirpcgen.fish", completion(Shell::Fish)),
    ]
    .into_iter()
    .filter_map(|(file, text)| common::compare(&here.join(file), &text).err());
    common::fail_on(problems.collect());
}
