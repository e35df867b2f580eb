//! The same primitives on loom.
//!
//! loom gives sequentially consistent accesses no total order, which the library relies on;
//! fences do have one, so every such access stands between two.

use loom::sync::atomic::fence;
use std::time::Duration;

pub use loom::sync::atomic::Ordering;
pub use loom::sync::MutexGuard;

#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Mutex<T> {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

fn ordered<R>(order: Ordering, access: impl FnOnce() -> R) -> R {
    if order != Ordering::SeqCst {
        return access();
    }
    fence(Ordering::SeqCst);
    let result = access();
    fence(Ordering::SeqCst);
    result
}

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        #[derive(Debug, Default)]
        pub struct $name(loom::sync::atomic::$name);

        #[allow(dead_code, reason = "each has what any of them needs")]
        impl $name {
            pub fn new(value: $value) -> $name {
                $name(loom::sync::atomic::$name::new(value))
            }

            pub fn load(&self, order: Ordering) -> $value {
                ordered(order, || self.0.load(order))
            }

            pub fn store(&self, value: $value, order: Ordering) {
                ordered(order, || self.0.store(value, order))
            }

            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                ordered(order, || self.0.swap(value, order))
            }

            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                ordered(success, || {
                    self.0.compare_exchange(current, new, success, failure)
                })
            }

            pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                ordered(order, || self.0.fetch_or(value, order))
            }

            pub fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                ordered(order, || self.0.fetch_and(value, order))
            }
        }
    };
}

macro_rules! number {
    ($name:ident, $value:ty) => {
        atomic!($name, $value);

        #[allow(dead_code, reason = "each has what any of them needs")]
        impl $name {
            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                ordered(order, || self.0.fetch_add(value, order))
            }

            pub fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                ordered(order, || self.0.fetch_sub(value, order))
            }

            pub fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                f: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                ordered(set, || self.0.fetch_update(set, fetch, f))
            }
        }
    };
}

atomic!(AtomicBool, bool);
number!(AtomicU8, u8);
number!(AtomicUsize, usize);
number!(AtomicI32, i32);
number!(AtomicU32, u32);
number!(AtomicU64, u64);

pub use loom::sync::atomic::AtomicPtr;

/// As `sys::futex`, for the one thread that made it to wait on.
#[derive(Debug)]
pub struct Futex {
    pub word: AtomicU32,
    thread: loom::thread::Thread,
}

impl Futex {
    pub fn new(value: u32) -> Futex {
        Futex {
            word: AtomicU32::new(value),
            thread: loom::thread::current(),
        }
    }

    /// No time passes here: a limit is as good as none.
    pub fn wait(&self, expected: u32, _limit: Option<Duration>) {
        if self.word.load(Ordering::SeqCst) == expected {
            loom::thread::park();
        }
    }

    pub fn wake(&self) {
        self.thread.unpark();
    }
}
