//! One attempt to connect: which address is tried when. RFC 8305, sections 4 and 5.
//!
//! Pure: addresses are numbers, and time comes with the events.
//!
//! ```text
//! names asked for -> known: untried -> under way -> stands: the attempt has succeeded
//!                               ^           |
//!                               |           +-> failed
//!                               +- full <---+
//! ```
//!
//! INV-A1: an address is started once, and again only after `full`.
//! INV-A2: while an address is untried, and nothing is under way or full, the step is to start
//!         one; no time passes for nothing.
//! INV-A3: the attempt ends with the first address that stands, or when all have failed, or at
//!         the deadline; the error is that of the address that failed last.

use std::time::{Duration, Instant};

/// How long an address has before the next is tried beside it.
const DELAY: Duration = Duration::from_millis(250);
/// How soon one whose backlog is full is tried again: first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// How soon a resolver is looked for again.
const RESOLVER_PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub struct Attempt {
    deadline: Option<Instant>,
    names: Names,
    /// The first address that has not been tried, and when it is due beside others.
    untried: usize,
    due: Due,
    under_way: usize,
    /// Addresses to be tried again, and when.
    full: Vec<(usize, Instant)>,
    pause: Duration,
    error: Option<Error>,
}

#[derive(Debug)]
enum Names {
    ToAsk(Due),
    Asked,
    /// So many addresses.
    Known(usize),
}

#[derive(Clone, Copy, Debug)]
enum Due {
    Now,
    At(Instant),
}

/// Why an address failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    pub address: usize,
    pub errno: i32,
    /// There was a socket.
    opened: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for the addresses: `asked`, or `no_resolver`, and in time `known`.
    Ask,
    /// Start to connect to this address: `failed`, `unopened` or `full`, or it stands.
    Start(usize),
    /// Nothing, until then, or until an address or an answer has news.
    Wait(Option<Instant>),
    /// Give up; None: there was no address.
    Fail(Option<Error>),
    TimedOut,
}

impl Due {
    fn is_past(self, now: Instant) -> bool {
        match self {
            Due::Now => true,
            Due::At(at) => at <= now,
        }
    }
}

impl Attempt {
    pub fn new(deadline: Option<Instant>) -> Attempt {
        Attempt {
            deadline,
            names: Names::ToAsk(Due::Now),
            untried: 0,
            due: Due::Now,
            under_way: 0,
            full: Vec::new(),
            pause: FIRST_PAUSE,
            error: None,
        }
    }

    /// To be asked for after every event, until there is nothing to do but to wait.
    pub fn step(&mut self, now: Instant) -> Step {
        if self.deadline.is_some_and(|at| at <= now) {
            return Step::TimedOut;
        }
        let addresses = match self.names {
            Names::ToAsk(due) if due.is_past(now) => return Step::Ask,
            Names::ToAsk(Due::At(at)) => return Step::Wait(earlier(self.deadline, Some(at))),
            Names::ToAsk(Due::Now) | Names::Asked => return Step::Wait(self.deadline),
            Names::Known(addresses) => addresses,
        };
        if let Some(at) = self.full.iter().position(|(_, at)| *at <= now) {
            self.under_way += 1;
            return Step::Start(self.full.swap_remove(at).0);
        }
        let is_left = self.untried < addresses;
        let is_calm = self.under_way == 0 && self.full.is_empty();
        if is_left && (is_calm || self.due.is_past(now)) {
            self.untried += 1;
            self.under_way += 1;
            self.due = Due::At(now + DELAY);
            return Step::Start(self.untried - 1);
        }
        if is_calm {
            return Step::Fail(self.error);
        }
        let next = match self.due {
            Due::At(at) if is_left => Some(at),
            _ => None,
        };
        let again = self.full.iter().map(|(_, at)| *at).min();
        Step::Wait(earlier(earlier(self.deadline, next), again))
    }

    /// Somebody looks for the addresses.
    pub fn asked(&mut self) {
        self.names = Names::Asked;
    }

    /// All who look for addresses are busy.
    pub fn no_resolver(&mut self, now: Instant) {
        self.names = Names::ToAsk(Due::At(now + RESOLVER_PAUSE));
    }

    pub fn known(&mut self, addresses: usize) {
        self.names = Names::Known(addresses);
    }

    /// An address does not let us.
    pub fn failed(&mut self, address: usize, errno: i32) {
        self.end(Error {
            address,
            errno,
            opened: true,
        });
    }

    /// There is no socket for an address: that says less than what an address says.
    pub fn unopened(&mut self, address: usize, errno: i32) {
        self.end(Error {
            address,
            errno,
            opened: false,
        });
    }

    fn end(&mut self, error: Error) {
        self.under_way -= 1;
        self.due = Due::Now;
        if error.opened || !self.error.is_some_and(|e| e.opened) {
            self.error = Some(error);
        }
    }

    /// An address has somebody who listens, and no room.
    pub fn full(&mut self, address: usize, now: Instant) {
        self.under_way -= 1;
        self.full.push((address, now + self.pause));
        self.pause = (2 * self.pause).min(LONGEST_PAUSE);
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    a.into_iter().chain(b).min()
}

/// The order in which addresses are tried that came in order of preference: families take
/// turns, beginning with the first one's.
pub fn interleave(families: &[i32]) -> Vec<usize> {
    let first = families.first();
    let (mut these, mut others): (Vec<usize>, Vec<usize>) =
        (0..families.len()).partition(|i| families.get(*i) == first);
    these.reverse();
    others.reverse();
    let mut order = Vec::with_capacity(families.len());
    while !these.is_empty() || !others.is_empty() {
        order.extend(these.pop());
        order.extend(others.pop());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn started(deadline: Option<Instant>, addresses: usize, now: Instant) -> Attempt {
        let mut a = Attempt::new(deadline);
        assert_eq!(a.step(now), Step::Ask);
        a.asked();
        a.known(addresses);
        a
    }

    fn error(address: usize, errno: i32) -> Step {
        Step::Fail(Some(Error {
            address,
            errno,
            opened: true,
        }))
    }

    #[allow(clippy::disallowed_methods, reason = "an arbitrary beginning")]
    fn beginning() -> Instant {
        Instant::now()
    }

    #[test]
    fn families_take_turns() {
        assert_eq!(interleave(&[]), []);
        assert_eq!(interleave(&[6]), [0]);
        assert_eq!(interleave(&[6, 6, 6, 4, 4]), [0, 3, 1, 4, 2]);
        assert_eq!(interleave(&[4, 6, 6, 6]), [0, 1, 2, 3]);
        assert_eq!(interleave(&[4, 4, 4]), [0, 1, 2]);
        assert_eq!(interleave(&[6, 4, 4, 4, 6]), [0, 1, 4, 2, 3]);
    }

    #[test]
    fn the_next_address_comes_after_the_delay_or_at_a_failure() {
        let t = beginning();
        let mut a = started(None, 4, t);
        assert_eq!(a.step(t), Step::Start(0));
        assert_eq!(a.step(t), Step::Wait(Some(t + DELAY)));
        assert_eq!(a.step(t + DELAY - MS), Step::Wait(Some(t + DELAY)));
        assert_eq!(a.step(t + DELAY), Step::Start(1));
        assert_eq!(a.step(t + DELAY), Step::Wait(Some(t + 2 * DELAY)));
        // The first fails, the second is still under way: the third at once, and the delay anew.
        let failed = t + DELAY + 10 * MS;
        a.failed(0, 111);
        assert_eq!(a.step(failed), Step::Start(2));
        assert_eq!(a.step(failed), Step::Wait(Some(failed + DELAY)));
        a.failed(2, 112);
        assert_eq!(a.step(failed), Step::Start(3));
        assert_eq!(a.step(failed), Step::Wait(None), "none is left to be tried");
        a.failed(3, 113);
        assert_eq!(a.step(failed), Step::Wait(None));
        a.failed(1, 110);
        assert_eq!(a.step(failed), error(1, 110));
    }

    #[test]
    fn a_failure_at_once_takes_no_time() {
        let t = beginning();
        let mut a = started(None, 20, t);
        for address in 0..20 {
            assert_eq!(a.step(t), Step::Start(address));
            a.failed(address, 101);
        }
        assert_eq!(a.step(t), error(19, 101));
    }

    #[test]
    fn what_an_address_says_counts_more_than_the_want_of_a_socket() {
        let t = beginning();
        let mut a = started(None, 3, t);
        assert_eq!(a.step(t), Step::Start(0));
        a.unopened(0, 97);
        assert_eq!(a.step(t), Step::Start(1));
        a.failed(1, 111);
        assert_eq!(a.step(t), Step::Start(2));
        a.unopened(2, 24);
        assert_eq!(a.step(t), error(1, 111));
        let mut a = started(None, 1, t);
        assert_eq!(a.step(t), Step::Start(0));
        a.unopened(0, 97);
        assert!(matches!(
            a.step(t),
            Step::Fail(Some(Error { errno: 97, .. }))
        ));
    }

    #[test]
    fn no_address_is_a_failure() {
        let t = beginning();
        assert_eq!(started(None, 0, t).step(t), Step::Fail(None));
    }

    #[test]
    fn the_deadline_ends_every_state() {
        let t = beginning();
        let end = t + 100 * MS;
        let mut a = Attempt::new(Some(end));
        assert_eq!(a.step(end), Step::TimedOut, "not asked");
        a.no_resolver(t);
        assert_eq!(a.step(t), Step::Wait(Some(t + RESOLVER_PAUSE)));
        assert_eq!(a.step(t + RESOLVER_PAUSE), Step::Ask);
        a.asked();
        assert_eq!(a.step(t), Step::Wait(Some(end)));
        assert_eq!(a.step(end), Step::TimedOut, "asked");
        a.known(2);
        assert_eq!(a.step(t), Step::Start(0));
        assert_eq!(a.step(t), Step::Wait(Some(end)), "before the delay is over");
        assert_eq!(a.step(end - MS), Step::Wait(Some(end)), "never early");
        assert_eq!(a.step(end), Step::TimedOut, "under way");
        a.full(0, t);
        assert_eq!(a.step(end), Step::TimedOut, "full");
    }

    #[test]
    fn a_full_backlog_is_tried_again_and_less_and_less_often() {
        let t = beginning();
        let mut a = started(Some(t + Duration::from_secs(10)), 1, t);
        let (mut now, mut last) = (t, Duration::ZERO);
        for _ in 0..20 {
            assert_eq!(a.step(now), Step::Start(0));
            a.full(0, now);
            let Step::Wait(Some(at)) = a.step(now) else {
                panic!("it is waited for");
            };
            assert!(at > now && at - now >= last && at - now <= LONGEST_PAUSE);
            last = at - now;
            now = at;
        }
        assert_eq!(last, LONGEST_PAUSE);
    }

    /// What may happen to an address that was started.
    #[derive(Clone, Copy, Debug)]
    enum Fate {
        AtOnce,
        /// After so much time.
        After(Duration),
        Never,
    }

    /// Runs an attempt in which every address fails as said; gives when each was started, and
    /// when and how it ended.
    fn run(fates: &[Fate], deadline: Option<Duration>) -> (Vec<Duration>, Duration, Step) {
        let t = beginning();
        let mut now = t;
        let mut a = started(deadline.map(|d| t + d), fates.len(), t);
        let mut starts = Vec::new();
        let mut failing: Vec<(Instant, usize)> = Vec::new();
        loop {
            match a.step(now) {
                Step::Start(k) => {
                    assert_eq!(k, starts.len(), "each once, in order");
                    starts.push(now - t);
                    match fates[k] {
                        Fate::AtOnce => a.failed(k, k as i32),
                        Fate::After(d) => failing.push((now + d, k)),
                        Fate::Never => {}
                    }
                }
                Step::Wait(until) => {
                    let event = failing.iter().map(|(at, _)| *at).min();
                    let Some(at) = earlier(until, event) else {
                        return (starts, now - t, Step::Wait(None));
                    };
                    let waits = until.is_none_or(|until| until > now);
                    assert!(waits, "a wait that waits for nothing");
                    now = at;
                    // One event at a time: the machine is asked after each.
                    if let Some(i) = failing.iter().position(|(at, _)| *at <= now) {
                        let (_, k) = failing.swap_remove(i);
                        a.failed(k, k as i32);
                    }
                }
                end => return (starts, now - t, end),
            }
        }
    }

    #[test]
    fn every_order_of_failures_keeps_the_rules() {
        const FATES: [Fate; 4] = [
            Fate::AtOnce,
            Fate::After(Duration::from_millis(100)),
            Fate::After(Duration::from_millis(600)),
            Fate::Never,
        ];
        const ADDRESSES: usize = if cfg!(miri) { 3 } else { 5 };
        for mut n in 0..FATES.len().pow(ADDRESSES as u32) {
            let mut fates = Vec::new();
            for _ in 0..ADDRESSES {
                fates.push(FATES[n % FATES.len()]);
                n /= FATES.len();
            }
            let (starts, _, end) = run(&fates, None);
            assert_eq!(starts.len(), ADDRESSES, "all are tried: {fates:?}");
            let mut last: Option<(Duration, usize)> = None;
            for (k, fate) in fates.iter().enumerate() {
                let fails = match fate {
                    Fate::AtOnce => Some(starts[k]),
                    Fate::After(d) => Some(starts[k] + *d),
                    Fate::Never => None,
                };
                if let Some(&next) = starts.get(k + 1) {
                    // Not later than the delay or its own failure, and not without a reason.
                    assert!(next <= starts[k] + DELAY, "{fates:?}");
                    assert!(fails.is_none_or(|at| next <= at), "{fates:?}");
                    let failed = (0..=k).any(|j| match fates[j] {
                        Fate::AtOnce => starts[j] == next,
                        Fate::After(d) => starts[j] + d == next,
                        Fate::Never => false,
                    });
                    assert!(failed || next == starts[k] + DELAY, "{fates:?}");
                }
                last = last.max(fails.map(|at| (at, k)));
            }
            let hangs = fates.iter().any(|f| matches!(f, Fate::Never));
            match end {
                Step::Wait(None) => assert!(hangs, "{fates:?}"),
                Step::Fail(Some(e)) => {
                    assert!(!hangs, "{fates:?}");
                    let at = |k: usize| match fates[k] {
                        Fate::After(d) => starts[k] + d,
                        _ => starts[k],
                    };
                    assert_eq!(last.map(|l| l.0), Some(at(e.address)), "{fates:?}");
                }
                end => panic!("{end:?}: {fates:?}"),
            }
            let limit = Duration::from_millis(777);
            let (_, took, end) = run(&fates, Some(limit));
            assert!(took <= limit, "{fates:?}");
            assert_eq!(end == Step::TimedOut, took == limit, "{fates:?}");
        }
    }
}
