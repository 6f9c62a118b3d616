//! Language models by name, and what the commands for them share.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_runtime::{
    Grammar, LoadOptions, Model, Penalties, Piece, Request, Sampler, Sampling, Stats, TextGenerator,
};

use crate::args::{GrammarArguments, LanguageModel, SamplingArguments, StopArguments};
use crate::{machine, model, out};

/// Opens the model that the arguments name.
pub(crate) fn open(arguments: &LanguageModel) -> Result<Model> {
    let options =
        LoadOptions { context: arguments.context, weights_budget: arguments.weights_budget, ..LoadOptions::default() };
    model::open(&arguments.model, options)
}

/// Opens a model as one that writes.
pub(crate) fn generator(model: &Model, arguments: &LanguageModel) -> Result<TextGenerator> {
    let generator = model.as_text_generator(arguments.runtime()?.as_ref())?;
    generator.with_context(|| format!("{}: it is no language model with a tokenizer, so it can't write", model.name()))
}

/// How tokens are chosen, as the arguments say.
pub(crate) fn sampling(arguments: &SamplingArguments, generator: &TextGenerator) -> Result<Sampling> {
    let mut bias = HashMap::new();
    for given in &arguments.biases {
        let Some((token, value)) = given.rsplit_once('=') else { bail!("--bias {given}: it is TOKEN=X") };
        let id = token.parse().ok().or_else(|| generator.tokenizer().id(token));
        let id = id.with_context(|| format!("--bias {given}: the tokenizer has no token {token:?}"))?;
        bias.insert(id, value.parse().with_context(|| format!("--bias {given}: {value:?} is no number"))?);
    }
    let sampling = Sampling {
        temperature: arguments.temperature,
        top_k: arguments.top_k,
        top_p: arguments.top_p,
        min_p: arguments.min_p,
        typical: arguments.typical,
        penalties: Penalties {
            repetition: arguments.repetition_penalty,
            frequency: arguments.frequency_penalty,
            presence: arguments.presence_penalty,
            window: arguments.penalty_window,
        },
        bias,
        seed: arguments.seed,
        alternatives: 0,
    };
    // What is wrong with it is told before anything is written.
    Sampler::new(sampling.clone())?;
    Ok(sampling)
}

/// What the text must look like, where the arguments say so.
pub(crate) fn grammar(arguments: &GrammarArguments) -> Result<Option<Grammar>> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("{}: the file can't be read", path.display()))
    };
    if let Some(path) = &arguments.json_schema {
        let schema = serde_json::from_str(&read(path)?).with_context(|| path.display().to_string())?;
        return Ok(Some(Grammar::JsonSchema(schema)));
    }
    if let Some(path) = &arguments.grammar {
        return Ok(Some(Grammar::Gbnf(read(path)?)));
    }
    Ok(arguments.regex.clone().map(Grammar::Regex))
}

/// What is to be written, as the arguments say.
pub(crate) fn request(sampling: Sampling, stop: &StopArguments) -> Request {
    Request {
        sampling,
        max_tokens: stop.max_tokens,
        stop: stop.stop.clone(),
        ignore_end: stop.ignore_end,
        constraint: None,
    }
}

/// Shows text on the standard output as it comes.
#[derive(Default)]
pub(crate) struct Streaming {
    failed: Option<anyhow::Error>,
}

impl Streaming {
    /// Shows a piece; writing stops where nobody reads any more.
    pub(crate) fn show(&mut self, piece: &Piece) -> ControlFlow<()> {
        match out::text(piece.text) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// The error that ended the text, if there was one.
    pub(crate) fn finish(self) -> Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}

/// One line on how long it took.
pub(crate) fn stats_line(stats: &Stats) -> String {
    let speed = stats.tokens_per_second().map_or(String::new(), |speed| format!(", {speed:.1} tokens/s after it"));
    let reused = match stats.reused_tokens {
        0 => String::new(),
        reused => format!(" ({reused} remembered)"),
    };
    let memory = machine::peak_memory().map_or(String::new(), |bytes| format!(", peak memory {} MiB", bytes >> 20));
    format!(
        "{} tokens read{reused}, {} written in {:.2} s: first after {:.2} s{speed}{memory}",
        stats.prompt_tokens,
        stats.written_tokens,
        stats.total.as_secs_f64(),
        stats.first_token.as_secs_f64(),
    )
}
