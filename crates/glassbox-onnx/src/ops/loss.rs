//! The ops of losses.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("NegativeLogLikelihoodLoss", 12, direct(&ops::negative_log_likelihood_loss::OP)),
    row("SoftmaxCrossEntropyLoss", 12, direct(&ops::softmax_cross_entropy_loss::OP)),
];
