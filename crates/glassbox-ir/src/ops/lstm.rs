//! `lstm`: a layer of long short-term memory.

use super::common::*;
use super::recurrent::{self, CONSTRAINTS, Cell, Layer, SEQUENCE_INPUTS, attrs_with, of_direction};

const LAYER: Layer = Layer { gates: 4, activations: &["Sigmoid", "Tanh", "Tanh"], states: 2, initial: &[5, 6] };

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "lstm",
    tier: Tier::Composite(|d| recurrent::decompose(d, &LAYER, |cell, x, states| step(d, cell, x, states[0], states[1]))),
    doc: "A layer of long short-term memory, with the gates i, o, f, c stacked in that order in w, r and b, and peepholes \
          p [directions, 3 hidden] for i, o, f (zeros, if left out): i = f(x wi^T + h ri^T + pi c + bi), f likewise (or \
          with input_forget 1 - i), c~ = g(x wc^T + h rc^T + bc), c' = f c + i c~, o = f(x wo^T + h ro^T + po c' + bo), \
          h' = o h(c'). By default f is Sigmoid, g and h are Tanh. Dims, directions, lengths, \
          activations, clipping (also of the c' that h is given) and precision are as for rnn; w has 4 hidden rows, b 8 \
          hidden; the last cell states are a third result.",
    inputs: &[
        SEQUENCE_INPUTS[0],
        SEQUENCE_INPUTS[1],
        SEQUENCE_INPUTS[2],
        SEQUENCE_INPUTS[3],
        SEQUENCE_INPUTS[4],
        SEQUENCE_INPUTS[5],
        Input::one("initial_c", DTypes::Float).same('T').optional(),
        Input::one("p", DTypes::Float).same('T').optional(),
    ],
    outputs: &[Output::one("y"), Output::one("y_h"), Output::one("y_c")],
    attrs: &attrs_with(AttrSpec::bool("input_forget", false)),
    constraints: CONSTRAINTS,
    example: "lstm(f32[1, 1, 1] [2], f32[1, 4, 1] [0, 0, 0, 1], f32[1, 4, 1] [0, 0, 0, 0]) \
              {activations = [\"Sigmoid\", \"Relu\", \"Relu\"]} \
              -> f32[1, 1, 1, 1] [0.5], f32[1, 1, 1] [0.5], f32[1, 1, 1] [1]",
    infer: |infer| recurrent::infer(infer, &LAYER),
    ..OpDef::BASE
};

fn step<'a>(d: &Decompose<'a>, cell: &Cell<'a>, x: Expr<'a>, hidden: Expr<'a>, state: Expr<'a>) -> Vec<Expr<'a>> {
    let gates = x + cell.recurrence(hidden);
    let peephole = |gate: Expr<'a>, index: i64, state: Expr<'a>| match d.opt(7) {
        Some(p) => gate + cell.gate(of_direction(p.widened(), cell.direction), index) * state,
        None => gate,
    };
    let input = cell.activate(0, peephole(cell.gate(gates, 0), 0, state));
    let forget = match d.attr.bool("input_forget") {
        true => -input + 1.0,
        false => cell.activate(0, peephole(cell.gate(gates, 2), 2, state)),
    };
    let candidate = cell.activate(1, cell.gate(gates, 3));
    let state = forget * state + input * candidate;
    let output = cell.activate(0, peephole(cell.gate(gates, 1), 1, state));
    vec![output * cell.activate(2, state), state]
}
