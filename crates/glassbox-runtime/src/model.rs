//! Loading a checkpoint, whatever its format and family.

use std::path::Path;
use std::sync::Arc;

use glassbox_ir::Graph;
use glassbox_models::{Config, gguf};
use glassbox_reference::{Options, Session};
use glassbox_tensor::ParamSource;
use glassbox_text::{ChatTemplate, Tokenizer};
use glassbox_weights::{Budgeted, Package};

use crate::error::RuntimeError;
use crate::generator::TextGenerator;
use crate::graphs;

/// How a model is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// How many tokens the model remembers; as many as it was made for, if not given.
    pub context: Option<u64>,
    /// The most bytes of weights that may be resident; no limit, if not given.
    pub weights_budget: Option<u64>,
}

/// A model that is open: its graph can be built and its parameters read, and it says what it can do.
pub struct Model {
    name: String,
    package: Arc<Package>,
    params: Arc<dyn ParamSource>,
    config: Config,
    tokenizer: Option<Tokenizer>,
    template: Option<ChatTemplate>,
    options: LoadOptions,
}

/// Opens a checkpoint: a folder, or a file that holds all. Reads headers and configuration only.
pub fn load_model(path: &Path, options: LoadOptions) -> Result<Model, RuntimeError> {
    Model::of(glassbox_weights::open(path)?, path.display().to_string(), options)
}

impl Model {
    /// Opens a checkpoint that is in memory, under a name for messages.
    pub fn from_bytes(name: &str, bytes: &'static [u8], options: LoadOptions) -> Result<Model, RuntimeError> {
        Model::of(glassbox_weights::open_bytes(name, Arc::new(bytes))?, name.to_owned(), options)
    }

    fn of(package: Package, name: String, options: LoadOptions) -> Result<Model, RuntimeError> {
        let (tokenizer, template) = (Tokenizer::of(&package)?, ChatTemplate::of(&package)?);
        let package = Arc::new(package);
        let stored: Arc<dyn ParamSource> = match options.weights_budget {
            Some(bytes) => Arc::new(Budgeted::new(package.clone(), bytes)),
            None => package.clone(),
        };
        let (config, params) = describe(&package, stored, &name)?;
        Ok(Model { name, config, tokenizer, template, package, params, options })
    }

    /// What it is called: its path, or the name it was opened under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its parameters, metadata and blobs.
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// Its parameters, within the budget that it was loaded with.
    pub fn params(&self) -> Arc<dyn ParamSource> {
        self.params.clone()
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its tokenizer, where it has one.
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        self.tokenizer.as_ref()
    }

    /// How it wants conversations spelled, where it says so.
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// The graph of one step: `tokens` i64[1, T] in, `logits` f32[1, T, V] out, those of every token.
    pub fn graph(&self) -> Result<Graph, RuntimeError> {
        let options = glassbox_models::Options { context: self.options.context, last_only: false };
        Ok(glassbox_models::build(&self.config, self.params.as_ref(), &options)?)
    }

    /// A session of [`Model::graph`], with states of its own. Sessions share the parameters.
    pub fn forward(&self, options: Options) -> Result<Session, RuntimeError> {
        Ok(Session::new(self.graph()?, options)?.with_params(self.params.clone())?)
    }

    /// The model as one that writes, if it can: it has a tokenizer.
    pub fn as_text_generator(&self) -> Result<Option<TextGenerator>, RuntimeError> {
        let Some(tokenizer) = &self.tokenizer else { return Ok(None) };
        let graph = graphs::write_tokens(&self.config, self.params.as_ref(), self.options.context)?;
        TextGenerator::new(graph, self.params.clone(), tokenizer.clone()).map(Some)
    }
}

/// The configuration of a checkpoint, and its parameters under the names that its family asks for: `config.json`
/// says it, or the metadata of a GGUF file; RWKV-7
/// needs neither.
fn describe(
    package: &Arc<Package>,
    stored: Arc<dyn ParamSource>,
    name: &str,
) -> Result<(Config, Arc<dyn ParamSource>), RuntimeError> {
    // Also where such a file was converted: its metadata came along.
    if package.metadata().text("general.architecture").is_some() {
        return Ok(gguf::open_through(package, stored)?);
    }
    if package.blobs().any(|blob| blob == "config.json") {
        return Ok((Config::parse(&String::from_utf8_lossy(&package.blob("config.json")?))?, stored));
    }
    if package.find("blocks.0.att.r_k").is_some() {
        return Ok((Config::parse(r#"{"model_type": "rwkv7"}"#)?, stored));
    }
    let missing = "it has no config.json, neither inside nor beside it, that says what model it is".to_owned();
    Err(RuntimeError::Incomplete { path: name.to_owned(), missing })
}
