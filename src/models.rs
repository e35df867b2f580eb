//! Models of the threading protocol, for loom: every interleaving of the real primitives.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release --lib models` (make check-loom). There is no
//! tick here: a thread that nobody wakes is a deadlock, which loom reports.

use crate::bell::Bell;
use crate::proto::payload::Payload;
use crate::queue::{ReadyQueue, Seat};
use crate::roster::Roster;
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
            seat: Seat,
            poll: Poll,
        }
        let shared = Arc::new(Shared {
            token: Right::new(()),
            queue: ReadyQueue::new(),
            seat: Seat::default(),
            poll: Poll::new(),
        });
        let held = shared.token.try_take();
        let theirs = Arc::clone(&shared);
        let dispatcher = thread::spawn(move || {
            let parker = std::sync::Arc::new(Parker::new());
            while theirs.queue.pop().is_none() {
                if let Some(_held) = theirs.token.try_take() {
                    theirs.seat.wait(&theirs.queue, |may_wait| {
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
        if !shared.queue.wake_one() && shared.seat.is_taken() {
            shared.poll.wake();
        }
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

/// INV-Q1 with two loops: one of the dispatchers may be woken for both events, and wakes the other
/// when it finds more than it takes. With all preemptions it would take hours.
#[test]
fn events_find_the_dispatchers_of_several_loops() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(|| {
        struct Shared {
            queue: ReadyQueue<u32>,
            loops: [(Right<()>, Seat, Poll); 2],
        }
        impl Shared {
            fn wake(&self) {
                if self.queue.wake_one() {
                    return;
                }
                if let Some((_, _, poll)) = self.loops.iter().find(|(_, seat, _)| seat.is_taken()) {
                    poll.wake();
                }
            }
        }
        fn dispatch(s: &Shared, at: usize) {
            loop {
                if s.queue.pop().is_some() {
                    if !s.queue.is_empty() {
                        s.wake();
                    }
                    // Its handler takes for ever.
                    return;
                }
                let (token, seat, poll) = &s.loops[at];
                let _held = token.try_take().expect("each has a loop of its own");
                seat.wait(&s.queue, |may_wait| {
                    poll.turn(may_wait);
                });
            }
        }
        let shared = Arc::new(Shared {
            queue: ReadyQueue::new(),
            loops: [0, 1].map(|_| (Right::new(()), Seat::default(), Poll::new())),
        });
        let dispatchers = [0, 1].map(|at| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || dispatch(&shared, at))
        });
        for event in 0..2 {
            shared.queue.push([event]);
            shared.wake();
        }
        for dispatcher in dispatchers {
            dispatcher.join().unwrap();
        }
    });
}

/// A loop that is taken out of use, while a connection joins it and is to be called again there.
struct Leaving {
    roster: Roster,
    /// Which loop the connection belongs to.
    shard: AtomicUsize,
    joined: AtomicBool,
    /// By loop: it is listed to be called again.
    again: [AtomicBool; 2],
    called: AtomicUsize,
}

impl Leaving {
    fn turn(&self, at: usize) {
        if self.again[at].swap(false, Ordering::SeqCst) {
            self.called.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// As the background: until nothing is left there.
    fn empty(&self) {
        loop {
            if self.roster.members(1) == 0 && !self.again[1].load(Ordering::SeqCst) {
                return;
            }
            let here = self.joined.load(Ordering::SeqCst) && self.shard.load(Ordering::SeqCst) == 1;
            if here {
                self.shard.store(0, Ordering::SeqCst);
                self.roster.moved(1, 0);
            }
            self.turn(1);
            thread::yield_now();
        }
    }
}

/// INV-S1, INV-S2.
#[test]
fn nobody_is_left_in_a_loop_that_leaves() {
    model(|| {
        let shared = Arc::new(Leaving {
            roster: Roster::new(2),
            shard: AtomicUsize::new(0),
            joined: AtomicBool::new(false),
            again: [0, 1].map(|_| AtomicBool::new(false)),
            called: AtomicUsize::new(0),
        });
        shared.roster.set_active(2);
        // Another, which goes: the one that comes would find the second loop the emptier one.
        assert_eq!(shared.roster.join(), 0);
        let theirs = Arc::clone(&shared);
        let joining = thread::spawn(move || {
            let at = theirs.roster.join();
            theirs.shard.store(at, Ordering::SeqCst);
            theirs.joined.store(true, Ordering::SeqCst);
            // As `Conn::call_again`.
            let mut at = at;
            loop {
                // No store: beside a swap loom may lose one (findings/loom-store-beside-swap.sh).
                theirs.again[at].swap(true, Ordering::SeqCst);
                let now = theirs.shard.load(Ordering::SeqCst);
                if now == at {
                    return;
                }
                at = now;
            }
        });
        shared.roster.set_active(1);
        shared.empty();
        joining.join().unwrap();
        shared.turn(0);
        assert_eq!(shared.roster.members(1), 0);
        assert!(
            shared.called.load(Ordering::SeqCst) > 0,
            "it is not called again"
        );
    });
}

/// INV-S3.
#[test]
fn a_dispatcher_that_comes_back_gets_a_loop() {
    model(|| {
        struct Shared {
            queue: ReadyQueue<u32>,
            token: Right<()>,
            adopted: AtomicBool,
            poll: Poll,
        }
        let shared = Arc::new(Shared {
            queue: ReadyQueue::new(),
            token: Right::new(()),
            adopted: AtomicBool::new(false),
            poll: Poll::new(),
        });
        let theirs = Arc::clone(&shared);
        // Waits in a loop of its own, and in this one, in which nothing happens.
        let adopter = thread::spawn(move || {
            let Some(held) = theirs.token.try_take() else {
                return;
            };
            theirs.adopted.store(true, Ordering::SeqCst);
            theirs.poll.turn(!theirs.queue.has_parked());
            let asked = theirs.queue.has_parked();
            theirs.adopted.store(false, Ordering::SeqCst);
            drop(held);
            if asked {
                theirs.queue.wake_one();
            }
        });
        let parker = std::sync::Arc::new(Parker::new());
        let held = loop {
            if let Some(held) = shared.token.try_take() {
                break held;
            }
            if shared.queue.enlist(&parker) {
                if shared.token.is_held() {
                    if shared.adopted.load(Ordering::SeqCst) {
                        shared.poll.wake();
                    }
                    parker.park(None);
                }
                shared.queue.delist(&parker);
            }
        };
        adopter.join().unwrap();
        drop(held);
    });
}
