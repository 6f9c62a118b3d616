//! States in files: written whole or not at all, and read only by programs that have the same.

use std::path::Path;

use glassbox_exec::{Session, StateStore};
use glassbox_ir::Graph;
use glassbox_tensor::{DType, ParamSource, Tensor};
use glassbox_weights::{Metadata, MetadataValue, Output};

use super::error::{List, SimError};
use crate::error::RuntimeError;

/// The metadata that says of which program the states in a file are.
const PROGRAM: &str = "glassbox.states_of";

fn wrong(path: &Path, rule: String) -> RuntimeError {
    SimError::States { path: path.display().to_string(), rule }.into()
}

/// Writes every state to a file, `.safetensors` or `.oinf`.
pub(super) fn save(session: &dyn Session, path: &Path) -> Result<(), RuntimeError> {
    let Some(output) = Output::of(path) else {
        return Err(wrong(path, "states are written to files that end in .safetensors or .oinf".to_owned()));
    };
    let graph = session.graph();
    let mut tensors = Vec::new();
    for state in graph.states() {
        let held = session.states().read(&state.name)?;
        if held.dtype() == DType::String {
            let rule = format!("`{}` is text, {}, which no file of weights holds", state.name, state.ty);
            return Err(wrong(path, rule));
        }
        tensors.push((state.name.clone(), held));
    }
    let mut metadata = Metadata::default();
    metadata.set(PROGRAM, MetadataValue::String(graph.name.clone()));
    Ok(glassbox_weights::write_tensors(path, output, &tensors, metadata)?)
}

/// Gives every state the contents that a file has for it. After an error all are as they were.
pub(super) fn load(session: &mut dyn Session, path: &Path) -> Result<(), RuntimeError> {
    let package = glassbox_weights::open(path)?;
    let mut loaded = Vec::new();
    check_names(session.graph(), &package, path)?;
    for state in session.graph().states() {
        let tensor = package.load(&state.name)?;
        // The file may change later on.
        loaded.push((state.name.clone(), Tensor::from_bytes(tensor.dtype(), tensor.shape(), tensor.to_bytes()?)?));
    }
    set(session.states_mut(), loaded).map_err(|error| wrong(path, error.to_string()))
}

fn check_names(graph: &Graph, source: &dyn ParamSource, path: &Path) -> Result<(), RuntimeError> {
    let listed = |names: Vec<String>| List(&names).to_string();
    let missing = graph.states().iter().filter(|state| source.find(&state.name).is_none());
    let missing: Vec<String> = missing.map(|state| state.name.clone()).collect();
    if !missing.is_empty() {
        let there = listed(source.params().iter().map(|info| info.name.clone()).collect());
        let there = if there.is_empty() { "nothing".to_owned() } else { there };
        let rule = format!("it has {there}, but not {}, which the program keeps", List(&missing));
        return Err(wrong(path, rule));
    }
    let known = |name: &str| graph.states().iter().any(|state| state.name == name);
    let more = source.params().iter().filter(|info| !known(&info.name));
    let more: Vec<String> = more.map(|info| info.name.clone()).collect();
    if !more.is_empty() {
        let rule = format!("it has {}, which the program doesn't keep: it is of another program", List(&more));
        return Err(wrong(path, rule));
    }
    Ok(())
}

/// Gives states other contents: all of them or, after an error, none.
fn set(states: &mut dyn StateStore, contents: Vec<(String, Tensor)>) -> Result<(), RuntimeError> {
    let before = contents.iter().map(|(name, _)| Ok((name.clone(), states.read(name)?)));
    let before = before.collect::<Result<Vec<_>, RuntimeError>>()?;
    for (place, (name, tensor)) in contents.into_iter().enumerate() {
        let Err(error) = states.write(&name, tensor) else { continue };
        for (name, tensor) in before.into_iter().take(place) {
            states.write(&name, tensor)?;
        }
        return Err(error.into());
    }
    Ok(())
}
