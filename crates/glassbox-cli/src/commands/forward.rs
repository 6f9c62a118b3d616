//! `glassbox forward`: the logits of a text or of tokens.

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_exec::{Options, Precision, RunContext};
use glassbox_runtime::Model;
use glassbox_tensor::{Overflow, Tensor};
use serde_json::json;

use crate::args::Forward;
use crate::view::NAME;
use crate::{arrays, language, out, progress};

/// Computes the logits, and shows the most probable next tokens.
pub(crate) fn main(arguments: &Forward, quiet: bool) -> Result<bool> {
    let model = language::open(&arguments.model)?;
    let tokens = tokens(arguments, &model)?;
    let precision = if arguments.precise { Precision::Precise } else { Precision::Declared };
    let options = Options { precision, ..glassbox_backends::options() };
    let mut session = model.forward(arguments.model.runtime()?.as_ref(), &options)?;
    let spinner = progress::spinner("computing", quiet);
    let outputs = session.run(&[Tensor::from_vec(&[1, tokens.len()], tokens.clone())?.into()], RunContext::new())?;
    spinner.finish_and_clear();
    let logits = outputs.first().and_then(|value| value.as_tensor()).context("the model gave no logits")?;
    let logits = logits.squeeze_axis(0)?;
    if let Some(path) = &arguments.output {
        arrays::write_npy(path, &logits)?;
    }
    let last = logits.slice_axis(0, tokens.len() - 1, 1, 1)?.cast(glassbox_tensor::DType::F64, Overflow::Wrap)?;
    let last = last.to_vec::<f64>()?;
    let most = last.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let norm = most + last.iter().map(|logit| (logit - most).exp()).sum::<f64>().ln();
    let mut order: Vec<usize> = (0..last.len()).collect();
    order.sort_by(|a, b| last[*b].total_cmp(&last[*a]).then(a.cmp(b)));
    let name = |token: usize| model.tokenizer().and_then(|tokenizer| tokenizer.token(token as u32));
    let best = order.into_iter().take(arguments.top);
    if arguments.json {
        let row = |token: usize| json!({ "token": token, "text": name(token), "logit": last[token], "logprob": last[token] - norm });
        let document = json!({ "tokens": tokens, "next": best.map(row).collect::<Vec<_>>() });
        say!("{}", serde_json::to_string_pretty(&document)?)?;
        return Ok(true);
    }
    out::paragraph(
        &format!("logits of {} tokens: {:?}; the most probable next ones", tokens.len(), logits.shape()),
        2,
    )?;
    for token in best {
        let (share, logit) = ((last[token] - norm).exp() * 100.0, last[token]);
        let text = name(token).map_or(String::new(), |text| format!("{text:?}"));
        say!("{share:8.3} %  {logit:10.5}  {token:>7}  {NAME}{text}{NAME:#}")?;
    }
    Ok(true)
}

fn tokens(arguments: &Forward, model: &Model) -> Result<Vec<i64>> {
    let tokens: Vec<i64> = match (&arguments.text, &arguments.tokens) {
        (Some(text), _) => {
            let tokenizer = model.tokenizer().with_context(|| format!("{}: it has no tokenizer", model.name()))?;
            tokenizer.encode(&super::generate::text(text)?)?.into_iter().map(i64::from).collect()
        }
        (None, Some(file)) if file.ends_with(".npy") => {
            let array = arrays::read_npy(Path::new(file))?;
            if !array.dtype().is_integer() {
                bail!("{file}: it holds {}, and tokens are integers", array.dtype());
            }
            array.cast(glassbox_tensor::DType::I64, Overflow::Wrap)?.to_vec()?
        }
        (None, Some(list)) => {
            let parse = |token: &str| token.trim().parse().with_context(|| format!("--tokens: {token:?} is no number"));
            list.split(',').map(parse).collect::<Result<_>>()?
        }
        (None, None) => Vec::new(),
    };
    if tokens.is_empty() {
        bail!("there are no tokens");
    }
    Ok(tokens)
}
