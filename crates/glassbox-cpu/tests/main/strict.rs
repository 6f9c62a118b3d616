//! Without a policy a result has the same bits with any number of threads, with any rows beside it, and with the instructions
//! of any processor.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;
use std::sync::Arc;

use glassbox_cpu::Cpu;
use glassbox_exec::{Precision, Value};
use glassbox_ir::Graph;
use glassbox_kernels::simd::{Level, VARIABLE};
use glassbox_tensor::{Tensor, with_threads};

use super::generated::generated;
use super::{graph, numbers, run_on};

/// How many generated graphs are looked at.
const GRAPHS: u64 = 60;

/// Graphs whose rows along the first axis of their first input have nothing to do with each other, and the sizes of a row.
fn of_rows() -> Vec<(String, Vec<usize>)> {
    let weight = |dims: &str, count: usize| {
        let values: Vec<String> =
            (0..count).map(|at| format!("{:.3}", (at * 7919 % 2003) as f32 / 1001.5 - 1.0)).collect();
        format!("f32[{dims}] [{}]", values.join(", "))
    };
    let constant =
        |name: &str, dims: &str, count: usize| format!("%{name} = constant() {{value = {}}}", weight(dims, count));
    vec![
        (
            format!(
                "input %x: f32[A, 40] {} {} {} %p = matmul(%x, %w) %q = add(%p, %b) %g = gelu(%q) %m = matmul(%g, %v)
                %n = softmax(%m) %l = layer_normalization(%n, %s, %s) output %l",
                constant("w", "40, 70", 2800),
                constant("b", "70", 70),
                [constant("v", "70, 33", 2310), constant("s", "33", 33)].join(" ")
            ),
            vec![40],
        ),
        (
            format!(
                "input %x: f32[A, 20, 9, 11] {} {} %y = conv(%x, %w, %b) {{pads = [1, 1, 1, 1]}} %r = relu(%y)
                %p = max_pool(%r) {{kernel_shape = [2, 2]}} %g = global_average_pool(%p) output %g",
                constant("w", "24, 20, 3, 3", 4320),
                constant("b", "24", 24)
            ),
            vec![20, 9, 11],
        ),
        (
            "input %x: f32[A, 2, 30, 16] %t = transpose(%x) {perm = [0, 1, 3, 2]} %p = matmul(%x, %t) %s = softmax(%p)
            %y = matmul(%s, %x) %a = attention(%y, %x, %x) {is_causal = true} output %a"
                .to_owned(),
            vec![2, 30, 16],
        ),
        (
            format!(
                "input %x: f32[A, 12, 10] {} {} %t = transpose(%x) {{perm = [1, 0, 2]}} %y, %h, %c = lstm(%t, %w, %r)
                {{hidden_size = 6}} %u = transpose(%h) {{perm = [1, 0, 2]}} output %u",
                constant("w", "1, 24, 10", 240),
                constant("r", "1, 24, 6", 144)
            ),
            vec![12, 10],
        ),
    ]
}

fn outputs(graph: &Arc<Graph>, inputs: &[Value]) -> Option<Vec<Value>> {
    run_on(&Cpu, graph, inputs, Precision::Declared).ok()
}

fn bits(values: &[Value]) -> Vec<u8> {
    let bytes = |value: &Value| {
        let tensor = value.as_tensor().expect("a tensor").contiguous().expect("memory");
        tensor.as_bytes().expect("bytes").to_vec()
    };
    values.iter().flat_map(bytes).collect()
}

/// The rows of all of these together.
fn rows(sizes: &[usize], count: usize) -> Tensor {
    let sizes: Vec<usize> = std::iter::once(count).chain(sizes.iter().copied()).collect();
    numbers(&sizes, 3)
}

#[test]
fn rows_have_the_bits_that_they_have_alone() {
    for (body, sizes) in of_rows() {
        let graph = graph(&body);
        let all = rows(&sizes, 5);
        let together = outputs(&graph, &[all.clone().into()]).expect("it runs");
        let together = together[0].as_tensor().expect("a tensor").clone();
        for row in 0..5 {
            let one = all.slice_axis(0, row, 1, 1).expect("a row");
            let alone = outputs(&graph, &[one.contiguous().expect("memory").into()]).expect("it runs");
            let want: Value = together.slice_axis(0, row, 1, 1).expect("a row").into();
            assert!(bits(&alone) == bits(&[want]), "{body}: row {row} alone");
        }
    }
}

/// A number for the bits of all results.
fn digest() -> u64 {
    let mut hasher = DefaultHasher::new();
    for (body, sizes) in of_rows() {
        bits(&outputs(&graph(&body), &[rows(&sizes, 5).into()]).expect("it runs")).hash(&mut hasher);
    }
    for seed in 0..GRAPHS {
        let (graph, inputs) = generated(seed);
        if let Some(values) = outputs(&graph, &inputs) {
            bits(&values).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let one = with_threads(1, digest);
    assert_eq!([2, 7].map(|threads| with_threads(threads, digest)), [one; 2]);
    // For the next test, which runs this one at each level of instructions.
    println!("digest {one}");
}

#[test]
fn every_level_of_instructions_gives_the_same_bits() {
    let itself = std::env::current_exe().expect("the tests are a program");
    let mut found = Vec::new();
    for level in Level::available() {
        let mut command = Command::new(&itself);
        command.args(["strict::the_number_of_threads_changes_no_bit", "--exact", "--nocapture"]);
        command.env(VARIABLE, level.name());
        let output = command.output().expect("it can be begun");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let digest = text.split("digest ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let digest = digest.unwrap_or_else(|| panic!("{level:?} printed {text}")).to_owned();
        found.push((level, digest));
    }
    assert!(found.iter().all(|(_, digest)| *digest == found[0].1), "{found:?}");
}
