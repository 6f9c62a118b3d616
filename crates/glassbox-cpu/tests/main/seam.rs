//! What a session promises beside its values: states, observers, threads.

use std::sync::Arc;

use glassbox_cpu::Cpu;
use glassbox_exec::{Event, Flow, Nodes, Observer, Options, RunContext, RunError, Runtime, Value, Wants};
use glassbox_tensor::{NoParams, with_threads};

use super::{graph, numbers};

const CACHE: &str = "state @k: f32[?, 3] input %x: f32[N, 3]
    %n = neg(%x) %a = abs(%n) %all = state_append(%a) {state = \"k\", axis = 0} %y = tanh(%all) output %y";

#[derive(Default)]
struct Seen {
    labels: Vec<String>,
    nodes: Nodes,
    results: Vec<Value>,
}

impl Observer for Seen {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        self.labels.push([event.bodies(), event.label()].join("/").trim_start_matches('/').to_owned());
        self.results.extend(event.has_result(0).then(|| event.result(0)).transpose()?);
        Ok(Flow::Continue)
    }

    fn wants(&self) -> Wants {
        Wants { nodes: self.nodes, ..Wants::default() }
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
    assert_eq!(seen.labels, ["n", "a", "all", "y"]);
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
    assert_eq!(seen.labels, ["y/a", "y/b", "y"]);
}

/// What a run with kernels shows: of the graph that was given the nodes whose results it still has, with their bodies, or
/// the nodes that it runs.
#[test]
fn what_kernels_give_can_be_seen() {
    let source = graph(
        "input %x: f32[4, 6] input %w: f32[6, 5] input %b: f32[5]
        %n = constant() {value = i64[] 2} %on = constant() {value = bool[] true}
        %y = loop(%n, %on, %x) (%i: i64[], %go: bool[], %held: f32[4, 6]) {
            %e = exp(%held) %s = neg(%e) %t = tanh(%s) %m = matmul(%t, %w) %u = matmul(%m, %w2) yield %go, %u
        }
        %d = matmul(%y, %w) %sum = add(%d, %b) %z = tanh(%sum) output %z"
            .replace("%n = constant", "%w2 = transpose(%w) %n = constant")
            .as_str(),
    );
    let executable = Cpu.prepare(source.clone(), Arc::new(NoParams), &Options::default()).expect("it can be prepared");
    let inputs: Vec<Value> = vec![numbers(&[4, 6], 1).into(), numbers(&[6, 5], 2).into(), numbers(&[5], 3).into()];
    let run = |nodes: Nodes| {
        let mut seen = Seen { nodes, ..Seen::default() };
        let mut session = executable.session().expect("there is memory");
        let outputs = session.run(&inputs, RunContext::new().observed(&mut seen)).expect("it runs");
        (seen, outputs)
    };
    let unseen = executable.session().expect("memory").run(&inputs, RunContext::new()).expect("it runs");
    let (seen, outputs) = run(Nodes::Surviving);
    assert!(outputs[0].as_tensor().expect("a tensor").bit_eq(unseen[0].as_tensor().expect("a tensor")));
    // exp, neg and tanh are one kernel, and so are the last product, the sum and the tanh.
    for gone in ["e", "s", "d", "sum"] {
        assert!(seen.labels.iter().all(|label| label.rsplit('/').next() != Some(gone)), "{:?}", seen.labels);
    }
    for (there, times) in [("t", 2), ("m", 2), ("u", 2), ("y", 1), ("z", 1)] {
        let found = seen.labels.iter().filter(|label| label.rsplit('/').next() == Some(there)).count();
        assert_eq!(found, times, "{there}: {:?}", seen.labels);
    }
    assert!(seen.labels.contains(&"y[1]/t".to_owned()), "{:?}", seen.labels);
    let last = seen.results.last().and_then(Value::as_tensor).expect("a tensor");
    assert!(last.bit_eq(unseen[0].as_tensor().expect("a tensor")));
    let (seen, _) = run(Nodes::Compiled);
    assert_eq!(seen.labels.iter().filter(|label| label.rsplit('/').next() == Some("z")).count(), 1);
    assert!(seen.labels.len() < 12, "{:?}", seen.labels);
    let (seen, _) = run(Nodes::Given);
    assert_eq!(seen.labels.len(), 3 + 2 * 5 + 1 + 3, "{:?}", seen.labels);
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
