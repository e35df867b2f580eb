//! Threads of the library's own.

use crate::error::{Errno, Result};
use std::ffi::{c_void, CStr};
use std::mem::MaybeUninit;
use std::sync::Arc;

/// Faults of a thread's own making must reach it, or the process dies without a word.
const SYNCHRONOUS: [libc::c_int; 6] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
];

struct SignalsBlocked(libc::sigset_t);

impl SignalsBlocked {
    fn new() -> SignalsBlocked {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        let mut old = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigfillset initialises `all`, pthread_sigmask `old`; neither can fail with
        // these arguments.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            for s in SYNCHRONOUS {
                libc::sigdelset(all.as_mut_ptr(), s);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
            SignalsBlocked(old.assume_init())
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the mask that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}

/// The stack that the platform gives a thread: callbacks are the application's code.
fn default_stack() -> usize {
    const USUAL: usize = 8 << 20;
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: getrlimit fills `limit` if it returns 0.
    let soft = unsafe {
        if libc::getrlimit(libc::RLIMIT_STACK, limit.as_mut_ptr()) != 0 {
            return USUAL;
        }
        limit.assume_init().rlim_cur
    };
    match usize::try_from(soft) {
        Ok(n) if soft != libc::RLIM_INFINITY && n >= USUAL / 4 => n,
        _ => USUAL,
    }
}

/// What a thread of the library does.
pub trait Thread {
    /// Of at most 15 bytes.
    const NAME: &'static CStr;
    type Owner: Send + Sync;
    fn run(owner: Arc<Self::Owner>);
}

/// Starts a detached thread in which every signal is blocked.
///
/// Not by std: its frames below `run` would abort when a callback ends the thread. And nothing
/// is allocated for the thread, as nothing would free it then.
pub fn spawn_detached<T: Thread>(owner: Arc<T::Owner>) -> Result<()> {
    let owner = Arc::into_raw(owner);
    let _blocked = SignalsBlocked::new();
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut id = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: the attributes are initialised first and destroyed last; the argument is a
    // reference that `begin` takes over.
    let error = unsafe {
        let at = attributes.as_mut_ptr();
        match libc::pthread_attr_init(at) {
            0 => {
                libc::pthread_attr_setdetachstate(at, libc::PTHREAD_CREATE_DETACHED);
                libc::pthread_attr_setstacksize(at, default_stack());
                let argument = owner.cast_mut().cast();
                let error = libc::pthread_create(id.as_mut_ptr(), at, begin::<T>, argument);
                libc::pthread_attr_destroy(at);
                error
            }
            error => error,
        }
    };
    if error != 0 {
        // SAFETY: there is no thread to take it over.
        drop(unsafe { Arc::from_raw(owner) });
        return Err(Errno(error));
    }
    Ok(())
}

extern "C" fn begin<T: Thread>(argument: *mut c_void) -> *mut c_void {
    // SAFETY: the reference that `spawn_detached` gave up for this thread; a string constant.
    let owner = unsafe {
        libc::pthread_setname_np(libc::pthread_self(), T::NAME.as_ptr());
        Arc::from_raw(argument.cast_const().cast::<T::Owner>())
    };
    T::run(owner);
    std::ptr::null_mut()
}

/// Makes the calling thread one that does not interrupt others when it wakes up.
pub fn be_considerate() {
    // SAFETY: a plain system call on the calling thread; failure leaves things as they are.
    unsafe {
        let param: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_BATCH, &param);
    }
}

/// The number of CPUs that the machine has.
pub fn online_cpus() -> usize {
    // SAFETY: a plain query.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).unwrap_or(1)
}

/// The CPU that the calling thread runs on at this moment.
pub fn current_cpu() -> i32 {
    // SAFETY: a plain query.
    unsafe { libc::sched_getcpu() }
}

/// The number of CPUs that this process may run on.
pub fn cpus() -> usize {
    // SAFETY: a zeroed cpu_set_t is an empty set, and the kernel writes at most its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) != 0 {
            return 1;
        }
        libc::CPU_COUNT(&set) as usize
    }
}

/// Lets other threads run first.
pub fn yield_now() {
    std::thread::yield_now();
}
