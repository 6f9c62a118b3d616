//! What `glassbox bench` takes.

use std::path::PathBuf;

use clap::Args;

use super::{BackendArgument, Given};

#[derive(Args)]
pub(crate) struct Bench {
    /// An ONNX file, a graph as text (.gb) or JSON, a checkpoint of a language model, or one that comes with
    /// Glassbox. Inputs that aren't given are random
    #[arg(required_unless_present = "roofline")]
    pub(crate) model: Option<String>,
    #[command(flatten)]
    pub(crate) given: Given,
    #[command(flatten)]
    pub(crate) runs: BackendArgument,
    /// Of a language model: time the reading of so many tokens at once
    #[arg(long, value_name = "TOKENS", conflicts_with_all = ["decode", "inputs", "dims"],
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) prefill: Option<u32>,
    /// Of a language model: time the step of one token, so many times a round
    #[arg(long, value_name = "STEPS", conflicts_with_all = ["inputs", "dims"],
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) decode: Option<u32>,
    /// How many tokens were read before the step
    #[arg(long, value_name = "TOKENS", default_value_t = 128, requires = "decode",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) past: u32,
    /// How many rounds; a round takes a quarter of a second, and what takes longer has fewer
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rounds: u32,
    /// Time others beside it, taking turns: onnxruntime, openvino, openvino-bf16, llama.cpp, ctranslate2, ctranslate2-int8,
    /// rten, tract, candle; with the same file, or with NAME:FILE
    #[arg(long, value_name = "NAME[:FILE],…", value_delimiter = ',')]
    pub(crate) against: Vec<String>,
    /// Leave out those that can't run the model or compute something else, and say why
    #[arg(long, requires = "against")]
    pub(crate) go_on: bool,
    /// By how much outputs may differ, relative to the largest; nothing is timed where they differ by more
    #[arg(long, value_name = "X", default_value_t = 1e-3)]
    pub(crate) tolerance: f64,
    /// The Python that has the others [default: that of $VIRTUAL_ENV, else python3]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) python: Option<PathBuf>,
    /// The program that runs rten, tract and candle; it is in `bench-peers` of the repository
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) peers: Option<PathBuf>,
    /// How many seconds another program may take to answer
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) timeout: u64,
    /// Also measure what the processor can do at most: multiply-adds and bytes of memory a second
    #[arg(long)]
    pub(crate) roofline: bool,
    /// Print JSON, with every time; with =FILE, write it to that file instead and print the rest as ever
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) json: Option<Option<PathBuf>>,
}
