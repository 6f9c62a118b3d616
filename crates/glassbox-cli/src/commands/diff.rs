//! `glassbox diff`: in what two models differ as they are. Nothing is run.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use glassbox_check::difference::{self, Difference};
use glassbox_check::skeleton::{self, Skeleton};
use glassbox_check::view::TextOptions;
use glassbox_onnx::Model as OnnxModel;
use glassbox_runtime::{LoadOptions, Model};
use glassbox_tensor::ParamSource;
use glassbox_weights::Package;

use crate::args::Diff;
use crate::{model, out, progress, view};

/// The columns of what is no terminal.
const USUAL: usize = 80;

/// Compares the models and tells what was found. Whether they are the same.
pub(crate) fn main(arguments: &Diff, quiet: bool) -> Result<bool> {
    let spinner = progress::spinner("comparing", quiet);
    let found = compare(&arguments.ours, &arguments.theirs);
    spinner.finish_and_clear();
    let found = found?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&difference::json(&found))?)?;
    } else {
        let width = view::columns().unwrap_or(USUAL);
        let options = TextOptions { width, top: arguments.top, all: arguments.all, color: true };
        out::styled(&difference::text(&found, &options))?;
    }
    Ok(found.is_same())
}

fn compare(ours: &str, theirs: &str) -> Result<Difference> {
    let (one, other) = (Side::open(ours)?, Side::open(theirs)?);
    // A file that can't be imported is compared as it is written, and so is the one that it is held against.
    let as_files = one.is_closed() || other.is_closed();
    let (left, right) = (one.skeleton(as_files)?, other.skeleton(as_files)?);
    let mut found = difference::between(&left, &right)?;
    found.ours = ours.to_owned();
    found.theirs = theirs.to_owned();
    found.notes = difference::notes(&one.facts(), &other.facts());
    found.weights_only = [(&one, ours), (&other, theirs)].into_iter().find_map(|(side, name)| match side {
        Side::Weights { why, .. } => Some(format!("only weights are compared: {}", because(name, why))),
        _ => None,
    });
    Ok(found)
}

/// Why there is no graph; the reason may name the file itself.
fn because(name: &str, why: &str) -> String {
    if why.starts_with(name) { why.to_owned() } else { format!("{name} has no graph ({why})") }
}

/// A model as it can be opened.
enum Side {
    /// One with a graph of ours.
    Graph(Box<Model>),
    /// An ONNX file that can't be imported.
    File(Box<OnnxModel>),
    /// Weights of which no graph is known, and why.
    Weights { package: Arc<Package>, why: String },
}

impl Side {
    fn open(name: &str) -> Result<Side> {
        let failed = match model::open(name, LoadOptions::default()) {
            Ok(model) => match model.graph() {
                Ok(_) => return Ok(Side::Graph(Box::new(model))),
                Err(error) => error.into(),
            },
            Err(error) => error,
        };
        let path = Path::new(name);
        let ending = path.extension().and_then(|ending| ending.to_str()).filter(|_| path.is_file());
        if !path.exists() || matches!(ending, Some("gb" | "json")) {
            return Err(failed);
        }
        let package = if ending == Some("onnx") { None } else { glassbox_weights::open(path).ok() };
        match package {
            Some(package) => Ok(Side::Weights { package: Arc::new(package), why: format!("{failed:#}") }),
            None if path.is_file() => match glassbox_onnx::load(path) {
                Ok(file) => Ok(Side::File(Box::new(file))),
                Err(_) => Err(failed),
            },
            None => Err(failed),
        }
    }

    /// Whether it is an ONNX file that can't be imported.
    fn is_closed(&self) -> bool {
        matches!(self, Side::File(_))
    }

    fn skeleton(&self, as_file: bool) -> Result<Skeleton> {
        Ok(match self {
            Side::Graph(model) => match model.onnx() {
                Some(file) if as_file => skeleton::with_functions(file),
                file => {
                    let mut skeleton = skeleton::of_graph(model.graph()?, &model.params(), model.outputs(), file);
                    if model.weights().is_some() {
                        skeleton.add_weights(&model.params());
                    }
                    skeleton
                }
            },
            Side::File(file) => skeleton::with_functions(file),
            Side::Weights { package, .. } => {
                let params: Arc<dyn ParamSource> = package.clone();
                skeleton::of_weights(&params)
            }
        })
    }

    /// What the file says beside the model.
    fn facts(&self) -> Vec<(String, String)> {
        match self {
            Side::File(file) => facts_of_onnx(file),
            Side::Weights { package, .. } => facts_of_package(package),
            Side::Graph(model) => {
                if let Some(file) = model.onnx() {
                    return facts_of_onnx(file);
                }
                let mut facts = model.weights().map(facts_of_package).unwrap_or_default();
                if model.package().is_none()
                    && let Ok(graph) = model.graph()
                {
                    facts.push(("graph".to_owned(), graph.name.clone()));
                    facts.extend(graph.metadata.iter().cloned());
                }
                facts
            }
        }
    }
}

fn facts_of_onnx(file: &OnnxModel) -> Vec<(String, String)> {
    let mut facts = vec![
        ("producer".to_owned(), format!("{} {}", file.producer_name, file.producer_version).trim().to_owned()),
        ("IR version".to_owned(), file.ir_version.to_string()),
    ];
    for (domain, version) in &file.opsets {
        let domain = if domain.is_empty() { "ai.onnx" } else { domain };
        facts.push((format!("opset of {domain}"), version.to_string()));
    }
    facts.push(("domain".to_owned(), file.domain.clone()));
    facts.push(("model version".to_owned(), file.model_version.to_string()));
    facts.push(("graph".to_owned(), file.graph.name.clone()));
    facts.extend(file.metadata.iter().cloned());
    facts
}

fn facts_of_package(package: &Package) -> Vec<(String, String)> {
    let mut facts = vec![("format".to_owned(), package.format().to_string())];
    facts.extend(package.metadata().iter().map(|(key, value)| (key.to_owned(), value.to_string())));
    for blob in package.blobs() {
        let about = match package.blob(blob) {
            Ok(bytes) => format!("{} bytes, blake3 {}", bytes.len(), &blake3::hash(&bytes).to_hex()[..8]),
            Err(error) => error.to_string(),
        };
        facts.push((blob.to_owned(), about));
    }
    facts
}
