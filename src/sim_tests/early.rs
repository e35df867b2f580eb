//! Calls that end before their replies: once, in time, whatever comes in between.

use super::app::{self, Early, ECHO, LATER, SLOW};
use super::pair::{ailments, conn, pause, Pair, Plan};
use super::runner::{check, mix};
use super::timers::{half, SECOND};
use crate::proto::status;
use crate::sync::sim::wait;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);
/// What a call that ends in time may be late by: clocks tick, and handlers are waited for.
const SLACK: Duration = Duration::from_millis(2);

fn timeout(ms: u32) -> Early {
    Early {
        timeout: Some(ms),
        key: None,
    }
}

fn cancellable() -> (Early, Arc<AtomicU64>) {
    let key = Arc::new(AtomicU64::new(0));
    let early = Early {
        timeout: None,
        key: Some(Arc::clone(&key)),
    };
    (early, key)
}

/// Waits for the key of a call that another thread makes.
fn await_key(key: &AtomicU64) {
    while key.load(Ordering::Acquire) == 0 {
        pause(MILLISECOND / 10);
    }
}

/// A peer that never answers: sync and async calls of several threads end on time.
#[test]
fn calls_end_on_time_whatever_they_wait_in() {
    check(600, |seed| {
        let (pair, raw) = half(&Plan::any(seed));
        let caller = |n: u64| {
            wait::spawn("caller", move || {
                for call in 0..3 {
                    let number = mix(seed ^ n << 8 ^ call);
                    let ms = [1, 2, 5, 60, 400][(number >> 8) as usize % 5];
                    let (begun, limit) = (wait::now(), ms * MILLISECOND);
                    if number % 3 == 0 {
                        assert_eq!(app::call_async_with(0, ECHO, 5, &timeout(ms)), status::OK);
                    } else {
                        let (mut early, _) = cancellable();
                        if number % 2 == 0 {
                            early.key = None;
                        }
                        early.timeout = Some(ms);
                        let status = app::call_with(0, ECHO, 5, &early);
                        let took = wait::now() - begun;
                        assert_eq!(status, status::TIMEDOUT);
                        assert!(
                            took >= limit && took <= limit + SLACK,
                            "{took:?}, {limit:?}"
                        );
                    }
                }
            })
        };
        let begun = wait::now();
        let callers: Vec<usize> = (0..1 + seed % 3).map(caller).collect();
        callers.into_iter().for_each(wait::join);
        let ended = || app::with(0, |e| e.calls.values().all(|call| call.ended.is_some()));
        assert!(pair.wait(SECOND, ended), "{}", ailments());
        let last = wait::now() - begun;
        assert!(last <= 1300 * MILLISECOND, "{last:?}");
        let timed_out = app::with(0, |e| {
            let mut statuses = e.calls.values().map(|call| call.ended);
            statuses.all(|ended| ended.is_some_and(|(status, _)| status == status::TIMEDOUT))
        });
        assert!(timed_out, "{}", ailments());
        super::pair::close_raw(raw);
        pair.finish(SECOND);
    });
}

/// A caller is cancelled wherever it waits: on the socket, for the right to read, or not yet.
#[test]
fn a_sync_caller_is_fetched_wherever_it_waits() {
    check(1500, |seed| {
        let pair = Pair::new(&Plan::any(seed));
        let call = |_| {
            let (early, key) = cancellable();
            let caller = wait::spawn("caller", move || {
                assert_eq!(app::call_with(0, LATER, 5, &early), status::CANCELLED);
            });
            (caller, key)
        };
        let mut calls: Vec<_> = (0..1 + seed % 3).map(call).collect();
        if seed % 2 == 0 {
            calls.reverse();
        }
        let other = (seed % 5 == 0)
            .then(|| wait::spawn("other", || assert_eq!(app::call(0, SLOW, 5), status::OK)));
        for (caller, key) in calls {
            await_key(&key);
            if seed % 7 < 3 {
                pause(MILLISECOND);
            }
            assert!(app::cancel(0, &key) && !app::cancel(0, &key));
            wait::join(caller);
        }
        other.into_iter().for_each(wait::join);
        // The late replies are dropped.
        app::answer_kept(1);
        assert_eq!(app::call(0, ECHO, 5), status::OK);
        app::with(0, |e| assert!(e.reports.is_empty(), "{:?}", e.reports));
        pair.finish(SECOND);
    });
}

/// What a thread does next.
fn act(number: u64) {
    let cmd = [ECHO, ECHO, SLOW, LATER][(number >> 8) as usize % 4];
    let pad = [0, 5, 60, 700][(number >> 16) as usize % 4];
    let (mut early, key) = cancellable();
    early.timeout = Some([1, 2, 3, 4, 20][(number >> 24) as usize % 5]);
    if number % 2 == 0 {
        early.key = None;
    }
    if number % 3 == 0 {
        let status = app::call_async_with(0, cmd, pad, &early);
        assert!([status::OK, status::NETWORK_FAILURE].contains(&status));
        if number % 2 == 1 && number % 5 < 3 {
            if number % 5 == 0 {
                pause(MILLISECOND);
            }
            app::cancel(0, &key);
        }
    } else {
        let status = app::call_with(0, cmd, pad, &early);
        let ends = [
            status::OK,
            status::TIMEDOUT,
            status::CANCELLED,
            status::NETWORK_FAILURE,
        ];
        assert!(ends.contains(&status), "{status}");
    }
}

/// Replies, deadlines, cancellers and a close, in every order: each call ends once (the judge
/// looks), and what is late is told from what is unknown.
#[test]
fn each_call_ends_once() {
    check(1500, |seed| {
        let pair = Pair::new(&Plan::any(seed));
        let closes = seed % 4 == 0;
        let thread = |n: u64| {
            wait::spawn("caller", move || {
                (0..1 + seed % 5).for_each(|thing| act(mix(seed ^ mix(n << 32 | thing))));
            })
        };
        let mut threads: Vec<usize> = (0..1 + seed / 4 % 3).map(thread).collect();
        let end = (seed >> 3) as usize % 2;
        threads.push(wait::spawn("other", move || {
            pause((seed % 9) as u32 * MILLISECOND / 2);
            if closes {
                let _ = conn(end).close();
            } else {
                app::answer_kept(1);
            }
        }));
        threads.into_iter().for_each(wait::join);
        let ended = || {
            app::answer_kept(1);
            app::with(0, |e| e.calls.values().all(|call| call.ended.is_some()))
        };
        assert!(pair.wait(SECOND, ended), "{}", ailments());
        if !closes {
            // All that was asked is answered by now, so all that is late has come.
            pause(20 * MILLISECOND);
            app::answer_kept(1);
            assert_eq!(app::call(0, ECHO, 5), status::OK);
            app::with(0, |e| assert!(e.reports.is_empty(), "{:?}", e.reports));
        }
        pair.finish(SECOND);
    });
}
