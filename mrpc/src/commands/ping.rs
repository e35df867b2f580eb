//! `mrpc ping`.

use std::time::Instant;

use super::line;
use crate::address::Address;
use crate::cli::{Limits, Tls};
use crate::client::Connection;
use crate::failure::{Exit, Failure};
use crate::wire::{status_text, PROCEDURE_UNAVAIL};

pub fn ping(address: &Address, count: u32, limits: &Limits, tls: &Tls) -> Result<(), Failure> {
    let mut connection = Connection::open(address, limits, tls)?;
    for number in 1..=count {
        let begun = Instant::now();
        let reply = connection.call(0, Vec::new())?;
        let time = begun.elapsed();
        // Procedure 0 is never there: who says so speaks the protocol.
        if reply.status != PROCEDURE_UNAVAIL {
            let text = status_text(reply.status);
            let message = format!("the peer answered {}: {text}", reply.status);
            return Err(Failure::new(Exit::Status, message));
        }
        let milliseconds = time.as_secs_f64() * 1e3;
        line(&format!(
            "{address}: answer {number} in {milliseconds:.3} ms"
        ))?;
    }
    Ok(())
}
