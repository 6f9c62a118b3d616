//! What goes in, and what is said when it doesn't.

use glassbox_runtime::{insert_executor, try_insert_executor};
use glassbox_tensor::{DType, Tensor};

use super::{PROGRAM, executor, message};

#[test]
fn each_step_needs_every_input_anew() {
    let mut executor = executor(
        r#"graph "two" {
          input %x: f32[B, 2]
          input %tok: i64[1, T]
          input %go: bool[]
          %y = neg(%x) : f32[B, 2]
          output %y
        }"#,
    );
    assert_eq!(
        message(executor.run_step()),
        "the step can't begin: inputs have no value: `x`: f32[B, 2], `tok`: i64[1, T], `go`: bool[]; nothing was \
         inserted, and inputs are fresh at every step"
    );
    try_insert_executor!(executor, { x: vec![1.0f32, 2.0], go: true }).expect("they fit");
    assert_eq!(
        message(executor.run_step()),
        "the step can't begin: an input has no value: `tok`: i64[1, T]; inserted were `x`, `go`"
    );
    // What was inserted is still there.
    executor.insert("tok", vec![42]).expect("it fits");
    executor.run_step().expect("a step");
    executor.insert("x", vec![1.0f32, 2.0]).expect("it fits");
    executor.insert("go", false).expect("it fits");
    assert!(message(executor.run_step()).contains("`tok`"), "a step begins without what was inserted before");
}

#[test]
fn names_that_are_no_inputs_say_what_they_are() {
    let mut executor = executor(PROGRAM);
    let mut refused = |name: &str| message(executor.insert(name, 1.0f32));
    assert_eq!(refused("y"), "there is no input named `y`; there is `x`");
    assert_eq!(refused("something"), "there is no input named `something`; there is `x`");
    assert_eq!(
        refused("two"),
        "`two` can't be inserted: it is a constant, f32[], which nothing changes; declare it `dynamic` to insert it"
    );
    assert_eq!(
        refused("W"),
        "`W` can't be inserted: it is the parameter \"W\" of the package, f32[2]; declare it `dynamic` to insert it"
    );
    assert_eq!(
        refused("count"),
        "`count` can't be inserted: it is persistent, i64[]: it keeps from step to step what the program writes; set it \
         with `set_state`"
    );
    assert_eq!(
        refused("h"),
        "`h` can't be inserted: the program computes it at main.rs:10, block entry; its inputs are `x`"
    );
}

#[test]
fn values_must_fit_what_is_declared() {
    let mut executor = executor(PROGRAM);
    let tensor = |dims: &[usize]| Tensor::zeros(DType::F32, dims).expect("sizes fit");
    assert_eq!(
        message(executor.insert("x", tensor(&[3]))),
        "`x` is declared f32[B, 2], and can't be f32[3]: a tensor must have 2 axes"
    );
    assert_eq!(
        message(executor.insert("x", tensor(&[3, 4]))),
        "`x` is declared f32[B, 2], and can't be f32[3, 4]: axis 1 must be 2, and is 4"
    );
    assert_eq!(
        message(executor.insert("x", Tensor::zeros(DType::F16, &[1, 2]).expect("sizes fit"))),
        "`x` is declared f32[B, 2], and can't be f16[1, 2]: a tensor must have the dtype f32; cast it before"
    );
    assert_eq!(
        message(executor.insert("x", vec![1.0f32; 3])),
        "`x` is declared f32[B, 2], and can't be a list of 3 f32: a multiple of 2 elements is wanted"
    );
    assert_eq!(
        message(executor.insert("x", vec![1, 2])),
        "`x` is declared f32[B, 2], and can't be a list of 2 i32: floats are wanted, which are written with a point: `1.0`"
    );
    assert_eq!(
        message(executor.insert("x", vec![0.5, 0.1])),
        "`x` is declared f32[B, 2], and can't be a list of 2 f64: element 1, 0.1, isn't exactly one of f32"
    );
    // An error leaves what was inserted before.
    executor.insert("x", vec![1.0f32, 2.0]).expect("it fits");
    assert!(executor.insert("x", "text").is_err());
    executor.run_step().expect("a step");
}

#[test]
fn free_sizes_are_the_same_in_all_inputs() {
    let mut executor = executor(
        r#"graph "sizes" {
          input %a: f32[N, 2]
          input %b: f32[N]
          input %c: f32[2*N+M]
          input %d: f32[M, M]
          %y = neg(%b) : f32[N]
          output %y
        }"#,
    );
    let zeros = |dims: &[usize]| Tensor::zeros(DType::F32, dims).expect("sizes fit");
    let mut step = |a: usize, b: usize, c: usize, d: [usize; 2]| {
        insert_executor!(executor, { a: zeros(&[a, 2]), b: zeros(&[b]), "c": zeros(&[c]), d: zeros(&d) });
        executor.run_step().map(drop)
    };
    step(3, 3, 7, [1, 1]).expect("all agree");
    assert_eq!(message(step(3, 2, 7, [1, 1])), "inputs: `N` is 3 by axis 0 of `a`, and 2 by axis 0 of `b`");
    assert_eq!(message(step(3, 3, 7, [1, 2])), "inputs: `M` is 1 by axis 0 of `d`, and 2 by axis 1 of `d`");
    assert_eq!(
        message(step(3, 3, 8, [1, 1])),
        "inputs: axis 0 of `c` is declared M+2*N, which is 7 where M is 1, N is 3, and is given as 8"
    );
    // The inputs are kept: one is put right.
    executor.insert("c", vec![0f32; 7]).expect("it fits");
    executor.run_step().expect("all agree");
}
