//! A map given to a model that takes one: a file or JSON with its keys and values, for the two inputs that stand for it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_ir::Graph;
use glassbox_onnx::maps::{MapInput, parts};
use glassbox_tensor::Tensor;

use super::source::{STANDARD_INPUT, Source};
use crate::standard_input::{self, DASH};
use crate::values as json_values;

/// The keys and the values of the map that a text names: a file (`.pb`, `.json`) or standard input.
pub(super) fn read(graph: &Graph, map: &MapInput, text: &str) -> Result<[Source; 2]> {
    let dtype = |input: &str| {
        let found = graph.inputs().iter().find(|id| graph.value_label(**id) == input);
        found.map(|id| graph.value(*id).ty.dtype()).with_context(|| format!("no input is called `{input}`"))
    };
    let (keys, values) = (dtype(&map.keys)?, dtype(&map.values)?);
    let of_json = |bytes: &[u8], place: &str| -> Result<[Tensor; 2]> {
        let value = serde_json::from_slice(bytes).with_context(|| format!("{place}: it is no map in JSON"))?;
        json_values::map(&value, keys, values).with_context(|| place.to_owned())
    };
    let ending = Path::new(text).extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
    let pair = match ending.as_str() {
        _ if text == DASH => of_json(&standard_input::bytes(&format!("--input {}=-", map.name))?, STANDARD_INPUT)?,
        "json" => {
            let file = std::fs::read(text).with_context(|| format!("{text}: the file can't be read"))?;
            of_json(&file, text)?
        }
        "pb" => {
            let data = glassbox_onnx::read_map_pb(Path::new(text))?;
            parts(data, values).with_context(|| text.to_owned())?
        }
        _ => bail!(
            "{text:?} is neither a map in a file (.json, .pb) nor `-` for standard input; or give its parts, `{}` and `{}`",
            map.keys,
            map.values
        ),
    };
    if pair[0].dtype() != keys {
        bail!("{text}: its keys are {}, and those of the map are {keys}", pair[0].dtype());
    }
    Ok(pair.map(Source::Array))
}
