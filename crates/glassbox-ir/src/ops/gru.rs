//! `gru`: a layer of gated recurrent units.

use super::common::*;
use super::recurrent::{self, CONSTRAINTS, Cell, Layer, SEQUENCE_INPUTS, attrs_with};

const LAYER: Layer = Layer { gates: 3, activations: &["Sigmoid", "Tanh"], states: 1, initial: &[5] };

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "gru",
    tier: Tier::Composite(|d| {
        let linear = d.attr.bool("linear_before_reset");
        recurrent::decompose(d, &LAYER, |cell, x, states| vec![step(cell, x, states[0], linear)])
    }),
    doc: "A layer of gated recurrent units, with the gates z, r, h stacked in that order in w, r and b: \
          z = f(x wz^T + h rz^T + bz), r likewise, h~ = g(x wh^T + (r h) rh^T + b), or with linear_before_reset \
          g(x wh^T + r (h rh^T + rbh) + wbh), and h' = (1 - z) h~ + z h. By default f is Sigmoid and g Tanh. Dims, \
          directions, lengths, activations, clipping and precision are as for rnn; w has 3 hidden rows, b 6 hidden.",
    inputs: &SEQUENCE_INPUTS,
    outputs: &[Output::one("y"), Output::one("y_h")],
    attrs: &attrs_with(AttrSpec::bool("linear_before_reset", false)),
    constraints: CONSTRAINTS,
    example: "gru(f32[1, 1, 1] [1], f32[1, 3, 1] [0, 0, 2], f32[1, 3, 1] [0, 0, 0]) {activations = [\"Sigmoid\", \"Relu\"]} \
              -> f32[1, 1, 1, 1] [1], f32[1, 1, 1] [1]",
    infer: |infer| recurrent::infer(infer, &LAYER),
    ..OpDef::BASE
};

fn step<'a>(cell: &Cell<'a>, x: Expr<'a>, hidden: Expr<'a>, linear: bool) -> Expr<'a> {
    let bias = |index| cell.r_bias.map(|bias| cell.gate(bias, index));
    let recurrent = |hidden: Expr<'a>, index| {
        let product = hidden.matmul(cell.gate(cell.r, index));
        bias(index).map_or(product, |bias| product + bias)
    };
    let update = cell.activate(0, cell.gate(x, 0) + recurrent(hidden, 0));
    let reset = cell.activate(0, cell.gate(x, 1) + recurrent(hidden, 1));
    let added = if linear { reset * recurrent(hidden, 2) } else { recurrent(reset * hidden, 2) };
    let candidate = cell.activate(1, cell.gate(x, 2) + added);
    (-update + 1.0) * candidate + update * hidden
}
