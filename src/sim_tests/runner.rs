//! Runs of a test, each with a seed that decides about everything: which thread goes on, how
//! bytes travel, what the test does. SIM_SEED=n runs that one alone, SIM_SECONDS=n as many new
//! ones as that time allows for each test.

use shuttle::current::TaskId;
use shuttle::scheduler::{Schedule, Scheduler, Task};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant, SystemTime};

std::thread_local! {
    /// How the run is made again.
    static NAME: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Threads run as long as nothing keeps them, as a rule; how often another goes on instead, and
/// whether some are preferred for long, is the seed's choice.
struct Chooser {
    random: u64,
    begun: bool,
    /// One of so many choices is not to go on.
    stay: u64,
    /// One of so many changes who is put last; 0: nobody is.
    change: u64,
    /// By task: the lower ones come last.
    ranks: Vec<u64>,
}

pub fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

impl Chooser {
    fn new(seed: u64) -> Chooser {
        let random = mix(seed);
        Chooser {
            random,
            begun: false,
            stay: [1, 2, 8, 64, 400][(random % 5) as usize],
            change: [0, 0, 20, 200][(random / 5 % 4) as usize],
            ranks: Vec::new(),
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(1);
        mix(self.random) % bound
    }

    fn rank(&mut self, id: usize) -> u64 {
        while self.ranks.len() <= id {
            let rank = self.below(1 << 32) + (1 << 32);
            self.ranks.push(rank);
        }
        self.ranks[id]
    }
}

impl Scheduler for Chooser {
    fn new_execution(&mut self) -> Option<Schedule> {
        (!std::mem::replace(&mut self.begun, true)).then(|| Schedule::new(0))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        yields: bool,
    ) -> Option<TaskId> {
        let goes_on = current.filter(|id| runnable.iter().any(|t| t.id() == *id));
        let others: Vec<TaskId> = runnable
            .iter()
            .map(|t| t.id())
            .filter(|id| runnable.len() == 1 || !yields || Some(*id) != current)
            .collect();
        if self.change > 0 {
            let least = goes_on.filter(|_| yields || self.below(self.change) == 0);
            if let Some(id) = least {
                let rank = self.below(1 << 32);
                self.rank(id.into());
                self.ranks[usize::from(id)] = rank;
            }
            return others.into_iter().max_by_key(|id| self.rank((*id).into()));
        }
        if let Some(id) = goes_on.filter(|_| !yields && self.stay > 1) {
            if self.below(self.stay) > 0 {
                return Some(id);
            }
        }
        let at = self.below(others.len() as u64) as usize;
        Some(others[at])
    }

    fn next_u64(&mut self) -> u64 {
        self.below(u64::MAX)
    }
}

/// Threads run until they wait, but for some choices of the plan's. Only those are counted that
/// are made while the run is `armed`.
struct Planned {
    begun: bool,
    plan: Plan,
    /// By choice: how many others could have been made.
    others: Arc<Mutex<Vec<usize>>>,
}

/// At which choice another is made, and which.
type Plan = Vec<(usize, usize)>;

std::thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// From here on, the order of events is what `check_every` tries.
pub fn arm(armed: bool) {
    ARMED.set(armed);
}

impl Scheduler for Planned {
    fn new_execution(&mut self) -> Option<Schedule> {
        (!std::mem::replace(&mut self.begun, true)).then(|| Schedule::new(0))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        yields: bool,
    ) -> Option<TaskId> {
        let ids = || runnable.iter().map(|t| t.id());
        let usual = current.filter(|id| !yields && ids().any(|other| other == *id));
        // Who has yielded comes last.
        let usual = usual.or_else(|| ids().find(|id| Some(*id) != current));
        let usual = usual.unwrap_or(runnable[0].id());
        if !ARMED.get() {
            return Some(usual);
        }
        let others: Vec<TaskId> = ids().filter(|id| *id != usual).collect();
        let mut made = self.others.lock().unwrap();
        made.push(others.len());
        let here = self.plan.iter().find(|(at, _)| *at == made.len() - 1);
        Some(here.map_or(usual, |(_, which)| others[*which]))
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}

fn name_runs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let test = std::thread::current();
            let test = test.name().unwrap_or("?").rsplit("::").next();
            let (run, test) = (NAME.with(|n| n.borrow().clone()), test.unwrap_or("?"));
            let about = crate::sync::sim::wait::explanation();
            eprintln!("{about}\nfailed; again: make check-sim {run} TESTS={test}");
            hook(info);
        }));
    });
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Runs `test` with `count` seeds.
pub fn check(count: u64, test: impl Fn(u64) + Copy + Send + Sync + 'static) {
    name_runs();
    if let Some(seed) = number("SIM_SEED") {
        return run(seed, test);
    }
    let Some(seconds) = number("SIM_SECONDS") else {
        return (0..count).for_each(|seed| run(seed, test));
    };
    #[allow(clippy::disallowed_methods, reason = "seeds that nobody has seen")]
    let (begun, from) = (Instant::now(), SystemTime::now());
    let from = from
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let from = mix(from.as_nanos() as u64) >> 16;
    let seeds = (from..).take_while(|_| begun.elapsed() < Duration::from_secs(seconds));
    let runs = seeds.map(|seed| run(seed, test)).count();
    println!("{runs} runs");
}

fn run(seed: u64, test: impl Fn(u64) + Send + Sync + 'static) {
    NAME.with(|name| *name.borrow_mut() = format!("SIM_SEED={seed}"));
    runner(Chooser::new(seed), move || test(seed));
}

fn runner(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(3_000_000);
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(test);
}

/// Plans of two choices that are tried, of so many that there are more than a test has time for.
const PAIRS: usize = 2500;

/// Runs `test` by every schedule in which threads that can go on do so, but for one choice, and
/// by some of those with two; with SIM_SECONDS by as many as that time allows for, also with
/// more. SIM_PLAN=at:which,... runs that one.
pub fn check_every(test: impl Fn() + Copy + Send + Sync + 'static) {
    name_runs();
    let run = |plan: &Plan| {
        let others = Arc::new(Mutex::new(Vec::new()));
        let text: Vec<String> = plan
            .iter()
            .map(|(at, which)| format!("{at}:{which}"))
            .collect();
        NAME.with(|name| *name.borrow_mut() = format!("SIM_PLAN={}", text.join(",")));
        let planned = Planned {
            begun: false,
            plan: plan.clone(),
            others: Arc::clone(&others),
        };
        arm(false);
        runner(planned, test);
        let others = others.lock().unwrap();
        others.clone()
    };
    if let Ok(text) = std::env::var("SIM_PLAN") {
        let pairs = text.split(',').filter_map(|pair| pair.split_once(':'));
        let number = |text: &str| text.parse().unwrap();
        run(&pairs
            .map(|(at, which)| (number(at), number(which)))
            .collect());
        return;
    }
    #[allow(clippy::disallowed_methods, reason = "the real time")]
    let begun = Instant::now();
    let time = number("SIM_SECONDS").map(Duration::from_secs);
    let mut plans = vec![Plan::new()];
    let mut left = PAIRS;
    let mut runs = 0;
    // By the number of choices, and among those with as many at random.
    while !plans.is_empty() {
        let mut next = Vec::new();
        while !plans.is_empty() {
            let at = mix(runs) as usize % plans.len();
            let plan = plans.swap_remove(at);
            let over = match time {
                Some(time) => begun.elapsed() >= time,
                None => plan.len() == 2 && left == 0,
            };
            if over {
                println!("{runs} runs");
                return;
            }
            left -= usize::from(plan.len() == 2).min(left);
            let others = run(&plan);
            runs += 1;
            if plan.len() == 2 && time.is_none() {
                continue;
            }
            let after = plan.last().map_or(0, |(at, _)| at + 1);
            for (at, others) in others.iter().enumerate().skip(after) {
                let with = |which| [&plan[..], &[(at, which)]].concat();
                next.extend((0..*others).map(with));
            }
        }
        plans = next;
    }
    println!("{runs} runs");
}
