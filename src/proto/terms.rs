//! Outstanding calls that may end before their replies: by when, and by which key.
//!
//! A table of entries and, above it, a heap of those that have a deadline. A call that has
//! neither a deadline nor a key costs nothing here.

/// A deadline that never comes. Times are nanoseconds of whatever clock the caller has.
pub const NEVER: u64 = u64::MAX;
/// No place in the table, or in the heap.
pub const NONE: u32 = u32::MAX;

/// Low bits of a key: the place in the table; above them, a number that is used once.
const INDEX_BITS: u32 = 24;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
/// A table that grew past this gives its memory back when it runs empty.
const KEEP_SIZE: usize = 1024;

struct Entry {
    deadline: u64,
    /// 0: none.
    key: u64,
    sequence: u32,
    /// In the heap; of a free entry, the next free one.
    place: u32,
}

pub struct Terms {
    entries: Vec<Entry>,
    /// The first free entry.
    free: u32,
    live: usize,
    /// Entries by their deadlines; none is before that at half its place.
    heap: Vec<u32>,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            entries: Vec::new(),
            free: NONE,
            live: 0,
            heap: Vec::new(),
        }
    }
}

/// Makes room for one more. Grows by half: what was grown in vain is less than by doubling.
fn make_room<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 2 + 4);
    }
}

impl Terms {
    /// Whether one more entry can have a key.
    pub fn has_key(&self) -> bool {
        self.free != NONE || self.entries.len() as u64 <= INDEX_MASK
    }

    /// Enters a call; `serial`: a number that no other key has, or 0 for no key. Gives the place,
    /// to be left by `remove`, and the key.
    pub fn insert(&mut self, sequence: u32, deadline: u64, serial: u64) -> (u32, u64) {
        let at = if self.free == NONE {
            make_room(&mut self.entries);
            self.entries.push(Entry {
                deadline,
                key: 0,
                sequence,
                place: NONE,
            });
            self.entries.len() as u32 - 1
        } else {
            self.free
        };
        let entry = &mut self.entries[at as usize];
        if at == self.free {
            self.free = entry.place;
        }
        let key = match serial {
            0 => 0,
            _ => serial << INDEX_BITS | u64::from(at) & INDEX_MASK,
        };
        *entry = Entry {
            deadline,
            key,
            sequence,
            place: NONE,
        };
        self.live += 1;
        if deadline != NEVER {
            make_room(&mut self.heap);
            self.heap.push(at);
            self.rise(self.heap.len() - 1);
        }
        (at, key)
    }

    pub fn remove(&mut self, at: u32) {
        let place = self.entries[at as usize].place;
        if place != NONE {
            self.unheap(place as usize);
        }
        self.live -= 1;
        if self.live == 0 && self.entries.len() > KEEP_SIZE {
            *self = Terms::default();
            return;
        }
        let entry = &mut self.entries[at as usize];
        entry.key = 0;
        entry.place = self.free;
        self.free = at;
    }

    /// The first deadline.
    pub fn first(&self) -> u64 {
        self.heap.first().map_or(NEVER, |at| self.deadline(*at))
    }

    /// The call whose deadline is the first, if that has come.
    pub fn due(&self, now: u64) -> Option<u32> {
        let at = *self.heap.first()?;
        (self.deadline(at) <= now).then(|| self.entries[at as usize].sequence)
    }

    /// The call that has this key.
    pub fn find(&self, key: u64) -> Option<u32> {
        let entry = self.entries.get((key & INDEX_MASK) as usize)?;
        (key != 0 && entry.key == key).then_some(entry.sequence)
    }

    fn deadline(&self, at: u32) -> u64 {
        self.entries[at as usize].deadline
    }

    fn is_before(&self, a: usize, b: usize) -> bool {
        #[cfg(test)]
        tests::COMPARED.with(|n| n.set(n.get() + 1));
        self.deadline(self.heap[a]) < self.deadline(self.heap[b])
    }

    /// Writes down where the entry at this place of the heap is.
    fn note(&mut self, place: usize) {
        let at = self.heap[place] as usize;
        self.entries[at].place = place as u32;
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note(a);
        self.note(b);
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.is_before(place, (place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        self.note(place);
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.heap.len() && self.is_before(child, least) {
                    least = child;
                }
            }
            if least == place {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }

    fn unheap(&mut self, place: usize) {
        self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.note(place);
            self.sink(place);
            self.rise(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::times;
    use std::cell::Cell;
    use std::collections::BTreeMap;

    thread_local! {
        /// Deadlines that this thread has compared.
        pub static COMPARED: Cell<u32> = const { Cell::new(0) };
    }

    /// The most that one of `n` calls of `step` compares.
    fn most_compared(n: u32, mut step: impl FnMut(u32)) -> u32 {
        let one = |i| {
            COMPARED.set(0);
            step(i);
            COMPARED.get()
        };
        (0..n).map(one).max().unwrap()
    }

    #[test]
    fn to_add_and_to_expire_one_of_many_takes_a_look_at_each_level_of_the_heap() {
        // Miri is too slow for the others.
        for levels in [7, 10, 17].into_iter().take(if cfg!(miri) { 1 } else { 3 }) {
            let n = (1 << levels) - 1;
            for order in [
                |i: u32| i,
                |i: u32| !i,
                |i: u32| i.wrapping_mul(0x9e37_79b1),
            ] {
                let mut terms = Terms::default();
                let mut places = vec![0; n as usize];
                let add = |i: u32| places[i as usize] = terms.insert(i, order(i).into(), 0).0;
                assert!(most_compared(n, add) <= levels);
                let expire = |_| {
                    let sequence = terms.due(NEVER - 1).unwrap();
                    terms.remove(places[sequence as usize]);
                };
                assert!(most_compared(n, expire) <= 2 * levels + 1);
            }
        }
    }

    #[test]
    fn agrees_with_a_sorted_map_over_random_operations() {
        let mut terms = Terms::default();
        let mut model: BTreeMap<(u64, u32), (u32, u64)> = BTreeMap::new();
        let mut x = 99u64;
        for n in 0..times(40_000) {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let deadline = match x >> 60 {
                0 => NEVER,
                _ => (x >> 40) % 5000 * 100_000 + u64::from(n),
            };
            if (x >> 33) % 5 < 3 {
                let serial = (x >> 50) % 2 * (u64::from(n) + 1);
                let (at, key) = terms.insert(n, deadline, serial);
                assert_eq!(key == 0, serial == 0);
                model.insert((deadline, n), (at, key));
            } else if let Some((&call, &(at, key))) = model.range((deadline, 0)..).next() {
                assert_eq!(terms.find(key), (key != 0).then_some(call.1));
                terms.remove(at);
                assert_eq!(terms.find(key), None);
                model.remove(&call);
            }
            let first = model.keys().next().map_or(NEVER, |(deadline, _)| *deadline);
            assert_eq!(terms.first(), first);
        }
        let mut last = 0;
        while let Some(sequence) = terms.due(NEVER - 1) {
            let (&call, &(at, _)) = model.iter().next().unwrap();
            assert_eq!((call.1, terms.due(call.0 - 1)), (sequence, None));
            assert!(call.0 >= last, "in the order of their deadlines");
            last = call.0;
            terms.remove(at);
            model.remove(&call);
        }
        assert!(model.keys().all(|(deadline, _)| *deadline == NEVER));
    }

    #[test]
    fn a_key_means_one_call() {
        let mut terms = Terms::default();
        let (at, key) = terms.insert(7, NEVER, 1);
        assert_eq!(terms.find(key), Some(7));
        assert_eq!(
            (terms.find(0), terms.find(key + (1 << INDEX_BITS))),
            (None, None)
        );
        terms.remove(at);
        let (again, other) = terms.insert(8, 5, 2);
        assert_eq!(
            (again, terms.find(key), terms.find(other)),
            (at, None, Some(8))
        );
        let (none, no_key) = terms.insert(9, 6, 0);
        assert_eq!((no_key, terms.find(u64::from(none))), (0, None));
    }

    #[test]
    fn a_call_takes_at_most_64_bytes() {
        let mut terms = Terms::default();
        let mut most = 0.0f64;
        // So many that not all memory is kept.
        let calls = times(200_000).max(5000);
        for n in 0..calls {
            terms.insert(n, u64::from(n ^ 0x5555), u64::from(n) + 1);
            let bytes = terms.entries.capacity() * size_of::<Entry>() + terms.heap.capacity() * 4;
            if n > 100 {
                most = most.max(bytes as f64 / f64::from(n + 1));
            }
        }
        assert!(most <= 64.0, "{most} bytes");
        for at in 0..calls {
            terms.remove(at);
        }
        assert_eq!(terms.entries.capacity() + terms.heap.capacity(), 0);
    }
}
