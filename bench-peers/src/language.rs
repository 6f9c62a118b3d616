//! What an ONNX model takes that reads tokens, and what it remembers.

use anyhow::{Result, bail};

use crate::Input;
use crate::array::{Array, Data, Named};

/// The feeds of a model that reads tokens after a past, which is empty where there is none. Inputs of four dims are keys and
/// values.
pub(crate) fn token_feeds(inputs: &[Input], tokens: &[i64], past: &[(String, Array)]) -> Result<Named> {
    let count = tokens.len();
    let read = past.first().map_or(0, |(_, array)| array.shape[2]);
    let whole = |shape: Vec<usize>, numbers: Vec<i64>| Array { shape, data: Data::I64(numbers) };
    let mut feeds = Named::new();
    for (name, dims) in inputs {
        let array = match (name.as_str(), dims.as_slice()) {
            (_, [_, Some(heads), _, Some(size)]) => match past.iter().find(|(known, _)| known == name) {
                Some((_, array)) => array.clone(),
                None => Array { shape: vec![1, *heads, 0, *size], data: Data::F32(Vec::new()) },
            },
            ("input_ids", _) => whole(vec![1, count], tokens.to_vec()),
            ("attention_mask", _) => whole(vec![1, read + count], vec![1; read + count]),
            ("position_ids", _) => whole(vec![1, count], (read as i64..(read + count) as i64).collect()),
            _ => bail!("nothing is known of input {name} of a language model"),
        };
        feeds.push((name.clone(), array));
    }
    Ok(feeds)
}

/// What a model gave of keys and values, under the names by which it takes them.
pub(crate) fn past_of(inputs: &[Input], outputs: Named) -> Result<Named> {
    let caches: Vec<&String> = inputs.iter().filter(|(_, dims)| dims.len() == 4).map(|(name, _)| name).collect();
    if outputs.len() != caches.len() + 1 {
        bail!("it takes {} keys and values, and gives {} outputs", caches.len(), outputs.len());
    }
    let given = outputs.into_iter().skip(1).map(|(_, array)| array);
    Ok(caches.into_iter().cloned().zip(given).collect())
}

/// The logits after the last token.
pub(crate) fn last_row(logits: Array) -> Result<Array> {
    let (Data::F32(elements), Some(words)) = (&logits.data, logits.shape.last()) else { bail!("logits are floats") };
    let row = elements[elements.len().saturating_sub(*words)..].to_vec();
    Ok(Array { shape: vec![*words], data: Data::F32(row) })
}
