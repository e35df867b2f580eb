//! Small scenes, in every order but for a bound on how often a thread is interrupted: see
//! `runner::check_every`.

use super::app::{self, ECHO};
use super::pair::{ailments, all_well, conn, Pair, Plan};
use super::runner::{arm, check_every};
use crate::proto::status;
use crate::sync::sim::wait;
use crate::sys::sim::net::Kind;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(100);

fn plan() -> Plan {
    Plan::new(1)
}

fn without_ticks() -> Plan {
    Plan {
        ticks: false,
        ..plan()
    }
}

/// A pair where all is quiet.
fn quiet_pair(plan: &Plan) -> Pair {
    let pair = Pair::new(plan);
    wait::quiet();
    pair
}

fn end_well(pair: Pair) {
    wait::quiet();
    assert!(all_well(), "{}", ailments());
    arm(false);
    pair.finish(SOON);
}

/// INV-F1, INV-F3: one sends in place, the other appends; whoever sends takes it along, or the
/// background is told.
#[test]
fn what_is_appended_beside_a_writer_is_sent() {
    check_every(|| {
        let pair = quiet_pair(&without_ticks());
        arm(true);
        let other = wait::spawn("other", || {
            assert_eq!(app::call_async(0, ECHO, 4), status::OK);
            assert_eq!(app::note(0, 4), status::OK);
        });
        assert_eq!(app::call_async(0, ECHO, 4), status::OK);
        wait::join(other);
        end_well(pair);
    });
}

/// INV-F1 with a socket that blocks in the middle of a frame: no writable edge is lost.
#[test]
fn a_writable_edge_at_any_moment_is_used() {
    for kind in [Kind::Tcp, Kind::Unix] {
        check_every(move || {
            let mut plan = without_ticks();
            plan.kind = kind;
            plan.nature.send_buffer = 40;
            plan.nature.receive_buffer = 40;
            let pair = quiet_pair(&plan);
            arm(true);
            assert_eq!(app::note(0, 60), status::OK);
            assert_eq!(app::note(0, 60), status::OK);
            end_well(pair);
        });
    }
}

/// INV-R1, INV-R2: the reading right goes from one caller to the other.
#[test]
fn two_callers_hand_the_reading_right_on() {
    for plan in [plan(), without_ticks()] {
        check_every(move || {
            let pair = quiet_pair(&plan);
            let begun = wait::now();
            arm(true);
            let other = wait::spawn("other", || {
                assert_eq!(app::call(0, ECHO, 0), status::OK);
            });
            assert_eq!(app::call(0, ECHO, 0), status::OK);
            wait::join(other);
            assert_eq!(wait::now(), begun, "a tick found what was left behind");
            end_well(pair);
        });
    }
}

/// Hazard: the connection is lent to one caller, while another's call is async.
#[test]
fn a_lent_connection_serves_an_async_call() {
    check_every(|| {
        let pair = quiet_pair(&plan());
        let begun = wait::now();
        arm(true);
        let other = wait::spawn("other", || {
            assert_eq!(app::call(0, ECHO, 0), status::OK);
        });
        assert_eq!(app::call_async(0, ECHO, 0), status::OK);
        wait::join(other);
        wait::quiet();
        assert_eq!(wait::now(), begun, "a tick found what was left behind");
        end_well(pair);
    });
}

/// INV-C1, INV-C2: the end comes from both sides at once, under a caller.
#[test]
fn closing_meets_a_caller_and_the_peers_close() {
    check_every(|| {
        let pair = quiet_pair(&without_ticks());
        arm(true);
        let caller = wait::spawn("caller", || {
            let status = app::call(0, ECHO, 0);
            assert!(status == status::OK || status == status::NETWORK_FAILURE);
        });
        let closer = wait::spawn("closer", || conn(1).close().unwrap());
        let _ = conn(0).close();
        wait::join(caller);
        wait::join(closer);
        pair.finish(SOON);
    });
}

/// INV-T2: the last dispatcher goes, and the background learns of the end, whatever it is at.
#[test]
fn the_end_of_a_set_reaches_the_background() {
    for plan in [plan(), without_ticks()] {
        check_every(move || {
            let pair = Pair::sets(&plan);
            wait::quiet();
            arm(true);
            pair.finish(SOON);
        });
    }
}

/// Events are stopped and started while they arrive.
#[test]
fn stopped_events_go_on() {
    check_every(|| {
        let pair = quiet_pair(&without_ticks());
        arm(true);
        let sender = wait::spawn("sender", || {
            assert_eq!(app::call_async(0, ECHO, 0), status::OK);
            assert_eq!(app::note(0, 0), status::OK);
        });
        conn(1).stop_events().unwrap();
        conn(1).start_events().unwrap();
        wait::join(sender);
        end_well(pair);
    });
}
