//! What it costs to split work over threads: `cargo bench -p glassbox-tensor --bench pool`.
//!
//! - Fork and join on two threads, hot and after a pause, of pieces that are empty, and of two pieces that each wait until
//!   the other has begun, so that two threads must come; against rayon, `std::thread::scope`, and a loop.
//! - How much is done by more threads than there are processors, against two.
//! - How much two processes do that have the same processors, each against half of what one does alone.
//!
//! All that is compared runs in turns. While other programs want the processors, the best of fork and join says something,
//! and the rest little.

use std::hint::black_box;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use glassbox_tensor::{parallel_for, set_threads, with_threads};
use rayon::prelude::*;

/// Set in a process of the bench that computes for as many milliseconds as this says, and prints how much.
const PART: &str = "GLASSBOX_BENCH_POOL_PART";

/// A way to split work: calls a function with the indices 0 and 1, in parallel.
type Way = fn(&(dyn Fn(usize) + Sync));

const WAYS: [(&str, Way); 4] = [
    ("a loop", |work| (0..2).for_each(|index| black_box(work)(index))),
    ("the pool", |work| parallel_for(2, work)),
    ("rayon", |work| (0..2).into_par_iter().for_each(work)),
    ("thread::scope", |work| {
        std::thread::scope(|scope| {
            scope.spawn(|| work(0));
            work(1);
        });
    }),
];

fn main() {
    if let Some(milliseconds) = std::env::var(PART).ok().and_then(|text| text.parse().ok()) {
        println!("{}", jobs_within(Duration::from_millis(milliseconds), &pool_job(20_000)));
        return;
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{processors} processors, {} threads without a word", glassbox_tensor::threads());
    if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(2).build_global() {
        println!("rayon: {error}");
    }
    set_threads(2);
    fork_and_join("empty pieces, hot", None, 100, &|way| way(&touch));
    fork_and_join("two threads, hot", None, 5, &meet);
    fork_and_join("empty pieces, after 1 ms", Some(Duration::from_millis(1)), 1, &|way| {
        way(&touch);
    });
    fork_and_join("two threads, after 1 ms", Some(Duration::from_millis(1)), 1, &meet);
    oversubscribed();
    two_processes();
}

fn touch(index: usize) {
    black_box(index);
}

/// Two pieces of which each ends when both have begun.
fn meet(way: Way) {
    let begun = AtomicUsize::new(0);
    // A loop would wait for ever.
    let alone = std::ptr::fn_addr_eq(way, WAYS[0].1);
    way(&|_| {
        begun.fetch_add(1, Ordering::SeqCst);
        let mut looks = 0u32;
        while begun.load(Ordering::SeqCst) < 2 && !alone {
            looks += 1;
            if looks < 10_000 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    });
}

fn fork_and_join(title: &str, pause: Option<Duration>, repeat: u32, call: &dyn Fn(Way)) {
    let mut times: [Vec<f64>; WAYS.len()] = Default::default();
    let rounds = 300;
    for _ in 0..rounds {
        for ((name, way), times) in WAYS.iter().zip(&mut times) {
            let repeat = if *name == "thread::scope" { repeat.min(5) } else { repeat };
            match pause {
                Some(pause) => std::thread::sleep(pause),
                // Wakes the threads that slept while the others' turns were.
                None => (0..3).for_each(|_| call(*way)),
            }
            let begin = Instant::now();
            for _ in 0..repeat {
                call(*way);
            }
            times.push(begin.elapsed().as_secs_f64() * 1e6 / f64::from(repeat));
        }
    }
    println!("\n{title}: microseconds, best / median");
    for ((name, _), times) in WAYS.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        println!("  {name:14} {:9.3} / {:9.3}", times[0], times[times.len() / 2]);
    }
}

/// About `turns` multiplications in sequence.
fn compute(turns: u32) {
    black_box((0..turns).fold(black_box(1.0f64), |value, _| value * 1.000_000_1));
}

/// A job of 16 pieces.
fn pool_job(turns: u32) -> impl Fn() {
    move || parallel_for(16, &|_| compute(turns))
}

/// How often a job is done in a time.
fn jobs_within(time: Duration, job: &dyn Fn()) -> u32 {
    let (begin, mut jobs) = (Instant::now(), 0);
    while begin.elapsed() < time {
        job();
        jobs += 1;
    }
    jobs
}

fn oversubscribed() {
    println!("\n8 threads against 2 and 2 against 1, jobs of 16 pieces: best round / all rounds together");
    for turns in [1_000, 5_000, 20_000, 100_000] {
        let mut jobs = [const { Vec::new() }; 4];
        let time = Duration::from_millis(30);
        for round in 0..24 {
            // Where others want the processors, who comes after one that took much gets less: each comes after each.
            for step in 0..4 {
                let way = (round + step * if round % 8 < 4 { 1 } else { 3 }) % 4;
                jobs[way].push(match [1, 2, 8].get(way) {
                    Some(threads) => with_threads(*threads, || jobs_within(time, &pool_job(turns))),
                    None => jobs_within(time, &|| (0..16).into_par_iter().with_max_len(1).for_each(|_| compute(turns))),
                });
            }
        }
        let [one, two, eight, rayon] =
            jobs.map(|jobs| [f64::from(jobs.iter().copied().max().unwrap_or(0)), f64::from(jobs.iter().sum::<u32>())]);
        let ratio = |a: [f64; 2], b: [f64; 2]| format!("{:.2} / {:.2}", a[0] / b[0], a[1] / b[1]);
        let (two_of_one, eight_of_two, rayon) = (ratio(two, one), ratio(eight, two), ratio(rayon, one));
        println!("  {turns:7} turns a piece: 2 of 1 {two_of_one} (rayon {rayon}), 8 of 2 {eight_of_two}");
    }
}

fn two_processes() {
    let Ok(program) = std::env::current_exe() else { return println!("skipped: this program has no path") };
    let part = || Command::new(&program).env(PART, "300").stdout(Stdio::piped()).spawn();
    let jobs = |child: std::io::Result<std::process::Child>| -> Option<f64> {
        String::from_utf8(child.ok()?.wait_with_output().ok()?.stdout).ok()?.trim().parse().ok()
    };
    let mut shares: Vec<[f64; 2]> = Vec::new();
    for _ in 0..12 {
        let alone = jobs(part());
        let (first, second) = (part(), part());
        if let (Some(alone), Some(first), Some(second)) = (alone, jobs(first), jobs(second)) {
            shares.push([first / alone, second / alone].map(|share| share * 2.0));
        }
    }
    shares.sort_by(|a, b| (a[0] + a[1]).total_cmp(&(b[0] + b[1])));
    println!("\ntwo processes on the same processors: each of half of what one does alone");
    for (name, place) in [("median", shares.len() / 2), ("best", shares.len().saturating_sub(1))] {
        if let Some([first, second]) = shares.get(place) {
            println!("  {name}: {first:.2} and {second:.2}");
        }
    }
}
