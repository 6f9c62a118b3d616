//! The activations of MLPs, by the names that configurations give them.

use glassbox_ir::{Expr, attrs, ops};

use crate::config::Config;
use crate::error::ModelError;

/// An activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x sigmoid(x).
    Silu,
    /// x Φ(x).
    Gelu,
    /// The approximation of [`Activation::Gelu`] by tanh.
    GeluTanh,
    /// max(x, 0).
    Relu,
}

/// The activation that the setting `key` names; `otherwise` where it isn't there.
///
/// # Errors
///
/// Where no such activation is built.
pub fn of(config: &Config, key: &str, otherwise: &str) -> Result<Activation, ModelError> {
    match config.opt_text(key)?.unwrap_or(otherwise) {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        other => Err(ModelError::Unsupported(format!("`{key}` is {other:?}"))),
    }
}

impl Activation {
    /// The activation of each element.
    pub fn apply(self, x: Expr<'_>) -> Expr<'_> {
        match self {
            Activation::Silu => x * x.sigmoid(),
            Activation::Gelu => x.owner().op(&ops::gelu::OP, &[x], attrs! {}),
            Activation::GeluTanh => x.owner().op(&ops::gelu::OP, &[x], attrs! { approximate: "tanh" }),
            Activation::Relu => x.unary(&ops::relu::OP),
        }
    }
}
