//! A right that one thread holds at a time, and that nobody ever waits for.
//!
//! The reading right of a connection: its holder alone touches the receiving side. Whoever
//! hears that there is something to read asks; if the right is held, a note stays behind, and
//! the holder looks once more before it goes. So an edge is never lost, and nobody blocks.
//!
//! The note is cleared by holders only, *before* they read. An asker sets it, then tries; a
//! holder lets go, then looks. With a full fence between the two steps on both sides, one of
//! them sees the other.

use crate::sync::{fence, race_point, AtomicBool, Mutex, MutexGuard, Ordering};

#[derive(Debug)]
pub struct Right<T> {
    held: Mutex<T>,
    note: AtomicBool,
}

/// The right, held.
pub struct Held<'a, T> {
    right: &'a Right<T>,
    guard: MutexGuard<'a, T>,
}

impl<T> Right<T> {
    pub fn new(value: T) -> Right<T> {
        Right {
            held: Mutex::new(value),
            note: AtomicBool::new(false),
        }
    }

    /// Takes the right if it is free.
    #[inline]
    pub fn try_take(&self) -> Option<Held<'_, T>> {
        let guard = self.held.try_lock()?;
        Some(Held { right: self, guard })
    }

    /// Takes the right, or leaves a note for its holder.
    pub fn ask(&self) -> Option<Held<'_, T>> {
        self.note.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        race_point();
        self.take_noted()
    }

    /// True if somebody holds the right at this moment.
    pub fn is_held(&self) -> bool {
        self.held.try_lock().is_none()
    }

    fn take_noted(&self) -> Option<Held<'_, T>> {
        let held = self.try_take()?;
        self.note.store(false, Ordering::SeqCst);
        Some(held)
    }
}

impl<'a, T> Held<'a, T> {
    /// Lets go. If somebody asked meanwhile, the right comes back, and the caller has to do
    /// what the asker wanted.
    #[must_use]
    pub fn release(self) -> Option<Held<'a, T>> {
        let right = self.right;
        drop(self.guard);
        race_point();
        fence(Ordering::SeqCst);
        if right.note.load(Ordering::SeqCst) {
            // If another thread has it, that one will see the note.
            return right.take_noted();
        }
        None
    }
}

impl<T> std::ops::Deref for Held<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> std::ops::DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}
