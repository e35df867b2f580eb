//! Random sequences of what an application can ask for, over two or three connections of the same
//! two sets, from two threads, and what has to fire then.

use super::app::{self, Early, BACK, ECHO, LATER, SLOW};
use super::pair::{ailments, conn, pause, Pair, Plan};
use super::runner::{check, mix};
use crate::proto::status;
use crate::sync::sim::wait;
use crate::sys::sim::net;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// A connection that makes no progress is given up after the linger time, on one side and then
/// perhaps on the other.
const LINGER: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(4);

/// What all threads of a run have done to a connection.
#[derive(Default)]
struct Done {
    /// It was closed, or bounds were set: calls may fail.
    ended: [AtomicBool; 3],
    bounded: AtomicBool,
    /// The last call that can be cancelled, by end.
    keys: [AtomicU64; 6],
}

fn act(pair: &Pair, done: &Done, connections: usize, choose: impl Fn(u64) -> u64) {
    let end = choose(2 * connections as u64) as usize;
    let pad = [0, 5, 60, 700][choose(4) as usize];
    let may_fail = || done.ended[end / 2].load(Ordering::SeqCst);
    let may_be_busy = || done.bounded.load(Ordering::SeqCst);
    let judge = |status, early: bool| {
        let known = status == status::OK
            || (status == status::NETWORK_FAILURE && may_fail())
            || (status == status::BUSY && may_be_busy())
            || ([status::TIMEDOUT, status::CANCELLED].contains(&status) && early);
        assert!(known, "end {end}: a call ended with {status}");
    };
    match choose(16) {
        0 | 1 => judge(app::call(end, [ECHO, SLOW][choose(2) as usize], pad), false),
        // Handlers that call each other's would wait for each other.
        2 if end % 2 == 0 => judge(app::call(end, BACK, pad), false),
        2..=4 => judge(app::call_async(end, ECHO, pad), false),
        5 => judge(app::call_async(end, LATER, pad), false),
        6 | 7 => {
            let key = Arc::new(AtomicU64::new(0));
            let early = Early {
                timeout: (choose(2) == 0).then_some(1 + choose(5) as u32),
                key: Some(Arc::clone(&key)),
            };
            if choose(3) == 0 {
                judge(app::call_with(end, SLOW, pad, &early), true);
            } else {
                judge(app::call_async_with(end, LATER, pad, &early), true);
                done.keys[end].store(key.load(Ordering::Acquire), Ordering::SeqCst);
            }
        }
        8 => {
            let key = AtomicU64::new(done.keys[end].load(Ordering::SeqCst));
            app::cancel(end, &key);
        }
        9 | 10 => {
            let status = app::note(end, pad);
            judge(status, false);
        }
        11 => app::answer_kept(end),
        12 => {
            conn(end).stop_events().unwrap();
            pause(Duration::from_micros(choose(3000)));
            let _ = conn(end).start_events();
        }
        13 if choose(4) == 0 => {
            done.ended[end / 2].store(true, Ordering::SeqCst);
            let _ = conn(end).close();
        }
        14 if choose(4) == 0 => {
            done.bounded.store(true, Ordering::SeqCst);
            let bounds = |config: &crate::config::Config| {
                config.set_event_limit(1 + choose(3) as u32, 100)?;
                config.set_request_limit(choose(3) as u32)?;
                config.set_reply_limit(1 + choose(300) as usize)?;
                config.set_send_limit(choose(500) as usize)
            };
            pair.set(end % 2).change(bounds).unwrap();
        }
        _ => pause(Duration::from_micros(choose(2000))),
    }
}

/// Each call has ended, with what it may have ended with; on a connection that nobody ended and
/// nothing bounded, messages have all come.
fn judged(done: &Done) -> bool {
    (0..app::ends()).all(|end| {
        let ended = done.ended[end / 2].load(Ordering::SeqCst);
        let bounded = done.bounded.load(Ordering::SeqCst);
        let sent = app::with(end ^ 1, |e| e.sent.len());
        app::with(end, |e| {
            let calls = e.calls.values().all(|call| call.ended.is_some());
            calls && (ended || bounded || (e.notes.len() == sent && e.reports.is_empty()))
        })
    })
}

#[test]
fn random_sequences_end_well() {
    check(800, |seed| {
        let pair = Arc::new(Pair::new(&Plan::any(seed)));
        let connections = 2 + (mix(seed ^ 5) % 2) as usize;
        for _ in 1..connections {
            let kind = [net::Kind::Tcp, net::Kind::Unix][(mix(seed) % 2) as usize];
            let (a, b) = net::with(|n| n.pair(kind));
            pair.bind(0, a);
            pair.bind(1, b);
        }
        for side in 0..2 {
            let linger = LINGER.as_millis() as u32;
            pair.set(side).change(|c| c.set_linger(linger)).unwrap();
        }
        let done = Arc::new(Done::default());
        let under_way = Arc::new(AtomicUsize::new(2));
        let threads: Vec<usize> = (0..2u64)
            .map(|thread| {
                let (pair, done) = (Arc::clone(&pair), Arc::clone(&done));
                let under_way = Arc::clone(&under_way);
                wait::spawn("application", move || {
                    let state = Cell::new(mix(seed ^ thread << 40));
                    let choose = |bound: u64| {
                        state.set(mix(state.get()));
                        state.get() % bound
                    };
                    for _ in 0..1 + choose(8) {
                        act(&pair, &done, connections, choose);
                    }
                    under_way.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        // Who waits for what another thread keeps, or behind it, is answered meanwhile.
        let answered = || {
            (0..app::ends()).for_each(app::answer_kept);
            under_way.load(Ordering::SeqCst) == 0 && judged(&done)
        };
        assert!(pair.wait(PATIENCE, answered), "{}", ailments());
        threads.into_iter().for_each(wait::join);
        Arc::into_inner(pair).unwrap().finish(PATIENCE);
    });
}
