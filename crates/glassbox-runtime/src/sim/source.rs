//! Programs in files: which ending means what.

use std::path::Path;

use glassbox_dsl::{Lower, Program};
use glassbox_ir::text;

use crate::error::RuntimeError;
use crate::model::{read_graph, read_text};

/// The program in a file: a graph as text (`.gb`) or JSON (`.json`), or a program in block form (`.gbp`).
pub fn read_program(path: impl AsRef<Path>) -> Result<Box<dyn Lower>, RuntimeError> {
    let path = path.as_ref();
    match ending(path) {
        "gb" | "json" => Ok(Box::new(read_graph(path)?)),
        "gbp" => Ok(Box::new(Program::parse(&path.display().to_string(), &read_text(path)?)?)),
        _ => Err(unknown(path, "a program is in a file that ends in .gb, .json or .gbp")),
    }
}

/// The text of a program as it is to be, with its comments: of a graph as text (`.gb`), or of a program in block form (`.gbp`).
pub fn format_program(path: impl AsRef<Path>) -> Result<String, RuntimeError> {
    let path = path.as_ref();
    match ending(path) {
        "gb" => {
            text::format(&read_text(path)?).map_err(|error| RuntimeError::graph(&path.display().to_string(), error))
        }
        "gbp" => Ok(glassbox_dsl::format(&path.display().to_string(), &read_text(path)?)?),
        _ => Err(unknown(path, "what can be formatted are graphs as text (.gb) and programs in block form (.gbp)")),
    }
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

fn unknown(path: &Path, rule: &str) -> RuntimeError {
    RuntimeError::Setting(format!("{}: {rule}", path.display()))
}
