//! `cum_prod`: running products along an axis.

use super::cumulative::CUMULATIVE;
use crate::op::OpDef;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "cum_prod",
    doc: "The product of the elements along `axis` up to each one, itself included, or with `exclusive` of those before \
          it, where the first is 1; with `reverse` from the end of the axis. Floats accumulate in f64 and each total \
          rounds once; integers wrap.",
    example: "cum_prod(f32[3] [2, 3, 4], i64[] 0) {exclusive = true} -> f32[3] [1, 2, 6]",
    ..CUMULATIVE
};
