//! Steps that pause: statement by statement, at breakpoints; and what can't be done meanwhile.

use std::sync::{Arc, Mutex};

use glassbox_runtime::{Executor, StepOutcome, TraceEvent};
use glassbox_tensor::Tensor;

use super::{PROGRAM, executor, message, simulator};

/// Statements as `line op`.
fn lines(events: &[TraceEvent]) -> Vec<String> {
    events.iter().map(|event| format!("{} {}", event.line.unwrap_or(0), event.op)).collect()
}

fn ready() -> Executor {
    let mut executor = executor(PROGRAM);
    executor.insert("x", vec![1.0f32, 2.0, 3.0, 4.0]).expect("it fits");
    executor
}

/// Everything that a program has after a step.
fn all(executor: &Executor) -> Vec<Tensor> {
    ["h", "sum", "count", "past"].iter().map(|name| executor.fetch(name).unwrap_or_else(|e| panic!("{e}"))).collect()
}

#[track_caller]
fn same(a: &Executor, b: &Executor) {
    for (a, b) in all(a).iter().zip(&all(b)) {
        assert!(a.bit_eq(b));
    }
}

const STATEMENTS: [&str; 15] = [
    "0 parameter",
    "0 constant",
    "10 mul",
    "12 add",
    "13 if",
    "12 add",
    "20 neg",
    "13 if",
    "12 add",
    "13 if",
    "11 loop",
    "14 state_write",
    "15 state_append",
    "16 reduce_sum",
    "",
];

#[test]
fn statements_run_one_by_one_and_give_what_a_whole_step_gives() {
    let (mut whole, mut stepped) = (ready(), ready());
    for _ in 0..3 {
        whole.insert("x", vec![1.0f32, 2.0, 3.0, 4.0]).expect("it fits");
        stepped.insert("x", vec![1.0f32, 2.0, 3.0, 4.0]).expect("it fits");
        assert_eq!(whole.run_step().expect("a step"), StepOutcome::Done);
        let mut events = Vec::new();
        while let Some(at) = stepped.step().expect("a statement").paused() {
            assert!(stepped.is_under_way());
            events.push(at);
        }
        assert_eq!(lines(&events), STATEMENTS[..14]);
        same(&whole, &stepped);
    }
    assert_eq!(stepped.steps(), 3);
}

#[test]
fn variables_are_seen_as_they_are_in_the_middle() {
    let mut executor = ready();
    let mut seen = Vec::new();
    while let Some(at) = executor.step().expect("a statement").paused() {
        let h = executor.fetch::<Vec<f32>>("h").map(|h| h[0]).unwrap_or(f32::NAN);
        let l = executor.fetch::<i64>("l").unwrap_or(-1);
        let count = executor.fetch::<i64>("count").expect("a state");
        let past = executor.state("past").expect("a state").shape()[0];
        seen.push((at.line.unwrap_or(0), h, l, count, past));
    }
    let want = [
        (0, f32::NAN, -1, 0, 0),
        (0, f32::NAN, -1, 0, 0),
        (10, 1.0, -1, 0, 0),
        (12, 3.0, 0, 0, 0),
        (13, 3.0, 0, 0, 0),
        (12, 5.0, 1, 0, 0),
        (20, 5.0, 1, 0, 0),
        (13, 5.0, 1, 0, 0),
        (12, 7.0, 2, 0, 0),
        (13, 7.0, 2, 0, 0),
        (11, 7.0, 2, 0, 0),
        (14, 7.0, 2, 1, 0),
        (15, 7.0, 2, 1, 2),
        (16, 7.0, 2, 1, 2),
    ];
    assert_eq!(format!("{seen:?}"), format!("{want:?}"));
}

#[test]
fn in_the_middle_what_has_no_value_yet_says_so() {
    let mut executor = ready();
    executor.step().expect("a statement");
    assert_eq!(message(executor.fetch::<Tensor>("sum")), "`sum` has no value: the step hasn't come to it");
    assert_eq!(executor.fetch::<Vec<f32>>("x").expect("an input"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(executor.fetch::<f32>("two").expect("a constant"), 2.0);
    assert!(message(executor.fetch::<Tensor>("summ")).contains("did you mean `sum`?"));
}

#[test]
fn an_iterator_goes_from_statement_to_statement() {
    let mut executor = ready();
    let first: Vec<TraceEvent> = executor.iterate().take(4).map(|event| event.expect("a statement")).collect();
    assert_eq!(lines(&first), STATEMENTS[..4]);
    assert!(executor.is_under_way());
    let mut rest = Vec::new();
    let mut statements = executor.iterate();
    while let Some(event) = statements.next() {
        rest.push(event.expect("a statement"));
        assert!(statements.executor().fetch::<Tensor>("h").is_ok());
    }
    assert_eq!(lines(&rest), STATEMENTS[4..14]);
    assert!(!executor.is_under_way());
    // A new one would begin the next step, which has no inputs.
    let mut statements = executor.iterate();
    assert!(statements.next().is_some_and(|event| event.is_err()));
    assert!(statements.next().is_none());
}

#[test]
fn what_would_change_the_executor_waits_for_the_end_of_the_step() {
    let mut executor = ready();
    executor.step().expect("a statement");
    let refused = [
        message(executor.insert("x", vec![0f32, 0.0])),
        message(executor.run_step()),
        message(executor.reset()),
        message(executor.set_state("count", 3)),
        message(executor.save_states("states.oinf")),
        message(executor.load_states("states.oinf")),
    ];
    for error in refused {
        assert!(
            error.starts_with("a step is under way, so ") && error.ends_with("or give it up with `stop`"),
            "{error}"
        );
    }
    assert_eq!(executor.resume().expect("the rest"), StepOutcome::Done);
    assert_eq!(message(executor.resume()), "no step is under way; `run_step` begins one");
    assert!(executor.stop().is_ok(), "nothing to stop");
}

#[test]
fn a_step_that_is_given_up_leaves_nothing() {
    let mut executor = ready();
    executor.run_step().expect("a step");
    let before = all(&executor);
    executor.insert("x", vec![5.0f32, 6.0]).expect("it fits");
    while executor.step().expect("a statement").paused().is_some_and(|at| at.line != Some(15)) {}
    assert_eq!(executor.fetch::<i64>("count").expect("a state"), 2);
    executor.stop().expect("it stops");
    assert!(all(&executor).iter().zip(&before).all(|(now, before)| now.bit_eq(before)));
    // What was inserted is still there.
    executor.run_step().expect("a step");
    assert_eq!(executor.fetch::<i64>("count").expect("a state"), 2);
    assert_eq!(executor.fetch::<Tensor>("past").expect("a state").shape(), [3, 2]);
}

/// How many threads of steps this process has.
#[cfg(target_os = "linux")]
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the threads");
    let named = |task: &std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.filter_map(Result::ok).filter(|task| named(task).trim() == name).count()
}

/// In a process of its own, where no other test has threads of steps.
#[test]
#[cfg(target_os = "linux")]
fn an_executor_that_is_dropped_takes_its_thread_along() {
    const ALONE: &str = "GLASSBOX_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let this = std::env::current_exe().expect("this test");
        let name = "sim::pausing::an_executor_that_is_dropped_takes_its_thread_along";
        let run = std::process::Command::new(this).args(["--exact", name]).env(ALONE, "1").output().expect("it runs");
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    for _ in 0..20 {
        let mut executor = ready();
        executor.step().expect("a statement");
        assert_eq!(threads("glassbox-step"), 1);
        drop(executor);
        assert_eq!(threads("glassbox-step"), 0);
    }
    let mut executor = ready();
    executor.run_step().expect("a step without breakpoints needs none");
    assert_eq!(threads("glassbox-step"), 0);
}

#[test]
fn breakpoints_pause_where_they_say_so() {
    let mut executor = ready();
    executor.break_at("layers", |view| view.turn() == Some(1) && &*view.event().op == "add").expect("a loop");
    executor
        .break_at("is_one", |view| {
            assert_eq!(view.fetch::<Vec<f32>>("h").expect("h")[0], 5.0);
            true
        })
        .expect("a block");
    executor
        .break_at("past", |view| view.fetch::<Tensor>("past").is_ok_and(|past| past.shape() == [2, 2]))
        .expect("a state");
    let mut paused = Vec::new();
    let mut outcome = executor.run_step().expect("a step");
    while let StepOutcome::Paused { at } = outcome {
        paused.push(format!("{} {} {:?}", at.line.unwrap_or(0), at.block, at.turns));
        outcome = executor.resume().expect("it goes on");
    }
    assert_eq!(paused, ["12 entry/layers [1]", "20 is_one [1]", "15 entry []"]);
    let mut whole = ready();
    whole.run_step().expect("a step");
    same(&whole, &executor);
    executor.clear_breaks().expect("none left");
    executor.insert("x", vec![1.0f32, 2.0]).expect("it fits");
    assert_eq!(executor.run_step().expect("a step"), StepOutcome::Done);
}

#[test]
fn a_breakpoint_can_pause_a_step_that_is_stepped_through() {
    let mut executor = ready();
    executor.break_at("sum", |_| true).expect("a variable");
    assert_eq!(
        executor.step().expect("a statement").paused().map(|at| at.op.to_string()),
        Some("parameter".to_owned())
    );
    let at = executor.resume().expect("a pause").paused().expect("a pause");
    assert_eq!((at.line, &*at.op), (Some(16), "reduce_sum"));
    assert_eq!(executor.resume().expect("the end"), StepOutcome::Done);
}

#[test]
fn watches_are_told_of_every_write() {
    let mut executor = ready();
    let seen = Arc::new(Mutex::new(Vec::new()));
    for name in ["h", "count", "odd"] {
        let seen = seen.clone();
        let tell = move |event: &TraceEvent, value: &glassbox_runtime::Value| {
            let first = value.as_tensor().and_then(|tensor| tensor.load::<f64>().ok().map(|all| all[0]));
            seen.lock().expect("it isn't poisoned").push(format!("{name} {:?} {first:?}", event.line));
        };
        executor.watch(name, tell).expect("a variable");
    }
    executor.run_step().expect("a step");
    assert_eq!(
        *seen.lock().expect("it isn't poisoned"),
        [
            "h Some(10) Some(1.0)",
            "h Some(12) Some(3.0)",
            "odd Some(13) Some(3.0)",
            "h Some(12) Some(5.0)",
            "odd Some(13) Some(-5.0)",
            "h Some(12) Some(7.0)",
            "odd Some(13) Some(7.0)",
            "count Some(14) Some(1.0)",
        ]
    );
}

#[test]
fn names_that_nothing_has_can_t_be_watched() {
    let mut executor = ready();
    assert_eq!(
        message(executor.break_at("layer", |_| true)),
        "there is no block, loop or variable that is written named `layer`; did you mean `layers`?"
    );
    assert_eq!(
        message(executor.watch("x", |_, _| {})),
        "there is no variable that is written named `x`; there are `W`, `count`, `h`, `odd`, `past`, `sum`, `two`"
    );
    // What only helps a statement isn't one.
    assert!(executor.break_at("three", |_| true).is_err());
}

#[test]
fn a_panic_in_a_breakpoint_or_a_watch_leaves_the_executor_as_it_was() {
    for breaks in [true, false] {
        let mut executor = ready();
        executor.run_step().expect("a step");
        let before = all(&executor);
        if breaks {
            executor.break_at("sum", |_| panic!("at the breakpoint")).expect("a variable");
        } else {
            executor.watch("sum", |_, _| panic!("in the watch")).expect("a variable");
        }
        executor.insert("x", vec![5.0f32, 6.0]).expect("it fits");
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| executor.run_step().map(drop)));
        assert!(panic.is_err());
        assert!(all(&executor).iter().zip(&before).all(|(now, before)| now.bit_eq(before)));
        executor.clear_breaks().expect("none left");
        executor.run_step().expect("what was inserted is there");
    }
}

#[test]
fn a_graph_that_comes_from_no_program_is_stepped_node_by_node() {
    let text = r#"graph "plain" {
      input %x: f32[2]
      %n = constant() {value = i64[] 2} : i64[]
      %y#2 = loop(%n, _, %x) (%i: i64[], %go: bool[], %h: f32[2]) {
        %y = add(%h, %h) : f32[2]
        yield %go, %y
      } : f32[2]
      output %y#2
    }"#;
    let mut executor = executor(text);
    executor.insert("x", vec![1.0f32, 2.0]).expect("it fits");
    let mut seen = Vec::new();
    while let Some(at) = executor.step().expect("a node").paused() {
        seen.push(format!("{} in {:?} {:?} {:?}", at.node, at.block, at.turns, executor.fetch::<i64>("i").ok()));
    }
    assert_eq!(
        seen,
        ["n in \"\" [] None", "y in \"y#2\" [0] Some(0)", "y in \"y#2\" [1] Some(1)", "y#2 in \"\" [] Some(1)"]
    );
    // Here a number after # makes another name, not another version.
    assert_eq!(executor.fetch::<Vec<f32>>("y#2").expect("an output"), [4.0, 8.0]);
    assert!(executor.fetch::<Tensor>("y").is_err());
    let empty = simulator("graph \"empty\" {\n  output\n}").make_executor().map(|mut executor| executor.step());
    assert_eq!(empty.expect("an executor").expect("the end"), StepOutcome::Done);
}

#[test]
fn a_statement_that_fails_ends_the_step() {
    let text = r#"graph "late" {
      state @s: i64[] = i64[] 7
      input %d: i64[]
      %w = state_write(%d) {state = "s"} : i64[]
      %q = div(%w, %d) : i64[]
      output %q
    }"#;
    let mut executor = executor(text);
    executor.insert("d", 0).expect("it fits");
    assert!(executor.step().expect("a statement").paused().is_some());
    assert_eq!(executor.fetch::<i64>("s").expect("a state"), 0);
    assert!(message(executor.step()).contains("div `q`"));
    assert!(!executor.is_under_way());
    assert_eq!(executor.fetch::<i64>("s").expect("a state"), 7);
    executor.insert("d", 2).expect("it fits");
    executor.run_step().expect("a step");
    assert_eq!(executor.fetch::<i64>("q").expect("an output"), 1);
}

/// Some statements become several nodes: an op and a check of its dims, a region of a state that is read and reset.
#[test]
fn a_statement_of_several_nodes_is_one() {
    let text = r#"graph "parts" {
      state @K: f32[?]
      input %x: f32[N]
      %two = constant() {value = i64[1] [2]} : i64[1] @ statement("p.gbp", 2, "entry", helps) > decomposed("dims")
      %0 = neg(%x) : f32[N] @ statement("p.gbp", 2, "entry")
      %h = expect(%0, %two) : f32[2] @ statement("p.gbp", 2, "entry")
      %1 = state_append(%h) {state = "K", axis = 0} : f32[?] @ statement("p.gbp", 3, "entry")
      %from = constant() {value = i64[1] [0]} : i64[1] @ statement("p.gbp", 4, "entry", helps) > decomposed("index")
      %to = constant() {value = i64[1] [1]} : i64[1] @ statement("p.gbp", 4, "entry", helps) > decomposed("index")
      %2 = state_slice(%from, %to) {state = "K"} : f32[1] @ statement("p.gbp", 4, "entry")
      %3 = sub(%2, %2) : f32[1] @ statement("p.gbp", 4, "entry", helps) > decomposed("reset")
      %4 = state_update(%3, %from, %to) {state = "K"} : f32[1] @ statement("p.gbp", 4, "entry")
      output %h
    }"#;
    let mut executor = executor(text);
    let seen = Arc::new(Mutex::new(0));
    let count = seen.clone();
    executor.watch("h", move |_, _| *count.lock().expect("it isn't poisoned") += 1).expect("a variable");
    executor.insert("x", vec![1.0f32, 2.0]).expect("it fits");
    let mut events = Vec::new();
    while let Some(at) = executor.step().expect("a statement").paused() {
        if at.line == Some(2) {
            assert_eq!(executor.fetch::<Vec<f32>>("h").expect("it has its value"), [-1.0, -2.0]);
            assert_eq!((&*at.outputs[0].name, &*at.outputs[0].ty), ("h", "f32[2]"));
        }
        events.push(at);
    }
    assert_eq!(lines(&events), ["2 neg", "3 state_append", "4 state_update"]);
    assert_eq!(*seen.lock().expect("it isn't poisoned"), 1);
    assert_eq!(executor.fetch::<Vec<f32>>("K").expect("a state"), [0.0, -2.0]);
    // An error of the check is one of the statement.
    executor.insert("x", vec![1.0f32]).expect("it fits");
    assert!(message(executor.run_step()).contains("p.gbp:2, block entry"));
}
