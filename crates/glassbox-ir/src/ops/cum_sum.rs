//! `cum_sum`: running sums along an axis.

use super::cumulative::CUMULATIVE;
use crate::op::OpDef;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "cum_sum",
    doc: "The sum of the elements along `axis` up to each one, itself included, or with `exclusive` of those before \
          it, where the first is 0; with `reverse` from the end of the axis. Floats accumulate in f64 and each total \
          rounds once; integers wrap.",
    example: "cum_sum(f32[3] [1, 2, 3], i64[] 0) -> f32[3] [1, 3, 6]",
    ..CUMULATIVE
};
