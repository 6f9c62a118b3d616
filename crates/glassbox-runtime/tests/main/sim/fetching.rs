//! What comes out, and what is said when it can't.

use glassbox_runtime::{RuntimeError, Value, fetch_executor, insert_executor, try_fetch_executor};
use glassbox_tensor::{DType, Tensor, f16};

use super::{PROGRAM, executor, message};

#[test]
fn variables_are_fetched_as_what_they_are() -> Result<(), RuntimeError> {
    let mut executor = executor(PROGRAM);
    insert_executor!(executor, { x: [1.0f32, 2.0] });
    executor.run_step()?;
    // x * W + 3 * 2 = [7, 26].
    fetch_executor!(executor, { h: Tensor, sum: f32, count: i64, past: Vec<f64>, two: f32 });
    assert_eq!(h.to_vec::<f32>()?, [7.0, 26.0]);
    assert_eq!((h.shape(), sum, count, past), (&[1, 2][..], 33.0, 1, vec![7.0, 26.0]));
    assert_eq!((executor.fetch::<Vec<f32>>("W")?, two), (vec![1.0, 10.0], 2.0));
    let (h, count) = try_fetch_executor!(executor, { h: Value, count: i64 })?;
    assert_eq!((h.ty().to_string(), count), ("f32[1, 2]".to_owned(), 1));
    assert_eq!(executor.fetch::<Vec<f32>>("h#4")?, [7.0, 26.0]);
    assert!(try_fetch_executor!(executor, { h: Tensor, nothing: i64 }).is_err());
    Ok(())
}

#[test]
fn what_has_no_value_says_why() {
    let mut executor = executor(PROGRAM);
    let before = message(executor.fetch::<Tensor>("h"));
    assert_eq!(before, "`h` has no value: no step has run to its end yet");
    assert_eq!(executor.fetch::<i64>("count").expect("it is there from the start"), 0);
    executor.insert("x", vec![1.0f32, 2.0]).expect("it fits");
    executor.run_step().expect("a step");
    let refused = |name: &str| message(executor.fetch::<Tensor>(name));
    assert_eq!(
        refused("odd"),
        "`odd` has no value: it has one only on some ways through the program; stop in the step to see it, or watch it"
    );
    assert_eq!(executor.fetch::<Vec<f32>>("x").expect("what was inserted"), [1.0, 2.0]);
    assert_eq!(refused("axis"), "there is no variable named `axis`; did you mean `axes`?");
    assert_eq!(
        refused("nothing_like_it"),
        "there is no variable named `nothing_like_it`; there are `W`, `axes`, `count`, `h#4`, `one`, `past`, `sum`, \
         `three`, `two`"
    );
    let hidden = super::executor(
        r#"graph "hidden" {
          input %x: f32[2]
          %inner = neg(%x) : f32[2]
          %y = abs(%inner) : f32[2]
          output %y
        }"#,
    );
    assert_eq!(
        message(hidden.fetch::<Tensor>("inner")),
        "`inner` has no value: it isn't among the outputs of the graph; stop in the step to see it, or watch it"
    );
}

#[test]
fn values_are_not_squeezed_into_other_types() {
    let mut executor = executor(
        r#"graph "types" {
          input %x: f16[2]
          input %n: i64[]
          input %s: string[]
          %y = neg(%x) : f16[2]
          %m = neg(%n) : i64[]
          %t = string_concat(%s, %s) : string[]
          %q = sequence_construct(%m) : seq<i64[]>
          output %y, %m, %t, %q
        }"#,
    );
    let x = Tensor::from_vec(&[2], vec![f16::from_f32(1.5); 2]).expect("sizes fit");
    try_insert(&mut executor, x).expect("a step");
    assert_eq!(executor.fetch::<Vec<f32>>("y").expect("every f16 is an f32"), [-1.5, -1.5]);
    assert_eq!(executor.fetch::<Vec<f16>>("y").expect("they are f16").len(), 2);
    assert_eq!(executor.fetch::<String>("t").expect("text"), "abab");
    assert!(matches!(executor.fetch::<Value>("q"), Ok(Value::Sequence { .. })));
    assert_eq!(
        message(executor.fetch::<i32>("m")),
        "`m` is i64[]: i32 doesn't have all values of i64; fetch it as a `Tensor`, or as a type that has"
    );
    assert_eq!(
        message(executor.fetch::<f32>("y")),
        "`y` is f16[2]: it has 2 elements; fetch it as a `Vec` or a `Tensor`"
    );
    assert_eq!(
        message(executor.fetch::<i64>("t")),
        "`t` is string[]: it is text; fetch it as a `String` or a `Vec<String>`"
    );
    assert_eq!(message(executor.fetch::<String>("m")), "`m` is i64[]: it is no text, but i64");
    assert_eq!(message(executor.fetch::<Tensor>("q")), "`q` is seq<i64[]>: it is no tensor; fetch it as a `Value`");
}

fn try_insert(executor: &mut glassbox_runtime::Executor, x: Tensor) -> Result<(), RuntimeError> {
    insert_executor!(executor, { x: x, n: 7, s: "ab" });
    executor.run_step().map(drop)
}

#[test]
fn floats_are_carried_as_the_options_say() {
    let options = glassbox_runtime::SimOptions {
        precision: glassbox_runtime::Precision::Precise,
        ..glassbox_runtime::SimOptions::default()
    };
    let simulator = super::simulator(PROGRAM).with_options(options).expect("a simulator");
    let mut executor = simulator.make_executor().expect("an executor");
    executor.insert("x", vec![1.0f32, 2.0]).expect("it fits");
    executor.run_step().expect("a step");
    assert_eq!(executor.fetch::<Tensor>("h").expect("a tensor").dtype(), DType::F64);
}
