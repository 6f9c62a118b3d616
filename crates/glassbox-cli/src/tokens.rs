//! The inputs of language models: tokens in rows, and how many of each row are there.

use anyhow::{Result, bail};
use glassbox_exec::Value;
use glassbox_ir::Graph;
use glassbox_runtime::RuntimeError;
use glassbox_tensor::{Tensor, TensorError};

/// The input of tokens, `i64[B, T]`.
pub(crate) const TOKENS: &str = "tokens";
/// The input that says how many of each row's tokens are there, `i64[B]`.
pub(crate) const LENGTHS: &str = "lengths";

/// Values for the inputs of a language model that reads these rows; zeros stand behind rows that are shorter than others.
pub(crate) fn inputs(graph: &Graph, rows: &[&[i64]]) -> Result<Vec<Value>> {
    check(graph, rows)?;
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let padded = rows.iter().flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0, longest - row.len())));
    let value = |label: &str| match label {
        TOKENS => Ok(Tensor::from_vec(&[rows.len(), longest], padded.clone().collect())?.into()),
        LENGTHS => Ok(Tensor::from_vec(&[rows.len()], rows.iter().map(|row| row.len() as i64).collect())?.into()),
        other => bail!("nothing is known of its input `{other}`; give all inputs with --input"),
    };
    graph.inputs().iter().map(|id| value(&graph.value_label(*id))).collect()
}

/// That the model has these tokens, and room for as many.
fn check(graph: &Graph, rows: &[&[i64]]) -> Result<()> {
    let logits = graph.outputs().first().and_then(|id| graph.value(*id).ty.as_tensor()?.dims()?.last()?.as_int());
    let known = |token: &i64| *token >= 0 && logits.is_none_or(|count| *token < count);
    if let Some(token) = rows.iter().copied().flatten().find(|token| !known(token)) {
        let which = logits.map_or(String::new(), |count| format!("; they are 0 to {}", count - 1));
        bail!("{token} is no token of the model{which}");
    }
    let tokens = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let room = graph.states().iter().filter_map(|state| state.capacity).min();
    match room.and_then(|room| usize::try_from(room).ok()) {
        Some(context) if tokens > context => Err(RuntimeError::TooLong { tokens, context }.into()),
        _ => Ok(()),
    }
}

/// The lengths of rows that have all of these tokens, `[B, T]`.
pub(crate) fn all_lengths(tokens: &Tensor) -> Result<Option<Value>, TensorError> {
    let [rows, length] = tokens.shape()[..] else { return Ok(None) };
    Ok(Some(Tensor::from_vec(&[rows], vec![length as i64; rows])?.into()))
}
