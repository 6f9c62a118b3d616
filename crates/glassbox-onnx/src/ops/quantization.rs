//! The ops of quantised numbers.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("DequantizeLinear", 10, formula(|c| linear(c, &ops::dequantize_linear::OP))),
    row("DynamicQuantizeLinear", 11, direct(&ops::dynamic_quantize_linear::OP)),
    row("MatMulInteger", 10, direct(&ops::matmul_integer::OP)),
    row("QLinearConv", 10, direct(&ops::qlinear_conv::OP)),
    row("QLinearMatMul", 10, direct(&ops::qlinear_matmul::OP)),
    row("QuantizeLinear", 10, formula(|c| linear(c, &ops::quantize_linear::OP))),
];

/// The attributes came with versions 13 (`axis`), 19, 21 and 23; where they are absent, the op is as it was
/// before. A dtype of 0 is one that isn't given.
fn linear<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let mut attrs = Attrs::new();
    for (name, since) in [("axis", 13), ("saturate", 19), ("block_size", 21), ("output_dtype", 21), ("precision", 23)] {
        if op.attr(name).is_none() || c.version < since {
            continue;
        }
        match (name, c.opt_int(name)?) {
            (_, None) | ("output_dtype" | "precision", Some(0)) => {}
            ("output_dtype" | "precision", _) => attrs.extend(c.dtype(name)?.map(|dtype| (name, dtype.into()))),
            ("saturate", _) => attrs.extend([(name, c.bool(name, true)?.into())]),
            (_, Some(value)) => attrs.extend([(name, value.into())]),
        }
    }
    c.with_attrs(op, attrs)
}
