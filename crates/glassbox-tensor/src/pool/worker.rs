//! The threads of the pool: how they start, look for work, sleep and are woken.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};
use std::thread::{Builder, Thread};

use super::board::BOARD;
use super::crowd::Crowd;
use super::spin::Spin;
use crate::threads::{MAX_THREADS, processors};

/// How many workers one thread wakes: each of these wakes as many, so that all are awake after a few steps.
const WOKEN_BY_ONE: usize = 2;

/// How many workers there are. Their numbers are those below.
static STARTED: AtomicUsize = AtomicUsize::new(0);
/// Held by the thread that starts workers.
static STARTING: Mutex<()> = Mutex::new(());
/// The system gave no more threads.
static REFUSED: AtomicBool = AtomicBool::new(false);
/// What wakes a worker.
static WORKERS: [OnceLock<Thread>; MAX_THREADS] = [const { OnceLock::new() }; MAX_THREADS];

/// The workers that look for work.
static LOOKING: Crowd = Crowd::new();
/// The workers that sleep, or are about to, and have to be woken.
static ASLEEP: Crowd = Crowd::new();

/// Sees to it that there are so many workers, where the system gives them.
pub(super) fn start_up_to(count: usize) {
    if STARTED.load(Ordering::Relaxed) < count && !REFUSED.load(Ordering::Relaxed) {
        start(count);
    }
}

/// Lets threads be started again after the system refused some.
pub(crate) fn allow_starting() {
    REFUSED.store(false, Ordering::Relaxed);
}

#[cold]
fn start(count: usize) {
    let _lock = match STARTING.try_lock() {
        Ok(lock) => lock,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // Another thread is at it. Its workers help here, too.
        Err(TryLockError::WouldBlock) => return,
    };
    for worker in STARTED.load(Ordering::Relaxed)..count.min(MAX_THREADS) {
        if Builder::new().name(format!("glassbox-{worker}")).spawn(move || work(worker)).is_err() {
            REFUSED.store(true, Ordering::Relaxed);
            return;
        }
        STARTED.store(worker + 1, Ordering::Relaxed);
    }
}

/// What a worker does as long as the process lives.
fn work(worker: usize) {
    WORKERS[worker].get_or_init(std::thread::current);
    let mut woken = false;
    loop {
        let news = BOARD.news();
        let helped = BOARD.help(worker, woken);
        woken = false;
        if !helped && !look(worker, news) {
            sleep(worker, news);
            woken = true;
        }
    }
}

/// Waits a while for a job that is put up after `news`. False: there was none.
fn look(worker: usize, news: u64) -> bool {
    LOOKING.insert(worker);
    // At least one processor is left to those who have work.
    let mut spin = (LOOKING.count_below(MAX_THREADS) < processors()).then(Spin::new);
    let found = loop {
        if BOARD.news() != news {
            break true;
        }
        if !spin.as_mut().is_some_and(Spin::wait) {
            break false;
        }
    };
    LOOKING.remove(worker);
    found
}

/// Sleeps until it is woken, or until there is a job that was put up after `news`.
fn sleep(worker: usize, news: u64) {
    ASLEEP.insert(worker);
    // Whoever puts up a job after this sees that the worker sleeps. One who did before has changed the news.
    while ASLEEP.contains(worker) {
        if BOARD.news() != news {
            ASLEEP.remove(worker);
            return;
        }
        std::thread::park();
    }
}

/// Wakes workers for a job with so many units left, that so many threads may do.
pub(super) fn wake(units: usize, threads: usize) {
    let workers = threads - 1;
    let wanted = units.min(workers).saturating_sub(LOOKING.count_below(workers));
    for _ in 0..wanted.min(WOKEN_BY_ONE) {
        let Some(worker) = ASLEEP.take_below(workers) else { return };
        if let Some(thread) = WORKERS[worker].get() {
            thread.unpark();
        }
    }
}
