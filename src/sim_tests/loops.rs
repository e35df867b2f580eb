//! Connections that move from loop to loop.

use super::pair::{conn, pause, Pair, Plan};
use super::runner::{check, mix};
use super::traffic::{judge, traffic};
use crate::sync::sim::wait;
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
