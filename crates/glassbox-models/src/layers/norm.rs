//! Norms over the last axis.

use glassbox_ir::{Expr, attrs, ops};

use super::channels;
use crate::net::Net;

/// (x - mean) / sqrt(variance + epsilon) ⊙ `weight` + `bias`.
pub fn layer_norm<'b>(net: &Net<'b>, x: Expr<'b>, epsilon: f64) -> Expr<'b> {
    let operands = [x, net.weight("weight", &[channels(x)]), net.weight("bias", &[channels(x)])];
    net.f().op(&ops::layer_normalization::OP, &operands, attrs! { axis: -1, epsilon: epsilon })
}

/// x / sqrt(mean of squares + epsilon) ⊙ `weight`.
pub fn rms_norm<'b>(net: &Net<'b>, x: Expr<'b>, epsilon: f64) -> Expr<'b> {
    scaled(net, x, net.weight("weight", &[channels(x)]), epsilon)
}

/// x / sqrt(mean of squares + epsilon) ⊙ (1 + `weight`), as the Gemmas have it.
pub fn rms_norm_plus_one<'b>(net: &Net<'b>, x: Expr<'b>, epsilon: f64) -> Expr<'b> {
    scaled(net, x, net.weight("weight", &[channels(x)]) + 1.0, epsilon)
}

fn scaled<'b>(net: &Net<'b>, x: Expr<'b>, weight: Expr<'b>, epsilon: f64) -> Expr<'b> {
    net.f().op(&ops::rms_normalization::OP, &[x, weight], attrs! { axis: -1, epsilon: epsilon })
}
