//! How long a dispatcher runs events before it looks at the sockets, where others wait to be seen.

use crate::sys::{clock, thread};
use std::time::{Duration, Instant};

/// Runs of events in a row, at most ...
const RUNS: u32 = 4;
/// ... and no further one after this time.
const LENGTH: Duration = Duration::from_micros(100);
/// Who shares a processor with other dispatchers gives way after this time. The kernel lets each
/// run for some milliseconds, in which nobody else looks where it has stopped one within a look.
const WAY: Duration = Duration::from_micros(400);

/// What a dispatcher has done since its last look.
#[derive(Default)]
pub struct Spell {
    runs: u32,
    /// Its first run.
    began: Option<Instant>,
    gave_way: Option<Instant>,
}

impl Spell {
    /// It is time to look.
    pub fn is_over(&self) -> bool {
        self.runs >= RUNS || self.began.is_some_and(|t| clock::now() - t >= LENGTH)
    }

    pub fn restart(&mut self) {
        self.runs = 0;
        self.began = None;
    }

    /// Another run begins.
    pub fn run(&mut self) {
        self.runs += 1;
        self.began.get_or_insert_with(clock::now);
    }

    /// Now and then lets other threads run, while this one holds nothing.
    pub fn give_way(&mut self) {
        let now = clock::now();
        if now - *self.gave_way.get_or_insert(now) >= WAY {
            thread::yield_now();
            self.gave_way = None;
        }
    }
}

/// A batch that began then, and of which so many events have run, has to make way for a look. The
/// clock is read now and then, as short handlers take no longer than that.
pub fn is_long(start: Instant, done: usize) -> bool {
    (done.is_power_of_two() || done % 32 == 0) && clock::now() - start >= LENGTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spell_ends_after_some_runs_or_some_time() {
        let mut spell = Spell::default();
        assert!(!spell.is_over());
        for _ in 0..RUNS {
            spell.run();
        }
        assert!(spell.is_over());
        spell.restart();
        assert!(!spell.is_over());
        spell.run();
        std::thread::sleep(LENGTH);
        assert!(spell.is_over());
    }

    #[test]
    fn a_batch_ends_after_some_time() {
        let ends = |start| {
            (1..=64)
                .filter(|done| is_long(start, *done))
                .collect::<Vec<_>>()
        };
        let start = clock::now();
        std::thread::sleep(LENGTH);
        assert_eq!(ends(start), [1, 2, 4, 8, 16, 32, 64]);
        assert!(ends(start + Duration::from_secs(3600)).is_empty());
    }
}
