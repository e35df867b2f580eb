//! Bytes that were gathered leave in time, whatever keeps the batch of events that gathered them.

use super::app::{self, ECHO, LONG, SLOW};
use super::pair::{ailments, all_well, conn, pause, Pair, Plan};
use super::runner::{arm, check, check_every};
use super::timers::{half, receive, send_all, SECOND};
use crate::proto::frame::{Header, HEADER_LEN};
use crate::proto::status;
use crate::sync::sim::wait;
use crate::sys::net::Wait;
use std::time::Duration;

/// A handler takes long: a tick sends the replies that were gathered before it, also if the
/// background was about to wait in the poll.
#[test]
fn gathered_replies_do_not_wait_for_a_handler_that_takes_long() {
    check_every(|| {
        let pair = Pair::new(&Plan::new(1));
        conn(1).stop_events().unwrap();
        for cmd in [SLOW, ECHO, LONG] {
            assert_eq!(app::call_async(0, cmd, 0), status::OK);
        }
        // They have arrived: one batch. SLOW ends when a tick comes.
        pause(Duration::from_millis(40));
        let begun = wait::now();
        arm(true);
        conn(1).start_events().unwrap();
        assert!(pair.wait(SECOND, all_well), "{}", ailments());
        arm(false);
        let echo = |e: &mut app::End| e.calls.values().find(|c| c.cmd == ECHO)?.ended;
        let (_, at) = app::with(0, echo).unwrap();
        let took = at - begun;
        assert!(
            took < app::WHILE + Duration::from_millis(20),
            "took {took:?}"
        );
        pair.finish(SECOND);
    });
}

/// The batch ends while the socket is blocked: what it gathered leaves as soon as there is room.
#[test]
fn gathered_replies_leave_with_what_blocked_them() {
    check(1500, |seed| {
        let mut plan = Plan::any(seed);
        plan.cpus = 1;
        plan.ticks = true;
        plan.nature.send_buffer = 48;
        plan.nature.receive_buffer = 1000;
        let (pair, raw) = half(&plan);
        let call = HEADER_LEN + 8 + 2000;
        let request = |n: u32| {
            let header = Header {
                sequence: n,
                status: status::PENDING,
                cmd: ECHO,
                len: 8,
            };
            // Its number, and no bytes beside it.
            [&header.to_bytes()[..], &n.to_be_bytes(), &[0; 4]].concat()
        };
        let requests: Vec<u8> = (1..=3).flat_map(request).collect();
        conn(0).stop_events().unwrap();
        send_all(raw, &requests);
        wait::quiet();
        let begun = wait::now();
        let other = wait::spawn("other", || {
            assert_eq!(app::call_async(0, ECHO, 2000), status::OK);
        });
        conn(0).start_events().unwrap();
        wait::quiet();
        let (mut got, mut buf) = (0, [0; 300]);
        while let Ok(n) = receive(raw, &mut buf, Wait::Not) {
            got += n;
            wait::quiet();
        }
        assert_eq!(wait::now(), begun);
        assert_eq!(got, call + requests.len(), "some wait for a tick");
        wait::join(other);
        super::pair::close_raw(raw);
        pair.finish(SECOND);
    });
}
