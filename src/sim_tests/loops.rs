//! Connections that move from loop to loop.

use super::app::{self, ECHO};
use super::pair::{ailments, all_well, conn, pause, Pair, Plan};
use super::runner::{check, mix};
use super::traffic::{judge, traffic, SOON};
use crate::proto::status;
use crate::sync::sim::wait;
use crate::sys::sim::net;
use std::time::Duration;

/// Two loops on each side, and the connection's end in the second.
fn pair(seed: u64) -> Pair {
    let mut plan = Plan::any(seed);
    plan.cpus = 2;
    plan.ticks = true;
    plan.dispatchers = [2, 2];
    let pair = Pair::new(&plan);
    for end in 0..2 {
        assert_eq!(pair.set(end).hub().shards.roster().active(), 2);
        conn(end).move_to(1);
    }
    pair
}

#[test]
fn a_connection_moves_under_traffic() {
    check(1500, |seed| {
        let pair = pair(seed);
        let mut threads = traffic(seed, 1 + seed % 3, 1 + seed / 4 % 4);
        for end in 0..2 {
            let moving = move || {
                for n in 0..4 {
                    conn(end).move_to(1 - conn(end).shard_number());
                    pause(Duration::from_micros(mix(seed ^ n) % 60));
                }
            };
            threads.push(wait::spawn("mover", moving));
        }
        judge(pair, threads);
    });
}

/// The background moves it, as its loop leaves and comes back.
#[test]
fn loops_leave_under_traffic() {
    check(1500, |seed| {
        let pair = pair(seed);
        let mut threads = traffic(seed, 1 + seed % 3, 1 + seed / 4 % 4);
        for end in 0..2 {
            let set = std::sync::Arc::clone(pair.set(end));
            let bounding = move || {
                for n in 0..4 {
                    set.set_max_loops(1 + n % 2).unwrap();
                    pause(Duration::from_micros(mix(seed ^ u64::from(n)) % 3000));
                }
            };
            threads.push(wait::spawn("bounds", bounding));
        }
        judge(pair, threads);
    });
}

/// Several are ready at once, so that each is read from once in a turn, and both loops hear of one
/// that moves.
#[test]
fn connections_move_while_requests_arrive() {
    const PAIRS: usize = 2;
    check(4000, |seed| {
        let mut plan = Plan::any(seed);
        plan.cpus = 2;
        plan.ticks = true;
        plan.dispatchers = [1, 2];
        let pair = Pair::new(&plan);
        for _ in 1..PAIRS {
            let (a, b) = net::with(|n| n.pair(plan.kind));
            pair.bind(0, a);
            pair.bind(1, b);
        }
        let callers = (0..PAIRS).map(|n| {
            let call = move || {
                for _ in 0..12 {
                    app::note(2 * n, 0);
                    assert_eq!(app::call(2 * n, ECHO, 0), status::OK);
                }
            };
            wait::spawn("caller", call)
        });
        let mut threads: Vec<usize> = callers.collect();
        threads.push(wait::spawn("mover", move || {
            for n in 0..20 * PAIRS {
                let end = 2 * (n % PAIRS) + 1;
                conn(end).move_to(1 - conn(end).shard_number());
                if seed % 8 == 0 {
                    pause(Duration::from_micros(mix(seed ^ n as u64) % 20));
                }
            }
        }));
        assert!(pair.wait(SOON, all_well), "{}", ailments());
        threads.into_iter().for_each(wait::join);
        pair.finish(SOON);
    });
}
