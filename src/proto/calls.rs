//! Sequence numbers and the table of outstanding calls.
//!
//! Numbers are handed out upward and mostly settle soon, so the table is a ring indexed by
//! the low bits; a call that outlives a whole round moves to a map.

use std::collections::BTreeMap;

const FIRST_SIZE: usize = 4;
/// A table that grew past this gives its memory back when it runs empty.
const KEEP_SIZE: usize = 1024;

/// No note.
pub const NONE: u32 = u32::MAX;

/// An outstanding call.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot<W> {
    sequence: u32,
    /// What its caller wrote down of the call.
    pub note: u32,
    pub waiter: W,
}

pub struct Calls<W> {
    ring: Vec<Option<Slot<W>>>,
    /// Apart, for an idle connection's sake: hardly any ever has one.
    #[allow(clippy::box_collection)]
    strays: Option<Box<BTreeMap<u32, Slot<W>>>>,
    next: u32,
    len: usize,
}

impl<W> Default for Calls<W> {
    fn default() -> Calls<W> {
        Calls {
            ring: Vec::new(),
            strays: None,
            next: 0,
            len: 0,
        }
    }
}

impl<W> Calls<W> {
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn index(&self, sequence: u32) -> usize {
        sequence as usize & (self.ring.len() - 1)
    }

    /// Gives a number that is not outstanding, and uses it up.
    pub fn number(&mut self) -> u32 {
        while self.get(self.next).is_some() {
            self.next = self.next.wrapping_add(1);
        }
        let sequence = self.next;
        self.next = sequence.wrapping_add(1);
        sequence
    }

    /// Registers a call under the next free number and returns that number.
    #[inline]
    pub fn insert(&mut self, waiter: W) -> u32 {
        if self.len * 2 >= self.ring.len() {
            self.grow();
        }
        let sequence = self.next;
        let i = self.index(sequence);
        let place = &mut self.ring[i];
        if place.is_some() || self.strays.is_some() {
            return self.insert_beside(waiter);
        }
        *place = Some(Slot {
            sequence,
            note: NONE,
            waiter,
        });
        self.next = sequence.wrapping_add(1);
        self.len += 1;
        sequence
    }

    /// Where an old call is in the way, or its number may be.
    #[cold]
    fn insert_beside(&mut self, waiter: W) -> u32 {
        let sequence = self.number();
        let i = self.index(sequence);
        let slot = Slot {
            sequence,
            note: NONE,
            waiter,
        };
        if let Some(old) = self.ring[i].replace(slot) {
            self.stray(old);
        }
        self.len += 1;
        sequence
    }

    /// Writes a note on a call that was inserted just now.
    pub fn note(&mut self, sequence: u32, note: u32) {
        let i = self.index(sequence);
        if let Some(slot) = &mut self.ring[i] {
            debug_assert_eq!(slot.sequence, sequence);
            slot.note = note;
        }
    }

    fn stray(&mut self, old: Slot<W>) {
        self.strays
            .get_or_insert_default()
            .insert(old.sequence, old);
    }

    /// Takes a call out of the table.
    #[inline(always)]
    pub fn remove(&mut self, sequence: u32) -> Option<Slot<W>> {
        if self.ring.is_empty() {
            return None;
        }
        let i = self.index(sequence);
        let found = match &self.ring[i] {
            Some(slot) if slot.sequence == sequence => self.ring[i].take(),
            _ => self.remove_stray(sequence),
        };
        if found.is_some() {
            self.len -= 1;
            if self.len == 0 && self.ring.len() > KEEP_SIZE {
                self.ring = Vec::new();
            }
        }
        found
    }

    fn remove_stray(&mut self, sequence: u32) -> Option<Slot<W>> {
        let strays = self.strays.as_mut()?;
        let found = strays.remove(&sequence);
        if strays.is_empty() {
            self.strays = None;
        }
        found
    }

    /// Looks at a call without taking it.
    pub fn get(&self, sequence: u32) -> Option<&W> {
        if self.ring.is_empty() {
            return None;
        }
        match &self.ring[self.index(sequence)] {
            Some(slot) if slot.sequence == sequence => Some(&slot.waiter),
            _ => {
                let stray = self.strays.as_ref().and_then(|s| s.get(&sequence));
                stray.map(|slot| &slot.waiter)
            }
        }
    }

    /// True if the number was given out lately: it is one of the last 2^31.
    pub fn was_given(&self, sequence: u32) -> bool {
        let age = self.next.wrapping_sub(sequence);
        age > 0 && age <= 1 << 31
    }

    /// The numbers of those calls that `wanted` picks.
    pub fn numbers_if(&self, mut wanted: impl FnMut(&W) -> bool) -> Vec<u32> {
        let ring = self.ring.iter().flatten().map(|s| (s.sequence, &s.waiter));
        let strays = self.strays.iter().flat_map(|s| s.values());
        ring.chain(strays.map(|s| (s.sequence, &s.waiter)))
            .filter(|(_, waiter)| wanted(waiter))
            .map(|(sequence, _)| sequence)
            .collect()
    }

    /// Takes all calls out, in the order of their numbers.
    pub fn drain(&mut self) -> Vec<W> {
        let next = self.next;
        let ring = std::mem::take(&mut self.ring);
        let strays = self.strays.take().into_iter().flat_map(|s| s.into_values());
        let mut all: Vec<(u32, W)> = ring
            .into_iter()
            .flatten()
            .chain(strays)
            .map(|s| (s.sequence, s.waiter))
            .collect();
        self.len = 0;
        // Oldest first, also across the wrap.
        all.sort_by_key(|(s, _)| std::cmp::Reverse(next.wrapping_sub(*s)));
        all.into_iter().map(|(_, w)| w).collect()
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.ring.len() * 2).max(FIRST_SIZE);
        let mut ring: Vec<Option<Slot<W>>> = Vec::with_capacity(size);
        ring.resize_with(size, || None);
        let old = std::mem::replace(&mut self.ring, ring);
        for slot in old.into_iter().flatten() {
            let i = self.index(slot.sequence);
            if let Some(older) = self.ring[i].replace(slot) {
                self.stray(older);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::times;

    fn taken<W>(c: &mut Calls<W>, sequence: u32) -> Option<(W, u32)> {
        c.remove(sequence).map(|slot| (slot.waiter, slot.note))
    }

    #[test]
    fn numbers_go_upward_from_zero_and_wrap() {
        let mut c = Calls::default();
        assert_eq!(c.insert('a'), 0);
        assert_eq!(c.insert('b'), 1);
        assert_eq!(taken(&mut c, 0), Some(('a', NONE)));
        assert_eq!(taken(&mut c, 0), None);
        c.next = u32::MAX;
        assert_eq!(c.insert('c'), u32::MAX);
        assert_eq!(c.insert('d'), 0);
        // 1 is outstanding: skipped, also when the ring has let it go
        assert_eq!(c.get(1), Some(&'b'));
    }

    #[test]
    fn an_outstanding_number_is_skipped_after_the_wrap() {
        let mut c = Calls::default();
        for i in 0..3u32 {
            assert_eq!(c.insert(i), i);
        }
        c.note(2, 22);
        c.remove(1);
        for _ in 0..times(100_000) {
            let s = c.insert(77);
            c.remove(s);
        }
        c.next = u32::MAX;
        assert_eq!(c.insert(50), u32::MAX);
        let got: Vec<u32> = (0..3).map(|_| c.insert(60)).collect();
        assert_eq!(got, [1, 3, 4], "0 and 2 are still outstanding");
        assert_eq!(taken(&mut c, 0), Some((0, NONE)));
        assert_eq!(taken(&mut c, 2), Some((2, 22)));
    }

    #[test]
    fn drain_is_oldest_first_across_the_wrap() {
        let mut c = Calls {
            next: u32::MAX - 1,
            ..Calls::default()
        };
        for i in 0..5 {
            c.insert(i);
        }
        assert_eq!(c.drain(), [0, 1, 2, 3, 4]);
        assert_eq!(c.len(), 0);
        assert_eq!(c.insert(9), 3);
        assert_eq!(taken(&mut c, 3), Some((9, NONE)));
    }

    #[test]
    fn agrees_with_a_map_over_random_operations() {
        let mut c = Calls::default();
        let mut model: Vec<u32> = Vec::new();
        let mut x = 12345u64;
        for _ in 0..times(50_000) {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let r = (x >> 33) as usize;
            if r % 5 < 3 || model.is_empty() {
                let s = c.insert(0u32);
                assert!(!model.contains(&s));
                model.push(s);
                if model.len() > 40 {
                    let gone = model.remove(r % model.len());
                    assert!(c.remove(gone).is_some());
                }
            } else {
                let gone = model.swap_remove(r % model.len());
                assert!(c.remove(gone).is_some());
                assert!(c.remove(gone).is_none());
            }
            assert_eq!(c.len(), model.len());
        }
    }

    #[test]
    fn some_calls_can_be_picked() {
        let mut c = Calls::default();
        for i in 0..20u32 {
            c.insert(i);
        }
        let mut even = c.numbers_if(|i| i % 2 == 0);
        even.sort_unstable();
        assert_eq!(even, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
        assert!(c.was_given(19) && c.was_given(0));
        assert!(!c.was_given(20) && !c.was_given(1 << 31));
    }
}
