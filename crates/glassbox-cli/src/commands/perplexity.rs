//! `glassbox perplexity`: how well a language model expects a text.

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_exec::RunContext;
use serde_json::json;

use crate::args::Perplexity;
use crate::standard_input::{self, DASH};
use crate::{language, out, progress, tokens};

/// The most tokens that a window has where none is asked for: it decides the memory for logits.
const WINDOW: usize = 512;

/// Reads the text in windows that don't overlap, each from an empty memory, and takes the mean of -log p over
/// every token but the first of each window.
pub(crate) fn main(arguments: &Perplexity, quiet: bool) -> Result<bool> {
    let (name, text) = text(&arguments.file)?;
    let model = language::open(&arguments.model)?;
    let tokenizer = model.tokenizer().with_context(|| format!("{}: it has no tokenizer", model.name()))?;
    let read = tokenizer.encode(&text)?;
    let mut session = model.forward(arguments.model.runtime()?.as_ref(), &glassbox_backends::options())?;
    let capacity = session.graph().states().iter().filter_map(|state| state.capacity).min();
    let context = capacity.map_or(WINDOW, |capacity| usize::try_from(capacity).unwrap_or(WINDOW));
    let window = arguments.window.unwrap_or(context.min(WINDOW));
    if window < 2 || window > context {
        bail!("--window {window}: it must be in 2..={context}, the context of the model");
    }
    if read.len() < 2 {
        bail!("{name}: a text of {} tokens has nothing to expect", read.len());
    }
    let windows = read.chunks(window).filter(|chunk| chunk.len() > 1);
    let bar = progress::bar(windows.clone().count(), quiet);
    let (mut sum, mut count) = (0.0, 0usize);
    for chunk in windows {
        session.states_mut().reset()?;
        let ids: Vec<i64> = chunk.iter().map(|token| i64::from(*token)).collect();
        let outputs = session.run(&tokens::inputs(session.graph(), &[&ids])?, RunContext::new())?;
        let logits = outputs.first().and_then(|value| value.as_tensor()).context("the model gave no logits")?;
        let vocabulary = logits.shape().last().copied().unwrap_or(1);
        let logits = logits.load::<f64>()?;
        for (row, next) in logits.chunks_exact(vocabulary).zip(&chunk[1..]) {
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let norm = most + row.iter().map(|logit| (logit - most).exp()).sum::<f64>().ln();
            let logit = row.get(*next as usize).with_context(|| format!("token {next} has no logit"))?;
            sum += norm - logit;
            count += 1;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mean = sum / count as f64;
    if arguments.json {
        let document = json!({ "perplexity": mean.exp(), "nats_per_token": mean, "tokens": count, "window": window });
        say!("{}", serde_json::to_string_pretty(&document)?)?;
    } else {
        let told = format!(
            "perplexity {:.4} ({mean:.5} nats a token over {count} tokens, in windows of {window})",
            mean.exp()
        );
        out::paragraph(&told, 2)?;
    }
    Ok(true)
}

/// The text of a file, and what messages call it; `-` is standard input.
fn text(file: &Path) -> Result<(String, String)> {
    if file.as_os_str() == DASH {
        return Ok(("standard input".to_owned(), standard_input::text("the text")?));
    }
    let name = file.display().to_string();
    let bytes = std::fs::read(file).with_context(|| format!("{name}: the file can't be read"))?;
    let text = String::from_utf8(bytes)
        .map_err(|error| anyhow::anyhow!("{name}: no UTF-8 at byte {}", error.utf8_error().valid_up_to()))?;
    Ok((name, text))
}
