//! Work that is split over all threads: the one way to the [pool](crate::pool) of threads.
//!
//! [`parallel_for`] takes its work by reference to a trait object, so that all that is behind it is compiled once and not
//! for every closure; what is generic here are a few lines around it. Every piece of work depends only on its index, so
//! results don't depend on the number of threads, to the bit.
//!
//! Long work can be interrupted: inside [`interruptible`] each piece first asks whether it shall still be done. If
//! not, the rest is left out and the call unwinds to [`interruptible`], so that nobody sees half a result.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::pool;
use crate::threads::threads;

/// Says whether work that is under way shall be given up. It is asked often, from many threads.
pub type Interrupt = Arc<dyn Fn() -> bool + Send + Sync>;

/// The work was given up because the [`Interrupt`] asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

thread_local! {
    static INTERRUPT: RefCell<Option<Interrupt>> = const { RefCell::new(None) };
}

/// Runs `work`, whose parallel parts on this thread are given up as soon as `interrupt` says so.
///
/// # Errors
///
/// [`Interrupted`], where they were. What `work` did until then has happened.
pub fn interruptible<T>(interrupt: Interrupt, work: impl FnOnce() -> T) -> Result<T, Interrupted> {
    let done = catch_unwind(AssertUnwindSafe(|| within(Some(interrupt), work)));
    done.map_err(|panic| match panic.downcast::<Interrupted>() {
        Ok(interrupted) => *interrupted,
        Err(other) => resume_unwind(other),
    })
}

/// Runs `work` with this interrupt for the parallel parts that this thread begins.
fn within<T>(interrupt: Option<Interrupt>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Interrupt>);
    impl Drop for Restore {
        fn drop(&mut self) {
            INTERRUPT.with(|current| current.replace(self.0.take()));
        }
    }
    let _restore = Restore(INTERRUPT.with(|current| current.replace(interrupt)));
    work()
}

/// Calls `work` with every index below `count`, on all [`threads`](crate::threads()) and in no particular order.
///
/// A piece may have parallel parts of its own: threads that have nothing else to do help with them.
///
/// # Panics
///
/// With what a piece panicked with, once all that were begun have ended. The others are left out.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// let sum = AtomicUsize::new(0);
/// glassbox_tensor::parallel_for(5, &|index| {
///     sum.fetch_add(index, Ordering::Relaxed);
/// });
/// assert_eq!(sum.into_inner(), 10);
/// ```
pub fn parallel_for(count: usize, work: &(dyn Fn(usize) + Sync)) {
    let interrupt = INTERRUPT.with(|current| current.borrow().clone());
    match (interrupt, if count < 2 { 1 } else { threads() }) {
        (None, 1) => (0..count).for_each(work),
        (Some(_), _) if count < 2 => (0..count).for_each(work),
        (Some(interrupt), 1) => {
            for index in 0..count {
                if interrupt() {
                    resume_unwind(Box::new(Interrupted));
                }
                work(index);
            }
        }
        (None, threads) => pool::run(count, threads, work),
        (Some(interrupt), threads) => {
            pool::run(count, threads, &|index| {
                if !interrupt() {
                    // The piece may run on another thread, and have parallel parts of its own.
                    within(Some(interrupt.clone()), || work(index));
                }
            });
            if interrupt() {
                resume_unwind(Box::new(Interrupted));
            }
        }
    }
}

/// What `make` gives for every index below `count`, in order.
///
/// ```
/// assert_eq!(glassbox_tensor::parallel_map(4, |index| index * index), [0, 1, 4, 9]);
/// ```
pub fn parallel_map<T: Send>(count: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut made: Vec<Option<T>> = Vec::new();
    made.resize_with(count, || None);
    parallel_chunks(&mut made, 1, &|index, place| place[0] = Some(make(index)));
    made.into_iter().flatten().collect()
}

/// Calls `work` with every piece of `size` elements and its place, the last piece may be shorter. Pieces of size
/// zero count as of size one.
///
/// ```
/// let mut values = [0; 5];
/// glassbox_tensor::parallel_chunks(&mut values, 2, &|place, chunk| chunk.fill(place));
/// assert_eq!(values, [0, 0, 1, 1, 2]);
/// ```
pub fn parallel_chunks<T: Send>(elements: &mut [T], size: usize, work: &(dyn Fn(usize, &mut [T]) + Sync)) {
    let (size, length) = (size.max(1), elements.len());
    let first = Start(elements.as_mut_ptr());
    let first = &first;
    parallel_for(length.div_ceil(size), &|index| {
        let begin = index * size;
        let count = size.min(length - begin);
        // SAFETY: `begin + count` is at most `length`, and every index is given once, so the pieces are parts of
        // `elements` that don't overlap; `elements` is borrowed until all are done, and T may go to other threads.
        let chunk = unsafe { std::slice::from_raw_parts_mut(first.0.add(begin), count) };
        work(index, chunk);
    });
}

/// Work on a piece, given its place, that can fail.
pub type TryWork<'a, T, E> = dyn Fn(usize, &mut [T]) -> Result<(), E> + Sync + 'a;

/// [`parallel_chunks`] with work that can fail: the error of the first piece that has one.
///
/// # Errors
///
/// That of `work`, of the piece with the lowest place. The other pieces have been worked on.
pub fn try_parallel_chunks<T: Send, E: Send>(elements: &mut [T], size: usize, work: &TryWork<T, E>) -> Result<(), E> {
    let first: Mutex<Option<(usize, E)>> = Mutex::new(None);
    parallel_chunks(elements, size, &|place, chunk| {
        if let Err(error) = work(place, chunk) {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if first.as_ref().is_none_or(|(known, _)| place < *known) {
                *first = Some((place, error));
            }
        }
    });
    match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// Where a slice begins whose pieces go to other threads.
struct Start<T>(*mut T);

// SAFETY: it is used by `parallel_chunks` alone, which makes pieces of it that don't overlap.
unsafe impl<T: Send> Sync for Start<T> {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_piece_is_given_once_and_in_its_place() {
        for (length, size) in [(0, 3), (1, 3), (7, 3), (9, 3), (5, 0), (1000, 7)] {
            let mut elements = vec![usize::MAX; length];
            parallel_chunks(&mut elements, size, &|place, chunk| {
                chunk.iter_mut().enumerate().for_each(|(at, element)| *element = place * size.max(1) + at);
            });
            assert_eq!(elements, (0..length).collect::<Vec<_>>(), "{length} by {size}");
            assert_eq!(parallel_map(length, |index| index.to_string()).len(), length);
        }
    }

    #[test]
    fn the_error_of_the_first_piece_wins() {
        let work = |place: usize, _: &mut [u8]| if place >= 3 { Err(place) } else { Ok(()) };
        assert_eq!(try_parallel_chunks(&mut [0u8; 100], 1, &work), Err(3));
        assert_eq!(try_parallel_chunks(&mut [0u8; 3], 1, &work), Ok(()));
    }

    #[test]
    fn interrupted_work_is_left_out_and_says_so() {
        let (done, asked) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let count = asked.clone();
        let interrupt: Interrupt = Arc::new(move || count.fetch_add(1, Ordering::Relaxed) >= 10);
        let result = interruptible(interrupt, || {
            parallel_for(100_000, &|_| {
                done.fetch_add(1, Ordering::Relaxed);
            });
            "whole"
        });
        assert_eq!(result, Err(Interrupted));
        assert!(done.load(Ordering::Relaxed) <= 10);
        // Outside of it nothing is interrupted any more.
        parallel_for(10, &|_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert!(done.into_inner() >= 10);
    }
}
