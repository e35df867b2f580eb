//! One function for each command.

mod bench;
mod call;
mod decode;
mod decode_trace;
mod describe;
mod doctor;
mod mock;
mod picture;
mod ping;
mod trace;
mod watch;

use std::io::{self, Read as _, Write as _};

use minirpcgen::ast::Side;
use serde::de::Deserialize as _;
use serde_json::Value;

use crate::cli::{Command, File};
use crate::failure::{Exit, Failure};
use crate::schema::{self, Interface, Member, Procedure};
use crate::{from_json, hex, to_json};

pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Call {
            peer,
            procedure,
            input,
        } => call::call(&peer, &procedure, &input),
        Command::Send {
            peer,
            message,
            input,
        } => call::send(&peer, &message, &input),
        Command::Describe { file, name } => describe::describe(&file, name.as_deref()),
        Command::Watch { peer, raw } => watch::watch(&peer, raw),
        Command::Mock { peer, answers, raw } => mock::mock(&peer, &answers, raw),
        Command::Ping {
            address,
            count,
            limits,
            tls,
        } => ping::ping(&address, count, &limits, &tls),
        Command::Decode {
            file,
            port,
            raw,
            role,
            capture,
        } => decode::decode(&file, port, raw, role, &capture),
        Command::Bench {
            peer,
            procedure,
            load,
        } => bench::bench(&peer, &procedure, &load),
        Command::Trace { file, chrome, svg } => {
            let form = match (chrome, svg) {
                (true, _) => trace::Form::Events,
                (false, true) => trace::Form::Picture,
                (false, false) => trace::Form::Table,
            };
            trace::trace(&file, form)
        }
        Command::Doctor { program } => doctor::doctor(program.as_deref()),
    }
}

fn load(file: &File) -> Result<Interface, Failure> {
    schema::load(&file.path, &file.defines)
}

/// A line on standard output, at once.
fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::network(format!("standard output: {error}")))
}

/// What a word of JSON, @file or - stands for.
fn text(word: &str) -> Result<String, Failure> {
    let (name, read) = if word == "-" {
        let mut text = String::new();
        let read = io::stdin().read_to_string(&mut text);
        ("standard input", read.map(|_| text))
    } else if let Some(path) = word.strip_prefix('@') {
        (path, std::fs::read_to_string(path))
    } else {
        return Ok(word.to_owned());
    };
    read.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))
}

/// Brackets within brackets that are read: the parser and all that walks the value recurse.
const MAX_NESTING: usize = 16_384;

fn parse(text: &str) -> Result<Value, Failure> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            let reason = format!("the JSON nests deeper than {MAX_NESTING}");
            return Err(Failure::usage(reason));
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    value.map_err(|error| Failure::usage(format!("this is no JSON: {error}")))
}

/// The payload that JSON, or none, stands for.
fn payload(
    interface: &Interface,
    what: &str,
    ty: Option<&Member>,
    value: Option<&Value>,
) -> Result<Vec<u8>, Failure> {
    match (ty, value) {
        (None, None) => Ok(Vec::new()),
        (None, Some(Value::Object(map))) if map.is_empty() => Ok(Vec::new()),
        (None, Some(_)) => Err(Failure::new(Exit::Json, format!("{what} takes no value"))),
        (Some(ty), None) => {
            let example = describe::example(interface, &ty.ty);
            let message = format!("{what} takes {}: give its JSON, such as {example}", ty.name);
            Err(Failure::usage(message))
        }
        (Some(ty), Some(value)) => from_json::encode(interface, &ty.ty, value)
            .map_err(|misfit| Failure::new(Exit::Json, format!("{what}: {misfit}"))),
    }
}

/// The payload that a word of the command line stands for.
fn argument(
    interface: &Interface,
    procedure: &Procedure,
    word: Option<&str>,
    raw: bool,
) -> Result<Vec<u8>, Failure> {
    let text = word.map(text).transpose()?;
    if raw {
        let digits = text.unwrap_or_default();
        return hex::decode(&digits)
            .ok_or_else(|| Failure::usage("--raw takes pairs of hexadecimal digits"));
    }
    let value = text.as_deref().map(parse).transpose()?;
    let argument = procedure.argument.as_ref();
    payload(interface, &procedure.name, argument, value.as_ref())
}

/// A payload's JSON; None for void.
fn json(
    interface: &Interface,
    ty: Option<&Member>,
    payload: &[u8],
) -> Result<Option<String>, String> {
    match ty {
        None if payload.is_empty() => Ok(None),
        None => Err(format!("{} bytes where none belong", payload.len())),
        Some(ty) => to_json::decode(interface, &ty.ty, payload)
            .map(Some)
            .map_err(|misfit| misfit.to_string()),
    }
}

/// Hexadecimal digits or JSON for the fields `data` or `error`, a comma in front.
fn data(interface: &Interface, ty: Option<&Member>, payload: &[u8], raw: bool) -> String {
    if raw {
        return format!(",\"data\":\"{}\"", hex::encode(payload));
    }
    match json(interface, ty, payload) {
        Ok(Some(json)) => format!(",\"data\":{json}"),
        Ok(None) => String::new(),
        Err(reason) => format!(",\"error\":{}", Value::from(reason)),
    }
}

fn kind(procedure: &Procedure) -> &'static str {
    match (procedure.side, procedure.message) {
        (Side::Server, false) => "serverprocs",
        (Side::Server, true) => "servermsgs",
        (Side::Client, false) => "clientprocs",
        (Side::Client, true) => "clientmsgs",
    }
}

/// Ends the program in order at SIGTERM and SIGINT, without the socket of this path.
fn end_at_signals(socket: Option<std::path::PathBuf>) -> Result<(), Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]);
    let mut signals = signals.map_err(|error| Failure::network(format!("signals: {error}")))?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            if let Some(path) = socket {
                // It may be gone.
                let _ = std::fs::remove_file(path);
            }
            std::process::exit(0);
        }
    });
    Ok(())
}
