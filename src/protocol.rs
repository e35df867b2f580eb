//! A role of a protocol: the application's table of types, and how it is read.

#![allow(unsafe_code, reason = "a boundary: C tables are read here")]

use crate::abi::{info_fn, mrpc_protocol, xdrproc_t};
use crate::proto::status;
use std::ffi::c_int;
use std::mem::MaybeUninit;

/// A type as a protocol's info function describes it.
#[derive(Clone, Copy)]
pub struct Type {
    pub procedure: Option<xdrproc_t>,
    pub size: usize,
}

impl Type {
    /// By size: the address of xdr_void differs between XDR libraries.
    pub fn is_void(&self) -> bool {
        self.size == 0
    }
}

pub struct Role {
    table: &'static mrpc_protocol,
    reply_to_sent: Option<info_fn>,
    reply_to_received: Option<info_fn>,
}

impl Role {
    /// Looks which of the two reply functions is of which direction. `sender_reply_info` can
    /// be read as the replies to what this role sends, or as those that it sends; tables of
    /// both kinds exist. A procedure that only one direction has tells; where there is none,
    /// it is the first.
    pub fn new(table: &'static mrpc_protocol) -> Role {
        const LOOKED_AT: c_int = 256;
        let knows = |info, cmd| type_of(info, cmd).is_some();
        let by_direction = (1..=LOOKED_AT).find_map(|cmd| {
            let sent = knows(table.sender_request_info, cmd);
            let received = knows(table.receiver_request_info, cmd);
            let (first, second) = (
                knows(table.sender_reply_info, cmd),
                knows(table.receiver_reply_info, cmd),
            );
            (sent != received && first != second).then_some(first == sent)
        });
        let (reply_to_sent, reply_to_received) = if by_direction.unwrap_or(true) {
            (table.sender_reply_info, table.receiver_reply_info)
        } else {
            (table.receiver_reply_info, table.sender_reply_info)
        };
        Role {
            table,
            reply_to_sent,
            reply_to_received,
        }
    }

    pub fn table(&self) -> &'static mrpc_protocol {
        self.table
    }

    pub fn is_server(&self) -> bool {
        self.table.is_server != 0
    }

    /// The argument of a call or message that this role sends. None: no such command.
    pub fn sent(&self, cmd: c_int) -> Option<Type> {
        type_of(self.table.sender_request_info, cmd)
    }

    /// The result of a call that this role makes.
    pub fn reply_to_sent(&self, cmd: c_int) -> Option<Type> {
        type_of(self.reply_to_sent, cmd)
    }

    /// The argument of a request or message that this role gets.
    pub fn received(&self, cmd: c_int) -> Option<Type> {
        type_of(self.table.receiver_request_info, cmd)
    }

    /// The result of a request that this role gets.
    pub fn reply_to_received(&self, cmd: c_int) -> Option<Type> {
        type_of(self.reply_to_received, cmd)
    }
}

fn type_of(info: Option<info_fn>, cmd: c_int) -> Option<Type> {
    let mut procedure = MaybeUninit::<Option<xdrproc_t>>::zeroed();
    let mut size = 0;
    // SAFETY: generated code, which fills both places if it returns OK; a null procedure is
    // None.
    unsafe {
        let found = info?(cmd as u32, procedure.as_mut_ptr().cast(), &mut size);
        (found == status::OK).then(|| Type {
            procedure: procedure.assume_init(),
            size: size as usize,
        })
    }
}
