//! The inputs of each step of a program: lines of JSON, also from standard input, or a folder of `.npz` files.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Lines};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use glassbox_ir::{Graph, Type};
use glassbox_runtime::Inserted;
use serde_json::Value;

use crate::standard_input::{self, DASH};
use crate::{arrays, values};

/// What there is for each step, in order; read when it is asked for.
pub(crate) enum Steps {
    /// A file, the number of the line that was read last, and how many there are.
    Lines {
        path: PathBuf,
        lines: Lines<Box<dyn BufRead>>,
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
    /// Opens a file or a folder; `-` is standard input.
    ///
    /// # Errors
    ///
    /// Where it can't be read, or the folder has no `.npz` file.
    pub(crate) fn open(path: &Path) -> Result<Steps> {
        let filled = |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| !line.trim().is_empty());
        let in_memory = |path: &Path, text: String| {
            let count = text.lines().filter(|line| !line.trim().is_empty()).count() as u64;
            let lines: Box<dyn BufRead> = Box::new(Cursor::new(text));
            Steps::Lines { path: path.to_owned(), lines: lines.lines(), number: 0, count }
        };
        if path.as_os_str() == DASH {
            return Ok(in_memory(Path::new("standard input"), standard_input::text("--input-steps")?));
        }
        let place = || format!("{}: the file can't be read", path.display());
        let kind = std::fs::metadata(path).with_context(place)?;
        if !kind.is_dir() && !kind.is_file() {
            // A pipe can't be read a second time, as counting its lines would need.
            return Ok(in_memory(path, std::fs::read_to_string(path).with_context(place)?));
        }
        if !kind.is_dir() {
            let open = || File::open(path).with_context(place).map(BufReader::new);
            let count = open()?.lines().take_while(Result::is_ok).filter(filled).count() as u64;
            let lines: Box<dyn BufRead> = Box::new(open()?);
            return Ok(Steps::Lines { path: path.to_owned(), lines: lines.lines(), number: 0, count });
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

/// A value as it is inserted; a flat list takes the declared dims.
fn inserted(value: &Value, declared: Option<&Type>) -> Result<Inserted> {
    // What isn't an input is refused where it is inserted.
    let given = values::given(value, declared)?;
    Ok(if given.flat { Inserted::list(&given.tensor)? } else { given.tensor.into() })
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
