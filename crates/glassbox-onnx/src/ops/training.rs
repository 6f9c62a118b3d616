//! The ops of training: one step of an optimiser. `Gradient`, which is about a whole graph, has no row.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("ai.onnx.preview.training.Adagrad", 1, direct(&ops::adagrad::OP)),
    row("ai.onnx.preview.training.Adam", 1, direct(&ops::adam::OP)),
    row("ai.onnx.preview.training.Momentum", 1, direct(&ops::momentum::OP)),
];
