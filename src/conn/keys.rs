//! Tables whose entries C knows by a key: a number that is checked, where it expects an address.
//!
//! How long a stale key is told from one that is live depends on how many bits C has for it:
//! there is a table for each width, the same to its user. No key is 0 or 1.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[cfg(any(test, target_pointer_width = "32"))]
pub use narrow::Narrow;
#[cfg(any(test, target_pointer_width = "64"))]
pub use wide::Wide;

/// A number that no other caller gets, nor 0: for keys of a table of one's own.
pub fn serial() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Relaxed) + 1
}

/// The table for keys of this machine's words.
#[cfg(target_pointer_width = "64")]
pub type Keys<T> = Wide<T>;
#[cfg(target_pointer_width = "32")]
pub type Keys<T> = Narrow<T>;

/// For 64 bits: a number that is used once, above the entry's place.
#[cfg(any(test, target_pointer_width = "64"))]
mod wide {
    const INDEX_BITS: u32 = 24;
    const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
    /// Then they begin again, at 1: after 12 days, at a million a second.
    const LAST_SERIAL: u64 = u64::MAX >> INDEX_BITS;

    pub struct Wide<T> {
        places: Vec<Place<T>>,
        /// The first place that is free; that one knows the next. Beyond the last: none is.
        free: usize,
        serial: u64,
        /// Every number has been given out.
        began_again: bool,
    }

    enum Place<T> {
        Live { key: u64, value: T },
        Free { next: usize },
    }

    impl<T> Wide<T> {
        pub const fn new() -> Wide<T> {
            Wide {
                places: Vec::new(),
                free: 0,
                serial: 0,
                began_again: false,
            }
        }

        #[cfg(test)]
        pub fn after(serial: u64) -> Wide<T> {
            Wide {
                serial,
                ..Wide::new()
            }
        }

        /// None if there are more entries than keys can name, or no memory for one.
        pub fn insert(&mut self, value: T) -> Option<u64> {
            let index = self.free;
            if index == self.places.len() {
                if index as u64 > INDEX_MASK || self.places.try_reserve(1).is_err() {
                    return None;
                }
                self.places.push(Place::Free { next: index + 1 });
            }
            let Place::Free { next } = self.places[index] else {
                unreachable!("a free place is no live one");
            };
            if self.serial == LAST_SERIAL {
                (self.serial, self.began_again) = (0, true);
            }
            self.serial += 1;
            let key = self.serial << INDEX_BITS | index as u64;
            self.places[index] = Place::Live { key, value };
            self.free = next;
            Some(key)
        }

        pub fn get(&self, key: u64) -> Option<&T> {
            match self.places.get((key & INDEX_MASK) as usize)? {
                Place::Live { key: own, value } if *own == key => Some(value),
                _ => None,
            }
        }

        pub fn remove(&mut self, key: u64) -> Option<T> {
            self.get(key)?;
            let index = (key & INDEX_MASK) as usize;
            let free = Place::Free { next: self.free };
            self.free = index;
            match std::mem::replace(&mut self.places[index], free) {
                Place::Live { value, .. } => Some(value),
                Place::Free { .. } => unreachable!("it was live"),
            }
        }

        /// True if `key` has the form of one that was given out.
        pub fn is_plausible(&self, key: u64) -> bool {
            let serial = key >> INDEX_BITS;
            serial > 0 && (serial <= self.serial || self.began_again)
        }
    }
}

/// For 32 bits: how often the entry's place has been used, modulo 2^(32 - INDEX), above the
/// place. Places are used again in the order in which they became free, and while there may be
/// more of them, not before `RESTING` are: a stale key means a live entry again after
/// `RESTING` times 2^(32 - INDEX) later ones, 2^27 for requests. That the places rest costs
/// 20 bytes for each.
#[cfg(any(test, target_pointer_width = "32"))]
mod narrow {
    use std::collections::VecDeque;

    pub struct Narrow<T, const INDEX: u32 = 18, const RESTING: usize = 8_192> {
        places: Vec<Place<T>>,
        free: VecDeque<u32>,
    }

    struct Place<T> {
        uses: u32,
        value: Option<T>,
    }

    impl<T, const INDEX: u32, const RESTING: usize> Narrow<T, INDEX, RESTING> {
        /// What the first place is called in keys: 0 and 1 mean something else.
        const FIRST: u32 = 2;
        const PLACES: usize = (1 << INDEX) - Self::FIRST as usize;
        const GENERATIONS: u32 = 1 << (32 - INDEX);

        pub const fn new() -> Self {
            Narrow {
                places: Vec::new(),
                free: VecDeque::new(),
            }
        }

        /// None if there are more entries than keys can name, or no memory for one.
        pub fn insert(&mut self, value: T) -> Option<u64> {
            let more = self.free.len() < RESTING && self.places.len() < Self::PLACES;
            // All places may become free, and rest there.
            let all = self.places.len() + 1 - self.free.len();
            if more && self.places.try_reserve(1).is_ok() && self.free.try_reserve(all).is_ok() {
                self.free.push_front(self.places.len() as u32);
                self.places.push(Place {
                    uses: 0,
                    value: None,
                });
            }
            let at = self.free.pop_front()?;
            let place = &mut self.places[at as usize];
            place.uses = place.uses.wrapping_add(1);
            place.value = Some(value);
            let generation = place.uses % Self::GENERATIONS;
            Some(u64::from(generation << INDEX | (at + Self::FIRST)))
        }

        pub fn get(&self, key: u64) -> Option<&T> {
            let (at, generation) = Self::split(key)?;
            let place = self.places.get(at)?;
            let value = place.value.as_ref()?;
            (place.uses % Self::GENERATIONS == generation).then_some(value)
        }

        pub fn remove(&mut self, key: u64) -> Option<T> {
            self.get(key)?;
            let (at, _) = Self::split(key)?;
            let value = self.places[at].value.take();
            self.free.push_back(at as u32);
            value
        }

        /// True if `key` has the form of one that was given out.
        pub fn is_plausible(&self, key: u64) -> bool {
            let Some((at, generation)) = Self::split(key) else {
                return false;
            };
            self.places.get(at).is_some_and(|place| {
                place.uses >= Self::GENERATIONS || (1..=place.uses).contains(&generation)
            })
        }

        /// The place and the generation.
        fn split(key: u64) -> Option<(usize, u32)> {
            let key = u32::try_from(key).ok()?;
            let at = (key & ((1 << INDEX) - 1)).checked_sub(Self::FIRST)?;
            Some((at as usize, key >> INDEX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Narrow, Wide};
    use std::collections::HashSet;

    /// What holds for both widths.
    macro_rules! of_both {
        ($($name:ident($table:ident) $body:block)+) => {
            mod wide {
                use super::*;
                $(#[test] fn $name() { let mut $table = Wide::new(); $body })+
            }
            mod narrow {
                use super::*;
                $(#[test] fn $name() { let mut $table: Narrow<_> = Narrow::new(); $body })+
            }
        };
    }

    of_both! {
        an_entry_is_found_until_it_is_removed(t) {
            let a = t.insert("a").unwrap();
            let b = t.insert("b").unwrap();
            assert_eq!((t.get(a), t.get(b)), (Some(&"a"), Some(&"b")));
            assert_eq!(t.remove(a), Some("a"));
            assert_eq!((t.get(a), t.get(b)), (None, Some(&"b")));
            assert_eq!(t.remove(a), None);
        }

        stale_keys_stay_stale_and_plausible(t) {
            let mut seen = HashSet::new();
            let kept = t.insert(0).unwrap();
            // More than the 255 after which keys that were cut to 32 bits came to nothing.
            for n in 1..if cfg!(miri) { 100 } else { 300_000 } {
                let key = t.insert(n).unwrap();
                assert!(key > 1 && seen.insert(key), "{key:#x} again");
                assert_eq!(t.remove(key), Some(n));
                assert!(t.get(key).is_none() && t.is_plausible(key));
            }
            assert_eq!(t.remove(kept), Some(0));
        }

        what_was_never_given_out_is_not_plausible(t) {
            assert!(!t.is_plausible(0) && !t.is_plausible(1));
            let key = t.insert(()).unwrap();
            for other in [0, 1, key + 1, 2 * key, u64::from(u32::MAX), u64::MAX] {
                assert!(t.get(other).is_none() && t.remove(other).is_none());
                // A wide key's place says nothing, its number all.
                assert!(other == key + 1 || !t.is_plausible(other), "{other:#x}");
            }
        }
    }

    #[test]
    fn wide_numbers_begin_again_and_no_key_is_0_or_1() {
        let mut t = Wide::after((1 << 40) - 3);
        let keys: Vec<u64> = (0..5).map(|n| t.insert(n).unwrap()).collect();
        for (n, key) in keys.iter().enumerate() {
            assert!(*key > 1 && t.is_plausible(*key), "{key:#x}");
            assert_eq!(t.get(*key), Some(&n));
            assert_eq!(t.remove(*key), Some(n));
            assert!(t.get(*key).is_none() && t.is_plausible(*key));
        }
    }

    #[test]
    fn narrow_keys_fit_into_32_bits_at_every_use() {
        // 6 places, 2^29 generations.
        let mut t: Narrow<u8, 3, 2> = Narrow::new();
        for _ in 0..1000 {
            let key = t.insert(0).unwrap();
            assert!(u32::try_from(key).is_ok());
            t.remove(key);
        }
    }

    #[test]
    fn narrow_places_rest_first_in_first_out() {
        let mut t: Narrow<u8, 16, 3> = Narrow::new();
        let place = |key: u64| key & 0xffff;
        let used: Vec<u64> = (0..9)
            .map(|_| {
                let key = t.insert(0).unwrap();
                t.remove(key);
                place(key)
            })
            .collect();
        assert_eq!(used, [2, 3, 4, 2, 3, 4, 2, 3, 4]);
    }

    #[test]
    fn a_narrow_key_comes_again_after_all_generations_of_all_resting_places() {
        // 2^4 generations, 64 places rest: the keys of 1024 entries differ.
        let mut t: Narrow<u32, 28, 64> = Narrow::new();
        let stale = t.insert(0).unwrap();
        t.remove(stale);
        for n in 1..16 * 64 {
            let key = t.insert(n).unwrap();
            assert_ne!(key, stale);
            assert!(t.get(stale).is_none() && t.is_plausible(stale));
            t.remove(key);
        }
        assert_eq!(t.insert(0), Some(stale));
    }

    #[test]
    fn narrow_keys_run_out_and_come_back() {
        // 6 places, of which 4 are to rest: all can be used.
        let mut t: Narrow<u64, 3, 4> = Narrow::new();
        let keys: Vec<u64> = (0..6).map(|n| t.insert(n).unwrap()).collect();
        assert_eq!(t.insert(6), None);
        assert_eq!(t.remove(keys[3]), Some(3));
        let again = t.insert(7).unwrap();
        assert_eq!((t.get(again), t.get(keys[3])), (Some(&7), None));
        for (n, key) in keys.iter().enumerate().filter(|(n, _)| *n != 3) {
            assert_eq!(t.remove(*key), Some(n as u64));
        }
    }
}
