//! `arg_max`: where the largest along an axis is.

use super::arg_reduction::ARG_REDUCTION;
use crate::op::{OpDef, Rounding};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "arg_max",
    doc: "The place of the largest element along `axis`, counted from 0; of equals the first, or with \
          `select_last_index` the last. A NaN counts as largest.",
    example: "arg_max(f32[2, 2] [1, 2, 4, 3]) {axis = 1, keepdims = false} -> i64[2] [1, 0]",
    rounding: Rounding::Exact,
    ..ARG_REDUCTION
};
