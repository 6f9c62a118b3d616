//! States live from run to run, and an error leaves them as they were.

use glassbox_exec::Options;

use super::{Session, elements, graph, vector};

const CACHE: &str = r#"graph "cache" {
  state @kv: f32[?] capacity 4
  input %x: f32[N]
  %all = state_append(%x) {state = "kv", axis = 0} : f32[?]
  output %all
}"#;

#[test]
fn a_state_grows_from_run_to_run_and_is_reset() {
    let mut session = Session::new(graph(CACHE), Options::default()).unwrap();
    assert_eq!(elements(&session.run(&[vector(&[1.0])]).unwrap()[0]), [1.0]);
    assert_eq!(elements(&session.run(&[vector(&[2.0, 3.0])]).unwrap()[0]), [1.0, 2.0, 3.0]);
    session.reset().unwrap();
    assert_eq!(elements(&session.run(&[vector(&[4.0])]).unwrap()[0]), [4.0]);
}

#[test]
fn over_its_capacity_a_state_stays_as_it_was() {
    let mut session = Session::new(graph(CACHE), Options::default()).unwrap();
    session.run(&[vector(&[1.0, 2.0, 3.0])]).unwrap();
    let message = session.run(&[vector(&[4.0, 5.0])]).unwrap_err().to_string();
    assert!(message.contains("`kv` would hold 5, its capacity is 4"), "{message}");
    assert_eq!(elements(&session.run(&[vector(&[4.0])]).unwrap()[0]), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn an_error_after_a_write_undoes_it() {
    let source = r#"graph "late" {
      state @s: f32[1] = f32[1] [7]
      input %x: f32[1]
      input %d: i32[1]
      %w = state_write(%x) {state = "s"} : f32[1]
      %q = div(%d, %d) : i32[1]
      output %w, %q
    }"#;
    let mut session = Session::new(graph(source), Options::default()).unwrap();
    let zero = glassbox_tensor::Tensor::from_vec(&[1], vec![0i32]).unwrap().into();
    assert!(session.run(&[vector(&[1.0]), zero]).is_err());
    assert_eq!(session.state("s").unwrap().to_vec::<f32>().unwrap(), [7.0]);
}

#[test]
fn a_read_value_is_not_changed_by_a_later_write() {
    let source = r#"graph "swap" {
      state @s: f32[1] = f32[1] [7]
      input %x: f32[1]
      %old = state_read() {state = "s"} : f32[1]
      %new = state_write(%x) {state = "s"} : f32[1]
      output %old, %new
    }"#;
    let mut session = Session::new(graph(source), Options::default()).unwrap();
    let outputs = session.run(&[vector(&[1.0])]).unwrap();
    assert_eq!((elements(&outputs[0]), elements(&outputs[1])), (vec![7.0], vec![1.0]));
}

#[test]
fn a_fork_holds_the_same_and_goes_its_own_way() {
    let mut session = Session::new(graph(CACHE), Options::default()).unwrap();
    session.run(&[vector(&[1.0, 2.0])]).unwrap();
    let mut fork = session.fork();
    assert_eq!(fork.state("kv").unwrap().shape(), [2]);
    assert_eq!(elements(&fork.run(&[vector(&[3.0])]).unwrap()[0]), [1.0, 2.0, 3.0]);
    assert_eq!(elements(&session.run(&[vector(&[4.0])]).unwrap()[0]), [1.0, 2.0, 4.0]);
    assert!(std::ptr::eq(session.graph(), fork.graph()));
}

#[test]
fn forks_share_their_parameters_and_what_states_begin_with() {
    let source = r#"graph "fork" {
      state @s: f32[2] = f32[2] [1, 2]
      input %x: f32[1]
      input %at: i64[1]
      input %end: i64[1]
      %w = parameter() {name = "p", type = f32[1]}
      %sum = add(%x, %w)
      %y = state_update(%sum, %at, %end) {state = "s"}
      %all = state_read() {state = "s"}
      output %all
    }"#;
    let weight = Some(glassbox_tensor::Tensor::from_vec(&[1], vec![10f32]).unwrap());
    let params = std::sync::Arc::new(super::examples::One::new(weight));
    let session = Session::with(graph(source), params, Options::default()).unwrap();
    let run = |session: &mut Session, x: f32, at: i64| {
        let place = |at: i64| glassbox_tensor::Tensor::from_vec(&[1], vec![at]).unwrap().into();
        elements(&session.run(&[vector(&[x]), place(at), place(at + 1)]).unwrap()[0])
    };
    let mut forks = [session.fork(), session.fork()];
    assert_eq!(run(&mut forks[0], 1.0, 0), [11.0, 2.0]);
    assert_eq!(run(&mut forks[1], 2.0, 1), [1.0, 12.0]);
    assert_eq!(run(&mut forks[0], 3.0, 1), [11.0, 13.0]);
    forks[0].reset().unwrap();
    assert_eq!(run(&mut forks[0], 0.0, 0), [10.0, 2.0]);
}

/// What a state remembers grows in place; a fork, a cut and a run that fails must not see what the others wrote there.
#[test]
fn what_grows_in_place_is_nobody_elses() {
    let source = r#"graph "cache" {
      state @kv: f32[?]
      input %x: f32[N]
      input %d: i32[1]
      %all = state_append(%x) {state = "kv", axis = 0} : f32[?]
      %q = div(%d, %d) : i32[1]
      output %all, %q
    }"#;
    let mut session = Session::new(graph(source), Options::default()).unwrap();
    let count = |count: i32| glassbox_tensor::Tensor::from_vec(&[1], vec![count]).unwrap().into();
    let first = session.run(&[vector(&[1.0]), count(1)]).unwrap();
    let second = session.run(&[vector(&[2.0]), count(1)]).unwrap();
    let mut fork = session.fork();
    let ours = session.run(&[vector(&[3.0]), count(1)]).unwrap();
    let theirs = fork.run(&[vector(&[4.0]), count(1)]).unwrap();
    assert!(session.run(&[vector(&[5.0, 6.0]), count(0)]).is_err());
    assert_eq!(session.state("kv").unwrap().to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0]);
    let after = session.run(&[vector(&[7.0]), count(1)]).unwrap();
    for (outputs, held) in [
        (first, vec![1.0]),
        (second, vec![1.0, 2.0]),
        (ours, vec![1.0, 2.0, 3.0]),
        (theirs, vec![1.0, 2.0, 4.0]),
        (after, vec![1.0, 2.0, 3.0, 7.0]),
    ] {
        assert_eq!(elements(&outputs[0]), held);
    }
}
