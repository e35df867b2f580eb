//! What happens as time passes, which takes none here.

use super::app::{self, ECHO, SLOW};
use super::pair::{conn, pause, Pair, Plan};
use super::runner::check;
use crate::config::Config;
use crate::error::Errno;
use crate::proto::frame::{Header, HEADER_LEN};
use crate::proto::status;
use crate::sync::sim::wait;
use crate::sys::net::Wait;
use crate::sys::sim::net::{self, Kind};
use crate::sys::sim::socket;
use std::os::fd::RawFd;
use std::time::Duration;

/// `enum mrpc_disc_reason`
const USER: i32 = 0;
const CLOSED: i32 = 1;
const IOERR: i32 = 2;

pub const SECOND: Duration = Duration::from_secs(1);

/// One end of the library's, and a descriptor.
pub fn half(plan: &Plan) -> (Pair, RawFd) {
    let mut pair = Pair::sets(plan);
    let (a, b) = net::with(|n| n.pair(plan.kind));
    pair.fds = [a, b];
    pair.bind(0, a);
    (pair, b)
}

fn reason(end: usize) -> Option<i32> {
    app::with(end, |e| e.over)
}

fn small(seed: u64) -> Plan {
    let mut plan = Plan::any(seed);
    plan.nature.send_buffer = 300;
    plan.nature.receive_buffer = 300;
    plan
}

fn elapsed_since(begun: Duration) -> Duration {
    wait::now() - begun
}

#[test]
fn a_close_that_makes_no_progress_ends_after_the_linger_time() {
    check(150, |seed| {
        let (pair, raw) = half(&small(seed));
        pair.set(0).change(|c| c.set_linger(2000)).unwrap();
        (0..10).for_each(|_| assert_eq!(app::note(0, 200), status::OK));
        conn(0).close().unwrap();
        let begun = wait::now();
        assert!(pair.wait(4 * SECOND, || reason(0).is_some()), "not ended");
        let took = elapsed_since(begun);
        assert!(took >= 2 * SECOND && took < 3 * SECOND, "took {took:?}");
        assert_eq!(reason(0), Some(USER));
        super::pair::close_raw(raw);
        pair.finish(SECOND);
    });
}

/// However rarely time concerned it before.
#[test]
fn a_close_of_one_that_is_seldom_looked_at_ends_after_the_linger_time() {
    check(150, |seed| {
        let (pair, raw) = half(&small(seed));
        let change = |c: &Config| c.set_idle_timeout(3_600_000).and(c.set_linger(2000));
        pair.set(0).change(change).unwrap();
        (0..10).for_each(|_| assert_eq!(app::note(0, 200), status::OK));
        pause(SECOND / 2);
        conn(0).close().unwrap();
        let begun = wait::now();
        assert!(pair.wait(4 * SECOND, || reason(0).is_some()), "not ended");
        let took = elapsed_since(begun);
        assert!(took >= 2 * SECOND && took < 3 * SECOND, "took {took:?}");
        super::pair::close_raw(raw);
        pair.finish(SECOND);
    });
}

/// The call's end does not wait for the peer to take what is in front of it.
#[test]
fn a_close_ends_a_call_although_the_peer_does_not_read() {
    check(300, |seed| {
        let mut plan = small(seed);
        plan.cpus = 1;
        let (pair, raw) = half(&plan);
        let begun = wait::now();
        let ended_after = move || {
            assert_eq!(app::call(0, ECHO, 700), status::NETWORK_FAILURE);
            assert_eq!(wait::now(), begun, "the call ended late");
        };
        let caller = wait::spawn("caller", ended_after);
        wait::quiet();
        conn(0).close().unwrap();
        wait::join(caller);
        super::pair::close_raw(raw);
        pair.finish(SECOND);
    });
}

/// A thread that waits for the peer to take what is queued, and the descriptor goes.
#[test]
fn a_throttled_sender_does_not_use_what_was_closed() {
    check(60, |seed| {
        let (pair, raw) = half(&small(seed));
        pair.set(0).change(|c| c.set_linger(1000)).unwrap();
        let sender = wait::spawn("sender", || while app::note(0, 200_000) == status::OK {});
        pause(Duration::from_millis(3 + seed % 30));
        match seed % 3 {
            0 => super::pair::close_raw(raw),
            1 => net::with(|n| n.arrive_reset(pair.fds[0])),
            _ => conn(0).close().unwrap(),
        }
        wait::join(sender);
        if seed % 3 > 0 {
            super::pair::close_raw(raw);
        }
        pair.finish(3 * SECOND);
    });
}

#[test]
fn a_close_lasts_as_long_as_the_peer_takes_something() {
    check(150, |seed| {
        let (pair, raw) = half(&small(seed));
        pair.set(0).change(|c| c.set_linger(1000)).unwrap();
        (0..20).for_each(|_| assert_eq!(app::note(0, 200), status::OK));
        conn(0).close().unwrap();
        let mut got = 0;
        let mut buf = [0; 150];
        while got < 20 * (HEADER_LEN + 8 + 200) {
            match receive(raw, &mut buf, Wait::Not) {
                Ok(0) => panic!("ended after {got} bytes"),
                Ok(n) => got += n,
                Err(_) => {}
            }
            pause(SECOND / 2);
        }
        assert!(pair.wait(SECOND, || reason(0) == Some(USER)), "not ended");
        super::pair::close_raw(raw);
        pair.finish(SECOND);
    });
}

#[test]
fn an_idle_connection_ends_after_its_time_and_not_before() {
    check(150, |seed| {
        let mut plan = Plan::any(seed);
        plan.nature.interrupts = 0;
        let pair = Pair::new(&plan);
        pair.set(0).change(|c| c.set_idle_timeout(500)).unwrap();
        for _ in 0..5 {
            pause(Duration::from_millis(400));
            assert_eq!(app::call(1, ECHO, 3), status::OK);
        }
        let begun = wait::now();
        assert!(pair.wait(SECOND, || reason(0).is_some()), "not ended");
        let took = elapsed_since(begun).as_millis();
        assert!((500..700).contains(&took), "took {took} ms");
        assert_eq!(reason(0), Some(IOERR));
        assert!(pair.wait(SECOND, || reason(1) == Some(CLOSED)));
        pair.finish(SECOND);
    });
}

#[test]
fn a_call_under_way_is_not_idle() {
    check(100, |seed| {
        let pair = Pair::new(&Plan::any(seed));
        pair.set(0).change(|c| c.set_idle_timeout(2)).unwrap();
        assert_eq!(app::call(0, SLOW, 3), status::OK);
        pair.finish(SECOND);
    });
}

#[test]
fn a_peer_whose_machine_is_gone_is_given_up_by_the_keepalive() {
    check(150, |seed| {
        let mut plan = Plan::any(seed);
        plan.kind = Kind::Tcp;
        let pair = Pair::new(&plan);
        for side in 0..2 {
            let keepalive = |c: &crate::config::Config| c.set_keepalive_parameters(4, 2, 2);
            pair.set(side).change(keepalive).unwrap();
        }
        assert_eq!(app::call(0, ECHO, 3), status::OK);
        net::with(|n| {
            n.cut_off(pair.fds[0]);
            n.cut_off(pair.fds[1]);
        });
        let begun = wait::now();
        assert_eq!(app::call(0, ECHO, 3), status::NETWORK_FAILURE);
        let took = elapsed_since(begun).as_secs();
        assert!((5..12).contains(&took), "took {took} s");
        assert!(pair.wait(SECOND, || reason(0) == Some(IOERR)));
        // The other end has nothing unanswered, and stays.
        assert_eq!(reason(1), None);
        pair.finish(SECOND);
    });
}

#[test]
fn a_peer_that_only_does_not_read_is_not_given_up() {
    check(100, |seed| {
        let mut plan = small(seed);
        plan.kind = Kind::Tcp;
        let (pair, raw) = half(&plan);
        let keepalive = |c: &crate::config::Config| c.set_keepalive_parameters(4, 2, 2);
        pair.set(0).change(keepalive).unwrap();
        (0..10).for_each(|_| assert_eq!(app::note(0, 200), status::OK));
        pause(100 * SECOND);
        assert_eq!(reason(0), None);
        super::pair::close_raw(raw);
        assert!(pair.wait(SECOND, || reason(0).is_some()), "not ended");
        pair.finish(SECOND);
    });
}

/// A request, byte by byte, then the end of the stream: it is answered all the same.
#[test]
fn a_half_closed_peer_is_answered() {
    check(300, |seed| {
        let (pair, raw) = half(&Plan::any(seed));
        let payload = [0, 0, 0, 9, 0, 0, 0, 0];
        let header = Header {
            sequence: 7,
            status: status::PENDING,
            cmd: if seed % 2 == 0 { ECHO } else { SLOW },
            len: payload.len() as u32,
        };
        let frame = [&header.to_bytes()[..], &payload].concat();
        for byte in &frame {
            send_all(raw, &[*byte]);
        }
        net::with(|n| n.shutdown(raw, false, true));
        let mut got = Vec::new();
        loop {
            let mut buf = [0; 64];
            match receive(raw, &mut buf, Wait::Ever) {
                Ok(0) => break,
                Ok(n) => got.extend_from_slice(&buf[..n]),
                Err(e) => panic!("{e:?} after {got:?}"),
            }
        }
        assert_eq!(got.len(), frame.len());
        assert!(got[..4] == frame[..4] && got.ends_with(&payload), "{got:?}");
        assert!(pair.wait(SECOND, || reason(0) == Some(CLOSED)));
        super::pair::close_raw(raw);
        pair.finish(SECOND);
    });
}

pub fn receive(fd: RawFd, buf: &mut [u8], wait: Wait) -> crate::error::Result<usize> {
    loop {
        match socket::recv(fd, buf, wait) {
            Err(Errno(libc::EINTR)) => {}
            other => return other,
        }
    }
}

pub fn send_all(fd: RawFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match socket::send(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno(libc::EAGAIN)) => socket::wait_writable(fd, None),
            Err(Errno(libc::EINTR)) => {}
            Err(e) => panic!("{e:?}"),
        }
    }
}

/// Foreign bytes, however they are cut.
#[test]
fn what_is_no_frame_is_reported_once() {
    check(150, |seed| {
        let (pair, raw) = half(&Plan::any(seed));
        send_all(raw, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n");
        let reported = || app::with(0, |e| e.reports.len() == 1);
        assert!(pair.wait(SECOND, reported));
        super::pair::close_raw(raw);
        assert!(pair.wait(SECOND, || reason(0).is_some()));
        assert!(reported());
        pair.finish(SECOND);
    });
}
