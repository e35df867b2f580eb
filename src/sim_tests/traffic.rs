//! Calls and messages in both directions, on every kind of network, by every schedule.

use super::app::{self, BACK, ECHO, LATER, SLOW};
use super::pair::{ailments, all_well, conn, pause, Pair, Plan};
use super::runner::{check, mix};
use crate::proto::status;
use crate::sync::sim::wait;
use crate::sys::sim::net::{self, Nature};
use std::time::Duration;

/// Ticks, looks at what is lent, handlers that take a while: nothing takes as long as this.
pub const SOON: Duration = Duration::from_millis(200);

#[test]
fn a_call_is_answered() {
    check(400, |seed| {
        let pair = Pair::new(&Plan::any(seed));
        assert_eq!(app::call(0, ECHO, 10), status::OK);
        assert_eq!(app::call(1, ECHO, 100), status::OK);
        assert!(pair.wait(SOON, all_well), "{}", ailments());
        pair.finish(SOON);
    });
}

/// What an application does next, as the numbers say.
fn act(end: usize, number: u64) {
    let pad = [0, 5, 60, 700][(number >> 8) as usize % 4];
    let taken = match number % 10 {
        0..=2 => app::call(end, ECHO, pad),
        3..=5 => app::call_async(end, ECHO, pad),
        6 | 7 => app::note(end, pad),
        8 => app::call_async(end, SLOW, pad),
        // Handlers that call each other's would wait for each other.
        _ if end == 0 => app::call(end, BACK, pad),
        _ => app::call_async(end, LATER, pad),
    };
    assert_eq!(taken, status::OK);
}

/// Threads of both ends, of which each does some things one after the other.
pub fn traffic(seed: u64, threads: u64, things: u64) -> Vec<usize> {
    let thread = |n: u64| {
        let end = (n % 2) as usize;
        let act_all = move || {
            for thing in 0..things {
                act(end, mix(seed ^ mix(n << 32 | thing)));
            }
        };
        wait::spawn(["client", "server"][end], act_all)
    };
    (0..threads).map(thread).collect()
}

/// What the threads send arrives soon, and is answered.
pub fn judge(pair: Pair, threads: Vec<usize>) {
    let answered = || {
        (0..2).for_each(app::answer_kept);
        all_well()
    };
    assert!(pair.wait(SOON, answered), "{}", ailments());
    threads.into_iter().for_each(wait::join);
    pair.finish(SOON);
}

#[test]
fn all_that_is_sent_arrives_and_is_answered() {
    check(1500, |seed| {
        let pair = Pair::new(&Plan::any(seed));
        let threads = traffic(seed, 1 + seed % 4, 1 + seed / 4 % 4);
        judge(pair, threads);
    });
}

/// Gathered calls and replies leave with the reply that is due, or at the end of the batch: the
/// background's ticks are there for handlers and peers that take their time.
#[test]
fn async_calls_do_not_wait_for_a_tick() {
    check(1500, |seed| {
        let mut plan = Plan::any(seed);
        // To spin takes time.
        plan.cpus = 1;
        let pair = Pair::new(&plan);
        wait::quiet();
        let begun = wait::now();
        let thread = |n: u64| {
            let end = (n % 2) as usize;
            let act_all = move || {
                for thing in 0..1 + seed / 4 % 5 {
                    let choice = mix(seed ^ mix(n << 32 | thing));
                    let pad = [0, 5, 60, 700][(choice >> 8) as usize % 4];
                    // Async calls only: sync calls lend the connection, for others to wait a
                    // tick for, and a message after gathered calls may wait for one, too.
                    assert_eq!(app::call_async(end, ECHO, pad), status::OK);
                }
            };
            wait::spawn(["client", "server"][end], act_all)
        };
        let threads: Vec<usize> = (0..1 + seed % 4).map(thread).collect();
        threads.into_iter().for_each(wait::join);
        wait::quiet();
        let took = wait::now() - begun;
        assert!(
            all_well() && took == Duration::ZERO,
            "took {took:?}: {}",
            ailments()
        );
        pair.finish(SOON);
    });
}

/// Callers share a connection, whose reading right goes from one to the other: at once, and not
/// when a tick finds one left behind.
#[test]
fn sync_callers_share_a_connection() {
    check(1000, |seed| {
        let mut plan = Plan::any(seed);
        // To spin takes time.
        plan.cpus = 1;
        let pair = Pair::new(&plan);
        wait::quiet();
        let begun = wait::now();
        let caller = |n: u64| {
            let call = move || {
                for round in 0..2 {
                    let pad = (mix(seed + n + round) % 90) as usize;
                    assert_eq!(app::call(0, ECHO, pad), status::OK);
                }
            };
            wait::spawn("caller", call)
        };
        let callers: Vec<usize> = (0..2 + seed % 3).map(caller).collect();
        callers.into_iter().for_each(wait::join);
        let took = wait::now() - begun;
        assert!(took == Duration::ZERO, "took {took:?}");
        pair.finish(SOON);
    });
}

/// A reader that ends other callers' calls lets go to one that still waits: the server is never
/// idle while a call is under way.
#[test]
fn a_promotion_is_not_spent_on_a_caller_that_is_done() {
    check(2500, |seed| {
        let mut plan = Plan::any(seed);
        plan.cpus = 1;
        plan.ticks = true;
        plan.nature = Nature::default();
        let pair = Pair::new(&plan);
        wait::quiet();
        let begun = wait::now();
        let caller = |cmd| {
            wait::spawn("caller", move || {
                assert_eq!(app::call(0, cmd, 0), status::OK);
            })
        };
        // While its handler runs, the others' calls come together, and so do the replies to
        // those in front of the next that takes long.
        let first = caller(SLOW);
        wait::quiet();
        let of = |n| if n == seed % 4 { SLOW } else { ECHO };
        let others: Vec<usize> = (0..4).map(|n| caller(of(n))).collect();
        others.into_iter().chain([first]).for_each(wait::join);
        let took = wait::now() - begun;
        assert!(took == 2 * app::WHILE, "took {took:?}");
        assert!(pair.wait(SOON, all_well), "{}", ailments());
        pair.finish(SOON);
    });
}

/// A request that comes after sync calls finds a reader, although the connection was lent.
#[test]
fn an_async_call_takes_a_lent_connection_back() {
    check(400, |seed| {
        let mut plan = Plan::any(seed);
        plan.ticks = true;
        let pair = Pair::new(&plan);
        assert_eq!(app::call(0, ECHO, 0), status::OK);
        app::call_async(0, ECHO, 0);
        let readable = net::with(|n| n.interest(pair.fds[0])) & net::IN != 0;
        let done = || app::with(0, |e| e.calls.values().all(|c| c.ended.is_some()));
        assert!(readable || done(), "nobody but a tick would read the reply");
        assert!(pair.wait(SOON, done), "{}", ailments());
        pair.finish(SOON);
    });
}

/// Events that were stopped come when they are started, all of them.
#[test]
fn stopped_events_wait() {
    check(400, |seed| {
        let pair = Pair::new(&Plan::any(seed));
        conn(1).stop_events().unwrap();
        let threads = traffic(seed, 2, 3);
        wait::quiet();
        pause(Duration::from_millis(20));
        conn(1).start_events().unwrap();
        let answered = || {
            (0..2).for_each(app::answer_kept);
            all_well()
        };
        assert!(pair.wait(SOON, answered), "{}", ailments());
        threads.into_iter().for_each(wait::join);
        pair.finish(SOON);
    });
}

/// What is sent before the connection is closed arrives, before its end does.
#[test]
fn what_is_queued_is_sent_before_the_end() {
    check(800, |seed| {
        let pair = Pair::new(&Plan::any(seed));
        for n in 0..1 + seed % 20 {
            app::note(0, (mix(seed + n) % 300) as usize);
        }
        conn(0).close().unwrap();
        let sent = app::with(0, |e| e.sent.len());
        let over = || app::with(1, |e| e.over.is_some());
        assert!(pair.wait(SOON, over), "{}", ailments());
        assert_eq!(app::with(1, |e| e.notes.len()), sent);
        assert!(app::with(1, |e| e.reports.is_empty()), "{}", ailments());
        pair.finish(SOON);
    });
}

/// With bounds as low as they can be, all calls end, and nothing stays behind.
#[test]
fn bounds_delay_and_lose_nothing() {
    check(1000, |seed| {
        let pair = Pair::new(&Plan::any(seed));
        for side in 0..2 {
            let bounds = |config: &crate::config::Config| {
                config.set_event_limit(1 + (seed % 3) as u32, 400)?;
                config.set_request_limit((seed % 2) as u32)?;
                config.set_reply_limit(1 + (seed % 200) as usize)?;
                config.set_memory_limit([0, 3000][(seed / 2 % 2) as usize])
            };
            pair.set(side).change(bounds).unwrap();
        }
        let send = |n: u64| {
            // With both ends at their bounds of replies, both may wait for the other to take
            // them: that is ended by the linger time.
            let end = 0;
            let act_all = move || {
                for thing in 0..4 {
                    let pad = (mix(seed + n + thing) % 200) as usize;
                    let taken = match mix(seed * n + thing) % 4 {
                        0 => app::call(end, ECHO, pad),
                        1 => app::note(end, pad),
                        2 => app::call_async(end, SLOW, pad),
                        _ => app::call_async(end, ECHO, pad),
                    };
                    assert!(taken == status::OK || taken == status::BUSY);
                }
            };
            wait::spawn("sender", act_all)
        };
        let threads: Vec<usize> = (0..1 + seed % 4).map(send).collect();
        let ended = || {
            let ended = |c: &app::Call| c.ended.is_some();
            let calls = |end| app::with(end, |e: &mut app::End| e.calls.values().all(ended));
            let notes = |end: usize| {
                let sent = app::with(1 - end, |e| e.sent.len());
                app::with(end, |e| e.notes.len() == sent)
            };
            (0..2).all(|end| calls(end) && notes(end))
        };
        assert!(pair.wait(SOON, ended), "{}", ailments());
        threads.into_iter().for_each(wait::join);
        pair.finish(SOON);
    });
}

/// What stopped events leave waiting is no more than the bound, and what was being read.
#[test]
fn a_connection_at_its_bound_is_not_read_from() {
    check(300, |seed| {
        let mut plan = Plan::any(seed);
        plan.nature.send_buffer = 300;
        plan.nature.receive_buffer = 300;
        let pair = Pair::new(&plan);
        let bound = 1 + (seed % 5) as usize;
        let bounds = |c: &crate::config::Config| c.set_event_limit(bound as u32, 1 << 20);
        pair.set(1).change(bounds).unwrap();
        conn(1).stop_events().unwrap();
        (0..60).for_each(|_| assert_eq!(app::note(0, 40), status::OK));
        pause(Duration::from_millis(50));
        let taken = conn(1).counter(3).unwrap();
        assert!(
            taken as usize <= bound + 300 / 64 + 1,
            "{taken} messages taken in"
        );
        conn(1).start_events().unwrap();
        assert!(pair.wait(SOON, all_well), "{}", ailments());
        pair.finish(SOON);
    });
}

/// The last references go while threads send, and while the peer's end arrives.
#[test]
fn a_set_ends_while_its_connection_does() {
    check(6000, |seed| {
        let mut pair = Pair::new(&Plan::any(seed));
        let threads = (0..seed % 4).map(|n| {
            let own = conn(0);
            own.add_user();
            wait::spawn("user", move || {
                for _ in 0..1 + mix(seed + n) % 3 {
                    app::note(0, 0);
                }
                own.drop_user();
            })
        });
        let threads: Vec<usize> = threads.collect();
        if seed & 4 == 0 {
            wait::quiet();
        }
        conn(0).drop_user();
        let _ = conn(1).close();
        conn(1).drop_user();
        pair.let_go();
        threads.into_iter().for_each(wait::join);
        pair.end(SOON);
    });
}
