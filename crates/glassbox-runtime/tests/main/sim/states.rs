//! States: per executor, unchanged by what fails, and in files.

use glassbox_runtime::Executor;
use glassbox_tensor::{DType, Tensor};

use super::{PROGRAM, executor, message, simulator};

fn step(executor: &mut Executor, x: [f32; 2]) {
    executor.insert("x", x).expect("it fits");
    executor.run_step().unwrap_or_else(|error| panic!("{error}"));
}

fn held(executor: &Executor) -> Vec<Tensor> {
    ["count", "past"].map(|name| executor.state(name).expect("a state")).to_vec()
}

#[track_caller]
fn same(a: &[Tensor], b: &[Tensor]) {
    assert!(a.iter().zip(b).all(|(a, b)| a.bit_eq(b)), "{a:?} {b:?}");
}

#[test]
fn executors_do_not_see_each_others_states() {
    let simulator = simulator(PROGRAM);
    let (mut a, mut b) = (simulator.make_executor().expect("one"), simulator.make_executor().expect("another"));
    step(&mut a, [1.0, 2.0]);
    step(&mut a, [3.0, 4.0]);
    step(&mut b, [5.0, 6.0]);
    assert_eq!((a.fetch::<i64>("count").expect("a"), b.fetch::<i64>("count").expect("b")), (2, 1));
    assert_eq!(b.fetch::<Vec<f32>>("past").expect("b"), [11.0, 66.0]);
    let mut c = simulator.make_executor().expect("a third");
    assert_eq!(c.fetch::<i64>("count").expect("c"), 0);
    step(&mut c, [5.0, 6.0]);
    same(&held(&b), &held(&c));
    a.reset().expect("a reset");
    assert_eq!((a.fetch::<i64>("count").expect("a"), a.state("past").expect("a").shape()), (0, &[0, 2][..]));
}

#[test]
fn a_step_that_fails_leaves_states_bit_identical() {
    let mut executor = executor(PROGRAM);
    for _ in 0..7 {
        step(&mut executor, [f32::NAN, -0.0]);
    }
    let before = held(&executor);
    // `past` can't hold 9, and `count` was written before it.
    executor.insert("x", vec![1.0f32; 4]).expect("it fits");
    let error = message(executor.run_step());
    assert!(
        error.contains("`past` would hold 9, its capacity is 8") && error.contains("main.rs:15, block entry"),
        "{error}"
    );
    same(&before, &held(&executor));
    assert_eq!(executor.steps(), 7);
    step(&mut executor, [1.0, 2.0]);
}

#[test]
fn states_can_be_set() {
    let mut executor = executor(PROGRAM);
    executor.set_state("count", 41).expect("it fits");
    executor.set_state("past", vec![1.0f32, 2.0, 3.0, 4.0]).expect("it fits");
    step(&mut executor, [0.0, 0.0]);
    assert_eq!(executor.fetch::<i64>("count").expect("a state"), 42);
    assert_eq!(executor.fetch::<Vec<f32>>("past").expect("a state"), [1.0, 2.0, 3.0, 4.0, 6.0, 6.0]);
    assert_eq!(
        message(executor.set_state("past", vec![1.0f32; 3])),
        "`past` is declared f32[?, 2], and can't be a list of 3 f32: a multiple of 2 elements is wanted"
    );
    assert_eq!(
        message(executor.set_state("past", Tensor::zeros(DType::F32, &[2, 3]).expect("sizes fit"))),
        "`past` is declared f32[?, 2], and can't be f32[2, 3]: axis 1 must be 2, and is 3"
    );
    let error = message(executor.set_state("past", Tensor::zeros(DType::F32, &[9, 2]).expect("sizes fit")));
    assert!(error.contains("would hold 9, its capacity is 8"), "{error}");
    assert_eq!(
        message(executor.set_state("pasta", 1)),
        "there is no persistent variable named `pasta`; did you mean `past`?"
    );
    assert!(message(executor.state("h")).starts_with("there is no persistent variable named `h`"));
}

#[test]
fn states_that_are_saved_go_on_in_another_executor() {
    let simulator = simulator(PROGRAM);
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["states.oinf", "states.safetensors"] {
        let path = folder.path().join(file);
        let mut first = simulator.make_executor().expect("an executor");
        // Saved without a step too: `past` is empty.
        first.save_states(&path).unwrap_or_else(|error| panic!("{error}"));
        let mut second = simulator.make_executor().expect("another");
        step(&mut second, [9.0, 9.0]);
        second.load_states(&path).unwrap_or_else(|error| panic!("{error}"));
        same(&held(&first), &held(&second));
        step(&mut first, [1.0, f32::NAN]);
        step(&mut first, [-0.0, 1e-40]);
        first.save_states(&path).expect("it replaces the file");
        second.load_states(&path).expect("loaded");
        same(&held(&first), &held(&second));
        // What is in memory doesn't hang on the file.
        std::fs::write(&path, b"other").expect("a file");
        for executor in [&mut first, &mut second] {
            step(executor, [3.0, 4.0]);
        }
        same(&held(&first), &held(&second));
        assert_eq!(second.fetch::<i64>("count").expect("a state"), 3);
    }
}

#[test]
fn files_of_other_programs_are_refused_as_a_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("states.oinf");
    let mut executor = executor(PROGRAM);
    step(&mut executor, [1.0, 2.0]);
    let before = held(&executor);
    let mut load = |states: &str| {
        let text = format!("graph \"other\" {{\n{states}\n  output\n}}");
        super::executor(&text).save_states(&path).unwrap_or_else(|error| panic!("{error}"));
        let error = message(executor.load_states(&path));
        same(&before, &held(&executor));
        error
    };
    let place = path.display();
    assert_eq!(
        load("state @count: i64[]"),
        format!("{place}: it has `count`, but not `past`, which the program keeps")
    );
    assert_eq!(
        load("state @count: i64[]\nstate @past: f32[?, 2]\nstate @more: i64[]"),
        format!("{place}: it has `more`, which the program doesn't keep: it is of another program")
    );
    let error = load("state @count: i64[] = i64[] 5\nstate @past: f16[?, 2]");
    assert!(error.contains("`past` is f32[?, 2], and can't be f16[0, 2]"), "{error}");
    let error = load("state @count: i64[] = i64[] 5\nstate @past: f32[9, 2]");
    assert!(error.contains("`past` would hold 9, its capacity is 8"), "{error}");
    assert!(message(executor.load_states(folder.path().join("none.oinf"))).contains("none.oinf"));
    let named = message(executor.save_states(folder.path().join("states.txt")));
    assert!(named.ends_with("states are written to files that end in .safetensors or .oinf"), "{named}");
}

#[test]
fn what_a_format_can_t_hold_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut narrow = executor("graph \"narrow\" {\n  state @s: i4[3] = i4[3] [-1, 2, 3]\n  output\n}");
    let error = message(narrow.save_states(folder.path().join("s.safetensors")));
    assert!(error.contains("s.safetensors") && error.contains("safetensors has no dtype i4"), "{error}");
    narrow.save_states(folder.path().join("s.oinf")).expect(".oinf has it");
    narrow.set_state("s", vec![0, 0, 0]).expect("it fits");
    narrow.load_states(folder.path().join("s.oinf")).expect("loaded");
    assert_eq!(narrow.fetch::<Vec<i8>>("s").expect("a state"), [-1, 2, 3]);
    let mut text = executor("graph \"text\" {\n  state @s: string[1]\n  output\n}");
    let error = message(text.save_states(folder.path().join("t.oinf")));
    assert!(error.ends_with("`s` is text, string[1], which no file of weights holds"), "{error}");
    assert!(!folder.path().join("t.oinf").exists() && !folder.path().join("s.safetensors").exists());
}
