//! Models of the threading protocol, for loom: every interleaving of the real primitives.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release --lib models` (make check-loom). There is no
//! tick here: a thread that nobody wakes is a deadlock, which loom reports.

use crate::bell::Bell;
use crate::proto::payload::Payload;
use crate::queue::ReadyQueue;
use crate::sync::right::{Held, Right};
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering};
use crate::waiter::{Outcome, Parker, Waiter};
use loom::sync::{Arc, Condvar};
use loom::thread;

fn model(f: impl Fn() + Sync + Send + 'static) {
    let builder = loom::model::Builder::new();
    builder.check(f);
}

/// Readers of a socket that is a counter: what has arrived, and what has been read.
struct Wire {
    arrived: AtomicUsize,
    right: Right<usize>,
    readers: AtomicUsize,
}

impl Wire {
    fn new() -> Wire {
        Wire {
            arrived: AtomicUsize::new(0),
            right: Right::new(0),
            readers: AtomicUsize::new(0),
        }
    }

    /// Reads until the socket is empty, then lets go; again if somebody has asked.
    fn read(&self, mut asked: Option<Held<'_, usize>>) {
        while let Some(mut held) = asked {
            assert_eq!(
                self.readers.fetch_add(1, Ordering::SeqCst),
                0,
                "two readers"
            );
            *held = self.arrived.load(Ordering::SeqCst);
            self.readers.fetch_sub(1, Ordering::SeqCst);
            asked = held.release();
        }
    }
}

#[test]
fn one_reader_at_a_time_and_no_edge_is_lost() {
    model(|| {
        let wire = Arc::new(Wire::new());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let wire = Arc::clone(&wire);
                thread::spawn(move || {
                    // Something arrives, and the loop hears of it.
                    wire.arrived.fetch_add(1, Ordering::SeqCst);
                    wire.read(wire.right.ask());
                })
            })
            .collect();
        wire.read(wire.right.try_take());
        for t in threads {
            t.join().unwrap();
        }
        let held = wire.right.try_take().expect("everybody has let go");
        assert_eq!(*held, 2, "something that arrived was not read");
    });
}

/// INV-R1, INV-R2: callers that found the right taken, and the one who lets go of it.
#[test]
fn a_caller_that_sleeps_for_the_right_is_promoted() {
    model(|| {
        struct Shared {
            right: Right<()>,
            sleepers: Mutex<Vec<std::sync::Arc<Waiter>>>,
            listed: AtomicUsize,
        }
        fn promote(s: &Shared) {
            if s.listed.load(Ordering::SeqCst) == 0 {
                return;
            }
            let next = {
                let mut list = s.sleepers.lock();
                let next = list.pop();
                s.listed.store(list.len(), Ordering::SeqCst);
                next
            };
            if let Some(waiter) = next {
                waiter.promote();
            }
        }
        fn call(s: &Shared) {
            let waiter = std::sync::Arc::new(Waiter::new());
            loop {
                let mut held = s.right.try_take();
                if held.is_none() {
                    {
                        let mut list = s.sleepers.lock();
                        list.push(std::sync::Arc::clone(&waiter));
                        s.listed.store(list.len(), Ordering::SeqCst);
                    }
                    held = s.right.try_take();
                    if held.is_none() {
                        waiter.sleep(None);
                    }
                    let mut list = s.sleepers.lock();
                    list.retain(|w| !std::sync::Arc::ptr_eq(w, &waiter));
                    s.listed.store(list.len(), Ordering::SeqCst);
                }
                if let Some(held) = held {
                    assert!(held.release().is_none());
                    return promote(s);
                }
            }
        }
        let shared = Arc::new(Shared {
            right: Right::new(()),
            sleepers: Mutex::new(Vec::new()),
            listed: AtomicUsize::new(0),
        });
        let other = Arc::clone(&shared);
        let t = thread::spawn(move || call(&other));
        call(&shared);
        t.join().unwrap();
    });
}

#[test]
fn a_completed_call_wakes_its_caller_once_and_for_good() {
    model(|| {
        let waiter = std::sync::Arc::new(Waiter::new());
        let theirs = std::sync::Arc::clone(&waiter);
        let t = thread::spawn(move || {
            theirs.promote();
            theirs.complete(Outcome {
                status: 7,
                payload: Payload::empty(),
            });
        });
        let outcome = loop {
            if let Some(outcome) = waiter.take() {
                break outcome;
            }
            waiter.sleep(None);
        };
        assert_eq!(outcome.status, 7);
        assert!(waiter.take().is_none());
        t.join().unwrap();
    });
}

/// INV-Q1: two events are queued, one of two dispatchers takes each of them.
#[test]
fn no_event_waits_while_a_dispatcher_is_parked() {
    model(|| {
        let queue = Arc::new(ReadyQueue::<u32>::new());
        let theirs = Arc::clone(&queue);
        let dispatcher = thread::spawn(move || {
            let parker = std::sync::Arc::new(Parker::new());
            let mut taken = 0;
            while taken < 2 {
                match theirs.pop() {
                    Some(_) => taken += 1,
                    None => {
                        if theirs.enlist(&parker) {
                            parker.park(None);
                            theirs.delist(&parker);
                        }
                    }
                }
            }
        });
        for event in 0..2 {
            queue.push([event]);
            queue.wake_one();
        }
        dispatcher.join().unwrap();
        assert!(queue.is_empty() && !queue.has_parked());
    });
}

/// INV-Q1: the background queues what it read after it has freed the token, which a dispatcher
/// may take in between; and two dispatchers, of which one takes the only event.
#[test]
fn no_event_waits_while_a_dispatcher_sits_in_the_poll() {
    model(|| {
        struct Shared {
            token: Right<()>,
            queue: ReadyQueue<u32>,
            poll: Poll,
        }
        let shared = Arc::new(Shared {
            token: Right::new(()),
            queue: ReadyQueue::new(),
            poll: Poll::new(),
        });
        let held = shared.token.try_take();
        let theirs = Arc::clone(&shared);
        let dispatcher = thread::spawn(move || {
            let parker = std::sync::Arc::new(Parker::new());
            while theirs.queue.pop().is_none() {
                if let Some(_held) = theirs.token.try_take() {
                    theirs.queue.wait_in_poll(|may_wait| {
                        theirs.poll.turn(may_wait);
                    });
                } else if theirs.queue.enlist(&parker) {
                    if theirs.token.is_held() {
                        parker.park(None);
                    }
                    theirs.queue.delist(&parker);
                }
            }
        });
        drop(held);
        shared.queue.push([1]);
        shared.queue.wake(|| shared.poll.wake());
        dispatcher.join().unwrap();
    });
}

/// The end of a set wakes a dispatcher whatever it is about to do.
#[test]
fn the_end_reaches_a_dispatcher_that_parks() {
    model(|| {
        let queue = Arc::new(ReadyQueue::<u32>::new());
        let ending = Arc::new(AtomicBool::new(false));
        let (theirs, end) = (Arc::clone(&queue), Arc::clone(&ending));
        let dispatcher = thread::spawn(move || {
            let parker = std::sync::Arc::new(Parker::new());
            while !end.load(Ordering::SeqCst) {
                if theirs.enlist(&parker) && !end.load(Ordering::SeqCst) {
                    parker.park(None);
                }
                theirs.delist(&parker);
            }
        });
        ending.store(true, Ordering::SeqCst);
        queue.end();
        dispatcher.join().unwrap();
    });
}

/// The poll that the token is for: what arrives, and what the waker ends.
struct Poll {
    state: loom::sync::Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Poll {
    fn new() -> Poll {
        Poll {
            state: loom::sync::Mutex::new((0, false)),
            changed: Condvar::new(),
        }
    }

    fn arrive(&self) {
        self.state.lock().unwrap().0 += 1;
        self.changed.notify_all();
    }

    fn wake(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    /// What arrived.
    fn turn(&self, may_wait: bool) -> usize {
        let mut state = self.state.lock().unwrap();
        while may_wait && *state == (0, false) {
            state = self.changed.wait(state).unwrap();
        }
        let arrived = std::mem::take(&mut *state).0;
        arrived
    }
}

/// INV-T2: the driver leaves without a word; the background, if it sleeps because somebody
/// drove, takes over, and what arrives afterwards is read.
#[test]
fn the_loop_is_never_left_alone() {
    model(|| {
        struct Shared {
            token: Right<()>,
            bell: Bell,
            poll: Poll,
            seen: AtomicUsize,
        }
        let shared = Arc::new(Shared {
            token: Right::new(()),
            bell: Bell::default(),
            poll: Poll::new(),
            seen: AtomicUsize::new(0),
        });
        let bg = Arc::clone(&shared);
        let background = thread::spawn(move || {
            bg.bell.attach();
            while bg.seen.load(Ordering::SeqCst) == 0 {
                bg.bell.answer();
                match bg.token.try_take() {
                    Some(held) => {
                        bg.bell.in_poll(|may_wait| {
                            bg.seen.fetch_add(bg.poll.turn(may_wait), Ordering::SeqCst);
                        });
                        drop(held);
                    }
                    None => bg.bell.sleep(|| bg.token.is_held()),
                }
            }
        });
        // A driver that has what it wanted after one look.
        if let Some(held) = shared.token.try_take() {
            shared
                .seen
                .fetch_add(shared.poll.turn(false), Ordering::SeqCst);
            drop(held);
            shared.bell.ring_if_asleep();
        }
        shared.poll.arrive();
        background.join().unwrap();
    });
}

/// INV-T2, INV-T3: what is left for the background is seen, whether it sleeps or waits in the
/// poll, where nothing arrives.
#[test]
fn what_is_left_for_the_background_is_seen() {
    for ticks in [false, true] {
        see_what_is_left(ticks);
    }
}

/// `ticks`: it is rung for only if it does not look by itself.
fn see_what_is_left(ticks: bool) {
    model(move || {
        struct Shared {
            token: Right<()>,
            bell: Bell,
            poll: Poll,
            dirty: AtomicBool,
        }
        let shared = Arc::new(Shared {
            token: Right::new(()),
            bell: Bell::default(),
            poll: Poll::new(),
            dirty: AtomicBool::new(false),
        });
        let bg = Arc::clone(&shared);
        let background = thread::spawn(move || {
            bg.bell.attach();
            loop {
                bg.bell.answer();
                if bg.dirty.load(Ordering::SeqCst) {
                    return;
                }
                match bg.token.try_take() {
                    Some(held) => {
                        bg.bell.in_poll(|may_wait| {
                            bg.poll.turn(may_wait && !bg.dirty.load(Ordering::SeqCst));
                        });
                        drop(held);
                    }
                    None => bg
                        .bell
                        .sleep(|| bg.token.is_held() && !bg.dirty.load(Ordering::SeqCst)),
                }
            }
        });
        let held = shared.token.try_take();
        shared.dirty.store(true, Ordering::SeqCst);
        if ticks {
            shared.bell.ring_unless_awake(|| shared.poll.wake());
        } else {
            shared.bell.ring(|| shared.poll.wake());
        }
        if let Some(held) = held {
            drop(held);
            shared.bell.ring_if_asleep();
        }
        background.join().unwrap();
    });
}

/// INV-T3: a ring for what the background looks at only before it waits, such as the end of the
/// set, ends the wait that comes next, also if nobody was to be woken when it rang.
#[test]
fn a_ring_ends_the_wait_that_comes_next() {
    model(|| {
        let shared = Arc::new((Bell::default(), Poll::new(), AtomicBool::new(false)));
        let bg = Arc::clone(&shared);
        let background = thread::spawn(move || {
            let (bell, poll, over) = &*bg;
            bell.attach();
            while !over.load(Ordering::SeqCst) {
                bell.answer();
                if !over.load(Ordering::SeqCst) {
                    bell.in_poll(|may_wait| {
                        poll.turn(may_wait);
                    });
                }
            }
        });
        let (bell, poll, over) = &*shared;
        over.store(true, Ordering::SeqCst);
        bell.ring(|| poll.wake());
        background.join().unwrap();
    });
}
