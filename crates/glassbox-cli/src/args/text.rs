//! What the commands for language models take.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use glassbox_exec::Runtime;

use super::BackendArgument;

/// The language model, and what it may hold.
#[derive(Args)]
pub(crate) struct LanguageModel {
    /// A checkpoint: a folder or a file (safetensors, GGUF, .oinf, PyTorch). Without it, the model that comes with
    /// Glassbox and tells small stories; `stories-rwkv7` is another
    #[arg(short, long, default_value = "stories", value_name = "DIR|FILE|NAME")]
    pub(crate) model: String,
    /// How many tokens the model remembers [default: as many as it was made for]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) context: Option<u64>,
    /// The most memory that weights may be resident in, such as 200MiB; the reference runs it then [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = super::size::size)]
    pub(crate) weights_budget: Option<u64>,
    #[command(flatten)]
    pub(crate) runs: BackendArgument,
}

impl LanguageModel {
    /// The backend: with a budget for weights the reference, which reads them as they are needed.
    pub(crate) fn runtime(&self) -> anyhow::Result<Arc<dyn Runtime>> {
        let runtime = match (self.weights_budget, self.runs.backend) {
            (Some(_), None) if self.runs.precision.is_none() && self.runs.overrides.is_empty() => {
                glassbox_backends::reference()
            }
            _ => self.runs.runtime()?,
        };
        if self.weights_budget.is_some() && runtime.name() == "cpu" {
            anyhow::bail!(
                "--weights-budget: the kernels of `cpu` keep weights in memory as they need them; `reference` reads them as they are needed"
            );
        }
        Ok(runtime)
    }
}

/// How tokens are chosen.
#[derive(Args)]
pub(crate) struct SamplingArguments {
    /// Logits are divided by it; 0 always takes the most probable token
    #[arg(
        short,
        long,
        default_value_t = 0.0,
        value_name = "T",
        help_heading = "Sampling",
        allow_negative_numbers = true
    )]
    pub(crate) temperature: f64,
    /// Only the N most probable tokens
    #[arg(long, value_name = "N", help_heading = "Sampling")]
    pub(crate) top_k: Option<usize>,
    /// Only the most probable tokens whose probabilities sum up to P
    #[arg(long, value_name = "P", help_heading = "Sampling", allow_negative_numbers = true)]
    pub(crate) top_p: Option<f64>,
    /// Only tokens at least P times as probable as the most probable one
    #[arg(long, value_name = "P", help_heading = "Sampling", allow_negative_numbers = true)]
    pub(crate) min_p: Option<f64>,
    /// Locally typical sampling: only the tokens of the most expected surprise, up to the probability P
    #[arg(long, value_name = "P", help_heading = "Sampling", allow_negative_numbers = true)]
    pub(crate) typical: Option<f64>,
    /// Logits of tokens that were written before are divided by it
    #[arg(long, default_value_t = 1.0, value_name = "X", help_heading = "Sampling", allow_negative_numbers = true)]
    pub(crate) repetition_penalty: f64,
    /// Taken off logits for each time that the token was written before
    #[arg(long, default_value_t = 0.0, value_name = "X", help_heading = "Sampling", allow_hyphen_values = true)]
    pub(crate) frequency_penalty: f64,
    /// Taken off logits of tokens that were written before
    #[arg(long, default_value_t = 0.0, value_name = "X", help_heading = "Sampling", allow_hyphen_values = true)]
    pub(crate) presence_penalty: f64,
    /// How many of the last tokens penalties look at [default: all]
    #[arg(long, value_name = "N", help_heading = "Sampling")]
    pub(crate) penalty_window: Option<usize>,
    /// Added to the logit of a token, given by its number or its text: `198=-inf`
    #[arg(long = "bias", value_name = "TOKEN=X", help_heading = "Sampling", allow_hyphen_values = true)]
    pub(crate) biases: Vec<String>,
    /// The seed of the draws
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Sampling")]
    pub(crate) seed: u64,
}

/// When writing stops.
#[derive(Args)]
pub(crate) struct StopArguments {
    /// The most tokens to write [default: until the text ends or the context is full]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) max_tokens: Option<usize>,
    /// Stop before this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,
    /// Write on past tokens that end a text
    #[arg(long)]
    pub(crate) ignore_end: bool,
}

/// What the text must look like.
#[derive(Args)]
pub(crate) struct GrammarArguments {
    /// Only JSON that satisfies the schema in this file
    #[arg(long, value_name = "FILE", group = "grammars", help_heading = "Grammar")]
    pub(crate) json_schema: Option<PathBuf>,
    /// Only texts of the grammar in this file, as llama.cpp writes them (GBNF)
    #[arg(long, value_name = "FILE", group = "grammars", help_heading = "Grammar")]
    pub(crate) grammar: Option<PathBuf>,
    /// Only texts that match this regular expression
    #[arg(long, value_name = "RE", group = "grammars", help_heading = "Grammar")]
    pub(crate) regex: Option<String>,
}

#[derive(Args)]
pub(crate) struct Generate {
    /// The text to go on from; `-` reads it from the standard input
    pub(crate) prompt: String,
    #[command(flatten)]
    pub(crate) model: LanguageModel,
    #[command(flatten)]
    pub(crate) sampling: SamplingArguments,
    #[command(flatten)]
    pub(crate) stop: StopArguments,
    #[command(flatten)]
    pub(crate) grammar: GrammarArguments,
    /// How many texts to write, each with a seed of its own
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) samples: u64,
    /// For each token, how probable it and the N most probable ones were (with --json)
    #[arg(long, value_name = "N", requires = "json")]
    pub(crate) logprobs: Option<usize>,
    /// Say how long it took, how fast it was and what memory it took
    #[arg(long)]
    pub(crate) stats: bool,
    /// Print JSON instead of streaming the text
    #[arg(long)]
    pub(crate) json: bool,
    /// Write each node's time as a trace that chrome://tracing and Perfetto open
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// Verify the graph, and check the type of every value on the way and that it has no NaN, inside composites too
    #[arg(long)]
    pub(crate) eager: bool,
    /// Write the graph that runs, as text and JSON, to this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) dump_dir: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Chat {
    #[command(flatten)]
    pub(crate) model: LanguageModel,
    #[command(flatten)]
    pub(crate) sampling: SamplingArguments,
    #[command(flatten)]
    pub(crate) stop: StopArguments,
    /// How conversations are spelled: a chat template in Jinja, instead of the model's own
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// What the model is told before the conversation
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// Say after each answer how fast it was
    #[arg(long)]
    pub(crate) stats: bool,
}

#[derive(Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["text", "tokens"])))]
pub(crate) struct Forward {
    #[command(flatten)]
    pub(crate) model: LanguageModel,
    /// The text whose logits to compute; `-` reads it from the standard input. Several are computed side by side, as rows
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// The tokens whose logits to compute: numbers with commas between, or a .npy file
    #[arg(long, value_name = "N,N,…|FILE.npy")]
    pub(crate) tokens: Option<String>,
    /// Write the logits to this .npy file: f32[T, V], or of several rows f32[B, T, V]
    #[arg(short, long, value_name = "FILE.npy")]
    pub(crate) output: Option<PathBuf>,
    /// How many of the most probable next tokens to show
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(crate) top: usize,
    /// Carry all floats as f64, to see what rounding does to the result
    #[arg(long)]
    pub(crate) precise: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Perplexity {
    /// The text file; `-` reads it from the standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) model: LanguageModel,
    /// How many tokens a window has [default: the context of the model, at most 512]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) window: Option<usize>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
