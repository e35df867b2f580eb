//! `mrpc decode` of a MINIRPC_TRACE file: names and numbers, as it has no payloads.

use std::collections::BTreeSet;
use std::path::Path;

use minirpcgen::ast::Side;
use serde_json::Value;

use super::line;
use super::trace::{steps, Step};
use crate::failure::Failure;
use crate::schema::Interface;

/// What a step is of a message, if it is one that came or went.
struct Message {
    kind: &'static str,
    /// Whether the traced process sent it, and whether it received the call.
    out: bool,
    serves: bool,
}

impl Message {
    fn of(step: &Step<'_>) -> Option<Message> {
        let (kind, out, serves) = match step.kind {
            "request_out" => ("request", true, false),
            "reply_in" => ("reply", false, false),
            "request_in" => ("request", false, true),
            "answered" | "refused" => ("reply", true, true),
            "message_out" => ("message", true, false),
            "message_in" => ("message", false, true),
            _ => return None,
        };
        Some(Message { kind, out, serves })
    }

    fn receiver(&self, side: Side) -> Side {
        match self.serves {
            true => side,
            false => side.other(),
        }
    }
}

pub fn decode(interface: &Interface, role: Option<Side>, path: &Path) -> Result<(), Failure> {
    let side = match role {
        Some(side) => side,
        None => whose(interface, path)?,
    };
    steps(path, |step| {
        let Some(message) = Message::of(step) else {
            return Ok(());
        };
        let procedure = interface.received(message.receiver(side), step.cmd);
        let name = procedure.map_or(Value::from(step.cmd), |p| Value::from(p.name.as_str()));
        let (from, to) = match message.out {
            true => (side, side.other()),
            false => (side.other(), side),
        };
        let status = match message.kind {
            "reply" => format!(",\"status\":{}", step.status),
            _ => String::new(),
        };
        line(&format!(
            "{{\"time\":{:.6},\"connection\":{},\"from\":\"{}\",\"to\":\"{}\",\"kind\":\"{}\",\
             \"sequence\":{},\"name\":{name}{status}}}",
            step.time,
            step.connection,
            from.word(),
            to.word(),
            message.kind,
            step.sequence
        ))
    })
}

/// By the procedures that were called, and which way.
fn whose(interface: &Interface, path: &Path) -> Result<Side, Failure> {
    let mut seen = BTreeSet::new();
    steps(path, |step| {
        if let Some(message) = Message::of(step) {
            seen.insert((message.serves, step.cmd));
        }
        Ok(())
    })?;
    let known = |side: Side| {
        let is_known = |(serves, cmd): &&(bool, i32)| {
            let receiver = if *serves { side } else { side.other() };
            interface.received(receiver, *cmd).is_some()
        };
        seen.iter().filter(is_known).count()
    };
    let (client, server) = (known(Side::Client), known(Side::Server));
    let serves = seen.iter().any(|(serves, _)| *serves);
    let calls = seen.iter().any(|(serves, _)| !*serves);
    match (client.cmp(&server), serves, calls) {
        (std::cmp::Ordering::Greater, ..) => Ok(Side::Client),
        (std::cmp::Ordering::Less, ..) => Ok(Side::Server),
        (_, true, false) => Ok(Side::Server),
        (_, false, _) => Ok(Side::Client),
        (_, true, true) => Err(Failure::usage(format!(
            "{}: this may be the trace of either end: say whose by --as client or --as server",
            path.display()
        ))),
    }
}
