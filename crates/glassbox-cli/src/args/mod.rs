//! What the command line takes.

mod bench;
mod check;
mod compile;
mod diff;
mod explain;
mod sim;
mod size;
#[cfg(feature = "text")]
mod text;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use glassbox_exec::{Policy, Runtime};
use glassbox_runtime::Device;

use crate::policy;

pub(crate) use bench::Bench;
pub(crate) use check::Check;
pub(crate) use compile::Compile;
pub(crate) use diff::Diff;
pub(crate) use explain::Explain;
pub(crate) use sim::{Fmt, Sim};
#[cfg(feature = "text")]
pub(crate) use text::{
    Chat, Forward, Generate, GrammarArguments, LanguageModel, Perplexity, SamplingArguments, StopArguments,
};
pub(crate) use tools::{Convert, Extract, OnnxArguments, Reduce, Set, Simplify, Stats};

/// See through a model: what it is, what it computes, and whether that is right.
#[derive(Parser)]
#[command(name = "glassbox", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// Print results only: no progress, no notes
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// How many threads to compute on, at most 1024 and four for each processor [default: as many as there are
    /// processors for this process, and at most $GLASSBOX_THREADS]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a model and print its outputs
    Run(Run),
    /// Say what a model is: inputs, outputs, ops, parameters, sizes
    Inspect(Inspect),
    /// Run a model and show every value on the way, and where NaN and infinities are born
    Trace(Trace),
    /// Hold what a model computes against something else, and name the first node that differs
    Check(Check),
    /// Tell in what two models differ as they are: structure, attributes, weights; nothing is run
    Diff(Diff),
    /// Time a model, also beside other engines that take turns with it
    Bench(Bench),
    /// Rewrite a graph as the compiler does, and tell what each pass did
    Compile(Compile),
    /// Tell what a backend makes of a model: rules, kernels of each layer, and what has none
    Explain(Explain),
    /// Write on from a text with a language model
    #[cfg(feature = "text")]
    Generate(Generate),
    /// Talk with a language model
    #[cfg(feature = "text")]
    Chat(Chat),
    /// Compute the logits of a text or of tokens
    #[cfg(feature = "text")]
    Forward(Forward),
    /// How well a language model expects a text
    #[cfg(feature = "text")]
    Perplexity(Perplexity),
    /// Count what a model takes: operations, bytes, parameters, memory, by layer
    Stats(Stats),
    /// Write the piece of a model between some of its values
    Extract(Extract),
    /// Write a model with attributes or ops of nodes changed
    Set(Set),
    /// Write the smallest piece of a model for which a command still fails
    Reduce(Reduce),
    /// Convert weights and graphs from one format to another, and weights into other dtypes
    Convert(Convert),
    /// Write an ONNX model that computes the same, to the bit, with fewer nodes
    Simplify(Simplify),
    /// Check that a file of weights is whole
    Verify(Verify),
    /// Run the official ONNX backend tests
    Conformance(Conformance),
    /// Run a program step by step: a graph, or a program in block form, with a package of weights
    Sim(Sim),
    /// Format graphs as text
    Fmt(Fmt),
    /// List the op table, or show the specification of an op
    Ops(Ops),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// The model and what goes into it.
#[derive(Args)]
pub(crate) struct ModelAndInputs {
    /// An ONNX file, a graph as text (.gb) or JSON, a program (.gbp), a checkpoint of a language model, or one that comes
    /// with Glassbox: `shapes`, `stories`
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) given: Given,
    #[command(flatten)]
    pub(crate) runs: BackendArgument,
}

/// What runs the graph.
#[derive(Args)]
pub(crate) struct BackendArgument {
    /// The backend that runs it: `cpu`, the fastest for this processor; `reference`, which says what is right; `toy`
    /// [default: cpu; of `check`, reference]
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<Device>,
    /// How exactly it is computed: `strict` (or `exact`), as the model says, with the same bits everywhere; `fast`, with
    /// convolutions by Winograd's method; products of matrices in `bf16`, or `int8` where weights are stored in as few bits; or
    /// a file (.toml) that says it for layers
    #[arg(long, value_name = "NAME|FILE", value_parser = policy::read)]
    pub(crate) precision: Option<Arc<Policy>>,
    /// When a kernel is used that this program has registered with the backend: `force`, `benchmark` or `off`
    #[arg(long = "override", value_name = "KERNEL=WHEN")]
    pub(crate) overrides: Vec<String>,
}

impl BackendArgument {
    /// The name of the backend; of the fastest, where none is given.
    pub(crate) fn device(&self) -> Device {
        self.backend.unwrap_or_default()
    }

    /// The policy, if anything is said that makes one.
    pub(crate) fn policy(&self) -> anyhow::Result<Option<Arc<Policy>>> {
        policy::with_overrides(self.precision.as_ref(), &self.overrides)
    }

    /// The backend.
    pub(crate) fn runtime(&self) -> anyhow::Result<Arc<dyn Runtime>> {
        Ok(policy::under(self.policy()?.as_ref(), self.device().runtime()?))
    }
}

/// What goes into a model or a program.
#[derive(Args)]
pub(crate) struct Given {
    /// An input: NAME=FILE (.npy, .npz, .json, .pb or an image), NAME=random, NAME=zeros, NAME=const:V, for a language
    /// model NAME=text:TEXT, or NAME=- for standard input (.npy, .npz or JSON). A map is a .pb or .json file.
    /// Without NAME=: a .npz for all inputs, or the value of the only input
    #[arg(short, long = "input", value_name = "[NAME=]VALUE")]
    pub(crate) inputs: Vec<String>,
    /// The size of a symbolic dim, for random, zeros and const inputs
    #[arg(short, long = "dim", value_name = "NAME=SIZE")]
    pub(crate) dims: Vec<String>,
    /// The seed of random inputs, and of ops that draw at random
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,
    /// What 0 and 255 of an image become where the input isn't of bytes: `0:1`, `-1:1`, `0:255`
    #[arg(long, value_name = "LOW:HIGH", allow_hyphen_values = true)]
    pub(crate) image_range: Option<String>,
    /// The mean of each channel as the input has them, taken from an image after --image-range: `0.485,0.456,0.406`
    #[arg(long, value_name = "R,G,B", allow_hyphen_values = true)]
    pub(crate) image_mean: Option<String>,
    /// The standard deviation of each channel, by which an image is divided after --image-mean
    #[arg(long, value_name = "R,G,B")]
    pub(crate) image_std: Option<String>,
    /// Which axes of an input an image fills, where its dims don't say it: `NCHW`, `NHWC`, `CHW`, `HWC`, `NHW`, `HW`
    #[arg(long, value_name = "AXES")]
    pub(crate) image_layout: Option<String>,
    /// What the channels of an image are: `GREY`, `RGB`, `BGR`, `RGBA`, `BGRA` [default: by their number GREY, RGB or RGBA]
    #[arg(long, value_name = "CHANNELS")]
    pub(crate) image_color: Option<String>,
}

#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) model: ModelAndInputs,
    /// Write each output to a file in this folder: .npy; lists, optionals and maps .pb
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Print JSON, with all values
    #[arg(long)]
    pub(crate) json: bool,
    /// Carry all floats as f64, to see what rounding does to the result
    #[arg(long)]
    pub(crate) precise: bool,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The file or folder
    pub(crate) file: PathBuf,
}

#[derive(Args)]
pub(crate) struct Inspect {
    /// An ONNX file, a graph as text (.gb) or JSON, a file or folder of weights, or `shapes`
    pub(crate) model: String,
    /// Print the graph in the text form
    #[arg(long)]
    pub(crate) graph: bool,
    /// With --graph, also print the data of large tensors, so that the text is the whole model. Without it that is so
    /// where standard output is no terminal; of weights it prints metadata in full
    #[arg(long)]
    pub(crate) data: bool,
    /// With --graph, leave the data of large tensors out
    #[arg(long, requires = "graph", conflicts_with = "data")]
    pub(crate) no_data: bool,
    /// Print JSON; with the graph, if --graph is given too
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Trace {
    #[command(flatten)]
    pub(crate) model: ModelAndInputs,
    /// Write every value to this folder, as .npy, or .pb where it is no array, with an index.json
    #[arg(long, value_name = "DIR")]
    pub(crate) save: Option<PathBuf>,
    /// Write the time of every node as a trace that chrome://tracing and Perfetto open
    #[arg(long, value_name = "FILE.json")]
    pub(crate) chrome: Option<PathBuf>,
    /// Show the nodes that composites are made of too
    #[arg(long)]
    pub(crate) inside: bool,
    /// Show what the backend made of the model: a row for each result of a kernel, instead of one for each node alone, with its
    /// operations, the bytes that it reads and writes, and how near to the limit of this machine it came
    #[arg(long, conflicts_with = "inside")]
    pub(crate) kernels: bool,
    /// Only the N values that took longest, the longest first, and those where a NaN or an infinity was born
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Fold layers: a row for each, with as many parts of its path as DEPTH says, instead of one for each node
    #[arg(long, value_name = "DEPTH", num_args = 0..=1, default_missing_value = "2", require_equals = true,
          value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) fold: Option<u8>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop at the first NaN
    #[arg(long)]
    pub(crate) stop_at_nan: bool,
}

#[derive(Args)]
pub(crate) struct Conformance {
    /// Only the tests whose name matches this regular expression
    #[arg(short, long, value_name = "RE")]
    pub(crate) filter: Option<String>,
    /// Write the status page (.md) or all outcomes (.json) to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// The folder of the cases [default: conformance in the cache folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) cases: Option<PathBuf>,
    /// Run what comes back of each model after it was exported to this opset
    #[arg(long, value_name = "OPSET")]
    pub(crate) exported: Option<i64>,
    /// Export what the compiler's rewrites leave of each model, as `simplify` does
    #[arg(long, requires = "exported")]
    pub(crate) simplified: bool,
    /// Write composites that the opset doesn't have as functions
    #[arg(long, requires = "exported")]
    pub(crate) composites: bool,
    /// Write the exported models to this folder
    #[arg(long, value_name = "DIR", requires = "exported")]
    pub(crate) save: Option<PathBuf>,
    /// Exit with success if at least so many tests pass
    #[arg(long, value_name = "N")]
    pub(crate) at_least: Option<usize>,
    #[command(flatten)]
    pub(crate) runs: BackendArgument,
}

#[derive(Args)]
pub(crate) struct Ops {
    /// The op whose specification to show
    pub(crate) op: Option<String>,
    /// Print JSON: a list of all ops, or the op
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
