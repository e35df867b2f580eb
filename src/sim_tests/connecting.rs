//! Attempts to connect that nobody waits for, and those who close them meanwhile.

use super::app::{self, ECHO};
use super::listening::listen;
use super::pair::{conn, pause, Pair, Plan};
use super::runner::{check, mix};
use crate::conn::ConnectCall;
use crate::error::Errno;
use crate::proto::status;
use crate::sync::sim::wait;
use std::ffi::CStr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const NOBODY: &CStr = c"9";

fn connect(end: usize, port: &CStr) -> Result<(), Errno> {
    let call = ConnectCall {
        callback: app::on_connect,
        data: app::cookie(end).expose_provenance(),
    };
    conn(end).connect_async(libc::AF_INET, None, Some(port), call)
}

fn told(end: usize) -> Vec<i32> {
    app::with(end, |e| e.told.clone())
}

#[test]
fn an_attempt_ends_with_one_callback_and_the_connection_carries_calls() {
    check(300, |seed| {
        let pair = Pair::sets(&Plan::any(seed));
        let port = listen(&pair);
        let ends: Vec<usize> = (0..1 + seed % 3).map(|_| pair.make_end(0)).collect();
        for end in &ends {
            connect(*end, NOBODY).unwrap();
        }
        let all = |n: usize| ends.iter().all(|end| told(*end).len() == n);
        assert!(pair.wait(SECOND, || all(1)));
        for end in &ends {
            assert_eq!(told(*end), [libc::ECONNREFUSED]);
            connect(*end, &port).unwrap();
        }
        assert!(pair.wait(SECOND, || all(2)));
        for end in &ends {
            assert_eq!(told(*end)[1], 0);
            assert_eq!(app::call(*end, ECHO, 30), status::OK);
        }
        pair.set(1).close_listeners();
        pair.finish(SECOND);
    });
}

/// Whoever is told 0 has one disconnect; who is told another error has none; who closed is told.
#[test]
fn closing_races_with_what_it_closes() {
    check(8000, |seed| {
        let pair = Pair::sets(&Plan::any(seed));
        let port = listen(&pair);
        let end = pair.make_end(0);
        let lets_in = seed % 4 != 0;
        connect(end, if lets_in { &port } else { NOBODY }).unwrap();
        for _ in 0..mix(seed) % 40 {
            wait::point();
        }
        if seed % 5 == 0 {
            // Used from the moment that it stands.
            let status = app::call(end, ECHO, 30);
            let early = status == status::INVALID_ARGUMENT;
            assert!(early || (lets_in && status == status::OK), "{status}");
        }
        let closed = conn(end).close();
        let again = conn(end).close();
        assert!(pair.wait(SECOND, || told(end).len() == 1));
        pause(SECOND);
        match (closed, told(end)[0]) {
            (Ok(()), 0) => {
                assert!(lets_in && app::with(end, |e| e.over == Some(0)));
                assert_eq!(again, Err(Errno(libc::EALREADY)));
            }
            (Ok(()), libc::ECANCELED) => assert_eq!(again, Err(Errno(libc::EALREADY))),
            (Err(Errno(libc::ENOTCONN)), libc::ECONNREFUSED) => assert!(!lets_in),
            other => panic!("{other:?}"),
        }
        if told(end)[0] != 0 {
            // Its disconnect is no event.
            app::with(end, |e| assert!(e.over.replace(-1).is_none()));
        }
        pair.set(1).close_listeners();
        pair.finish(SECOND);
    });
}
