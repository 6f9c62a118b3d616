//! What `glassbox explain` takes.

use clap::Args;

use super::BackendArgument;

#[derive(Args)]
pub(crate) struct Explain {
    /// An ONNX file, a graph as text (.gb) or JSON, a checkpoint of a language model, or one that comes with Glassbox:
    /// `shapes`, `stories`
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) runs: BackendArgument,
    /// Of layers whose names begin with this only
    #[arg(long, value_name = "NAME")]
    pub(crate) layer: Option<String>,
    /// Also why rules weren't applied, and every kernel of layers that are alike
    #[arg(long)]
    pub(crate) all: bool,
    /// The size of a symbolic dim, so that the memory of a run is known
    #[arg(short, long = "dim", value_name = "NAME=SIZE")]
    pub(crate) dims: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
