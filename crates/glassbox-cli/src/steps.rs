//! The inputs of each step of a program: lines of JSON, or a folder of `.npz` files.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use glassbox_ir::{Graph, Type};
use glassbox_runtime::Inserted;
use glassbox_tensor::{DType, Overflow, Tensor};
use serde_json::Value;

use crate::arrays;

/// What there is for each step, in order; read when it is asked for.
pub(crate) enum Steps {
    /// A file, the number of the line that was read last, and how many there are.
    Lines {
        path: PathBuf,
        lines: Lines<BufReader<File>>,
        number: usize,
        count: u64,
    },
    Files {
        files: std::vec::IntoIter<PathBuf>,
        count: u64,
    },
}

/// The inputs of one step, and where they are from.
pub(crate) struct Set {
    pub(crate) place: String,
    pub(crate) values: Vec<(String, Inserted)>,
}

impl Steps {
    /// Opens a file or a folder.
    pub(crate) fn open(path: &Path) -> Result<Steps> {
        let place = || path.display().to_string();
        if !path.is_dir() {
            let open = || File::open(path).with_context(place).map(BufReader::new);
            let filled = |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| !line.trim().is_empty());
            let count = open()?.lines().take_while(Result::is_ok).filter(filled).count() as u64;
            return Ok(Steps::Lines { path: path.to_owned(), lines: open()?.lines(), number: 0, count });
        }
        let entries = std::fs::read_dir(path).with_context(place)?;
        let mut files = Vec::new();
        for entry in entries {
            let file = entry.with_context(place)?.path();
            if file.extension().is_some_and(|ending| ending == "npz") {
                files.push(file);
            }
        }
        if files.is_empty() {
            bail!("{}: there is no .npz file in the folder", path.display());
        }
        files.sort();
        Ok(Steps::Files { count: files.len() as u64, files: files.into_iter() })
    }

    /// How many steps there are inputs for.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Steps::Lines { count, .. } | Steps::Files { count, .. } => *count,
        }
    }

    /// The inputs of the next step.
    pub(crate) fn next(&mut self, graph: &Graph) -> Result<Option<Set>> {
        match self {
            Steps::Files { files, .. } => {
                let Some(file) = files.next() else { return Ok(None) };
                let arrays = arrays::read_npz(&file)?;
                let values = arrays.into_iter().map(|(name, tensor)| (name, tensor.into())).collect();
                Ok(Some(Set { place: file.display().to_string(), values }))
            }
            Steps::Lines { path, lines, number, .. } => loop {
                *number += 1;
                let place = format!("{}:{number}", path.display());
                let Some(line) = lines.next().transpose().with_context(|| place.clone())? else { return Ok(None) };
                if !line.trim().is_empty() {
                    let values = set(graph, &line).with_context(|| place.clone())?;
                    return Ok(Some(Set { place, values }));
                }
            },
        }
    }
}

/// The values of a line.
fn set(graph: &Graph, line: &str) -> Result<Vec<(String, Inserted)>> {
    let value: Value = serde_json::from_str(line)?;
    let Value::Object(values) = value else { bail!("a line is an object: {{\"name\": value, …}}") };
    let one = |(name, value): (String, Value)| {
        let input = graph.inputs().iter().find(|id| graph.value_label(**id) == name);
        let declared = input.map(|id| &graph.value(*id).ty);
        let inserted = inserted(&value, declared).with_context(|| format!("input `{name}`"))?;
        Ok((name, inserted))
    };
    values.into_iter().map(one).collect()
}

/// A value: a number, text or truth value, a list of them, which takes the declared dims, lists in lists, whose dims are
/// their own, or `{"dtype": …, "shape": …, "values": …}`, as `--json` prints.
fn inserted(value: &Value, declared: Option<&Type>) -> Result<Inserted> {
    if let Value::Object(fields) = value {
        let dtype = fields.get("dtype").and_then(Value::as_str).context("an object has a `dtype`")?.parse::<DType>()?;
        let shape = fields.get("shape").and_then(Value::as_array).context("an object has a `shape`")?;
        let size = |size: &Value| size.as_u64().and_then(|size| usize::try_from(size).ok());
        let shape: Option<Vec<usize>> = shape.iter().map(size).collect();
        let shape = shape.context("a shape is a list of sizes")?;
        let values = fields.get("values").and_then(Value::as_array).context("an object has `values`")?;
        let elements = tensor(dtype, &values.iter().collect::<Vec<_>>())?;
        return Ok(elements.reshape(&shape)?.into());
    }
    let mut dims = Vec::new();
    let mut elements = vec![value];
    while elements.first().is_some_and(|element| element.is_array()) {
        let lists: Option<Vec<&Vec<Value>>> = elements.iter().map(|element| element.as_array()).collect();
        let lists = lists.context("lists stand beside what is no list")?;
        let length = lists.first().map_or(0, |list| list.len());
        if lists.iter().any(|list| list.len() != length) {
            bail!("lists beside each other have different lengths");
        }
        dims.push(length);
        elements = lists.into_iter().flatten().collect();
    }
    if dims.len() > 1 && dims.contains(&0) {
        bail!("an empty list in a list doesn't tell its dims; give `dtype`, `shape` and `values`");
    }
    // What isn't an input is refused where it is inserted.
    let elements = tensor(declared.map_or(DType::F64, Type::dtype), &elements)?;
    match dims.as_slice() {
        [] => Ok(elements.reshape(&[])?.into()),
        [_] => Ok(Inserted::list(&elements)?),
        dims => Ok(elements.reshape(dims)?.into()),
    }
}

/// A vector of elements, each rounded once where the dtype is one of floats.
fn tensor(dtype: DType, elements: &[&Value]) -> Result<Tensor> {
    let wrong = |element: &Value| format!("{element} is no {dtype}");
    let count = [elements.len()];
    match dtype {
        DType::String => {
            let texts = elements.iter().map(|text| text.as_str().map(str::to_owned).with_context(|| wrong(text)));
            Ok(Tensor::from_strings(&count, texts.collect::<Result<_>>()?)?)
        }
        DType::Bool => {
            let values = elements.iter().map(|value| value.as_bool().with_context(|| wrong(value)));
            Ok(Tensor::from_vec(&count, values.collect::<Result<Vec<bool>>>()?)?)
        }
        DType::F64 => Ok(Tensor::from_vec(&count, floats::<f64>(elements, dtype)?)?),
        dtype if dtype.is_float() => {
            Ok(Tensor::store(dtype, &count, floats::<f32>(elements, dtype)?, Overflow::Saturate)?)
        }
        dtype if dtype.is_unsigned_integer() => {
            let values = elements.iter().map(|value| value.as_u64().with_context(|| wrong(value)));
            let values = values.collect::<Result<Vec<u64>>>()?;
            let stored = Tensor::store(dtype, &count, values.clone(), Overflow::Saturate)?;
            let lost = stored.load::<u64>()?.iter().zip(&values).position(|(stored, value)| stored != value);
            lost.map_or(Ok(stored), |place| bail!(wrong(elements[place])))
        }
        dtype if dtype.is_integer() => {
            let values = elements.iter().map(|value| value.as_i64().with_context(|| wrong(value)));
            let values = values.collect::<Result<Vec<i64>>>()?;
            let stored = Tensor::store(dtype, &count, values.clone(), Overflow::Saturate)?;
            let lost = stored.load::<i64>()?.iter().zip(&values).position(|(stored, value)| stored != value);
            lost.map_or(Ok(stored), |place| bail!(wrong(elements[place])))
        }
        _ => bail!("values of {dtype} can't be given as JSON"),
    }
}

/// Numbers; `"nan"`, `"inf"` and `"-inf"` stand for those that JSON doesn't have. They are read as decimals, so that
/// they are rounded once.
fn floats<T: std::str::FromStr>(elements: &[&Value], dtype: DType) -> Result<Vec<T>> {
    let one = |element: &&Value| {
        let text = match element {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) if ["nan", "inf", "-inf"].contains(&text.to_lowercase().as_str()) => Some(text.clone()),
            _ => None,
        };
        text.and_then(|text| text.parse().ok()).with_context(|| format!("{element} is no {dtype}"))
    };
    elements.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"graph "g" {
  input %x: f32[B, 2]
  input %n: i8[]
  input %h: f16[2, 1]
  output
}"#;

    fn values(line: &str) -> Result<Vec<(String, Inserted)>> {
        let graph = glassbox_ir::text::parse(TEXT, &Default::default()).unwrap();
        set(&graph, line)
    }

    #[test]
    fn lines_hold_values_by_name() {
        let line = r#"{"x": [1, 2.5, "nan", "-inf"], "n": -3, "h": [[0.1], [1e9]]}"#;
        let shown: Vec<String> = values(line).unwrap().iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(shown, ["x", "n", "h"]);
        assert!(values(r#"{"x": {"dtype": "f32", "shape": [1, 2], "values": [1.0, "NaN"]}}"#).is_ok());
        assert!(values("{}").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_value_is_named() {
        for (line, message) in [
            ("[1]", "a line is an object"),
            (r#"{"n": 300}"#, "300 is no i8"),
            (r#"{"n": 1.5}"#, "1.5 is no i8"),
            (r#"{"x": ["one"]}"#, "\"one\" is no f32"),
            (r#"{"x": [[1, 2], [3]]}"#, "different lengths"),
            (r#"{"x": [[1], 2]}"#, "lists stand beside what is no list"),
            (r#"{"x": [[], []]}"#, "an empty list in a list"),
            (r#"{"x": {"dtype": "f33", "shape": [], "values": [1]}}"#, "f33"),
            (r#"{"x": {"dtype": "f32", "shape": [2], "values": [1]}}"#, "[2]"),
        ] {
            let error = format!("{:#}", values(line).unwrap_err());
            assert!(error.contains(message), "{line}: {error}");
        }
    }
}
