//! What holds for a whole process: how many threads there are, and that those without work take no time.
//!
//! Each test runs this program again, with a variable set, and does its work there: no other test is in that process.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::{Command, Output};
use std::time::Duration;

use glassbox_tensor::{THREADS_VARIABLE, environment_threads, parallel_for, set_threads, threads, with_threads};

/// Set in the process that a test starts.
const CHILD: &str = "GLASSBOX_TEST_CHILD";

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs one test in a process of its own.
fn run(test: &str, told: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1").env_remove(THREADS_VARIABLE);
    command.envs(told.map(|told| (THREADS_VARIABLE, told)));
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{told:?}: {output:?}");
    output
}

#[test]
fn the_environment_says_how_many() {
    if is_child() {
        return println!("{} threads: {:?}", threads(), environment_threads());
    }
    let said = |told| String::from_utf8(run("the_environment_says_how_many", told).stdout).expect("text");
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(said(None).contains(&format!("{all} threads: Ok(None)")), "{}", said(None));
    assert!(said(Some("1")).contains("1 threads: Ok(Some(1))"), "{}", said(Some("1")));
    assert!(said(Some(" 1 ")).contains("1 threads: Ok(Some(1))"), "{}", said(Some(" 1 ")));
    // It takes processors away, and adds none.
    assert!(said(Some("1000")).contains(&format!("{all} threads: Ok(Some(1000))")), "{}", said(Some("1000")));
    for nonsense in ["", "0", "-1", "1025", "2.5", "all", "99999999999999999999999"] {
        let said = said(Some(nonsense));
        assert!(said.contains(&format!("{all} threads: Err(")), "{said}");
        assert!(said.contains("it must be a number of threads, from 1 to 1024"), "{said}");
    }
}

#[test]
fn a_process_can_be_told_how_many() {
    if !is_child() {
        return drop(run("a_process_can_be_told_how_many", Some("1")));
    }
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!((threads(), set_threads(3), threads()), (1, 3, 3));
    // It is said when it is fewer than asked.
    let most = set_threads(100_000);
    assert_eq!((most, threads()), ((4 * all).min(1024), most));
    assert_eq!(with_threads(usize::MAX, threads), most);
    assert_eq!((set_threads(1), with_threads(2, threads), threads()), (1, 2, 1));
    let this = std::thread::current().id();
    parallel_for(100, &|_| assert_eq!(std::thread::current().id(), this));
    // The number of the beginning again, which the variable has set.
    assert_eq!((set_threads(2), set_threads(0), threads()), (2, 1, 1));
}

/// How many workers there are, and the time that they have taken, in ticks of which there are a hundred a second.
fn ticks_of_workers() -> Option<(usize, u64)> {
    let (mut workers, mut ticks) = (0, 0);
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        // The name stands in parentheses; utime and stime are fields 14 and 15, the one after the name is the third.
        let (name, fields) = stat.rsplit_once(')')?;
        if name.contains("(glassbox-") {
            let fields: Vec<&str> = fields.split_whitespace().collect();
            workers += 1;
            ticks += fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        }
    }
    Some((workers, ticks))
}

#[test]
fn workers_without_work_take_no_time() {
    if !is_child() {
        let output = run("workers_without_work_take_no_time", None);
        return print!("{}", String::from_utf8_lossy(&output.stdout));
    }
    let job = || {
        with_threads(4, || parallel_for(64, &|index| drop(std::hint::black_box(vec![index; 1000]))));
    };
    (0..100).for_each(|_| job());
    std::thread::sleep(Duration::from_millis(200));
    let Some((workers, before)) = ticks_of_workers() else {
        return println!("skipped: /proc doesn't tell what time threads take");
    };
    assert_eq!(workers, 3);
    // A job ten times in a second, as a program has that waits for something, and then nothing for another second.
    for _ in 0..10 {
        job();
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_secs(1));
    let (_, after) = ticks_of_workers().expect("as before");
    // One that never slept would take 200 ticks.
    assert!(after - before <= 20, "{} ticks", after - before);
}
