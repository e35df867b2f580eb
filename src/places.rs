//! Where in their long payloads commands have data: learnt from each one that is decoded, so that
//! the next one's can be received straight into the memory that the application's object keeps.
//!
//! A guess that is wrong, or that another command has taken the place of, costs a copy.

use crate::proto::frame::Header;
use crate::sync::{AtomicU64, Ordering};

/// Commands whose places are kept at a time.
const KEPT: usize = 16;
/// Data that begin farther behind are not worth a part of their own.
const FARTHEST: u32 = 4096;

pub struct Places([AtomicU64; KEPT]);

impl Default for Places {
    fn default() -> Places {
        Places(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Places {
    /// Data of such a payload began at `at`.
    pub fn note(&self, cmd: i32, is_request: bool, at: u32) {
        if at <= FARTHEST {
            let place = self.0[slot(cmd, is_request)].load(Ordering::Relaxed);
            let new = named(cmd, is_request) | u64::from(at);
            if place != new {
                self.0[slot(cmd, is_request)].store(new, Ordering::Relaxed);
            }
        }
    }

    /// Where those of a frame's payload may begin; 0 if that is not known.
    pub fn of(&self, header: &Header) -> usize {
        let (cmd, is_request) = (header.cmd, header.is_request());
        let place = self.0[slot(cmd, is_request)].load(Ordering::Relaxed);
        let known = place & !AT == named(cmd, is_request);
        if known {
            (place & AT) as usize
        } else {
            0
        }
    }
}

/// The bits of an entry that say where; those above say of what.
const AT: u64 = 0x7fff_ffff;

fn named(cmd: i32, is_request: bool) -> u64 {
    u64::from(cmd as u32) << 32 | u64::from(is_request) << 31
}

fn slot(cmd: i32, is_request: bool) -> usize {
    let name = (cmd as u32) << 1 | u32::from(is_request);
    name as usize % KEPT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::status;

    fn header(cmd: i32, is_request: bool) -> Header {
        Header {
            sequence: 0,
            status: if is_request {
                status::PENDING
            } else {
                status::OK
            },
            cmd,
            len: 1 << 20,
        }
    }

    #[test]
    fn places_are_those_of_a_command_in_one_direction() {
        let places = Places::default();
        assert_eq!(places.of(&header(0, false)), 0);
        places.note(1, true, 4);
        places.note(1, false, 12);
        places.note(-1, true, 20);
        assert_eq!(places.of(&header(1, true)), 4);
        assert_eq!(places.of(&header(1, false)), 12);
        assert_eq!(places.of(&header(-1, true)), 20);
        assert_eq!(places.of(&header(2, true)), 0);
        places.note(1, true, FARTHEST + 1);
        assert_eq!(places.of(&header(1, true)), 4);
    }

    #[test]
    fn the_last_one_stays_where_two_share_an_entry() {
        let places = Places::default();
        places.note(1, true, 4);
        places.note(1 + KEPT as i32, true, 8);
        assert_eq!(places.of(&header(1, true)), 0);
        assert_eq!(places.of(&header(1 + KEPT as i32, true)), 8);
    }
}
