//! Memory doesn't grow with the number of steps.

use allocation_counter::measure;
use glassbox_runtime::{Executor, Simulator};

use super::simulator;

/// A step of a decode loop: what was read before is appended to, and begun anew where it is full.
const DECODE: &str = r#"graph "decode" {
  state @kv: f32[?, 4] capacity 16
  state @step: i64[]
  input %x: f32[1, 4]
  %full = constant() {value = i64[] 16} : i64[]
  %one = constant() {value = i64[] 1} : i64[]
  %zero = constant() {value = i64[] 0} : i64[]
  %s = state_read() {state = "step"} : i64[]
  %is = greater_or_equal(%s, %full) : bool[]
  %at = if(%is) () {
    %a = state_reset() {state = "kv"} : f32[?, 4]
    %b = state_reset() {state = "step"} : i64[]
    yield %b
  } () {
    yield %s
  } : i64[]
  %kv = state_append(%x) {state = "kv", axis = 0} : f32[?, 4]
  %next = add(%at, %one) : i64[]
  %w = state_write(%next) {state = "step"} : i64[]
  %axes = constant() {value = i64[1] [0]} : i64[1]
  %p = softmax(%kv) {axis = 1} : f32[?, 4]
  %y = reduce_sum(%p, %axes) {keepdims = false} : f32[4]
  output %y
}"#;

fn steps(executor: &mut Executor, count: usize) {
    for _ in 0..count {
        executor.insert("x", [0.5f32, 1.0, -1.0, 2.0]).expect("it fits");
        executor.run_step().unwrap_or_else(|error| panic!("{error}"));
        let y: Vec<f32> = executor.fetch("y").expect("an output");
        assert_eq!(y.len(), 4);
    }
}

/// The bytes that are there after 10,000 steps and were not there after 1,000.
fn grown(simulator: &Simulator) -> i64 {
    let mut executor = simulator.make_executor().expect("an executor");
    // The decompositions for each length of the state are made once; 1,008 is a multiple of 16.
    steps(&mut executor, 1008);
    measure(|| steps(&mut executor, 9008)).bytes_current
}

#[test]
fn a_decode_loop_takes_no_more_memory_after_ten_thousand_steps() {
    let plain = grown(&simulator(DECODE));
    let traced = grown(&simulator(DECODE).with_trace().with_timer().keep_trace(100));
    println!("grown by {plain} bytes, with a trace by {traced}");
    assert_eq!(plain, 0);
    // Events of the loop differ in length, and so do those that are kept at either time.
    assert!(traced.abs() < 100 * 200, "{traced}");
}
