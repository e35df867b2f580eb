//! Listeners: crowds, back-off, limits, closing while connections come.

use super::app::{self, ECHO};
use super::pair::{ailments, conn, pause, Pair, Plan};
use super::runner::{check, mix};
use crate::proto::status;
use crate::sync::sim::wait;
use crate::sys::sim::net;
use std::ffi::CString;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub fn listen(pair: &Pair) -> CString {
    let port = pair.set(1).listen(libc::AF_INET, None, None).unwrap();
    CString::new(port.unwrap().to_string()).unwrap()
}

fn connect(pair: &Pair, port: &CString) -> usize {
    let end = pair.make_end(0);
    conn(end).connect(libc::AF_INET, None, Some(port)).unwrap();
    end
}

fn accepted() -> usize {
    let ends = 0..app::ends();
    ends.filter(|end| app::with(*end, |e| e.accepted > 0))
        .count()
}

#[test]
fn everybody_is_accepted_and_answered() {
    check(300, |seed| {
        let pair = Pair::sets(&Plan::any(seed));
        let port = listen(&pair);
        let ends: Vec<usize> = (0..1 + seed % 4).map(|_| connect(&pair, &port)).collect();
        for end in &ends {
            assert_eq!(app::call(*end, ECHO, 30), status::OK);
        }
        assert_eq!(accepted(), ends.len(), "{}", app::ends());
        pair.set(1).close_listeners();
        pair.finish(SECOND);
    });
}

#[test]
fn a_listener_without_descriptors_goes_on_after_its_back_off() {
    check(150, |seed| {
        let pair = Pair::sets(&Plan::any(seed));
        let port = listen(&pair);
        wait::quiet();
        net::with(|n| n.refusals = [libc::EMFILE, libc::ECONNABORTED, libc::ENFILE].into());
        let begun = wait::now();
        let end = connect(&pair, &port);
        assert_eq!(app::call(end, ECHO, 30), status::OK);
        let took = (wait::now() - begun).as_millis();
        assert!((2000..2100).contains(&took), "took {took} ms");
        pair.set(1).close_listeners();
        pair.finish(SECOND);
    });
}

#[test]
fn a_full_set_accepts_when_somebody_has_gone() {
    check(300, |seed| {
        let pair = Pair::sets(&Plan::any(seed));
        pair.set(1).change(|c| c.set_max_connections(1)).unwrap();
        let port = listen(&pair);
        let first = connect(&pair, &port);
        assert_eq!(app::call(first, ECHO, 30), status::OK);
        let second = connect(&pair, &port);
        pause(SECOND);
        assert_eq!(accepted(), 1);
        conn(first).close().unwrap();
        let begun = wait::now();
        assert_eq!(app::call(second, ECHO, 30), status::OK);
        assert!(wait::now() - begun < SECOND / 5, "{}", ailments());
        pair.set(1).close_listeners();
        pair.finish(SECOND);
    });
}

/// Whoever comes while the listeners are closed is accepted, or sees the connection end.
#[test]
fn closing_listeners_race_with_those_who_come() {
    check(500, |seed| {
        let pair = Pair::sets(&Plan::any(seed));
        let port = listen(&pair);
        let client = |n: u64| {
            let (end, port) = (pair.make_end(0), port.clone());
            let come = move || {
                if conn(end).connect(libc::AF_INET, None, Some(&port)).is_err() {
                    // It never came to be: its disconnect is no event.
                    return app::with(end, |e| e.over = Some(-1));
                }
                let status = app::call(end, ECHO, (mix(n) % 50) as usize);
                assert!(status == status::OK || status == status::NETWORK_FAILURE);
            };
            wait::spawn("client", come)
        };
        let clients: Vec<usize> = (0..1 + seed % 3).map(client).collect();
        if seed % 2 == 0 {
            wait::point();
        }
        pair.set(1).close_listeners();
        clients.into_iter().for_each(wait::join);
        pair.finish(SECOND);
    });
}
