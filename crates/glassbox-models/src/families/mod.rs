//! The families: one file each, and its row in the table.
//!
//! To add one: write its file after the pattern of its neighbours, add its row below, and a tiny
//! checkpoint with what torch computes for it to `scripts/families` and `tests/golden`.

mod gemma2;
mod gemma3_text;
mod gpt2;
mod llama;
mod mixtral;
mod olmo2;
mod phi3;
mod qwen2;
mod qwen3;
mod qwen3_moe;
mod rwkv7;
mod smollm3;

use glassbox_ir::Expr;

use crate::config::Config;
use crate::error::ModelError;
use crate::net::Net;

/// A family of models.
pub struct Family {
    /// The name, which is that of its file.
    pub name: &'static str,
    /// What configurations call it: their `model_type`.
    pub model_types: &'static [&'static str],
    /// Builds the graph: the logits, f32[B, T, V].
    pub build: BuildFn,
}

/// Builds the graph of a family.
pub type BuildFn = for<'b> fn(&Net<'b>, &Config) -> Result<Expr<'b>, ModelError>;

/// Every family.
pub static TABLE: &[&Family] = &[
    &gemma2::FAMILY,
    &gemma3_text::FAMILY,
    &gpt2::FAMILY,
    &llama::FAMILY,
    &mixtral::FAMILY,
    &olmo2::FAMILY,
    &phi3::FAMILY,
    &qwen2::FAMILY,
    &qwen3::FAMILY,
    &qwen3_moe::FAMILY,
    &rwkv7::FAMILY,
    &smollm3::FAMILY,
];

/// The family that configurations call `model_type`.
pub fn find(model_type: &str) -> Option<&'static Family> {
    TABLE.iter().find(|family| family.model_types.contains(&model_type)).copied()
}

/// The family of the model that a configuration describes.
pub(crate) fn of(config: &Config) -> Result<&'static Family, ModelError> {
    let name = config.opt_text("model_type")?.ok_or_else(|| config.wrong("model_type", "it is missing"))?;
    find(name).ok_or_else(|| ModelError::UnknownFamily {
        name: name.to_owned(),
        known: TABLE.iter().flat_map(|family| family.model_types).copied().collect(),
    })
}
