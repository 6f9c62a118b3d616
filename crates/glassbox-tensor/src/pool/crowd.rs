//! A set of workers that threads change and ask without locks.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::threads::MAX_THREADS;

const WORDS: usize = MAX_THREADS.div_ceil(64);

/// Workers, by their numbers from 0. Everything is in one order with all else that is sequentially consistent.
#[repr(align(128))]
pub(super) struct Crowd([AtomicU64; WORDS]);

impl Crowd {
    pub(super) const fn new() -> Crowd {
        Crowd([const { AtomicU64::new(0) }; WORDS])
    }

    pub(super) fn insert(&self, worker: usize) {
        self.0[worker / 64].fetch_or(1 << (worker % 64), Ordering::SeqCst);
    }

    /// Takes a worker out. False: it was not in.
    pub(super) fn remove(&self, worker: usize) -> bool {
        let bit = 1 << (worker % 64);
        self.0[worker / 64].fetch_and(!bit, Ordering::SeqCst) & bit != 0
    }

    pub(super) fn contains(&self, worker: usize) -> bool {
        self.0[worker / 64].load(Ordering::SeqCst) & (1 << (worker % 64)) != 0
    }

    /// How many there are whose number is below `end`.
    pub(super) fn count_below(&self, end: usize) -> usize {
        self.words_below(end).map(|(_, bits)| bits.count_ones() as usize).sum()
    }

    /// Takes one out whose number is below `end`.
    pub(super) fn take_below(&self, end: usize) -> Option<usize> {
        self.words_below(end).find_map(|(word, mut bits)| {
            while bits != 0 {
                let worker = word * 64 + bits.trailing_zeros() as usize;
                if self.remove(worker) {
                    return Some(worker);
                }
                bits &= bits - 1;
            }
            None
        })
    }

    /// The words that have numbers below `end`, and in them the bits of these.
    fn words_below(&self, end: usize) -> impl Iterator<Item = (usize, u64)> + '_ {
        let words = self.0.iter().enumerate().take(end.div_ceil(64));
        words.map(move |(word, bits)| {
            let outside = 64 - (end - word * 64).min(64);
            (word, bits.load(Ordering::SeqCst) & (u64::MAX >> outside))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_who_was_put_in() {
        let crowd = Crowd::new();
        for worker in [0, 63, 64, 200, 1023] {
            assert!(!crowd.contains(worker) && !crowd.remove(worker));
            crowd.insert(worker);
            assert!(crowd.contains(worker));
        }
        let counts = [0, 1, 63, 64, 65, 201, 1023, 1024].map(|end| crowd.count_below(end));
        assert_eq!(counts, [0, 1, 1, 2, 3, 4, 4, 5]);
        assert_eq!([0, 201, 64, 64, 64].map(|end| crowd.take_below(end)), [None, Some(0), Some(63), None, None]);
        assert_eq!([200, 1024, 1024, 1024].map(|end| crowd.take_below(end)), [Some(64), Some(200), Some(1023), None]);
    }
}
