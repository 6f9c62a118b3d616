//! What a session promises beside its values: states, observers, threads.

use std::sync::Arc;

use glassbox_cpu::Cpu;
use glassbox_exec::{Event, Flow, Observer, Options, RunContext, RunError, Runtime, Value};
use glassbox_tensor::{NoParams, with_threads};

use super::{graph, numbers};

const CACHE: &str = "state @k: f32[?, 3] input %x: f32[N, 3]
    %n = neg(%x) %a = abs(%n) %all = state_append(%a) {state = \"k\", axis = 0} %y = tanh(%all) output %y";

#[derive(Default)]
struct Seen(Vec<String>);

impl Observer for Seen {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        self.0.push(event.label());
        Ok(Flow::Continue)
    }
}

#[test]
fn observed_and_unobserved_runs_of_one_session_keep_one_state() {
    let source = graph(CACHE);
    let executable = Cpu.prepare(source, Arc::new(NoParams), &Options::default()).expect("it can be prepared");
    let mut session = executable.session().expect("there is memory");
    let rows = |count: usize, seed: usize| -> [Value; 1] { [numbers(&[count, 3], seed).into()] };
    session.run(&rows(2, 1), RunContext::new()).expect("it runs");
    let mut seen = Seen::default();
    let observed = session.run(&rows(1, 2), RunContext::new().observed(&mut seen)).expect("it runs");
    assert_eq!(seen.0, ["n", "a", "all", "y"]);
    assert_eq!(observed[0].as_tensor().expect("a tensor").shape(), [3, 3]);
    let fork = session.fork().expect("no run is under way");
    let outputs = session.run(&rows(4, 3), RunContext::new()).expect("it runs");
    assert_eq!(outputs[0].as_tensor().expect("a tensor").shape(), [7, 3]);
    assert_eq!(session.states().extents("k").expect("a state"), [7, 3]);
    assert_eq!(fork.states().extents("k").expect("a state"), [3, 3]);
    // What was seen is what would have been computed unseen.
    let head = outputs[0].as_tensor().expect("a tensor").slice_axis(0, 0, 3, 1).expect("rows");
    assert_eq!(head.to_vec::<f32>(), observed[0].as_tensor().expect("a tensor").to_vec::<f32>());
}

/// The body of a call had one kernel in observed runs too, which hid the nodes in it.
#[test]
fn the_nodes_of_a_call_are_shown() {
    let source = graph("input %x: f32[2] %y = call() () { %a = neg(%x) %b = exp(%a) yield %b } output %y");
    let executable = Cpu.prepare(source, Arc::new(NoParams), &Options::default()).expect("it can be prepared");
    let mut seen = Seen::default();
    let mut session = executable.session().expect("there is memory");
    session.run(&[numbers(&[2], 1).into()], RunContext::new().observed(&mut seen)).expect("it runs");
    assert_eq!(seen.0, ["a", "b", "y"]);
}

#[test]
fn a_run_that_waits_for_its_observer_is_under_way() {
    let executable = Cpu.prepare(graph(CACHE), Arc::new(NoParams), &Options::default()).expect("it can be prepared");
    let mut session = executable.session().expect("there is memory");
    session.start(&[numbers(&[1, 3], 1).into()]).expect("it begins");
    assert!(session.is_under_way() && session.fork().is_err() && session.states_mut().reset().is_err());
    session.cancel();
    assert!(!session.is_under_way() && session.states_mut().reset().is_ok());
}

/// A call without results was taken for one whose results never change, and what it wrote was lost.
#[test]
fn nodes_without_results_do_what_they_are_there_for() {
    let source =
        graph("state @s: f32[2] input %x: f32[2] call() () { %w = state_write(%x) {state = \"s\"} yield } output %x");
    let executable = Cpu.prepare(source, Arc::new(NoParams), &Options::default()).expect("it can be prepared");
    let mut session = executable.session().expect("there is memory");
    session.run(&[numbers(&[2], 3).into()], RunContext::new()).expect("it runs");
    let held = session.states().read("s").expect("a state");
    assert!(held.bit_eq(&numbers(&[2], 3)), "{held:?}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let source = graph(
        "input %x: f32[A, 64] input %w: f32[64, 300] %p = matmul(%x, %w) %s = softmax(%p) %g = gelu(%s) output %g",
    );
    let inputs = [numbers(&[130, 64], 1).into(), numbers(&[64, 300], 2).into()];
    let run = |threads: usize| {
        with_threads(threads, || {
            super::run_on(&Cpu, &source, &inputs, glassbox_exec::Precision::Declared).expect("it runs")
        })
    };
    let one = run(1);
    for threads in [2, 7] {
        assert!(one.iter().zip(&run(threads)).all(|(a, b)| a.bit_eq(b)), "{threads} threads");
    }
}
