//! Threads that resolve names: getaddrinfo cannot be given up, so it runs where nobody waits
//! for it to end. A thread holds nothing but the question; it may outlive who asked, and even
//! the set.

use crate::error::{Failure, Result};
use crate::sync::Mutex;
use crate::sys::resolve::{resolve, Address};
use crate::sys::{fork, thread};
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::Arc;

/// Threads at a time, in the whole process.
const MOST: u32 = 16;

/// How many there are, below the generation of the process: a forked child has none.
static THREADS: AtomicU64 = AtomicU64::new(0);

pub type Answer = std::result::Result<Vec<Address>, Failure>;

/// Who is told that there is an answer.
pub trait Asker: Send + Sync {
    fn answered(self: Arc<Self>);
}

/// What is asked, and what comes of it.
pub struct Question {
    family: i32,
    host: Option<CString>,
    service: CString,
    state: Mutex<State>,
}

enum State {
    Asked(Arc<dyn Asker>),
    Answered(Answer),
    /// The answer has been taken, or is not wanted any more.
    Done,
}

impl Question {
    /// Starts a thread that finds the answer; None: all are busy.
    pub fn ask(
        family: i32,
        host: Option<&CStr>,
        service: &CStr,
        asker: Arc<dyn Asker>,
    ) -> Result<Option<Arc<Question>>> {
        if !begin_thread() {
            return Ok(None);
        }
        let question = Arc::new(Question {
            family,
            host: host.map(CStr::to_owned),
            service: service.to_owned(),
            state: Mutex::new(State::Asked(asker)),
        });
        let begun = thread::spawn_detached::<Resolver>(Arc::clone(&question));
        match begun {
            Ok(()) => Ok(Some(question)),
            Err(e) => {
                end_thread();
                question.forget();
                Err(e)
            }
        }
    }

    /// The answer, once, if it is there.
    pub fn take(&self) -> Option<Answer> {
        let mut state = self.state.lock();
        if !matches!(*state, State::Answered(_)) {
            return None;
        }
        match std::mem::replace(&mut *state, State::Done) {
            State::Answered(answer) => Some(answer),
            _ => None,
        }
    }

    /// Nobody waits for the answer any more.
    pub fn forget(&self) {
        let state = std::mem::replace(&mut *self.state.lock(), State::Done);
        drop(state);
    }

    fn answer(&self, answer: Answer) {
        let mut state = self.state.lock();
        let was = match *state {
            State::Asked(_) => std::mem::replace(&mut *state, State::Answered(answer)),
            _ => return,
        };
        drop(state);
        if let State::Asked(asker) = was {
            asker.answered();
        }
    }
}

struct Resolver;

impl thread::Thread for Resolver {
    const NAME: &'static CStr = c"minirpc-dns";
    type Owner = Question;

    fn run(question: Arc<Question>) {
        let Question { family, host, .. } = &*question;
        let answer = resolve(*family, host.as_deref(), Some(&question.service), false);
        end_thread();
        question.answer(answer);
    }
}

fn split(threads: u64) -> (u32, u32) {
    ((threads >> 32) as u32, threads as u32)
}

fn begin_thread() -> bool {
    let here = fork::generation();
    let more = |threads| {
        let running = match split(threads) {
            (generation, running) if generation == here => running,
            _ => 0,
        };
        (running < MOST).then(|| u64::from(here) << 32 | u64::from(running + 1))
    };
    THREADS.fetch_update(SeqCst, SeqCst, more).is_ok()
}

fn end_thread() {
    THREADS.fetch_sub(1, SeqCst);
}
