//! What `glassbox diff` takes.

use clap::Args;

#[derive(Args)]
pub(crate) struct Diff {
    /// An ONNX file, a graph as text (.gb) or JSON, a checkpoint of a language model, a file or folder of weights, or one
    /// that comes with Glassbox
    #[arg(value_name = "A")]
    pub(crate) ours: String,
    /// What to compare it with: one of these, too
    #[arg(value_name = "B")]
    pub(crate) theirs: String,
    /// How many things of each kind to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    /// Show everything, each name by itself, and what is only called otherwise
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
