//! `glassbox forward`: the logits of a text or of tokens.

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_exec::{Options, Precision, RunContext, rows};
use glassbox_runtime::Model;
use glassbox_tensor::{Overflow, Tensor};
use serde_json::json;

use crate::args::Forward;
use crate::view::NAME;
use crate::{arrays, language, out, progress, tokens};

/// Computes the logits, and shows the most probable next tokens of each row.
pub(crate) fn main(arguments: &Forward, quiet: bool) -> Result<bool> {
    let model = language::open(&arguments.model)?;
    let read = read(arguments, &model)?;
    let precision = if arguments.precise { Precision::Precise } else { Precision::Declared };
    let options = Options { precision, ..glassbox_backends::options() };
    let mut session = model.forward(arguments.model.runtime()?.as_ref(), &options)?;
    let spinner = progress::spinner("computing", quiet);
    if read.len() > 1 {
        rows::begin(session.as_mut(), read.len())?;
    }
    let inputs = tokens::inputs(session.graph(), &read.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    let outputs = session.run(&inputs, RunContext::new())?;
    spinner.finish_and_clear();
    let logits = outputs.first().and_then(|value| value.as_tensor()).context("the model gave no logits")?;
    if let Some(path) = &arguments.output {
        arrays::write_npy(path, &if read.len() == 1 { logits.squeeze_axis(0)? } else { logits.clone() })?;
    }
    let mut documents = Vec::new();
    for (row, tokens) in read.iter().enumerate() {
        let logits = logits.slice_axis(0, row, 1, 1)?.squeeze_axis(0)?.slice_axis(0, 0, tokens.len(), 1)?;
        let next = Next::after(&logits, arguments.top)?;
        if arguments.json {
            documents.push(json!({ "tokens": tokens, "next": next.json(&model) }));
            continue;
        }
        let shape = logits.shape();
        let what = format!("logits of {} tokens: {shape:?}; the most probable next ones", tokens.len());
        out::paragraph(&what, 2)?;
        next.show(&model)?;
    }
    if let [document] = &documents[..] {
        say!("{}", serde_json::to_string_pretty(document)?)?;
    } else if arguments.json {
        say!("{}", serde_json::to_string_pretty(&documents)?)?;
    }
    Ok(true)
}

/// The most probable next tokens of a row.
struct Next {
    /// The logits after its last token.
    logits: Vec<f64>,
    /// The logarithm of the sum of their exponentials.
    norm: f64,
    /// The tokens, the most probable first.
    best: Vec<usize>,
}

impl Next {
    fn after(logits: &Tensor, top: usize) -> Result<Next> {
        let length = logits.shape()[0];
        let last = logits.slice_axis(0, length - 1, 1, 1)?.cast(glassbox_tensor::DType::F64, Overflow::Wrap)?;
        let logits = last.to_vec::<f64>()?;
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let norm = most + logits.iter().map(|logit| (logit - most).exp()).sum::<f64>().ln();
        let mut best: Vec<usize> = (0..logits.len()).collect();
        best.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
        best.truncate(top);
        Ok(Next { logits, norm, best })
    }

    fn json(&self, model: &Model) -> Vec<serde_json::Value> {
        let one = |token: usize| {
            let (text, logit) = (name(model, token), self.logits[token]);
            json!({ "token": token, "text": text, "logit": logit, "logprob": logit - self.norm })
        };
        self.best.iter().copied().map(one).collect()
    }

    fn show(&self, model: &Model) -> Result<()> {
        for token in self.best.iter().copied() {
            let (share, logit) = ((self.logits[token] - self.norm).exp() * 100.0, self.logits[token]);
            let text = name(model, token).map_or(String::new(), |text| format!("{text:?}"));
            say!("{share:8.3} %  {logit:10.5}  {token:>7}  {NAME}{text}{NAME:#}")?;
        }
        Ok(())
    }
}

/// A token as the vocabulary has it.
fn name(model: &Model, token: usize) -> Option<String> {
    model.tokenizer().and_then(|tokenizer| tokenizer.token(token as u32))
}

/// The rows of tokens: one for each text, or one.
fn read(arguments: &Forward, model: &Model) -> Result<Vec<Vec<i64>>> {
    let rows: Vec<Vec<i64>> = match (&arguments.text[..], &arguments.tokens) {
        (texts @ [_, ..], _) => {
            let tokenizer = model.tokenizer().with_context(|| format!("{}: it has no tokenizer", model.name()))?;
            let encode = |text: &String| -> Result<Vec<i64>> {
                Ok(tokenizer.encode(&super::generate::text(text)?)?.into_iter().map(i64::from).collect())
            };
            texts.iter().map(encode).collect::<Result<_>>()?
        }
        ([], Some(file)) if file.ends_with(".npy") => {
            let array = arrays::read_npy(Path::new(file))?;
            if !array.dtype().is_integer() {
                bail!("{file}: it holds {}, and tokens are integers", array.dtype());
            }
            vec![array.cast(glassbox_tensor::DType::I64, Overflow::Wrap)?.to_vec()?]
        }
        ([], Some(list)) => {
            let parse = |token: &str| token.trim().parse().with_context(|| format!("--tokens: {token:?} is no number"));
            vec![list.split(',').map(parse).collect::<Result<_>>()?]
        }
        ([], None) => Vec::new(),
    };
    if rows.is_empty() || rows.iter().any(Vec::is_empty) {
        bail!("there are no tokens");
    }
    Ok(rows)
}
