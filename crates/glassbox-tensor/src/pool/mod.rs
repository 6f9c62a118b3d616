//! The pool of threads: one for the process, which does pieces of work that differ in an index alone.
//!
//! In comes how many pieces there are, how many threads may do them, and what does one; [`run`] comes back when all have
//! ended. The caller works, too, and is its first thread. Its work stands as a [`Job`](job::Job) in one of the
//! [places](job::Place) of a [board](board::Board); [workers](worker) look there for pieces, which they take as they go,
//! the fewer at a time the fewer are left. So
//!
//! - a thread that the system doesn't let run keeps nobody from taking pieces, and the caller waits only for those that
//!   have been taken;
//! - a piece may itself call [`run`]: its pieces are done by the thread that it runs on and by workers that have nothing
//!   else to do. A thread that waits does nothing else meanwhile, so nobody waits for a piece of work that was begun
//!   later by someone who waits for him: there is no deadlock;
//! - any number of threads may call [`run`] at once. Where the board is full, a caller does its pieces alone.
//!
//! A worker without work looks for some for at most [`MAX_SPIN`](spin::MAX_SPIN), then sleeps until it is woken. In a
//! process that was forked there are no workers, and callers do everything alone.

mod board;
mod crowd;
mod job;
mod spin;
mod worker;

pub(crate) use worker::allow_starting;

use board::BOARD;
use job::Job;

/// Calls `work` with every index below `count`, on at most `threads` threads, of which the caller is one.
///
/// # Panics
///
/// With what a piece panicked with, after all that were begun have ended; those that were not begun by then are left out.
pub(crate) fn run(count: usize, threads: usize, work: &(dyn Fn(usize) + Sync)) {
    let others = threads.min(count).saturating_sub(1);
    if others == 0 {
        return (0..count).for_each(work);
    }
    worker::start_up_to(others);
    let job = Job::new(count, work);
    match BOARD.claim() {
        Some(claim) => claim.run(&job, threads),
        // As many callers as there are places: no thread is without work.
        None => return (0..count).for_each(work),
    }
    job.end();
}

#[cfg(test)]
mod tests;
