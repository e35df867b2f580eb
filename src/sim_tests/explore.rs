//! Every order of short scripts' events, in one thread that waits until all is quiet after each,
//! in one that does not, and in a thread for each event.

use super::app::{self, BACK, ECHO, LATER, SLOW};
use super::pair::{ailments, conn, pause, Pair, Plan};
use super::runner::check;
use crate::proto::status;
use crate::sync::sim::wait;
use crate::sys::sim::net;
use std::sync::Arc;
use std::time::Duration;

const LINGER: Duration = Duration::from_secs(1);
/// A connection that makes no progress is given up after the linger time, on one side and then
/// perhaps on the other.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Call(usize),
    /// A sync call whose handler takes a while, and one whose handler calls back.
    LongCall,
    CallBack,
    Async(usize),
    Later(usize),
    Answer(usize),
    Note(usize),
    Close(usize),
    /// Somebody else who has the socket, too, shuts down one of its directions.
    EndOutput(usize),
    EndInput(usize),
    /// A reset reaches this end.
    Reset(usize),
    StopEvents(usize),
    StartEvents(usize),
    Pause,
    /// Bounds as low as they can be.
    Bounds(usize),
}

use Step::*;

const SCRIPTS: &[&[Step]] = &[
    &[Call(0), Call(1), Async(0), Async(1), Note(1)],
    &[StopEvents(1), LongCall, CallBack, Async(0), StartEvents(1)],
    &[Call(0), Call(0), Async(0), Note(1), Close(0)],
    &[Call(0), Async(1), Note(0), Close(0), Close(1)],
    &[LongCall, Call(0), Call(0), Async(1), Close(1)],
    &[CallBack, Call(0), Note(1), Pause, Close(0)],
    &[Later(0), Call(0), Answer(1), Close(0), Pause],
    &[Later(0), Note(0), Answer(1), EndOutput(0), Call(1)],
    &[Call(0), Async(1), EndOutput(1), Note(0), Pause],
    &[Call(0), Call(1), EndInput(0), Note(0), Async(0)],
    &[Call(0), Async(0), Reset(0), Note(1), Close(1)],
    &[LongCall, Async(0), Reset(1), Call(1), Pause],
    &[StopEvents(1), Call(0), Async(0), StartEvents(1), Close(0)],
    &[StopEvents(0), Async(0), Note(1), Reset(0), StartEvents(0)],
    &[StopEvents(1), Bounds(1), Note(0), Call(0), StartEvents(1)],
    &[Bounds(0), Call(0), Async(1), Note(1), EndOutput(0)],
    &[Bounds(1), LongCall, Async(0), Note(0), Close(1)],
];

fn is_open(pair: &Pair, end: usize) -> bool {
    net::with(|n| n.open()).contains(&pair.fds[end])
}

fn take(step: Step, pair: &Pair) {
    let calls = |end, cmd| {
        wait::spawn("caller", move || {
            let status = app::call(end, cmd, 20);
            let known = [status::OK, status::NETWORK_FAILURE, status::BUSY];
            assert!(known.contains(&status), "a call ended with {status}");
        });
    };
    match step {
        Call(end) => calls(end, ECHO),
        LongCall => calls(0, SLOW),
        CallBack => calls(0, BACK),
        Async(end) => {
            app::call_async(end, ECHO, 40);
            app::call_async(end, SLOW, 0);
            app::call_async(end, ECHO, 0);
        }
        Later(end) => {
            app::call_async(end, LATER, 0);
        }
        Answer(end) => app::answer_kept(end),
        Note(end) => {
            for pad in [0, 200, 7] {
                app::note(end, pad);
            }
        }
        Close(end) => {
            let _ = conn(end).close();
        }
        EndOutput(end) if is_open(pair, end) => net::with(|n| {
            n.shutdown(pair.fds[end], false, true);
        }),
        EndInput(end) if is_open(pair, end) => net::with(|n| {
            n.shutdown(pair.fds[end], true, false);
        }),
        Reset(end) => net::with(|n| n.arrive_reset(pair.fds[end])),
        EndOutput(_) | EndInput(_) => {}
        StopEvents(end) => conn(end).stop_events().unwrap(),
        StartEvents(end) => {
            let _ = conn(end).start_events();
        }
        Pause => pause(Duration::from_millis(5)),
        Bounds(side) => {
            let bounds = |config: &crate::config::Config| {
                config.set_event_limit(1, 1)?;
                config.set_request_limit(1)?;
                config.set_reply_limit(1)?;
                config.set_memory_limit(1500)
            };
            pair.set(side).change(bounds).unwrap();
        }
    }
}

/// The order of this number.
fn ordered(script: &[Step], mut number: u64) -> Vec<Step> {
    let mut left = script.to_vec();
    let mut steps = Vec::new();
    while !left.is_empty() {
        let count = left.len() as u64;
        steps.push(left.remove((number % count) as usize));
        number /= count;
    }
    steps
}

#[test]
fn every_order_of_every_script_ends_well() {
    const ORDERS: u64 = 120;
    let all = ORDERS * SCRIPTS.len() as u64 * 3;
    check(2 * all, |seed| {
        let script = SCRIPTS[(seed / 3 / ORDERS) as usize % SCRIPTS.len()];
        let steps = ordered(script, seed / 3 % ORDERS);
        let mode = seed % 3;
        let pair = Arc::new(Pair::new(&Plan::any(seed)));
        wait::explain(|| format!("{steps:?}, mode {mode}"));
        for side in 0..2 {
            let linger = LINGER.as_millis() as u32;
            pair.set(side).change(|c| c.set_linger(linger)).unwrap();
        }
        let mut threads = Vec::new();
        for step in &steps {
            let (step, of) = (*step, Arc::clone(&pair));
            match mode {
                0 => {
                    take(step, &pair);
                    wait::quiet();
                }
                1 => take(step, &pair),
                _ => threads.push(wait::spawn("step", move || take(step, &of))),
            }
        }
        threads.into_iter().for_each(wait::join);
        for end in 0..2 {
            while conn(end).start_events().is_ok() {}
        }
        // An undisturbed connection does all that it was asked to.
        let disturbs = |s: &Step| {
            matches!(
                s,
                Close(_) | EndOutput(_) | EndInput(_) | Reset(_) | Bounds(_)
            )
        };
        let undisturbed = !steps.iter().any(disturbs);
        if undisturbed {
            let well = || {
                app::answer_kept(0);
                app::answer_kept(1);
                super::pair::all_well()
            };
            assert!(pair.wait(PATIENCE, well), "{}", ailments());
        }
        let pair = Arc::into_inner(pair).unwrap();
        pair.finish(PATIENCE);
    });
}
