//! A piece of work that is under way, and the place where threads take shares of it.
//!
//! A [`Job`] lives on the stack of its caller, a [`Place`] is never freed. A worker reads the place only, until it has
//! taken a share; from then until it has [finished](Place::finish) the share the job is there, for its caller waits for
//! that. Thus a worker that stops at any point before or after holds nobody up.
//!
//! What is left to take stands in one word with a number that no other use of the place has. A share is taken by a
//! compare-and-swap of that word, so what was read of the place before belongs to the same use of it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use super::spin::Spin;
use crate::threads;

/// The bits of the word that say how many units are left to take. The others number the uses of the place: 2^40, so that
/// a thread would have to stand still for days between two instructions to take one use for another.
const LEFT_BITS: u32 = 24;
const LEFT: u64 = (1 << LEFT_BITS) - 1;

/// A share is what is left by this and by the number of threads: so many shares a thread takes of the first half about.
const SHARES: u64 = 4;

/// What is called with every index, and what came of it.
pub(super) struct Job<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    count: usize,
    /// How many indices a unit has.
    unit: usize,
    units: u32,
    /// The [`threads::context`] of the caller.
    context: usize,
    /// A piece has panicked: no other is begun.
    stopped: AtomicBool,
    /// What the first one panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Some of the units of a job, taken by one thread.
#[derive(Clone, Copy)]
pub(super) struct Share {
    /// How many units were left before.
    left: u32,
    taken: u32,
}

impl Share {
    /// How many units are left after it.
    pub(super) fn rest(self) -> usize {
        (self.left - self.taken) as usize
    }
}

impl<'a> Job<'a> {
    pub(super) fn new(count: usize, work: &'a (dyn Fn(usize) + Sync)) -> Job<'a> {
        let unit = count.div_ceil(LEFT as usize).max(1);
        let (units, context) = (count.div_ceil(unit) as u32, threads::context());
        Job { work, count, unit, units, context, stopped: AtomicBool::new(false), panic: Mutex::new(None) }
    }

    /// Does a share of it. What a piece panics with is kept for [`Job::end`].
    fn work_on(&self, share: Share) {
        let begin = (self.units - share.left) as usize * self.unit;
        let end = begin.saturating_add(share.taken as usize * self.unit).min(self.count);
        let pieces = || {
            for index in begin..end {
                if self.stopped.load(Ordering::Relaxed) {
                    break;
                }
                (self.work)(index);
            }
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(pieces)) {
            self.stopped.store(true, Ordering::Relaxed);
            let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
            if first.is_none() {
                *first = Some(panic);
            } else if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
                // It panics when it is dropped, and so may what that gave.
                std::mem::forget(again);
            }
        }
    }

    /// Goes on with the panic of a piece, where one did.
    pub(super) fn end(self) {
        if let Some(panic) = self.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(panic);
        }
    }
}

/// Where a job stands while it is done.
#[repr(align(128))]
pub(super) struct Place {
    /// The number of the use, and in the lowest bits how many units are left to take.
    word: AtomicU64,
    /// How many threads may take shares; number 0 is the caller.
    threads: AtomicUsize,
    job: AtomicPtr<Job<'static>>,
    ending: Ending,
}

/// What tells the caller that all is done: on a line of its own, which those who take shares don't write.
#[repr(align(128))]
struct Ending {
    /// How many units have not been finished.
    unfinished: AtomicU32,
    /// The caller sleeps, or is about to.
    asleep: AtomicBool,
    lock: Mutex<()>,
    finished: Condvar,
}

impl Place {
    pub(super) const fn new() -> Place {
        Place {
            word: AtomicU64::new(0),
            threads: AtomicUsize::new(0),
            job: AtomicPtr::new(std::ptr::null_mut()),
            ending: Ending {
                unfinished: AtomicU32::new(0),
                asleep: AtomicBool::new(false),
                lock: Mutex::new(()),
                finished: Condvar::new(),
            },
        }
    }

    /// Does a job on this place, which is the caller's alone. `published` is called once, when others can take shares,
    /// with how many units are left for them.
    pub(super) fn run(&self, job: &Job<'_>, threads: usize, published: impl FnOnce(usize)) {
        let before = self.word.load(Ordering::Relaxed);
        debug_assert_eq!(before & LEFT, 0, "all that was here has been taken");
        // The first share is the caller's before others see any.
        let units = u64::from(job.units);
        let first = Share { left: job.units, taken: share_of(units, threads) as u32 };
        self.threads.store(threads, Ordering::Relaxed);
        self.job.store(std::ptr::from_ref(job).cast_mut().cast(), Ordering::Relaxed);
        self.ending.unfinished.store(job.units, Ordering::Relaxed);
        let number = (before >> LEFT_BITS).wrapping_add(1) << LEFT_BITS;
        self.word.store(number | first.rest() as u64, Ordering::Release);
        // From here to the end of the wait nothing unwinds: a job catches what its pieces panic with.
        published(first.rest());
        job.work_on(first);
        let mut finished = first.taken;
        while let Some(share) = self.take(0) {
            job.work_on(share);
            finished += share.taken;
        }
        self.ending.unfinished.fetch_sub(finished, Ordering::AcqRel);
        self.ending.wait();
    }

    /// Takes a share for a worker, does it and finishes it. False: there is none for it. `taken` is called before it is done.
    pub(super) fn help(&self, thread: usize, taken: impl FnOnce(Share, usize)) -> bool {
        let Some(share) = self.take(thread) else { return false };
        taken(share, self.threads.load(Ordering::Relaxed));
        // SAFETY: the caller put a pointer to its job here before the word that the share was taken from, and waits until
        // all shares are finished, this one among them, before the job is dropped or the place used again.
        let job = unsafe { &*self.job.load(Ordering::Relaxed) };
        threads::enter(job.context);
        job.work_on(share);
        self.ending.finish(share.taken);
        true
    }

    fn take(&self, thread: usize) -> Option<Share> {
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            let left = word & LEFT;
            let threads = self.threads.load(Ordering::Relaxed);
            if left == 0 || thread >= threads {
                return None;
            }
            let taken = share_of(left, threads);
            // Releases, so that `threads` can't have been read from a later use of the place: whoever begins that has seen
            // this share finished.
            match self.word.compare_exchange_weak(word, word - taken, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(Share { left: left as u32, taken: taken as u32 }),
                Err(now) => word = now,
            }
        }
    }
}

fn share_of(left: u64, threads: usize) -> u64 {
    (left / (SHARES * threads as u64)).max(1)
}

impl Ending {
    /// Says that units have been finished. After that the job may be gone.
    fn finish(&self, units: u32) {
        let last = self.unfinished.fetch_sub(units, Ordering::SeqCst) == units;
        if last && self.asleep.load(Ordering::SeqCst) {
            let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.finished.notify_all();
        }
    }

    fn wait(&self) {
        let mut spin = Spin::new();
        while self.unfinished.load(Ordering::Acquire) != 0 {
            if !spin.wait() {
                return self.sleep();
            }
        }
    }

    #[cold]
    fn sleep(&self) {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever finishes the last unit after this sees it, and waits for the lock until the caller sleeps.
        self.asleep.store(true, Ordering::SeqCst);
        while self.unfinished.load(Ordering::SeqCst) != 0 {
            lock = self.finished.wait(lock).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.store(false, Ordering::Relaxed);
    }
}
