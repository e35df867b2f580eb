#!/usr/bin/env bash
# loom 0.7.3 never lets try_lock find a lock taken, nor try_recv a message that is being sent;
# shuttle 0.9.10, asked for all schedules, does, but never lets another thread release an Arc.
#
# Both promise to run a test under every schedule that matters. Each thread below does one thing
# beside another thread's one thing, so two outcomes are possible, and the code for the second
# is why one writes `try_`.
# - loom leaves out schedules that cannot differ. Taking a lock is an event to it, releasing one
#   is not: it tries try_lock before the other's lock() and after, and after means after all of
#   the locked section, unless something in there makes it switch. try_recv and
#   Arc::strong_count look without being an event at all.
# - shuttle's Arc is the standard library's: nothing happens when one is dropped, and what would
#   be the other order is never tried.
# So a model can pass though the branch for a busy lock, or for the last owner, is wrong, and
# even if it is a panic. (That loom may call a try_lock a deadlock is tokio-rs/loom's issue 376.)
#
# Seen (the outcomes that the tool's schedules had):
#   try_lock beside a lock: loom taken; shuttle busy, taken
#   try_lock beside a lock whose holder yields: loom busy, taken; shuttle busy, taken
#   try_write beside a read: loom taken; shuttle busy, taken
#   try_recv beside a send: loom empty; shuttle empty, message
#   Arc::try_unwrap beside a drop: loom last, shared; shuttle shared
#   Arc::strong_count beside a drop: loom 2; shuttle 2
#
# Works in a temporary folder; needs cargo and the network. Exit status 1 when it behaves
# otherwise, 2 when it could not be tried.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir src
cat >Cargo.toml <<'END'
[package]
name = "models"
version = "0.1.0"
edition = "2021"

[dependencies]
loom = "=0.7.3"
shuttle = "=0.9.10"
END
cat >src/main.rs <<'END'
use std::collections::BTreeSet;

macro_rules! tool {
    ($tool:ident, $explore:expr) => {
        mod $tool {
            use super::BTreeSet;
            use $tool::sync::{mpsc, Arc, Mutex, RwLock};
            use $tool::thread;

            type Seen = std::sync::Arc<std::sync::Mutex<BTreeSet<String>>>;

            fn outcomes(name: &str, run: impl Fn() -> String + Send + Sync + 'static) -> String {
                let seen = Seen::default();
                let all = Seen::clone(&seen);
                let explore: fn(Box<dyn Fn() + Send + Sync>) = $explore;
                explore(Box::new(move || {
                    let outcome = run();
                    all.lock().unwrap().insert(outcome);
                }));
                let seen = Vec::from_iter(seen.lock().unwrap().iter().cloned());
                format!("{name}={}", seen.join(", "))
            }

            fn try_lock_beside(section: fn(&mut u32)) -> String {
                let mutex = Arc::new(Mutex::new(0));
                let theirs = Arc::clone(&mutex);
                let other = thread::spawn(move || theirs.try_lock().is_ok());
                section(&mut mutex.lock().unwrap());
                let taken = other.join().unwrap();
                if taken { "taken" } else { "busy" }.into()
            }

            pub fn all() -> Vec<String> {
                vec![
                    outcomes("try_lock beside a lock", || try_lock_beside(|number| *number += 1)),
                    outcomes("try_lock beside a lock whose holder yields", || {
                        try_lock_beside(|number| {
                            *number += 1;
                            thread::yield_now();
                        })
                    }),
                    outcomes("try_write beside a read", || {
                        let lock = Arc::new(RwLock::new(0));
                        let theirs = Arc::clone(&lock);
                        let other = thread::spawn(move || *theirs.read().unwrap());
                        let outcome = if lock.try_write().is_ok() { "taken" } else { "busy" };
                        other.join().unwrap();
                        outcome.into()
                    }),
                    outcomes("try_recv beside a send", || {
                        let (sender, receiver) = mpsc::channel();
                        let other = thread::spawn(move || sender.send(1).unwrap());
                        let outcome = if receiver.try_recv().is_ok() { "message" } else { "empty" };
                        other.join().unwrap();
                        outcome.into()
                    }),
                    outcomes("Arc::try_unwrap beside a drop", || {
                        let ours = Arc::new(0);
                        let theirs = Arc::clone(&ours);
                        let other = thread::spawn(move || drop(theirs));
                        let outcome = if Arc::try_unwrap(ours).is_ok() { "last" } else { "shared" };
                        other.join().unwrap();
                        outcome.into()
                    }),
                    outcomes("Arc::strong_count beside a drop", || {
                        let ours = Arc::new(0);
                        let theirs = Arc::clone(&ours);
                        let other = thread::spawn(move || drop(theirs));
                        let outcome = Arc::strong_count(&ours).to_string();
                        other.join().unwrap();
                        outcome
                    }),
                ]
            }
        }
    };
}

tool!(loom, |run| loom::model(run));
tool!(shuttle, |run| shuttle::check_dfs(run, None));

fn main() {
    for (loom, shuttle) in loom::all().iter().zip(shuttle::all()) {
        let (name, loom) = loom.split_once('=').unwrap();
        println!("{name}: loom {loom}; shuttle {}", shuttle.split_once('=').unwrap().1);
    }
}
END
cargo build --release --quiet >log 2>&1 || { cat log; exit 2; }
target/release/models | tee seen
diff - seen <<'END'
try_lock beside a lock: loom taken; shuttle busy, taken
try_lock beside a lock whose holder yields: loom busy, taken; shuttle busy, taken
try_write beside a read: loom taken; shuttle busy, taken
try_recv beside a send: loom empty; shuttle empty, message
Arc::try_unwrap beside a drop: loom last, shared; shuttle shared
Arc::strong_count beside a drop: loom 2; shuttle 2
END
