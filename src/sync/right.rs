//! A right that one thread holds at a time, and that nobody ever waits for.
//!
//! The reading right of a connection: its holder alone touches the receiving side. Whoever
//! hears that there is something to read asks; if the right is held, a note stays behind, and
//! the holder looks once more before it goes. So an edge is never lost, and nobody blocks.
//!
//! One atomic step both asks and leaves the note: with two, an asker could take the right
//! without knowing. The driver token is a right without notes.
//!
//! All steps are sequentially consistent: callers pair them with flags of their own (they let
//! go, then look at the flag; the other side sets the flag, then tries), and one of the two
//! sees the other.

use super::{race_point, AtomicU8, Ordering};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

const FREE: u8 = 0;
const HELD: u8 = 1;
const NOTED: u8 = 3;
/// The holder waits for something to read, or is about to.
const WAITING: u8 = 4;

#[derive(Debug)]
pub struct Right<T> {
    state: AtomicU8,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through `Held` only, and there is one at a time.
unsafe impl<T: Send> Sync for Right<T> {}

/// The right, held.
#[derive(Debug)]
pub struct Held<'a, T> {
    right: &'a Right<T>,
    /// As a mutable reference: shared only if `T` may be.
    value: PhantomData<&'a mut T>,
}

impl<T> Right<T> {
    pub fn new(value: T) -> Right<T> {
        Right {
            state: AtomicU8::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the right if it is free.
    #[inline]
    pub fn try_take(&self) -> Option<Held<'_, T>> {
        self.state
            .compare_exchange(FREE, HELD, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
            .then(|| self.held())
    }

    /// Takes the right, or leaves a note for its holder.
    #[inline]
    pub fn ask(&self) -> Option<Held<'_, T>> {
        if self.state.fetch_or(NOTED, Ordering::SeqCst) != FREE {
            return None;
        }
        race_point();
        // Notes left from here on are for us; the one of our own is not needed.
        self.state.swap(HELD, Ordering::SeqCst);
        Some(self.held())
    }

    fn held(&self) -> Held<'_, T> {
        Held {
            right: self,
            value: PhantomData,
        }
    }

    /// True if the holder has said that it waits.
    pub fn is_waiting(&self) -> bool {
        self.state.load(Ordering::SeqCst) & WAITING != 0
    }

    /// True if somebody holds the right at this moment.
    pub fn is_held(&self) -> bool {
        self.state.load(Ordering::SeqCst) != FREE
    }
}

impl<'a, T> Held<'a, T> {
    /// Says that the holder waits from now on, or not any more.
    pub fn set_waiting(&self, waiting: bool) {
        if waiting {
            self.right.state.fetch_or(WAITING, Ordering::SeqCst);
        } else {
            self.right.state.fetch_and(!WAITING, Ordering::SeqCst);
        }
    }

    /// Lets go. If somebody asked meanwhile, the right stays, and the caller has to do what
    /// the asker wanted.
    #[must_use]
    #[inline]
    pub fn release(self) -> Option<Held<'a, T>> {
        race_point();
        let state = &self.right.state;
        if state
            .compare_exchange(HELD, FREE, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            std::mem::forget(self);
            return None;
        }
        state.swap(HELD, Ordering::SeqCst);
        Some(self)
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.right.state.store(FREE, Ordering::SeqCst);
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this is the only `Held` (see `Right`).
        unsafe { &*self.right.value.get() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and it is borrowed mutably.
        unsafe { &mut *self.right.value.get() }
    }
}
