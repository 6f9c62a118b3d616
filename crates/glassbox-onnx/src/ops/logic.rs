//! The ops of truth values: comparisons, connectives, choice.

use super::math::limited_broadcast;
use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("And", 1, formula(|c| limited_broadcast(c, &ops::and::OP))).until(6),
    row("And", 7, direct(&ops::and::OP)),
    row("Equal", 1, formula(|c| limited_broadcast(c, &ops::equal::OP))).until(6),
    row("Equal", 7, direct(&ops::equal::OP)),
    row("Greater", 1, formula(|c| limited_broadcast(c, &ops::greater::OP))).until(6),
    row("Greater", 7, direct(&ops::greater::OP)),
    row("GreaterOrEqual", 12, direct(&ops::greater_or_equal::OP)),
    row("Less", 1, formula(|c| limited_broadcast(c, &ops::less::OP))).until(6),
    row("Less", 7, direct(&ops::less::OP)),
    row("LessOrEqual", 12, direct(&ops::less_or_equal::OP)),
    row("Not", 1, direct(&ops::not::OP)),
    row("Or", 1, formula(|c| limited_broadcast(c, &ops::or::OP))).until(6),
    row("Or", 7, direct(&ops::or::OP)),
    row("Where", 9, direct(&ops::where_::OP)),
    row("Xor", 1, formula(|c| limited_broadcast(c, &ops::xor::OP))).until(6),
    row("Xor", 7, direct(&ops::xor::OP)),
];
