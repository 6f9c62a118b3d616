//! The observer sees every value, inside bodies and, if it asks, inside composites; dead values are freed.

use std::sync::{Arc, Weak};

use glassbox_exec::{Event, Flow, Observer, Options, RunError, Value, Wants};
use glassbox_tensor::{DType, Tensor};

use super::{Session, graph, vector};

#[derive(Default)]
struct Log {
    inside: bool,
    lines: Vec<String>,
    stop_at: Option<&'static str>,
}

impl Observer for Log {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        let node = event.graph.node(event.node);
        let turns: Vec<String> = event.path.iter().map(|frame| format!("{}{:?}", frame.op(), frame.turn)).collect();
        let line = format!("{}{}", turns.iter().map(|turn| format!("{turn} ")).collect::<String>(), node.op.name);
        self.lines.push(line);
        assert_eq!(node.results.len(), event.results()?.len());
        if self.stop_at == Some(node.op.name) { Ok(Flow::Stop) } else { Ok(Flow::Continue) }
    }

    fn wants(&self) -> Wants {
        Wants { inside: self.inside, ..Wants::default() }
    }
}

#[test]
fn every_turn_of_a_loop_is_seen() {
    let source = r#"graph "twice" {
      input %x: f32[2]
      %n = constant() {value = i64[] 2} : i64[]
      %y = loop(%n, _, %x) (%i: i64[], %go: bool[], %h: f32[2]) {
        %d = add(%h, %h) : f32[2]
        yield %go, %d
      } : f32[2]
      output %y
    }"#;
    let mut log = Log::default();
    Session::new(graph(source), Options::default()).unwrap().run_observed(&[vector(&[1.0, 2.0])], &mut log).unwrap();
    assert_eq!(log.lines, ["constant", "loopSome(0) add", "loopSome(1) add", "loop"]);
}

#[test]
fn the_inside_of_a_composite_is_seen_if_asked_for() {
    let source = r#"graph "normal" {
      input %x: f32[2]
      %y = softmax(%x) : f32[2]
      output %y
    }"#;
    let run = |inside| {
        let mut log = Log { inside, ..Log::default() };
        Session::new(graph(source), Options::default())
            .unwrap()
            .run_observed(&[vector(&[1.0, 2.0])], &mut log)
            .unwrap();
        log.lines
    };
    assert_eq!(run(false), ["softmax"]);
    let inside = run(true);
    assert!(inside.contains(&"softmaxNone exp".to_owned()) && inside.last().unwrap() == "softmax", "{inside:?}");
}

#[test]
fn an_observer_can_stop_a_run() {
    let source = r#"graph "chain" {
      input %x: f32[1]
      %a = exp(%x) : f32[1]
      %b = log(%a) : f32[1]
      output %b
    }"#;
    let mut log = Log { stop_at: Some("exp"), ..Log::default() };
    let error = Session::new(graph(source), Options::default()).unwrap().run_observed(&[vector(&[1.0])], &mut log);
    assert!(matches!(error, Err(RunError::Stopped { node }) if node == "a"));
    assert_eq!(log.lines, ["exp"]);
}

/// Shared bytes that tell whether anybody still holds them.
struct Probe(Vec<u8>);

impl AsRef<[u8]> for Probe {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn an_input_is_freed_after_its_last_use() {
    let source = r#"graph "chain" {
      input %x: u8[4]
      %a = add(%x, %x) : u8[4]
      %b = add(%a, %a) : u8[4]
      %c = add(%b, %b) : u8[4]
      output %c
    }"#;
    let probe = Arc::new(Probe(vec![1; 4]));
    let weak = Arc::downgrade(&probe);
    let input: Value = Tensor::from_shared(DType::U8, &[4], probe, 0).unwrap().into();
    let mut session = Session::new(graph(source), Options::default()).unwrap();
    struct After(Weak<Probe>, Vec<usize>);
    impl Observer for After {
        fn observe(&mut self, _: &Event) -> Result<Flow, RunError> {
            self.1.push(self.0.strong_count());
            Ok(Flow::Continue)
        }
    }
    let mut after = After(weak, Vec::new());
    let inputs = vec![input];
    session.run_observed(&inputs, &mut after).unwrap();
    // The caller holds one all the time; the run holds one more until the first node is done.
    assert_eq!(after.1[1..], [1, 1], "{:?}", after.1);
}

/// Gives what the first node and a draw would give; the draw has an effect, so it is run nevertheless.
struct Supplier {
    value: Value,
    seen: Vec<&'static str>,
    asked: Vec<&'static str>,
}

impl Observer for Supplier {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        self.seen.push(event.node().op.name);
        Ok(Flow::Continue)
    }

    fn wants(&self) -> Wants {
        Wants { replaces: true, ..Wants::default() }
    }

    fn supply(&mut self, event: &Event) -> Result<Option<Vec<Value>>, RunError> {
        assert!(event.result(0).is_err(), "it hasn't been run");
        self.asked.push(event.node().op.name);
        Ok((event.node().op.name == "exp").then(|| vec![self.value.clone()]))
    }
}

const SUPPLIED: &str = r#"graph "supplied" {
  input %x: f32[2]
  %e = exp(%x) : f32[2]
  %r = random_normal_like(%e) : f32[2]
  %y = neg(%e) : f32[2]
  output %y
}"#;

#[test]
fn what_is_supplied_needs_no_run() {
    let mut supplier = Supplier { value: vector(&[5.0, 7.0]), seen: Vec::new(), asked: Vec::new() };
    let mut session = Session::new(graph(SUPPLIED), Options::default()).unwrap();
    let outputs = session.run_observed(&[vector(&[0.0, 0.0])], &mut supplier).unwrap();
    assert!(outputs[0].bit_eq(&vector(&[-5.0, -7.0])));
    assert_eq!(supplier.asked, ["exp", "neg"], "a draw is none that can be left out");
    assert_eq!(supplier.seen, ["random_normal_like", "neg"]);
}

#[test]
fn what_is_supplied_has_the_dims_of_the_result() {
    let mut supplier = Supplier { value: vector(&[5.0]), seen: Vec::new(), asked: Vec::new() };
    let mut session = Session::new(graph(SUPPLIED), Options::default()).unwrap();
    let error = session.run_observed(&[vector(&[0.0, 0.0])], &mut supplier).unwrap_err();
    assert!(error.to_string().contains("can't stand in their place"), "{error}");
}
