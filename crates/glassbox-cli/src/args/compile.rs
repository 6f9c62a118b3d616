//! What `glassbox compile` takes.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub(crate) struct Compile {
    /// An ONNX file, a graph as text (.gb) or JSON, a checkpoint of a language model, or one that comes with Glassbox:
    /// `shapes`, `stories`
    pub(crate) model: String,
    /// The last pass that runs, by its name or its number; 0 runs none
    #[arg(long, value_name = "N|PASS")]
    pub(crate) stop_after: Option<String>,
    /// Write the graph before the first pass and after each, as text, to this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) dump_dir: Option<PathBuf>,
    /// Write the graph at the end to this file, as text (.gb) or JSON (.json)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// List the passes, in order, and do nothing else
    #[arg(long)]
    pub(crate) list: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
