//! `mrpc bench`: as many calls as a peer takes.

use std::io::IsTerminal as _;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{argument, line, load};
use crate::address::Stream;
use crate::cli::{BenchLoad, Peer};
use crate::failure::{Exit, Failure};
use crate::wire::{Frame, OK, PENDING};

/// What a connection's two threads found.
#[derive(Default)]
struct Found {
    /// Microseconds of the calls that were answered.
    times: Vec<f64>,
    failed: u64,
    /// Why a connection ended early.
    broken: Option<String>,
}

pub fn bench(peer: &Peer, name: &str, how: &BenchLoad) -> Result<(), Failure> {
    let interface = load(&peer.file)?;
    let procedure = match interface.procedure(name) {
        Some(procedure) if !procedure.message => procedure,
        _ => {
            let path = peer.file.path.display();
            return Err(Failure::usage(format!("{path} has no procedure `{name}`")));
        }
    };
    let payload = argument(&interface, procedure, how.json.as_deref(), how.raw)?;
    let tls = peer.tls.client()?;
    let mut streams = Vec::new();
    for _ in 0..how.connections {
        let stream = peer.address.connect(peer.limits.timeout, tls.as_ref())?;
        let timeout = Some(peer.limits.timeout);
        let set = stream.set_timeouts(timeout, timeout);
        set.map_err(|error| Failure::network(error.to_string()))?;
        streams.push(stream);
    }
    let found = Arc::new(Mutex::new(Found::default()));
    let begun = Instant::now();
    let end = begun + how.time;
    let request = Frame {
        sequence: 0,
        status: PENDING,
        cmd: procedure.cmd,
        payload,
    };
    let run = Run {
        request,
        end,
        outstanding: usize::from(how.outstanding),
        max_reply: peer.limits.max_reply,
    };
    let threads = streams
        .into_iter()
        .map(|stream| run.connection(stream, &found))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::network(format!("cannot start: {error}")))?;
    progress(begun, how.time, &threads);
    for thread in threads.into_iter().flatten() {
        // A panic has said what it is.
        let _ = thread.join();
    }
    let took = begun.elapsed();
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    report(&mut found, took, how.as_json)
}

/// A bar, where a person looks.
fn progress(begun: Instant, time: Duration, threads: &[[JoinHandle<()>; 2]]) {
    let bar = match std::io::stderr().is_terminal() {
        true => indicatif::ProgressBar::new(time.as_millis() as u64),
        false => indicatif::ProgressBar::hidden(),
    };
    while threads.iter().flatten().any(|thread| !thread.is_finished()) {
        std::thread::sleep(Duration::from_millis(20));
        bar.set_position(begun.elapsed().as_millis() as u64);
    }
    bar.finish_and_clear();
}

struct Run {
    request: Frame,
    end: Instant,
    outstanding: usize,
    max_reply: u32,
}

impl Run {
    /// One thread sends, the other one receives: neither end waits for the other to read.
    fn connection(
        &self,
        stream: Stream,
        found: &Arc<Mutex<Found>>,
    ) -> std::io::Result<[JoinHandle<()>; 2]> {
        let (sent, replies) = channel();
        // One for each call that may be outstanding more.
        let (give, permits) = channel();
        for _ in 0..self.outstanding {
            // Both ends are here.
            let _ = give.send(());
        }
        let writer = stream.try_clone()?;
        let (request, end) = (self.request.clone(), self.end);
        let sender = std::thread::spawn(move || send(writer, request, end, &permits, &sent));
        let (found, most, outstanding) = (Arc::clone(found), self.max_reply, self.outstanding);
        let receiver = std::thread::spawn(move || {
            let one = receive(stream, &replies, &give, most, outstanding);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.times.extend(one.times);
            found.failed += one.failed;
            found.broken = found.broken.take().or(one.broken);
        });
        Ok([sender, receiver])
    }
}

fn send(
    mut stream: Stream,
    mut request: Frame,
    end: Instant,
    permits: &Receiver<()>,
    sent: &Sender<(u32, Instant)>,
) {
    // The receiver is gone when its connection has ended; it says why.
    while permits.recv().is_ok() && Instant::now() < end {
        if sent.send((request.sequence, Instant::now())).is_err()
            || request.write(&mut stream).is_err()
        {
            return;
        }
        request.sequence = request.sequence.wrapping_add(1);
    }
}

/// Replies may come in any order.
fn receive(
    mut stream: Stream,
    sent: &Receiver<(u32, Instant)>,
    permits: &Sender<()>,
    most: u32,
    outstanding: usize,
) -> Found {
    let mut found = Found::default();
    let mut early = std::collections::HashMap::new();
    while let Ok((sequence, begun)) = sent.recv() {
        let (status, at) = loop {
            if let Some(reply) = early.remove(&sequence) {
                break reply;
            }
            match Frame::read(&mut stream, most) {
                Ok(Some(frame)) if frame.is_reply() => {
                    early.insert(frame.sequence, (frame.status, Instant::now()));
                    if early.len() > outstanding {
                        found.broken = Some("replies to calls that nobody made".to_owned());
                        return found;
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    found.broken = Some("the peer closed the connection".to_owned());
                    return found;
                }
                Err(error) => {
                    found.broken = Some(crate::address::describe(&error));
                    return found;
                }
            }
        };
        if status == OK {
            let time = at.saturating_duration_since(begun);
            found.times.push(time.as_secs_f64() * 1e6);
        } else {
            found.failed += 1;
        }
        // The sender may have ended.
        let _ = permits.send(());
    }
    found
}

fn report(found: &mut Found, took: Duration, as_json: bool) -> Result<(), Failure> {
    let times = &mut found.times;
    times.sort_by(f64::total_cmp);
    let part = |thousandths: usize| {
        let rank = (times.len() * thousandths).div_ceil(1000).max(1);
        times.get(rank - 1).copied().unwrap_or(0.0)
    };
    let rate = times.len() as f64 / took.as_secs_f64();
    let (p50, p99, p99_9, failed) = (part(500), part(990), part(999), found.failed);
    line(&match as_json {
        true => format!(
            "{{\"calls_per_second\":{rate:.1},\"p50_us\":{p50:.1},\"p99_us\":{p99:.1},\
             \"p99_9_us\":{p99_9:.1},\"failed\":{failed}}}"
        ),
        false => format!(
            "{rate:.0} calls a second; half took up to {p50:.1} us, 99% {p99:.1} us, \
             99.9% {p99_9:.1} us; {failed} failed"
        ),
    })?;
    match found.broken.take() {
        Some(reason) => Err(Failure::new(
            Exit::Network,
            format!("a connection ended: {reason}"),
        )),
        None => Ok(()),
    }
}
