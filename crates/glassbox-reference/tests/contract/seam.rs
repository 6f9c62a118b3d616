//! What the seam promises of a session: cancelling, deadlines, pauses, rows of states.

use std::sync::Arc;
use std::time::{Duration, Instant};

use glassbox_exec::{
    Cancel, Event, Flow, Interruption, Observer, Options, Progress, RunContext, RunError, Runtime, Value, rows,
};
use glassbox_reference::Reference;
use glassbox_tensor::{NoParams, Tensor};

use super::{elements, graph, vector};

fn session(source: &str) -> Box<dyn glassbox_exec::Session> {
    let executable = Reference.prepare(Arc::new(graph(source)), Arc::new(NoParams), &Options::default());
    executable.and_then(|executable| executable.session()).unwrap()
}

/// A loop that would go on for ever, and counts its turns in a state.
const FOREVER: &str = r#"graph "forever" {
  state @n: i64[]
  %one = constant() {value = i64[] 1} : i64[]
  loop(_, _) (%i: i64[], %go: bool[]) {
    %old = state_read() {state = "n"} : i64[]
    %new = add(%old, %one) : i64[]
    %w = state_write(%new) {state = "n"} : i64[]
    yield %go
  }
  %end = state_read() {state = "n"} : i64[]
  output %end
}"#;

#[test]
fn a_run_is_cancelled_from_another_thread_and_the_states_are_as_before() {
    let (mut session, cancel) = (session(FOREVER), Cancel::new());
    let other = cancel.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        other.cancel();
    });
    let error = session.run(&[], RunContext::new().cancelled_by(&cancel)).unwrap_err();
    thread.join().unwrap();
    assert!(matches!(error, RunError::Interrupted { why: Interruption::Cancelled, .. }), "{error}");
    assert!(!session.is_under_way());
    assert_eq!(session.states().read("n").unwrap().item::<i64>().unwrap(), 0);
}

#[test]
fn a_deadline_ends_a_run() {
    let error = session(FOREVER).run(&[], RunContext::new().before(Instant::now())).unwrap_err();
    assert!(matches!(error, RunError::Interrupted { why: Interruption::Deadline, .. }), "{error}");
    assert!(error.to_string().contains("the deadline of the run has passed"), "{error}");
}

/// The product alone takes far longer than the wait: it is left in its middle.
#[test]
fn a_long_kernel_is_left_in_its_middle() {
    let source = r#"graph "product" {
      input %a: f64[N, N]
      %b = matmul(%a, %a) : f64[N, N]
      output %b
    }"#;
    let a: Value = Tensor::zeros(glassbox_tensor::DType::F64, &[4000, 4000]).unwrap().into();
    let (mut session, deadline) = (session(source), Instant::now() + Duration::from_millis(50));
    let error = session.run(&[a], RunContext::new().before(deadline)).unwrap_err();
    assert!(matches!(&error, RunError::Interrupted { node, .. } if node == "b"), "{error}");
}

struct PauseAt(&'static str);

impl Observer for PauseAt {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        Ok(if event.node().op.name == self.0 { Flow::Pause } else { Flow::Continue })
    }
}

#[test]
fn a_run_pauses_inside_of_bodies_and_goes_on() {
    let source = r#"graph "twice" {
      input %x: f32[1]
      %n = constant() {value = i64[] 3} : i64[]
      %y = loop(%n, _, %x) (%i: i64[], %go: bool[], %h: f32[1]) {
        %d = add(%h, %h) : f32[1]
        yield %go, %d
      } : f32[1]
      output %y
    }"#;
    let mut session = session(source);
    session.start(&[vector(&[1.0])]).unwrap();
    assert!(matches!(session.start(&[vector(&[1.0])]), Err(RunError::Session(_))));
    for _ in 0..3 {
        let progress = session.resume(RunContext::new().observed(&mut PauseAt("add"))).unwrap();
        assert!(matches!(progress, Progress::Paused) && session.is_under_way());
        assert!(session.fork().is_err());
    }
    let Progress::Done(outputs) = session.resume(RunContext::new()).unwrap() else { panic!("it has ended") };
    assert_eq!(elements(&outputs[0]), [8.0]);
    assert!(matches!(session.resume(RunContext::new()), Err(RunError::Session(_))));
}

#[test]
fn a_paused_run_that_is_given_up_leaves_no_trace() {
    let source = r#"graph "count" {
      state @s: f32[2] = f32[2] [1, 2]
      input %x: f32[2]
      %w = state_write(%x) {state = "s"} : f32[2]
      %y = neg(%w) : f32[2]
      output %y
    }"#;
    let mut session = session(source);
    session.start(&[vector(&[7.0, 8.0])]).unwrap();
    session.resume(RunContext::new().observed(&mut PauseAt("state_write"))).unwrap();
    assert_eq!(session.states().read("s").unwrap().to_vec::<f32>().unwrap(), [7.0, 8.0]);
    assert!(session.states_mut().write("s", Tensor::from_vec(&[2], vec![0f32, 0.0]).unwrap()).is_err());
    session.cancel();
    assert_eq!(session.states().read("s").unwrap().to_vec::<f32>().unwrap(), [1.0, 2.0]);
}

#[test]
fn rows_of_states_are_reordered_added_and_dropped() {
    let source = "graph \"rows\" { state @k: f32[?, 2] %all = state_read() {state = \"k\"} output %all }";
    let mut session = session(source);
    let states = session.states_mut();
    let held = |states: &dyn glassbox_exec::StateStore| states.read("k").unwrap().to_vec::<f32>().unwrap();
    states.write("k", Tensor::from_vec(&[3, 2], vec![1f32, 1.0, 2.0, 2.0, 3.0, 3.0]).unwrap()).unwrap();
    states.select_rows("k", &[2, 0, 2]).unwrap();
    assert_eq!(held(states), [3.0, 3.0, 1.0, 1.0, 3.0, 3.0]);
    states.drop_row("k", 0).unwrap();
    states.append_row("k").unwrap();
    assert_eq!(held(states), [1.0, 1.0, 3.0, 3.0, 0.0, 0.0]);
    assert_eq!(states.extents("k").unwrap(), [3, 2]);
    for error in [
        states.select_rows("k", &[3]).unwrap_err(),
        states.drop_row("k", 3).unwrap_err(),
        states.truncate("k", 0, 4).unwrap_err(),
        states.truncate("k", 2, 0).unwrap_err(),
        states.truncate("q", 0, 0).unwrap_err(),
    ] {
        assert!(error.to_string().starts_with("state: "), "{error}");
    }
    assert_eq!(held(states), [1.0, 1.0, 3.0, 3.0, 0.0, 0.0]);
    states.truncate("k", 0, 1).unwrap();
    assert_eq!(held(states), [1.0, 1.0]);
    states.select_rows("k", &[]).unwrap();
    assert_eq!(states.extents("k").unwrap(), [0, 2]);
}

#[test]
fn one_element_stands_for_all_at_the_start() {
    let source =
        "graph \"rows\" { state @k: f32[B, 2] = f32[1, 1] [5] %all = state_read() {state = \"k\"} output %all }";
    let mut session = session(source);
    rows::begin(session.as_mut(), 2).unwrap();
    rows::append(session.as_mut()).unwrap();
    let held = session.states().read("k").unwrap();
    assert_eq!((held.shape(), held.to_vec::<f32>().unwrap()), (&[3, 2][..], vec![5.0; 6]));
    rows::select(session.as_mut(), &[2]).unwrap();
    assert_eq!(session.states().extents("k").unwrap(), [1, 2]);
    assert!(rows::select(session.as_mut(), &[1]).unwrap_err().to_string().starts_with("state: "));
    let mut fixed = self::session("graph \"fixed\" { state @k: f32[2] %x = state_read() {state = \"k\"} output %x }");
    assert!(rows::begin(fixed.as_mut(), 2).unwrap_err().to_string().contains("its rows are fixed"));
}

#[test]
fn pictures_need_what_reads_them() {
    let source = "graph \"picture\" { input %b: u8[N] %p = image_decoder(%b) output %p }";
    let error = Reference.prepare(Arc::new(graph(source)), Arc::new(NoParams), &Options::default()).err().unwrap();
    assert!(error.to_string().contains("built without image formats"), "{error}");
}

#[test]
fn what_is_drawn_hangs_on_the_place_and_the_turn_alone() {
    let draws = |more: &str| {
        let source = format!(
            "graph \"draws\" {{ {more} %n = constant() {{value = i64[] 3}}
            %r = loop(%n, _) (%i: i64[], %go: bool[]) {{
              %u = random_uniform() {{shape = [2], draw = 5}} yield %go, %u }} output %r }}"
        );
        elements(&session(&source).run(&[], RunContext::new()).unwrap()[0])
    };
    let plain = draws("");
    assert_eq!(plain, draws("%a = random_normal() {shape = [3]} %b = neg(%a)"));
    assert!(plain[..2] != plain[2..4] && plain[2..4] != plain[4..], "{plain:?}");
}
