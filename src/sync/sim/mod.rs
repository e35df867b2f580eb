//! The same primitives on shuttle, which runs one thread at a time and chooses the next at each
//! of these steps, and what threads wait for (`wait`), with a clock that stands still while
//! anybody can run.

pub mod wait;

pub use shuttle::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicU8, AtomicUsize, Ordering,
};
pub use shuttle::thread_local;
pub use wait::Futex;

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

/// A lock that knows invariant 1: locks are leaves.
#[derive(Debug, Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    inner: shuttle::sync::MutexGuard<'a, T>,
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Mutex<T> {
        Mutex(shuttle::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        wait::lock_taken();
        MutexGuard {
            inner: self.0.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        wait::lock_left();
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}
