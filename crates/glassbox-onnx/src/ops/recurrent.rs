//! The ops of recurrent networks.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("GRU", 1, formula(|c| with_optional_sequence(c, &ops::gru::OP))).until(6),
    row("GRU", 7, direct(&ops::gru::OP)),
    row("LSTM", 1, formula(|c| with_optional_sequence(c, &ops::lstm::OP))).until(6),
    row("LSTM", 7, direct(&ops::lstm::OP)),
    row("RNN", 1, formula(|c| with_optional_sequence(c, &ops::rnn::OP))).until(6),
    row("RNN", 7, direct(&ops::rnn::OP)),
];

/// `output_sequence` said whether the hidden states of all steps are wanted; naming the output says so too.
fn with_optional_sequence<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    c.ignore("output_sequence");
    c.direct(op)
}
