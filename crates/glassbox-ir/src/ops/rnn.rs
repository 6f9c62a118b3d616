//! `rnn`: a simple recurrent layer.

use super::common::*;
use super::recurrent::{self, CONSTRAINTS, Layer, SEQUENCE_ATTRS, SEQUENCE_INPUTS};

const LAYER: Layer = Layer { gates: 1, activations: &["Tanh"], states: 1, initial: &[5] };

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "rnn",
    tier: Tier::Composite(|d| {
        recurrent::decompose(d, &LAYER, |cell, x, states| vec![cell.activate(0, x + cell.recurrence(states[0]))])
    }),
    doc: "A recurrent layer: h' = f(x w^T + h r^T + b_w + b_r) for each step of the sequences x [steps, batch, inputs], \
          with w [directions, hidden, inputs], r [directions, hidden, hidden], b [directions, 2 hidden] (b_w, then b_r), \
          initial_h [directions, batch, hidden] (zeros, if left out). Results: the hidden states [steps, directions, \
          batch, hidden], and the last ones [directions, batch, hidden]. With `layout` 1 the batch is the first axis of \
          x, initial_h and the results. `direction` reverse goes from the last step to the first; bidirectional does \
          both. A sequence ends after `sequence_lens` steps: its state stays, the results beyond are 0. `activations` \
          names f (Tanh) for each direction: Affine, Elu, HardSigmoid, LeakyRelu, Relu, ScaledTanh, Sigmoid, Softplus, \
          Softsign, Tanh or ThresholdedRelu (here x where x >= alpha); those that have constants take the next of \
          `activation_alpha` and `activation_beta`. What an activation is given is clipped to [-clip, clip]. Floats \
          narrower than f32 are computed in f32, and only the results are rounded.",
    inputs: &SEQUENCE_INPUTS,
    outputs: &[Output::one("y"), Output::one("y_h")],
    attrs: &SEQUENCE_ATTRS,
    constraints: CONSTRAINTS,
    example: "rnn(f32[2, 1, 1] [1, 2], f32[1, 1, 1] [2], f32[1, 1, 1] [3]) {activations = [\"Relu\"]} \
              -> f32[2, 1, 1, 1] [2, 10], f32[1, 1, 1] [10]",
    infer: |infer| recurrent::infer(infer, &LAYER),
    ..OpDef::BASE
};
