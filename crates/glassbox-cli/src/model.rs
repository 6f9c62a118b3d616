//! Opening models by name.

use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use glassbox_ir::{Graph, json, text};
use glassbox_onnx::{ImportOptions, Model};
use glassbox_reference::{Options, Session};
use glassbox_runtime::LoadOptions;

use crate::language;

/// The classifier of drawn shapes that comes with Glassbox.
const SHAPES: &[u8] = include_bytes!("../../../models/shapes/shapes.onnx");

/// A model that is open.
pub(crate) struct Opened {
    /// The graph.
    pub(crate) graph: Graph,
    /// What the model calls the outputs, in order: two may be the same value of the graph.
    pub(crate) outputs: Vec<String>,
    /// What the model declares that isn't so.
    pub(crate) notes: Vec<String>,
    /// What the ONNX file says of itself, where it is one.
    pub(crate) onnx: Option<Model>,
    /// The language model that the graph is a step of, where it is one.
    pub(crate) language: Option<glassbox_runtime::Model>,
}

/// Opens a model: a file, by its ending, or one that comes with Glassbox, by its name.
pub(crate) fn open(name: &str) -> Result<Opened> {
    let path = Path::new(name);
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("gb") => {
            let source = std::fs::read_to_string(path).with_context(|| format!("{name}: the file can't be read"))?;
            let graph = text::parse(&source, &text::ParseOptions::default()).with_context(|| name.to_owned())?;
            Ok(Opened::of(graph))
        }
        Some("json") => {
            let source = std::fs::read_to_string(path).with_context(|| format!("{name}: the file can't be read"))?;
            Ok(Opened::of(json::from_str(&source).with_context(|| name.to_owned())?))
        }
        Some("onnx") => import(glassbox_onnx::load(path)?).with_context(|| name.to_owned()),
        None if name == "shapes" && !path.exists() => import(glassbox_onnx::parse(Bytes::from_static(SHAPES), None)?),
        _ if path.is_file() && !glassbox_weights::recognised(path) => {
            import(glassbox_onnx::load(path)?).with_context(|| name.to_owned())
        }
        _ => checkpoint(language::open_named(name, LoadOptions::default())?),
    }
}

/// The graph of one step of a language model.
fn checkpoint(model: glassbox_runtime::Model) -> Result<Opened> {
    let graph = model.graph().with_context(|| model.name().to_owned())?;
    Ok(Opened { language: Some(model), ..Opened::of(graph) })
}

fn import(model: Model) -> Result<Opened> {
    let import = glassbox_onnx::import(&model, &ImportOptions::default())?;
    Ok(Opened { graph: import.graph, outputs: import.outputs, notes: import.notes, onnx: Some(model), language: None })
}

impl Opened {
    fn of(graph: Graph) -> Opened {
        let outputs = graph.outputs().iter().map(|id| graph.value_label(*id)).collect();
        Opened { graph, outputs, notes: Vec::new(), onnx: None, language: None }
    }

    /// A session that runs the graph.
    pub(crate) fn session(&self, options: Options) -> Result<Session> {
        let session = Session::new(self.graph.clone(), options)?;
        Ok(match &self.language {
            Some(model) => session.with_params(model.params())?,
            None => session,
        })
    }

    /// The labels of the classes that the model tells apart, where it says them.
    pub(crate) fn labels(&self) -> Option<Vec<String>> {
        let labels = self.graph.metadata.iter().find(|(key, _)| key == "glassbox.labels")?;
        serde_json::from_str(&labels.1).ok()
    }
}
