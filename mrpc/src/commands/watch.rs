//! `mrpc watch`.

use std::time::{SystemTime, UNIX_EPOCH};

use minirpcgen::ast::Side;
use serde_json::Value;

use super::{data, line, load};
use crate::cli::{Peer, Role};
use crate::client::Connection;
use crate::failure::Failure;

pub fn watch(peer: &Peer, raw: bool) -> Result<(), Failure> {
    let interface = load(&peer.file)?;
    let side = Side::from(peer.role.unwrap_or(Role::Client));
    let mut connection = Connection::open(&peer.address, &peer.limits, &peer.tls)?;
    super::end_at_signals(None)?;
    while let Some(frame) = connection.receive(None)? {
        let known = interface.received(side, frame.cmd);
        let kind = match frame.is_reply() {
            true => "reply",
            false if frame.cmd < 0 => "message",
            false => "request",
        };
        let name = match known {
            Some(procedure) if !frame.is_reply() => Value::from(procedure.name.as_str()),
            _ => Value::from(frame.cmd),
        };
        let status = match frame.is_reply() {
            true => format!(",\"status\":{}", frame.status),
            false => String::new(),
        };
        let data = match known {
            Some(procedure) => data(&interface, procedure.argument.as_ref(), &frame.payload, raw),
            None => data(&interface, None, &frame.payload, true),
        };
        line(&format!(
            "{{\"time\":{:.6},\"connection\":1,\"from\":\"{}\",\"to\":\"{}\",\"kind\":\"{kind}\",\
             \"sequence\":{},\"name\":{name}{status}{data}}}",
            now(),
            side.other().word(),
            side.word(),
            frame.sequence,
        ))?;
        if !frame.is_reply() {
            connection.refuse(&frame)?;
        }
    }
    Ok(())
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}
