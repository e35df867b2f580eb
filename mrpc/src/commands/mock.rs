//! `mrpc mock`: a peer that answers from a file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use minirpcgen::ast::Side;
use serde_json::Value;

use super::{json, line, load, parse, payload};
use crate::address::{describe, Address, Listener, Stream};
use crate::cli::{self, Peer, Role};
use crate::failure::{Exit, Failure};
use crate::schema::{Interface, Procedure};
use crate::tls::Settings;
use crate::wire::{Frame, ENCODING_ERR, OK, PROCEDURE_UNAVAIL};
use crate::{hex, spawn};

#[derive(Clone)]
struct Answer {
    status: i32,
    payload: Vec<u8>,
    delay: Duration,
}

/// A procedure's answers, and how many have been given.
struct Answers {
    all: Vec<Answer>,
    given: AtomicUsize,
}

impl Answers {
    fn next(&self) -> Answer {
        let at = self.given.fetch_add(1, Ordering::Relaxed);
        self.all[at.min(self.all.len() - 1)].clone()
    }
}

struct Mock {
    interface: Interface,
    side: Side,
    answers: HashMap<String, Answers>,
    tls: Option<Settings>,
    /// For a handshake.
    timeout: Duration,
    max_request: u32,
    raw: bool,
    /// Answers that are waited for, in threads of their own.
    delayed: AtomicUsize,
}

/// More of them are given without their delay: a peer cannot have more threads made.
const MAX_DELAYED: usize = 256;

pub fn mock(peer: &Peer, file: &Path, raw: bool) -> Result<(), Failure> {
    let interface = load(&peer.file)?;
    let side = Side::from(peer.role.unwrap_or(Role::Server));
    let answers = read(&interface, side, file, raw)?;
    let tls = peer.tls.server()?;
    let (listener, place) = Listener::bind(&peer.address).map_err(|error| {
        let message = format!("cannot listen on {}: {}", peer.address, describe(&error));
        Failure::new(Exit::Connect, message)
    })?;
    super::end_at_signals(match &peer.address {
        Address::Unix(path) => Some(path.clone()),
        _ => None,
    })?;
    line(&format!("listening on {place}"))?;
    let mock = Arc::new(Mock {
        interface,
        side,
        answers,
        tls,
        timeout: peer.limits.timeout,
        max_request: peer.limits.max_reply,
        raw,
        delayed: AtomicUsize::new(0),
    });
    loop {
        let stream = match listener.accept() {
            Ok(stream) => stream,
            Err(error) => {
                // Of descriptors, mostly, which others may close.
                eprintln!("mrpc: cannot accept: {}", describe(&error));
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        let mock = Arc::clone(&mock);
        if let Err(error) = spawn(move || mock.serve(stream)) {
            eprintln!("mrpc: cannot start a thread: {error}");
        }
    }
}

fn read(
    interface: &Interface,
    side: Side,
    file: &Path,
    raw: bool,
) -> Result<HashMap<String, Answers>, Failure> {
    let path = file.display();
    let wrong = |reason: String| Failure::usage(format!("{path}: {reason}"));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(describe(&error)))?;
    let parsed = parse(&text).map_err(|failure| wrong(failure.message))?;
    let Value::Object(map) = parsed else {
        return Err(wrong("an object of procedures is expected".to_owned()));
    };
    let mut answers = HashMap::new();
    for (name, value) in map {
        let procedure = match interface.procedure(&name) {
            Some(procedure) if procedure.side == side && !procedure.message => procedure,
            _ => {
                return Err(wrong(format!(
                    "a {} has no procedure `{name}`",
                    side.word()
                )))
            }
        };
        let values = match value {
            Value::Array(values) if values.is_empty() => {
                return Err(wrong(format!("`{name}` has no answer")))
            }
            Value::Array(values) => values,
            value => vec![value],
        };
        let read = values.iter().enumerate().map(|(i, value)| {
            answer(interface, procedure, value, raw).map_err(|mut failure| {
                failure.message = format!("{path}: {name}[{i}]: {}", failure.message);
                failure
            })
        });
        let all = read.collect::<Result<Vec<Answer>, Failure>>()?;
        let given = AtomicUsize::new(0);
        answers.insert(name, Answers { all, given });
    }
    Ok(answers)
}

fn answer(
    interface: &Interface,
    procedure: &Procedure,
    value: &Value,
    raw: bool,
) -> Result<Answer, Failure> {
    let form = "an answer is {\"result\": ..} or {\"status\": N}, and may have \"delay\": \"0.4s\"";
    let Value::Object(map) = value else {
        return Err(Failure::usage(form));
    };
    let delay = match map.get("delay") {
        None => Duration::ZERO,
        Some(Value::String(text)) => cli::duration(text).map_err(Failure::usage)?,
        Some(_) => return Err(Failure::usage(form)),
    };
    let known = |name: &&String| matches!(name.as_str(), "result" | "status" | "delay");
    if map.keys().any(|name| !known(&name)) {
        return Err(Failure::usage(form));
    }
    let (status, payload) = match (map.get("result"), map.get("status")) {
        (Some(result), None) if raw => match result.as_str().and_then(hex::decode) {
            Some(payload) => (OK, payload),
            None => return Err(Failure::usage("with --raw a result is hexadecimal digits")),
        },
        (Some(result), None) => {
            let ty = procedure.result.as_ref();
            (OK, payload(interface, "result", ty, Some(result))?)
        }
        (None, Some(status)) => match status.as_i64().and_then(|n| i32::try_from(n).ok()) {
            // 0 would be a result, -1 a request.
            Some(OK | -1) | None => {
                return Err(Failure::usage("a status is a number, and not 0 or -1"))
            }
            Some(status) => (status, Vec::new()),
        },
        (None, None) if procedure.result.is_none() => (OK, Vec::new()),
        _ => return Err(Failure::usage(form)),
    };
    Ok(Answer {
        status,
        payload,
        delay,
    })
}

fn refusal(status: i32) -> Answer {
    Answer {
        status,
        payload: Vec::new(),
        delay: Duration::ZERO,
    }
}

impl Mock {
    /// None for who does not get through the handshake.
    fn secured(&self, stream: Stream) -> Option<Stream> {
        let Some(tls) = &self.tls else {
            return Some(stream);
        };
        let timeout = Some(self.timeout);
        let done = stream.set_timeouts(timeout, timeout).and_then(|()| {
            let stream = stream.secured(tls, None)?;
            stream.set_timeouts(None, None)?;
            Ok(stream)
        });
        done.inspect_err(|error| eprintln!("mrpc: a client was refused: {}", describe(error)))
            .ok()
    }

    fn serve(self: Arc<Mock>, stream: Stream) {
        let Some(mut stream) = self.secured(stream) else {
            return;
        };
        let Ok(writer) = stream.try_clone() else {
            return;
        };
        let writer = Arc::new(Mutex::new(writer));
        // Its end, or a failure: either way it is over.
        while let Ok(Some(frame)) = Frame::read(&mut stream, self.max_request) {
            if frame.is_reply() {
                continue;
            }
            let Some(answer) = self.answer(&frame) else {
                return;
            };
            if frame.cmd < 0 {
                continue;
            }
            let reply = frame.answer(answer.status, answer.payload);
            self.send(&writer, reply, answer.delay);
        }
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.say_goodbye();
    }

    /// None if standard output is closed.
    fn answer(&self, frame: &Frame) -> Option<Answer> {
        let Some(procedure) = self.interface.received(self.side, frame.cmd) else {
            line(&format!("{} {}", frame.cmd, hex::encode(&frame.payload))).ok()?;
            return Some(refusal(PROCEDURE_UNAVAIL));
        };
        let name = &procedure.name;
        if self.raw {
            let text = format!("{name} {}", hex::encode(&frame.payload));
            line(text.trim_end()).ok()?;
            return Some(self.next(name));
        }
        match json(&self.interface, procedure.argument.as_ref(), &frame.payload) {
            Ok(json) => line(format!("{name} {}", json.unwrap_or_default()).trim_end()).ok()?,
            Err(reason) => {
                line(&format!("{name} does not decode: {reason}")).ok()?;
                return Some(refusal(ENCODING_ERR));
            }
        }
        Some(self.next(name))
    }

    fn next(&self, name: &str) -> Answer {
        match self.answers.get(name) {
            Some(answers) => answers.next(),
            None => refusal(PROCEDURE_UNAVAIL),
        }
    }

    /// Others are answered meanwhile.
    fn send(self: &Arc<Mock>, writer: &Arc<Mutex<Stream>>, reply: Frame, delay: Duration) {
        let write = |writer: &Mutex<Stream>, reply: &Frame| {
            let mut stream = writer.lock().unwrap_or_else(PoisonError::into_inner);
            // The reader notices when the peer is gone.
            let _ = reply.write(&mut *stream);
        };
        if delay.is_zero() || self.delayed.fetch_add(1, Ordering::Relaxed) >= MAX_DELAYED {
            if !delay.is_zero() {
                self.delayed.fetch_sub(1, Ordering::Relaxed);
            }
            write(writer, &reply);
            return;
        }
        let (mock, writer) = (Arc::clone(self), Arc::clone(writer));
        std::thread::spawn(move || {
            std::thread::sleep(delay);
            write(&writer, &reply);
            mock.delayed.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
