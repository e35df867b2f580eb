//! The manual page and the completions are what the command line makes of itself; the page's
//! prose is here. UPDATE_GOLDEN=1 writes them anew.

mod common;

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

const LANGUAGE: &str = r#"
The language is that of RFC 4506, with the additions of
.BR rpcgen (1):
.BR short ,
.BR char ,
.B long
and their unsigned forms, which take four bytes on the wire, and the number
types of <sys/types.h> and <stdint.h>; a typedef of one of those may repeat what C
says.
.B quadruple
is refused.
Constants have up to 64 bits.
An array
.B [0]
is a member of no elements.
A typedef of a struct, enum or union to its own name is left out.
A type defined where it is used, as in
.BR "struct { int x; } m" ,
gets the name of its struct and its member with an underscore between.
.PP
Procedures are listed in blocks, which may be repeated:
.PP
.RS 4
.nf
serverprocs { name(argument, result) = 1; other() = 2; }
clientprocs { ask(void, answer) = 1; }
servermsgs { event(argument) = 1; }
clientmsgs { event2() = 1; }
.fi
.RE
.PP
What is in
.BR server "... is received by the server,"
what is in
.BR client "... by the client."
.RB Calls " (" procs )
have a reply, messages
.RB ( msgs )
have none.
An argument or result is the name of a struct, union, enum or typedef, or void.
.PP
The input goes through the C preprocessor three times: with
.B MINIRPC
defined for the stubs, with
.B RPC_HDR
for the XDR header, and with
.B RPC_XDR
for the XDR source.
A line that starts with
.B %
is copied to the XDR files, without the
.BR % .
Names that GNU C's preprocessor would replace, as linux and unix, are left alone,
unless a directive of the file asks for one of them.
Types are shared between interfaces by
.PP
.RS 4
.nf
#ifdef MINIRPC
#include "common.mx"
#else
%#include "common_xdr.h"
#endif
.fi
.RE
.PP
Where a
.B %
line may bring in more declarations, types and constants that the file does not
define are left to the C compiler.
Such a line cannot go on in the next one.
.PP
The XDR header includes <rpc/rpc.h>, as that of
.BR rpcgen (1),
where the compiler finds it (unless MINIRPC_OWN_XDR is defined or the file has names
of that header itself), else <stdio.h>, <string.h>, <sys/time.h> and <netinet/in.h>.
Types and constants of <rpc/rpc.h> are known without a definition; stubs that use the
types need libtirpc.
Macros of the C library, as PATH_MAX, are known, too, if the preprocessor finds them.
"#;

const DECODING: &str = r#"
Arrays, strings and opaque data are allocated as their bytes arrive, not as their
lengths claim.
Lists (structs whose last member is a pointer to the same struct) are walked in a
loop.
Other recursive types may nest 512 deep; define
.B MRPC_XDR_MAX_DEPTH
for another limit when compiling the XDR source.
The limit does not reach through the types of another XDR source.
.PP
An enum's number need not be one that has a name, as with rpcgen's code, unless
.B \-\-strict\-enums
was given.
The function mrpc_is_valid_NAME in the file _minirpc.h, one for each enum, tells; a
program that uses a number from its peer as an index needs one or the other.
The option holds for the enums of the file, and not for those of another XDR source.
.PP
As with rpcgen's code, a pointer that is not NULL in the object to be decoded is
taken for memory that is large enough, and is decoded into.
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
        ("LANGUAGE", LANGUAGE),
        ("DECODING", DECODING),
        ("ENVIRONMENT", ENVIRONMENT),
        ("EXIT STATUS", STATUS),
        ("EXAMPLE", EXAMPLE),
        ("SEE ALSO", "\n.BR mrpc (1),\n.BR rpcgen (1)\n"),
    ] {
        page.extend(section(title, text).bytes());
    }
    String::from_utf8(page).expect("text")
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
