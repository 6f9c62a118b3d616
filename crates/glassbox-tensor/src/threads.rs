//! How many threads parallel work is done by.
//!
//! Without a word from anybody: as many as there are processors for this process, which counts the processors that it may
//! run on and the quota of its control groups, or fewer where [`THREADS_VARIABLE`] says so. [`set_threads`] says another
//! number for the whole process, [`with_threads`] one for the parallel parts that a thread begins. No number is more than
//! four times that of the processors: more threads than that only take memory and time from each other.
//!
//! Results don't depend on these numbers.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The variable of the environment that says on how many threads to compute, where it shall be fewer than there are
/// processors.
pub const THREADS_VARIABLE: &str = "GLASSBOX_THREADS";

/// The most threads there can ever be, on any machine.
pub(crate) const MAX_THREADS: usize = 1024;

/// How many threads a processor may have to run.
const THREADS_PER_PROCESSOR: usize = 4;

/// What [`set_threads`] said; 0 where it said nothing.
static SET: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// What [`with_threads`] says for this thread; 0 where it says nothing.
    static WITHIN: Cell<usize> = const { Cell::new(0) };
}

/// How many threads [`THREADS_VARIABLE`] says, where it is set.
///
/// # Errors
///
/// Where it isn't a number from 1 to 1024. [`threads`] can't tell, and passes over it then: a program asks here before it
/// computes anything.
///
/// ```
/// match glassbox_tensor::environment_threads() {
///     Ok(Some(count)) => println!("on {count} threads at most"),
///     Ok(None) => println!("on all processors"),
///     Err(why) => println!("{why}"),
/// }
/// ```
pub fn environment_threads() -> Result<Option<usize>, String> {
    let Some(text) = std::env::var_os(THREADS_VARIABLE) else { return Ok(None) };
    let count = text.to_str().and_then(|text| text.trim().parse().ok());
    match count.filter(|count| (1..=MAX_THREADS).contains(count)) {
        Some(count) => Ok(Some(count)),
        None => Err(format!("{THREADS_VARIABLE} is {text:?}: it must be a number of threads, from 1 to {MAX_THREADS}")),
    }
}

/// Does parallel work on `count` threads from now on, in the whole process; 0 stands for the number that there is without
/// a call of this. Gives how many it will be: a `count` of more than four times the processors gives as many as that.
///
/// Work that is under way keeps its number. Threads are started when they are first needed, and never ended; one that has
/// nothing to do takes no time.
///
/// ```
/// let most = glassbox_tensor::set_threads(100_000);
/// assert!(most < 100_000);
/// assert_eq!(glassbox_tensor::threads(), most);
/// assert_eq!(glassbox_tensor::set_threads(1), 1);
/// ```
pub fn set_threads(count: usize) -> usize {
    SET.store(bounded(count), Ordering::Relaxed);
    crate::pool::allow_starting();
    of_process()
}

/// How many threads do the parallel work that this thread begins.
///
/// ```
/// assert!(glassbox_tensor::threads() >= 1);
/// glassbox_tensor::on_one_thread(|| assert_eq!(glassbox_tensor::threads(), 1));
/// ```
pub fn threads() -> usize {
    match WITHIN.get() {
        0 => of_process(),
        count => count,
    }
}

/// Runs `work`, whose parallel parts on this thread are done by `count` threads, and what is parallel within their pieces,
/// too. A `count` of 0 stands for the number that the process has; a large one gives as many as [`set_threads`] does.
///
/// ```
/// let sums = [1, 2, 7].map(|count| {
///     glassbox_tensor::with_threads(count, || {
///         glassbox_tensor::parallel_map(100, |index| index * index).iter().sum::<usize>()
///     })
/// });
/// assert_eq!(sums, [328_350; 3]);
/// ```
pub fn with_threads<T>(count: usize, work: impl FnOnce() -> T) -> T {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            WITHIN.set(self.0);
        }
    }
    let _restore = Restore(WITHIN.replace(bounded(count)));
    work()
}

/// Runs `work`, whose parallel parts are done by this thread alone, one piece after the other.
///
/// ```
/// let thread = std::thread::current().id();
/// glassbox_tensor::on_one_thread(|| {
///     glassbox_tensor::parallel_for(100, &|_| assert_eq!(std::thread::current().id(), thread));
/// });
/// ```
pub fn on_one_thread<T>(work: impl FnOnce() -> T) -> T {
    with_threads(1, work)
}

/// What [`with_threads`] says on this thread, for [`enter`] on another one that does a part of its work.
pub(crate) fn context() -> usize {
    WITHIN.get()
}

/// Takes over, on a thread that helps others only, the [`context`] of whom it helps.
pub(crate) fn enter(context: usize) {
    WITHIN.set(context);
}

/// The processors for this process when it was first asked.
pub(crate) fn processors() -> usize {
    static FOUND: OnceLock<usize> = OnceLock::new();
    // On Linux the library counts the processors that the thread may run on, and reads the quota of the control group and
    // of those around it, of either version.
    *FOUND.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn bounded(count: usize) -> usize {
    count.min(THREADS_PER_PROCESSOR.saturating_mul(processors())).min(MAX_THREADS)
}

fn of_process() -> usize {
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    match SET.load(Ordering::Relaxed) {
        0 => *DEFAULT.get_or_init(|| {
            let told = environment_threads().ok().flatten().unwrap_or(MAX_THREADS);
            bounded(processors().min(told))
        }),
        count => count,
    }
}
