//! Traces: what events say, how they are kept, and what reads them elsewhere.

use std::sync::{Arc, Mutex};

use glassbox_runtime::{Executor, Simulator, TraceEvent};
use serde_json::Value;

use super::{PROGRAM, message, simulator};

fn run(simulator: &Simulator, steps: usize) -> Executor {
    let mut executor = simulator.make_executor().expect("an executor");
    for _ in 0..steps {
        executor.insert("x", vec![1.0f32, f32::NAN]).expect("it fits");
        executor.run_step().expect("a step");
    }
    executor
}

#[test]
fn events_say_what_was_run() {
    let executor = run(&simulator(PROGRAM).with_trace().with_timer(), 2);
    let events = executor.trace();
    assert_eq!((events.len(), executor.trace_left_out()), (28, 0));
    let add = &events[3];
    assert_eq!(
        (add.step, &*add.block, &*add.op, add.file.as_deref(), add.line),
        (0, "entry/layers", "add", Some("main.rs"), Some(12))
    );
    assert_eq!((&*add.node, &add.turns[..], add.depth), ("main.rs:12, block entry/layers", &[0][..], 1));
    let inputs: Vec<&str> = add.inputs.iter().map(|name| &**name).collect();
    assert_eq!(inputs, ["h", "two"]);
    let output = &add.outputs[0];
    assert_eq!((&*output.name, &*output.ty), ("h", "f32[1, 2]"));
    let stats = output.stats.expect("statistics");
    assert_eq!((stats.min, stats.max, stats.mean, stats.nan, stats.inf), (Some(3.0), Some(3.0), Some(3.0), 1, 0));
    assert_eq!(events[18].turns, [0]);
    assert_eq!(events[18].step, 1);
    let written = &events[11].outputs[0];
    assert_eq!((&*written.name, &*written.ty), ("count", "i64[]"));
    // The second event of a parameter tells what the first did.
    assert_eq!(events[0].outputs, events[14].outputs);
}

#[test]
fn times_nest() {
    let executor = run(&simulator(PROGRAM).with_timer(), 3);
    let events = executor.trace();
    let span = |event: &TraceEvent| {
        let (began, micros) = (event.began.expect("a time"), event.micros.expect("a time"));
        // In whole nanoseconds, in which they are measured.
        ((began * 1e3).round() as u64, ((began + micros) * 1e3).round() as u64)
    };
    for (place, event) in events.iter().enumerate() {
        assert!(event.outputs.iter().all(|output| output.stats.is_none()));
        let (begin, end) = span(event);
        assert!(begin <= end);
        for inner in events[..place].iter().rev().take_while(|inner| inner.depth > event.depth) {
            assert!(begin <= span(inner).0 && span(inner).1 <= end, "{inner:?} isn't inside {event:?}");
        }
        if let Some(before) = events[..place].iter().rev().find(|before| before.depth == event.depth) {
            assert!(span(before).1 <= begin, "{event:?} begins before {before:?} ends");
        }
    }
}

#[test]
fn nothing_is_measured_that_nobody_asked_for() {
    let plain = run(&simulator(PROGRAM), 1);
    assert!(plain.trace().is_empty());
    assert_eq!(message(plain.write_chrome("trace.json")), "there is nothing to write: make the simulator `with_timer`");
    assert!(message(plain.write_jsonl("trace.jsonl")).ends_with("`with_trace` or `with_timer`"));
    let traced = run(&simulator(PROGRAM).with_trace(), 1);
    assert!(traced.trace().iter().all(|event| event.began.is_none() && event.micros.is_none()));
    let mut stepped = simulator(PROGRAM).make_executor().expect("an executor");
    stepped.insert("x", vec![1.0f32, 2.0]).expect("it fits");
    let at = stepped.step().expect("a statement").paused().expect("a statement");
    assert!(at.outputs[0].stats.is_none() && at.micros.is_none());
}

#[test]
fn only_the_last_events_are_kept_and_the_others_counted() {
    let all = run(&simulator(PROGRAM).with_trace(), 5);
    for bound in [1, 3, 14, 20, 1000] {
        let mut some = run(&simulator(PROGRAM).with_trace().keep_trace(bound), 5);
        let kept = bound.min(70);
        assert_eq!(some.trace(), &all.trace()[70 - kept..]);
        assert_eq!(some.trace_left_out(), 70 - kept as u64);
        assert_eq!(some.take_trace(), all.trace()[70 - kept..]);
        assert!(some.trace().is_empty());
        assert_eq!(some.trace_left_out(), 0);
    }
}

#[test]
fn events_are_streamed_as_they_come_from_every_executor() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    let simulator = simulator(PROGRAM)
        .trace_to(move |event| sink.lock().expect("it isn't poisoned").push((event.step, event.line)));
    let executor = run(&simulator, 2);
    run(&simulator, 1);
    assert!(executor.trace().is_empty());
    let told = told.lock().expect("it isn't poisoned");
    assert_eq!((told.len(), told[2], told[16], told[30]), (42, (0, Some(10)), (1, Some(10)), (0, Some(10))));
}

#[test]
fn lines_of_json_read_back() {
    let executor = run(&simulator(PROGRAM).with_trace().with_timer(), 2);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trace.jsonl");
    executor.write_jsonl(&path).expect("written");
    let text = std::fs::read_to_string(&path).expect("a file");
    let read: Vec<TraceEvent> = text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    assert_eq!(read, executor.trace());
    let first: Value = serde_json::from_str(text.lines().nth(2).expect("a line")).expect("JSON");
    let keys: Vec<&str> = first.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["step", "block", "node", "op", "file", "line", "turns", "depth", "inputs", "outputs", "began", "micros"]
    );
    assert_eq!(first["outputs"][0]["type"], "f32[1, 2]");
    assert!(message(executor.write_jsonl(folder.path().join("no/such/folder"))).contains("the file can't be written"));
}

#[test]
fn chrome_traces_are_complete_events_in_each_other() {
    let executor = run(&simulator(PROGRAM).with_timer().keep_trace(20), 2);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trace.json");
    executor.write_chrome(&path).expect("written");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a file")).expect("JSON");
    assert_eq!(document["otherData"]["events_left_out"], 8);
    let events = document["traceEvents"].as_array().expect("events");
    assert_eq!(events.len(), 20);
    for event in events {
        assert_eq!((event["ph"].as_str(), event["pid"].as_u64(), event["tid"].as_u64()), (Some("X"), Some(1), Some(1)));
        assert!(event["ts"].as_f64().is_some_and(|ts| ts >= 0.0) && event["dur"].as_f64().is_some());
        assert!(event["name"].is_string() && event["cat"].is_string() && event["args"].is_object());
    }
    assert!(events.iter().any(|event| event["name"] == "loop h" && event["args"]["place"] == "main.rs:11"));
}
