//! Loading a model, whatever kind of file it is in.
//!
//! A [`Model`] is a graph with what it needs to run, and says what it can do. There are two kinds: a
//! checkpoint, whose graph a family builds ([`Checkpoint`]), and a file that is a graph (ONNX, our own text or
//! JSON, a program in block form). Nothing outside of this file asks which.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use glassbox_dsl::{Lower, Program};
use glassbox_exec::{Executable, Options, Runtime, Session};
use glassbox_ir::{Graph, json, ops, text};
use glassbox_onnx::{ImportOptions, OnnxError};
use glassbox_tensor::{NoParams, ParamSource};
#[cfg(feature = "text")]
use glassbox_text::{ChatTemplate, Tokenizer};
use glassbox_weights::Package;

#[cfg(feature = "text")]
use crate::checkpoint::Checkpoint;
use crate::error::RuntimeError;
#[cfg(feature = "text")]
use crate::generator::TextGenerator;
use crate::sim::ModelPackage;

/// How a model is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// How many tokens the model remembers; as many as it was made for, if not given.
    pub context: Option<u64>,
    /// The most bytes of weights that may be resident; no limit, if not given. Weights that are part of a graph's
    /// file can't be given back, so a budget is an error there.
    pub weights_budget: Option<u64>,
    /// The inputs of an ONNX model that have a default and are given all the same: see [`Model::defaults`].
    pub overridden: BTreeSet<String>,
}

/// A model that is open.
///
/// ```
/// use glassbox_exec::RunContext;
/// use glassbox_runtime::{LoadOptions, load_model};
/// use glassbox_tensor::{DType, Tensor};
/// let model = load_model("../../models/shapes/shapes.onnx".as_ref(), LoadOptions::default())?;
/// let runtime = glassbox_backends::find("cpu")?;
/// let mut session = model.forward(runtime.as_ref(), &glassbox_backends::options())?;
/// let image = Tensor::zeros(DType::U8, &[1, 64, 64, 3])?;
/// let outputs = session.run(&[image.into()], RunContext::new())?;
/// let sum: f32 = outputs[0].as_tensor().ok_or("a tensor")?.load::<f32>()?.iter().sum();
/// assert!((sum - 1.0).abs() < 1e-5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Model {
    name: String,
    /// That of a checkpoint is built when it is first asked for.
    graph: OnceLock<Arc<Graph>>,
    outputs: Vec<String>,
    notes: Vec<String>,
    onnx: Option<glassbox_onnx::Model>,
    /// Those of a graph in a file, which are in a file beside it.
    beside: Option<Arc<Package>>,
    #[cfg(feature = "text")]
    checkpoint: Option<Checkpoint>,
}

/// Opens a model: a checkpoint (a folder, or a file that holds all), an ONNX file, a graph as text (`.gb`) or JSON
/// (`.json`), or a program in block form (`.gbp`). Of weights only what describes them is read. The parameters that the
/// graph in `NAME.gb` or `NAME.json` names are those of `NAME.oinf` in the same folder, and so are the parameters, sizes
/// and metadata of the program in `NAME.gbp`.
///
/// # Errors
///
/// Where the file can't be read, or is none of these; the error names the file and the rule. Where a graph in a file names
/// parameters and there is no file with them, [`Model::prepare`] says so.
///
/// ```
/// use glassbox_runtime::{LoadOptions, load_model};
/// let model = load_model("../../models/shapes/shapes.onnx".as_ref(), LoadOptions::default())?;
/// assert_eq!(model.outputs(), ["probabilities"]);
/// assert_eq!(model.graph()?.inputs().len(), 1);
/// # Ok::<(), glassbox_runtime::RuntimeError>(())
/// ```
pub fn load_model(path: &Path, options: LoadOptions) -> Result<Model, RuntimeError> {
    let name = path.display().to_string();
    let ending = path.extension().and_then(|ending| ending.to_str()).filter(|_| path.is_file());
    match ending {
        Some("gb" | "json") => {
            let graph = read_graph(path)?;
            let beside = if names_parameters(&graph) { weights_beside(path)? } else { None };
            Ok(Model { beside, ..Model::of_graph(graph, name, &options)? })
        }
        Some("gbp") => {
            let beside = weights_beside(path)?;
            let package = beside.clone().map_or_else(ModelPackage::empty, |package| {
                ModelPackage::of_package(weights_of(path).display().to_string(), package)
            });
            let graph = Program::parse(&name, &read_text(path)?)?.lower(&package)?;
            Ok(Model { beside, ..Model::of_graph(graph, name, &options)? })
        }
        Some("onnx") => Model::of_onnx(glassbox_onnx::load(path)?, name, &options),
        _ => match glassbox_weights::open(path) {
            Err(error) if error.is_unrecognized() && !path.is_dir() => {
                Model::of_onnx(glassbox_onnx::load(path)?, name, &options)
            }
            package => Model::of_package(package?, name, options),
        },
    }
}

/// The graph in a file, as text (`.gb`) or JSON.
pub(crate) fn read_graph(path: &Path) -> Result<Graph, RuntimeError> {
    let name = path.display().to_string();
    let source = read_text(path)?;
    match path.extension() {
        Some(ending) if ending == "json" => json::from_str(&source).map_err(|error| RuntimeError::graph(&name, error)),
        _ => text::parse(&source, &text::ParseOptions::default()).map_err(|error| RuntimeError::graph(&name, error)),
    }
}

/// The file with the parameters of the graph in `path`.
fn weights_of(path: &Path) -> PathBuf {
    path.with_extension("oinf")
}

/// The package with the parameters of the graph in `path`, where it is there.
fn weights_beside(path: &Path) -> Result<Option<Arc<Package>>, RuntimeError> {
    let weights = weights_of(path);
    if !weights.exists() {
        return Ok(None);
    }
    Ok(Some(Arc::new(glassbox_weights::open(&weights)?)))
}

/// Whether a graph has nodes whose data is in a file of weights.
fn names_parameters(graph: &Graph) -> bool {
    graph.walk().into_iter().any(|id| *graph.node(id).op == ops::parameter::OP)
}

/// What is in a file of text.
pub(crate) fn read_text(path: &Path) -> Result<String, RuntimeError> {
    std::fs::read_to_string(path).map_err(|error| RuntimeError::File { path: path.display().to_string(), error })
}

impl Model {
    /// Opens a file that is in memory, under a name for messages: a checkpoint, or else an ONNX model.
    ///
    /// # Errors
    ///
    /// Where the bytes are neither a checkpoint nor an ONNX model, the model can't be imported, or the options ask for a
    /// budget of weights.
    pub fn from_bytes(name: &str, bytes: &'static [u8], options: LoadOptions) -> Result<Model, RuntimeError> {
        if options.weights_budget.is_some() {
            let rule = format!("{name}: it is part of the program, so its weights can't be kept within a budget");
            return Err(RuntimeError::Setting(rule));
        }
        match glassbox_weights::open_bytes(name, Arc::new(bytes)) {
            Err(error) if error.is_unrecognized() => {
                Model::of_onnx(glassbox_onnx::parse(Bytes::from_static(bytes), None)?, name.to_owned(), &options)
            }
            package => Model::of_package(package?, name.to_owned(), options),
        }
    }

    #[cfg(not(feature = "text"))]
    fn of_package(_: Package, name: String, _: LoadOptions) -> Result<Model, RuntimeError> {
        let rule = "it is a file of weights; this program was built without language models, so it has no graph for it";
        Err(RuntimeError::Setting(format!("{name}: {rule}. Build it with the feature `text`")))
    }

    #[cfg(feature = "text")]
    fn of_package(package: Package, name: String, options: LoadOptions) -> Result<Model, RuntimeError> {
        let checkpoint = Checkpoint::new(package, &name, options)?;
        let (graph, outputs) = (OnceLock::new(), vec!["logits".to_owned()]);
        Ok(Model { name, graph, outputs, notes: Vec::new(), onnx: None, beside: None, checkpoint: Some(checkpoint) })
    }

    fn of_onnx(model: glassbox_onnx::Model, name: String, options: &LoadOptions) -> Result<Model, RuntimeError> {
        let mut imported = ImportOptions::default();
        imported.overridden.clone_from(&options.overridden);
        let import = glassbox_onnx::import(&model, &imported).map_err(|error| match error {
            OnnxError::File { .. } => error,
            error => OnnxError::File { path: name.clone().into(), error: Box::new(error) },
        })?;
        let plain = Model::of_graph(import.graph, name, options)?;
        Ok(Model { outputs: import.outputs, notes: import.notes, onnx: Some(model), ..plain })
    }

    fn of_graph(graph: impl Into<Arc<Graph>>, name: String, options: &LoadOptions) -> Result<Model, RuntimeError> {
        let graph = graph.into();
        if options.context.is_some() || options.weights_budget.is_some() {
            let rule = format!("{name}: it is a graph in a file, so neither its context nor a budget can be chosen");
            return Err(RuntimeError::Setting(rule));
        }
        let outputs = graph.outputs().iter().map(|id| graph.value_label(*id)).collect();
        Ok(Model {
            name,
            graph: graph.into(),
            outputs,
            notes: Vec::new(),
            onnx: None,
            beside: None,
            #[cfg(feature = "text")]
            checkpoint: None,
        })
    }

    /// What it is called: its path, or the name it was opened under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The graph. That of a language model is one step over rows: `tokens` i64[B, T] and `lengths` i64[B] in, `logits`
    /// f32[B, T, V] out, those of every token ([`glassbox_models::build`]).
    ///
    /// # Errors
    ///
    /// Where the checkpoint is of a family that isn't known, lacks a parameter, or says sizes that contradict each other.
    pub fn graph(&self) -> Result<&Arc<Graph>, RuntimeError> {
        #[cfg(feature = "text")]
        if let (None, Some(checkpoint)) = (self.graph.get(), &self.checkpoint) {
            // Should another thread be first, its graph is the same.
            let _ = self.graph.set(Arc::new(checkpoint.graph()?));
        }
        let missing = || RuntimeError::Internal(format!("{} has no graph", self.name));
        self.graph.get().ok_or_else(missing)
    }

    /// What the model calls the outputs, in order: two may be the same value of the graph.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// What its file declares that isn't so.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The inputs of an ONNX model that have a default, an initializer of the same name: the graph has them as constants,
    /// unless [`LoadOptions::overridden`] says that they are given.
    pub fn defaults(&self) -> Vec<&str> {
        let inputs = self.onnx.iter().flat_map(glassbox_onnx::import::overridable);
        inputs.map(|input| input.name.as_str()).collect()
    }

    /// What the ONNX file says of itself, where it is one.
    pub fn onnx(&self) -> Option<&glassbox_onnx::Model> {
        self.onnx.as_ref()
    }

    /// The file or folder of weights, where it is a checkpoint.
    pub fn package(&self) -> Option<&Package> {
        #[cfg(feature = "text")]
        return self.checkpoint.as_ref().map(Checkpoint::package);
        #[cfg(not(feature = "text"))]
        None
    }

    /// What its parameters are read from: the checkpoint, or the file beside the file of its graph.
    pub fn weights(&self) -> Option<&Package> {
        self.package().or(self.beside.as_deref())
    }

    /// The parameters that its graph names.
    pub fn params(&self) -> Arc<dyn ParamSource> {
        #[cfg(feature = "text")]
        if let Some(checkpoint) = &self.checkpoint {
            return checkpoint.params();
        }
        match &self.beside {
            Some(package) => package.clone(),
            None => Arc::new(NoParams),
        }
    }

    /// Its tokenizer, where it has one.
    #[cfg(feature = "text")]
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        self.checkpoint.as_ref()?.tokenizer.as_ref()
    }

    /// How it wants conversations spelled, where it says so.
    #[cfg(feature = "text")]
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.checkpoint.as_ref()?.template.as_ref()
    }

    /// [`Model::graph`] with its parameters, ready to run on a backend.
    ///
    /// # Errors
    ///
    /// Where the graph can't be built, the backend can't run it, or the file with its parameters isn't there.
    pub fn prepare(&self, runtime: &dyn Runtime, options: &Options) -> Result<Arc<dyn Executable>, RuntimeError> {
        self.check_weights()?;
        Ok(runtime.prepare(self.graph()?.clone(), self.params(), options)?)
    }

    /// The parameters that a graph in a file names are there.
    fn check_weights(&self) -> Result<(), RuntimeError> {
        let of_file = self.onnx.is_none() && self.weights().is_none();
        if !of_file || !names_parameters(self.graph()?) {
            return Ok(());
        }
        let weights = weights_of(Path::new(&self.name));
        let missing =
            format!("its graph names parameters, which {} would have; there is no such file", weights.display());
        Err(RuntimeError::Incomplete { path: self.name.clone(), missing })
    }

    /// A session of [`Model::graph`], with states of its own.
    ///
    /// # Errors
    ///
    /// Those of [`Model::prepare`].
    pub fn forward(&self, runtime: &dyn Runtime, options: &Options) -> Result<Box<dyn Session>, RuntimeError> {
        Ok(self.prepare(runtime, options)?.session()?)
    }

    /// The model as one that writes, if it is one and has a tokenizer.
    #[cfg(feature = "text")]
    ///
    /// # Errors
    ///
    /// Where the graph can't be built, or the backend can't run it.
    pub fn as_text_generator(&self, runtime: &dyn Runtime) -> Result<Option<TextGenerator>, RuntimeError> {
        self.checkpoint.as_ref().map_or(Ok(None), |checkpoint| checkpoint.text_generator(runtime))
    }
}
