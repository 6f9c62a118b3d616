//! What the commands for programs take.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::Args;

use super::{BackendArgument, Given};

#[derive(Args)]
pub(crate) struct Sim {
    /// A graph as text (.gb) or JSON (.json), or a program in block form (.gbp)
    pub(crate) program: PathBuf,
    /// The package of weights that the program takes its parameters, sizes and metadata from: a folder or a file
    /// (safetensors, GGUF, .oinf, PyTorch), or one that comes with Glassbox, `stories` or `stories-rwkv7`
    #[arg(short, long, value_name = "DIR|FILE|NAME")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) given: Given,
    /// The inputs of each step: a file with an object of values by name on each line (`-`: standard input), or a folder
    /// with a .npz for each step, in the order of their names. Inputs that aren't in it are those of --input, the same at every step
    #[arg(long, value_name = "FILE.jsonl|DIR")]
    pub(crate) input_steps: Option<PathBuf>,
    /// How many steps to run [default: as many as --input-steps has inputs for, else 1]
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<NonZeroU64>,
    /// The variables to show after each step [default: all outputs and persistent variables]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) fetch: Vec<String>,
    /// Write what every statement gave, with statistics and times, to this file, a JSON object a line
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) trace: Option<PathBuf>,
    /// Write the time of every statement as a trace that chrome://tracing and Perfetto open
    #[arg(long, value_name = "FILE.json")]
    pub(crate) chrome: Option<PathBuf>,
    /// Write the graph that the program became to this file, as text (.gb) or JSON (.json); no step is run
    #[arg(long, value_name = "FILE", conflicts_with_all = ["trace", "chrome", "save_states"])]
    pub(crate) graph: Option<PathBuf>,
    /// Begin with the persistent variables that this file has
    #[arg(long, value_name = "FILE")]
    pub(crate) load_states: Option<PathBuf>,
    /// Write the persistent variables after the last step to this file, .safetensors or .oinf
    #[arg(long, value_name = "FILE")]
    pub(crate) save_states: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) runs: BackendArgument,
    /// Carry all floats as f64, to see what rounding does to the result
    #[arg(long)]
    pub(crate) precise: bool,
    /// Print one JSON object a step
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Fmt {
    /// Graphs as text (.gb), programs in block form (.gbp); `-` formats standard input and prints the result
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and exit with 1 if there are any
    #[arg(long, conflicts_with = "stdout")]
    pub(crate) check: bool,
    /// Print the text instead of writing the file
    #[arg(long)]
    pub(crate) stdout: bool,
}
