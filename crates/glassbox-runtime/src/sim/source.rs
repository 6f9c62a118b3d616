//! Programs in files: which ending means what.

use std::path::Path;

use glassbox_dsl::{Lower, Program};
use glassbox_ir::text;

use crate::error::RuntimeError;
use crate::model::{read_graph, read_text};

/// The program in a file: a graph as text (`.gb`) or JSON (`.json`), or a program in block form (`.gbp`).
///
/// # Errors
///
/// Where the file can't be read, ends in none of these, or is no program.
///
/// ```
/// use glassbox_runtime::{Device, ModelPackage, Simulator, read_program};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("neg.gbp");
/// std::fs::write(&path, "dynamic { x: f32; } block entry { assign y: f32; op neg(x) >> y; }")?;
/// let program = read_program(&path)?;
/// assert!(Simulator::new(&ModelPackage::empty(), program.as_ref(), Device::Reference).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_program(path: impl AsRef<Path>) -> Result<Box<dyn Lower>, RuntimeError> {
    let path = path.as_ref();
    match ending(path) {
        "gb" | "json" => Ok(Box::new(read_graph(path)?)),
        "gbp" => Ok(Box::new(Program::parse(&path.display().to_string(), &read_text(path)?)?)),
        _ => Err(unknown(path, "a program is in a file that ends in .gb, .json or .gbp")),
    }
}

/// The text of a program as it is to be, with its comments: of a graph as text (`.gb`), or of a program in block form (`.gbp`).
///
/// # Errors
///
/// Where the file can't be read, ends in none of these, or is no program.
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

/// The text of a program that is in no file, as it is to be; messages call it `name`. A graph as text begins with the word
/// `graph` and its name in quotes; whatever else is a program in block form.
///
/// # Errors
///
/// Where it is no program, with the line.
///
/// ```
/// let text = glassbox_runtime::format_text("example", "graph \"g\" { input %x: f32[2] output %x }")?;
/// assert_eq!(text, "graph \"g\" {\n  input %x: f32[2]\n  output %x\n}\n");
/// # Ok::<(), glassbox_runtime::RuntimeError>(())
/// ```
pub fn format_text(name: &str, source: &str) -> Result<String, RuntimeError> {
    let mut lines = source.lines().map(str::trim_start);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with("//")).unwrap_or_default();
    let quoted = first.strip_prefix("graph").is_some_and(|rest| rest.trim_start().starts_with('"'));
    if quoted {
        text::format(source).map_err(|error| RuntimeError::graph(name, error))
    } else {
        Ok(glassbox_dsl::format(name, source)?)
    }
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

fn unknown(path: &Path, rule: &str) -> RuntimeError {
    RuntimeError::Setting(format!("{}: {rule}", path.display()))
}
