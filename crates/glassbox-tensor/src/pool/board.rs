//! Where the work stands that is under way.

use std::sync::atomic::{AtomicU64, Ordering};

use super::job::{Job, Place};
use super::worker;

/// How many jobs can be under way at once: as many as a word has bits.
const PLACES: usize = u64::BITS as usize;

/// The board of the process.
pub(super) static BOARD: Board = Board::new();

/// The places for jobs, and which of them are in use.
pub(super) struct Board {
    claimed: Line,
    /// How often a job has been put up: what has changed since a worker looked.
    news: Line,
    places: [Place; PLACES],
}

/// A number on a line of its own.
#[repr(align(128))]
struct Line(AtomicU64);

/// A place that one caller has for itself until this is dropped.
pub(super) struct Claim<'a> {
    board: &'a Board,
    index: usize,
}

impl Board {
    const fn new() -> Board {
        Board {
            claimed: Line(AtomicU64::new(0)),
            news: Line(AtomicU64::new(0)),
            places: [const { Place::new() }; PLACES],
        }
    }

    /// A place, where one is free.
    pub(super) fn claim(&self) -> Option<Claim<'_>> {
        let mut claimed = self.claimed.0.load(Ordering::Relaxed);
        while claimed != u64::MAX {
            let index = claimed.trailing_ones() as usize;
            let with = claimed | 1 << index;
            match self.claimed.0.compare_exchange_weak(claimed, with, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Claim { board: self, index }),
                Err(now) => claimed = now,
            }
        }
        None
    }

    /// A number that is another one after a job was put up.
    pub(super) fn news(&self) -> u64 {
        self.news.0.load(Ordering::SeqCst)
    }

    /// Does what the worker can find. False: there was nothing. `woken`: the worker was asleep, and wakes others where
    /// there is more than it takes.
    pub(super) fn help(&self, worker: usize, mut woken: bool) -> bool {
        let claimed = self.claimed.0.load(Ordering::Acquire);
        let mut helped = false;
        // Workers begin at different jobs.
        let skipped = worker % claimed.count_ones().max(1) as usize;
        let places = || (0..PLACES).filter(|index| claimed & 1 << index != 0);
        for index in places().skip(skipped).chain(places().take(skipped)) {
            let taken = |woken: bool| {
                move |share: super::job::Share, threads: usize| {
                    if woken {
                        worker::wake(share.rest(), threads);
                    }
                }
            };
            while self.places[index].help(worker + 1, taken(woken)) {
                (helped, woken) = (true, false);
            }
        }
        helped
    }
}

impl Claim<'_> {
    /// Does a job with the help of workers.
    pub(super) fn run(&self, job: &Job<'_>, threads: usize) {
        self.board.places[self.index].run(job, threads, |left| {
            self.board.news.0.fetch_add(1, Ordering::SeqCst);
            worker::wake(left, threads);
        });
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.board.claimed.0.fetch_and(!(1 << self.index), Ordering::Release);
    }
}
