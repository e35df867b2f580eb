//! `mrpc call` and `mrpc send`.

use minirpcgen::ast::Side;

use super::{argument, json, kind, line, load};
use crate::cli::{Input, Peer};
use crate::client::Connection;
use crate::failure::{Exit, Failure};
use crate::schema::{Interface, Procedure};
use crate::{hex, wire};

pub fn call(peer: &Peer, name: &str, input: &Input) -> Result<(), Failure> {
    let interface = load(&peer.file)?;
    let procedure = find(&interface, peer, name, false)?;
    let request = argument(&interface, procedure, input.json.as_deref(), input.raw)?;
    let mut connection = open(peer)?;
    let reply = connection.call(procedure.cmd, request)?;
    if reply.status != wire::OK {
        if !reply.payload.is_empty() {
            let reason = "the reply has a status and a payload, which no peer may send";
            return Err(Failure::network(reason));
        }
        let text = wire::status_text(reply.status);
        let message = format!("{name}: the peer answered {}: {text}", reply.status);
        return Err(Failure::new(Exit::Status, message));
    }
    if input.raw {
        return line(&hex::encode(&reply.payload));
    }
    match json(&interface, procedure.result.as_ref(), &reply.payload) {
        Ok(Some(json)) => line(&json),
        Ok(None) => Ok(()),
        Err(reason) => Err(Failure::network(format!(
            "the reply does not decode: {reason} (--raw shows it)"
        ))),
    }
}

pub fn send(peer: &Peer, name: &str, input: &Input) -> Result<(), Failure> {
    let interface = load(&peer.file)?;
    let message = find(&interface, peer, name, true)?;
    let payload = argument(&interface, message, input.json.as_deref(), input.raw)?;
    open(peer)?.message(message.cmd, payload)
}

fn open(peer: &Peer) -> Result<Connection, Failure> {
    Connection::open(&peer.address, &peer.limits, &peer.tls)
}

fn find<'a>(
    interface: &'a Interface,
    peer: &Peer,
    name: &str,
    message: bool,
) -> Result<&'a Procedure, Failure> {
    let path = peer.file.path.display();
    let Some(procedure) = interface.procedure(name) else {
        let message = format!("{path} has no `{name}`; mrpc describe {path} lists what it has");
        return Err(Failure::usage(message));
    };
    let kind = kind(procedure);
    if procedure.message != message {
        let other = if message { "call" } else { "send" };
        let message = format!("`{name}` is one of the {kind}: use mrpc {other}");
        return Err(Failure::usage(message));
    }
    // A name stands for one direction, unless another one is asked for.
    match peer.role.map(Side::from) {
        Some(role) if role == procedure.side => Err(Failure::usage(format!(
            "`{name}` is one of the {kind}, which a {} receives and does not call",
            role.word()
        ))),
        _ => Ok(procedure),
    }
}
