//! Programs that run step by step. What they compute is written down by hand; the graphs are in the text form.

mod fetching;
mod inserting;
mod memory;
mod packages;
mod pausing;
mod sessions;
mod states;
mod traces;

use glassbox_ir::Graph;
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_runtime::{Device, Executor, ModelPackage, ModelParts, RuntimeError, Simulator};
use glassbox_tensor::Tensor;
use glassbox_weights::{Array, Metadata, Value as Meta};

fn graph(text: &str) -> Graph {
    parse(text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// A program as it is lowered: `x` is dynamic, `W` a parameter, `two` a constant, `count` and `past` are persistent;
/// `h` is assigned in the block `entry` and in its loop `layers`, `odd` on one way only.
///
/// ```text
/// line 10  op mul(x, W) >> h;
/// line 11  loop layers (l in 0..3) {
/// line 12      op add(h, two) >> h;
/// line 13      branch is_one;           // in block `is_one`, line 20: op neg(h) >> odd;
///          }
/// line 14  cache.increment count;
/// line 15  (past grows by h)
/// line 16  op div(total, count) >> mean;
/// ```
const PROGRAM: &str = r#"graph "program" {
  state @count: i64[]
  state @past: f32[?, 2] capacity 8
  input %x: f32[B, 2]
  %W = parameter() {name = "W", type = f32[2]} : f32[2]
  %two = constant() {value = f32[] 2} : f32[]
  %three = constant() {value = i64[] 3} : i64[] @ statement("main.rs", 11, "entry", helps) > decomposed("bounds")
  %one = constant() {value = i64[] 1} : i64[] @ statement("main.rs", 13, "entry/layers", helps) > decomposed("index")
  %h = mul(%x, %W) : f32[B, 2] @ statement("main.rs", 10, "entry")
  %"h#4" = loop(%three, _, %h) (%l: i64[], %go: bool[], %"h#2": f32[B, 2]) {
    %"h#3" = add(%"h#2", %two) : f32[B, 2] @ statement("main.rs", 12, "entry/layers")
    %is = equal(%l, %one) : bool[] @ statement("main.rs", 13, "entry/layers", helps) > decomposed("index")
    %odd = if(%is) () {
      %5 = neg(%"h#3") : f32[B, 2] @ statement("main.rs", 20, "is_one")
      yield %5
    } () {
      yield %"h#3"
    } : f32[B, 2] @ statement("main.rs", 13, "entry/layers")
    yield %go, %"h#3"
  } : f32[B, 2] @ statement("main.rs", 11, "entry")
  %8 = state_read() {state = "count"} : i64[] @ statement("main.rs", 14, "entry", helps) > decomposed("increment")
  %9 = add(%8, %one) : i64[] @ statement("main.rs", 14, "entry", helps) > decomposed("increment")
  %10 = state_write(%9) {state = "count"} : i64[] @ statement("main.rs", 14, "entry")
  %11 = state_append(%"h#4") {state = "past", axis = 0} : f32[?, 2] @ statement("main.rs", 15, "entry")
  %axes = constant() {value = i64[1] [1]} : i64[1] @ statement("main.rs", 16, "entry", helps) > decomposed("axes")
  %sum = reduce_sum(%"h#4", %axes) {keepdims = false} : f32[B] @ statement("main.rs", 16, "entry")
  output %"h#4", %sum
}"#;

/// A package with what the program wants, and more.
fn package() -> ModelPackage {
    let mut metadata = Metadata::default();
    metadata.set("n_layers", Meta::U32(3));
    metadata.set("eps", Meta::F32(0.5));
    metadata.set("small", Meta::I64(-1));
    metadata.set("name", Meta::String("tiny".to_owned()));
    metadata.set("tied", Meta::Bool(true));
    metadata.set("heads", Meta::Array(Array::I32(vec![2, 4])));
    metadata.set("words", Meta::Array(Array::String(vec!["a".to_owned(), "b".to_owned()])));
    let tensors = vec![("W".to_owned(), Tensor::from_vec(&[2], vec![1.0f32, 10.0]).expect("sizes fit"))];
    let sizes = vec![("B".to_owned(), 4), ("D".to_owned(), 2)];
    ModelPackage::of("tiny", ModelParts { tensors, sizes, metadata }).unwrap_or_else(|error| panic!("{error}"))
}

fn simulator(text: &str) -> Simulator {
    Simulator::new(&package(), &graph(text), Device::Cpu).unwrap_or_else(|error| panic!("{error}"))
}

fn executor(text: &str) -> Executor {
    simulator(text).make_executor().unwrap_or_else(|error| panic!("{error}"))
}

/// The message of what fails.
#[track_caller]
fn message<T>(result: Result<T, RuntimeError>) -> String {
    match result {
        Ok(_) => panic!("it must fail"),
        Err(error) => error.to_string(),
    }
}
