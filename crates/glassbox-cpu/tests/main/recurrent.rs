//! Recurrent layers as kernels, held against their decomposition.

use std::sync::Arc;

use glassbox_cpu::Cpu;
use glassbox_exec::{Options, Runtime, Value};
use glassbox_tensor::{NoParams, Tensor};

use super::{graph, held_against_the_reference, numbers};

/// The gates of each op.
const OPS: [(&str, usize); 3] = [("rnn", 1), ("gru", 3), ("lstm", 4)];

struct Sizes {
    steps: usize,
    batch: usize,
    inputs: usize,
    hidden: usize,
}

/// One layer with random operands: weights, biases, states, and peepholes where the op has them, each an input of the graph
/// or, with `fixed`, a constant. What the backend left to the reference.
fn check(op: &str, gates: usize, sizes: &Sizes, attrs: &str, lengths: Option<&[i64]>, fixed: bool) -> Vec<String> {
    let Sizes { steps, batch, inputs, hidden } = *sizes;
    let directions = if attrs.contains("bidirectional") { 2 } else { 1 };
    let batch_first = attrs.contains("layout = 1");
    let x = if batch_first { [batch, steps, inputs] } else { [steps, batch, inputs] };
    let state = if batch_first { [batch, directions, hidden] } else { [directions, batch, hidden] };
    let (rows, mut operands) = (gates * hidden, vec![("x", x.to_vec())]);
    operands.push(("w", vec![directions, rows, inputs]));
    operands.push(("r", vec![directions, rows, hidden]));
    operands.push(("b", vec![directions, 2 * rows]));
    operands.push(("h", state.to_vec()));
    if op == "lstm" {
        operands.push(("c", state.to_vec()));
        operands.push(("p", vec![directions, 3 * hidden]));
    }
    let (mut text, mut values) = (String::new(), Vec::<Value>::new());
    for (seed, (name, sizes)) in operands.iter().enumerate() {
        let listed: Vec<String> = sizes.iter().map(usize::to_string).collect();
        let (listed, tensor) = (listed.join(", "), numbers(sizes, seed));
        if fixed && ["w", "r", "b", "p"].contains(name) {
            let data = tensor.to_vec::<f32>().expect("numbers");
            text += &format!("%{name} = constant() {{value = f32[{listed}] {data:?}}}\n");
        } else {
            text = format!("input %{name}: f32[{listed}]\n{text}");
            values.insert(0, tensor.into());
        }
    }
    let given = lengths.map_or("_", |lengths| {
        text = format!("input %lengths: i64[{}]\n{text}", lengths.len());
        values.insert(0, Tensor::from_vec(&[lengths.len()], lengths.to_vec()).expect("a vector").into());
        "%lengths"
    });
    let (states, results) = if op == "lstm" { ("%h, %c, %p", "%y, %last, %cell") } else { ("%h", "%y, %last") };
    text += &format!("{results} = {op}(%x, %w, %r, %b, {given}, {states}) {{{attrs}}}\noutput {results}");
    let source = graph(&text);
    assert!(held_against_the_reference(&source, &values, &text), "the reference runs it");
    let executable = Cpu.prepare(Arc::clone(&source), Arc::new(NoParams), &Options::default()).expect("it is prepared");
    executable.report().fallbacks.iter().map(|left| format!("{}: {}", left.op, left.why)).collect()
}

#[test]
fn layers_of_odd_sizes() {
    for (op, gates) in OPS {
        for [steps, batch, inputs, hidden] in [[1, 1, 1, 1], [5, 3, 7, 13], [2, 1, 4, 33], [3, 2, 0, 5], [0, 2, 3, 4]] {
            for fixed in [false, true] {
                let sizes = Sizes { steps, batch, inputs, hidden };
                assert_eq!(check(op, gates, &sizes, "", None, fixed), Vec::<String>::new());
            }
        }
    }
}

#[test]
fn directions_layouts_lengths_and_clips() {
    let sizes = Sizes { steps: 5, batch: 3, inputs: 4, hidden: 6 };
    for (op, gates) in OPS {
        for direction in ["forward", "reverse", "bidirectional"] {
            let of = |more: &str| format!("direction = \"{direction}\"{more}");
            for attrs in [of(""), of(", layout = 1"), of(", clip = 0.25")] {
                assert_eq!(check(op, gates, &sizes, &attrs, None, true), Vec::<String>::new(), "{op} {attrs}");
                assert_eq!(check(op, gates, &sizes, &attrs, Some(&[5, 0, 3]), false), Vec::<String>::new());
            }
        }
    }
    for attrs in ["linear_before_reset = true", "activations = [\"relu\", \"Sigmoid\"]"] {
        assert_eq!(check("gru", 3, &sizes, attrs, None, true), Vec::<String>::new());
    }
    assert_eq!(check("lstm", 4, &sizes, "input_forget = true", None, true), Vec::<String>::new());
}

#[test]
fn what_has_other_activations_is_taken_apart() {
    let sizes = Sizes { steps: 3, batch: 2, inputs: 4, hidden: 5 };
    check("rnn", 1, &sizes, "activations = [\"Softsign\"]", None, true);
    check("rnn", 1, &sizes, "clip = -1.0", None, true);
}
