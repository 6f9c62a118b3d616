//! `arg_min`: where the smallest along an axis is.

use super::arg_reduction::ARG_REDUCTION;
use crate::op::{OpDef, Rounding};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "arg_min",
    doc: "The place of the smallest element along `axis`, counted from 0; of equals the first, or with \
          `select_last_index` the last. A NaN counts as smallest.",
    example: "arg_min(f32[2, 2] [1, 2, 4, 3]) {axis = 1, keepdims = false} -> i64[2] [0, 1]",
    rounding: Rounding::Exact,
    ..ARG_REDUCTION
};
