//! The pool under many callers, nested work, panics, and more threads than there are processors. Under Miri fewer and
//! smaller: `MIRIFLAGS="-Zmiri-ignore-leaks -Zmiri-num-cpus=2" cargo +nightly miri test -p glassbox-tensor --lib pool::`

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::{on_one_thread, parallel_for, threads, with_threads};

/// So many, or fewer under Miri.
const fn many(count: usize) -> usize {
    if cfg!(miri) { count.div_ceil(100) } else { count }
}

/// Every index below `count` exactly once.
fn check_once(count: usize) {
    let done: Vec<AtomicU32> = (0..count).map(|_| AtomicU32::new(0)).collect();
    parallel_for(count, &|index| {
        done[index].fetch_add(1, Ordering::Relaxed);
    });
    assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1), "{count} pieces");
}

/// Waits until it is so. A pool that starves someone fails here instead of hanging.
fn wait_until(ready: impl Fn() -> bool) {
    let begin = Instant::now();
    while !ready() {
        assert!(begin.elapsed() < Duration::from_secs(120), "it never came");
        std::thread::yield_now();
    }
}

#[test]
fn every_piece_is_done_once_on_any_number_of_threads() {
    for threads in [1, 2, 3, 7, 8] {
        with_threads(threads, || [0, 1, 2, 3, 7, 64, 65, many(10_000)].map(check_once));
    }
}

#[test]
fn millions_of_tiny_pieces() {
    // The last are more than a place counts, so a unit has two indices.
    let large = if cfg!(miri) { 3 } else { (1 << 24) + 3 };
    for (count, threads) in [(many(1_000_000), 2), (many(1_000_000), 8), (large, 2)] {
        let sum = AtomicUsize::new(0);
        with_threads(threads, || {
            parallel_for(count, &|index| {
                sum.fetch_add(index + 1, Ordering::Relaxed);
            });
        });
        assert_eq!(sum.into_inner(), count * (count + 1) / 2);
    }
}

#[test]
fn many_callers_at_once() {
    std::thread::scope(|scope| {
        for caller in 0..if cfg!(miri) { 3 } else { 24 } {
            scope.spawn(move || {
                for round in 0..many(400) {
                    with_threads(1 + (caller + round) % 8, || check_once((round * 7 + caller) % 50));
                }
            });
        }
    });
}

#[test]
fn more_callers_than_places() {
    let callers = if cfg!(miri) { 66 } else { 150 };
    let begun = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                let done = AtomicUsize::new(0);
                with_threads(2, || {
                    parallel_for(5, &|index| {
                        // The first piece is always the caller's. It holds its place until all have begun.
                        if index == 0 {
                            begun.fetch_add(1, Ordering::SeqCst);
                            wait_until(|| begun.load(Ordering::SeqCst) == callers);
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                });
                assert_eq!(done.into_inner(), 5);
            });
        }
    });
}

#[test]
fn pieces_have_parallel_parts_of_their_own() {
    for threads in [2, 3, 8] {
        for _ in 0..many(100) {
            let done = AtomicUsize::new(0);
            with_threads(threads, || {
                parallel_for(4, &|_| {
                    parallel_for(5, &|_| {
                        parallel_for(6, &|_| {
                            done.fetch_add(1, Ordering::Relaxed);
                        });
                        check_once(3);
                    });
                });
            });
            assert_eq!(done.into_inner(), 4 * 5 * 6);
        }
    }
}

#[test]
fn two_threads_come_for_two_pieces() {
    // Hot, and when the worker sleeps.
    for pause in [0, 0, 0, 2, 2] {
        std::thread::sleep(Duration::from_millis(pause));
        let begun = AtomicUsize::new(0);
        with_threads(2, || {
            parallel_for(2, &|_| {
                begun.fetch_add(1, Ordering::SeqCst);
                wait_until(|| begun.load(Ordering::SeqCst) == 2);
            });
        });
    }
}

#[test]
fn no_more_threads_than_asked_for_and_pieces_know_it() {
    for count in [1, 2, 3, 4] {
        let seen = Mutex::new(HashSet::new());
        with_threads(count, || {
            assert_eq!(threads(), count);
            for _ in 0..many(200) {
                parallel_for(16, &|_| {
                    assert_eq!(threads(), count);
                    on_one_thread(|| assert_eq!(threads(), 1));
                    parallel_for(2, &|_| {
                        seen.lock().expect("no panic").insert(std::thread::current().id());
                    });
                });
            }
        });
        let seen = seen.into_inner().expect("no panic");
        assert!((1..=count).contains(&seen.len()), "{} threads for {count}", seen.len());
    }
    assert_eq!(with_threads(3, || with_threads(0, threads)), threads());
}

#[test]
fn a_panic_in_any_piece_comes_to_the_caller() {
    for threads in [1, 2, 8] {
        for count in [1, 2, 5, 33] {
            for bad in 0..count {
                let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
                let result = catch_unwind(AssertUnwindSafe(|| {
                    with_threads(threads, || {
                        parallel_for(count, &|index| {
                            begun.fetch_add(1, Ordering::SeqCst);
                            if index == bad {
                                resume_unwind(Box::new(index));
                            }
                            ended.fetch_add(1, Ordering::SeqCst);
                        });
                    });
                }));
                let panic = result.expect_err("a piece panicked");
                assert_eq!(panic.downcast_ref::<usize>(), Some(&bad));
                // All that were begun have ended when the caller goes on, and but for the one they ended well.
                assert_eq!(begun.into_inner(), ended.into_inner() + 1);
            }
        }
        with_threads(threads, || check_once(100));
    }
}

#[test]
fn of_many_panics_one_comes_and_nothing_is_stuck() {
    /// What a piece panics with, whose end panics as well.
    struct Spiteful;
    impl Drop for Spiteful {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                resume_unwind(Box::new("again"));
            }
        }
    }
    for _ in 0..many(300) {
        let result = catch_unwind(|| with_threads(8, || parallel_for(64, &|index| resume_unwind(Box::new(index)))));
        assert!(result.expect_err("all panicked").downcast_ref::<usize>().is_some_and(|index| *index < 64));
        let result = catch_unwind(|| with_threads(8, || parallel_for(64, &|_| resume_unwind(Box::new(Spiteful)))));
        let panic = result.expect_err("all panicked");
        assert!(panic.is::<Spiteful>());
        std::mem::forget(panic);
    }
    // An end that is far away isn't gone to.
    let result = catch_unwind(|| with_threads(2, || parallel_for(usize::MAX, &|index| resume_unwind(Box::new(index)))));
    assert!(result.is_err());
    with_threads(8, || check_once(1000));
}

#[test]
fn a_panic_within_a_piece_of_a_piece_passes_through_both() {
    for bad in 0..9 {
        let result = catch_unwind(|| {
            with_threads(4, || {
                parallel_for(3, &|outer| {
                    parallel_for(3, &|inner| {
                        if outer * 3 + inner == bad {
                            resume_unwind(Box::new(bad));
                        }
                    });
                });
            });
        });
        assert_eq!(result.expect_err("a piece panicked").downcast_ref::<usize>(), Some(&bad));
    }
}

#[test]
fn a_thread_that_stands_still_keeps_nobody_from_the_other_pieces() {
    let (held, others) = (AtomicBool::new(true), AtomicUsize::new(0));
    let count = 40;
    with_threads(2, || {
        parallel_for(count, &|index| {
            // The last is taken alone. Whoever has it waits for all others, which are done meanwhile.
            if index == count - 1 {
                wait_until(|| others.load(Ordering::SeqCst) == count - 1);
                held.store(false, Ordering::SeqCst);
            } else {
                others.fetch_add(1, Ordering::SeqCst);
            }
        });
    });
    assert!(!held.into_inner());
}
