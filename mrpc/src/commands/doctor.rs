//! `mrpc doctor`: what a program runs on, and what to do about it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::line;
use crate::elf::Elf;
use crate::failure::Failure;

const SONAME: &str = "libminirpc.so.1";

/// What rpcgen's code calls, and ours does not.
const XDR: [&str; 26] = [
    "xdr_array",
    "xdr_bool",
    "xdr_bytes",
    "xdr_char",
    "xdr_double",
    "xdr_enum",
    "xdr_float",
    "xdr_hyper",
    "xdr_int",
    "xdr_int32_t",
    "xdr_int64_t",
    "xdr_long",
    "xdr_longlong_t",
    "xdr_opaque",
    "xdr_pointer",
    "xdr_quad_t",
    "xdr_reference",
    "xdr_short",
    "xdr_string",
    "xdr_u_char",
    "xdr_u_hyper",
    "xdr_u_int",
    "xdr_u_long",
    "xdr_u_quad_t",
    "xdr_u_short",
    "xdr_vector",
];

#[derive(Default)]
struct Report(String);

impl Report {
    fn fine(&mut self, finding: &str) {
        // A String takes everything, here and below.
        let _ = writeln!(self.0, "ok    {finding}");
    }

    fn look(&mut self, finding: &str, remedy: &str) {
        let _ = writeln!(self.0, "look  {finding}\n      -> {remedy}");
    }
}

pub fn doctor(program: Option<&Path>) -> Result<(), Failure> {
    let mut report = Report::default();
    match program {
        Some(path) => {
            let wrong = |reason| Failure::usage(format!("{}: {reason}", path.display()));
            examine(path, &Elf::read(path).map_err(wrong)?, &mut report);
        }
        None => {
            let own = std::env::current_exe().ok();
            let own = own.and_then(|path| Elf::read(&path).ok());
            library(own.as_ref().map(|elf| (elf, None)), &mut report);
            preprocessor(&mut report);
        }
    }
    limits(&mut report);
    line(report.0.trim_end())
}

fn examine(path: &Path, elf: &Elf, report: &mut Report) {
    if elf.needs("libminirpc.so") {
        library(Some((elf, path.parent())), report);
    } else if elf
        .defined
        .iter()
        .any(|name| name == "mrpc_conn_set_create")
    {
        report.fine("libminirpc is linked into the program");
    } else {
        report.look(
            "it does not need libminirpc.so.1",
            "link it with what `pkg-config --libs minirpc` prints; if a library of its own does, \
             give that one",
        );
    }
    stubs(elf, report);
}

/// By what the program calls: our stubs have their XDR code in themselves.
fn stubs(elf: &Elf, report: &mut Report) {
    let calls = |name: &&str| elf.imports.iter().any(|import| import == name);
    let called: Vec<&str> = XDR.into_iter().filter(calls).collect();
    let tirpc = elf.needs("libtirpc.so");
    match called.first() {
        Some(first) => {
            report.look(
                &format!("its stubs were made by rpcgen: it calls {first}"),
                "make them anew with minirpcgen: decoding is faster, and a peer cannot make it \
                 allocate what it has not sent (docs/guide/moving-from-minirpc.md)",
            );
            if tirpc {
                report.fine("it loads libtirpc, which such stubs need");
            } else {
                report.look(
                    "nothing that it loads has XDR functions, but for glibc before 2.32",
                    "link it with -ltirpc (`pkg-config --libs libtirpc`), or make the stubs anew",
                );
            }
        }
        None if elf
            .imports
            .iter()
            .any(|name| name.starts_with("mrpc_send_"))
            || elf.defined.iter().any(|name| name.starts_with("mrpc_xdr_")) =>
        {
            report.fine("its stubs were made by minirpcgen 1.0 or later");
            if tirpc {
                report.look(
                    "it loads libtirpc, which its stubs do not use",
                    "leave -ltirpc out, unless the program itself uses it (make install TIRPC_LIBS=)",
                );
            }
        }
        None => report.look(
            "no stubs: it sends no calls and no replies itself",
            "if a library of its own has them, give that one",
        ),
    }
}

/// Which one the loader finds: as ld.so(8) says.
fn library(program: Option<(&Elf, Option<&Path>)>, report: &mut Report) {
    let Some(found) = find(program) else {
        report.look(
            &format!("the loader finds no {SONAME}"),
            "install it (make install; then ldconfig), or name its directory in LD_LIBRARY_PATH",
        );
        return;
    };
    let place = std::fs::canonicalize(&found).unwrap_or_else(|_| found.clone());
    let place = place.display();
    match Elf::read(&found) {
        Ok(elf) if elf.rust => {
            let is_new = elf.defined.iter().any(|name| name == "mrpc_drain");
            let version = if is_new { "1.1 or later" } else { "1.0" };
            report.fine(&format!("{SONAME} is {place}, this library, {version}"));
        }
        Ok(_) => report.look(
            &format!("{SONAME} is {place}, and none of this library: the old one, as it seems"),
            "put this library's in its place (docs/guide/moving-from-minirpc.md, step 1)",
        ),
        Err(reason) => report.look(
            &format!("{SONAME} is {place}: {reason}"),
            "install it anew (make install)",
        ),
    }
}

fn find(program: Option<(&Elf, Option<&Path>)>) -> Option<PathBuf> {
    let mut directories: Vec<PathBuf> = Vec::new();
    let elf = program.map(|(elf, _)| elf);
    let origin = program.and_then(|(_, origin)| origin);
    let mut add = |list: Option<&str>| {
        for directory in list.unwrap_or_default().split([':', ';']) {
            let origin = origin.unwrap_or(Path::new("."));
            let origin = origin.display().to_string();
            let origin = if origin.is_empty() { "." } else { &origin };
            let directory = directory.replace("${ORIGIN}", origin);
            let directory = directory.replace("$ORIGIN", origin);
            if !directory.is_empty() {
                directories.push(directory.into());
            }
        }
    };
    let runpath = elf.and_then(|elf| elf.runpath.as_deref());
    if runpath.is_none() {
        add(elf.and_then(|elf| elf.rpath.as_deref()));
    }
    add(std::env::var("LD_LIBRARY_PATH").ok().as_deref());
    add(runpath);
    let candidates = directories
        .into_iter()
        .map(|directory| directory.join(SONAME));
    let more = cached().into_iter().chain([
        Path::new("/lib").join(SONAME),
        Path::new("/usr/lib").join(SONAME),
    ]);
    candidates
        .chain(more)
        .find(|path| match (elf, Elf::read(path)) {
            // The loader goes on where a library is for another machine.
            (Some(program), Ok(library)) => library.architecture == program.architecture,
            (None, Ok(_)) => true,
            (_, Err(_)) => false,
        })
}

/// Those that ldconfig has noted.
fn cached() -> Vec<PathBuf> {
    let run = |program| Command::new(program).arg("-p").output();
    // Its directory is not in the path of users.
    let output = run("ldconfig").or_else(|_| run("/sbin/ldconfig"));
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text
        .lines()
        .filter(|line| line.trim_start().starts_with(SONAME));
    let paths = lines.filter_map(|line| line.split_once(" => "));
    paths.map(|(_, path)| PathBuf::from(path)).collect()
}

fn preprocessor(report: &mut Report) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |name: &str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let command = std::env::var("CPP").ok();
    let named = command
        .as_deref()
        .and_then(|command| command.split_whitespace().next());
    match named.or(["cpp", "cc"].into_iter().find(|name| has(name))) {
        Some(name) if has(name) || Path::new(name).is_file() => {
            report.fine(&format!("the preprocessor is {name}"));
        }
        Some(name) => report.look(
            &format!("the preprocessor {name}, which CPP names, is not in the path"),
            "name another one in CPP, or unset it",
        ),
        None => report.look(
            "there is no C preprocessor, which interface files with macros need",
            "install cpp or a C compiler, or name one in CPP",
        ),
    }
}

/// Those that the programs of this shell have.
fn limits(report: &mut Report) {
    let text = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let limit = |name: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
        let mut words = rest.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    if let Some((soft, hard)) = limit("Max open files") {
        let finding = format!("{soft} open files: each connection is one");
        match soft.parse::<u64>() {
            Ok(0..=4096) => report.look(
                &finding,
                &format!(
                    "a server for more clients: `ulimit -n {hard}` before it starts, or LimitNOFILE= \
                     in its unit"
                ),
            ),
            _ => report.fine(&finding),
        }
    }
    if let Some((soft, _)) = limit("Max address space").filter(|(soft, _)| soft != "unlimited") {
        report.look(
            &format!("{soft} bytes of address space, threads' stacks among them"),
            "`ulimit -v unlimited`; mrpc_set_memory_limit bounds what connections take",
        );
    }
    let backlog = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    if let Ok(backlog) = backlog.trim().parse::<u32>() {
        let finding = format!("{backlog} connections may wait to be accepted (net.core.somaxconn)");
        match backlog {
            0..=127 => report.look(&finding, "sysctl -w net.core.somaxconn=4096"),
            _ => report.fine(&finding),
        }
    }
}
