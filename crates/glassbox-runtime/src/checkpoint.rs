//! Checkpoints of language models: a package of weights, and what says which model they are of.

use std::sync::Arc;

use glassbox_exec::Runtime;
use glassbox_ir::Graph;
use glassbox_models::{Config, gguf};
use glassbox_tensor::ParamSource;
use glassbox_text::{ChatTemplate, Tokenizer};
use glassbox_weights::{Budgeted, Package};

use crate::error::RuntimeError;
use crate::generator::TextGenerator;
use crate::graphs;
use crate::model::LoadOptions;

/// A checkpoint that is open. Of its weights only the description has been read.
pub(crate) struct Checkpoint {
    /// What errors call it.
    name: String,
    package: Arc<Package>,
    params: Arc<dyn ParamSource>,
    config: Config,
    context: Option<u64>,
    pub(crate) tokenizer: Option<Tokenizer>,
    pub(crate) template: Option<ChatTemplate>,
}

impl Checkpoint {
    /// The checkpoint that a package is; `name` is what errors call it.
    pub(crate) fn new(package: Package, name: &str, options: LoadOptions) -> Result<Checkpoint, RuntimeError> {
        let (tokenizer, template) = (Tokenizer::of(&package)?, ChatTemplate::of(&package)?);
        let package = Arc::new(package);
        let stored: Arc<dyn ParamSource> = match options.weights_budget {
            Some(bytes) => Arc::new(Budgeted::new(package.clone(), bytes)),
            None => package.clone(),
        };
        let (config, params) = describe(&package, stored, name)?;
        let name = name.to_owned();
        Ok(Checkpoint { name, package, params, config, context: options.context, tokenizer, template })
    }

    pub(crate) fn package(&self) -> &Package {
        &self.package
    }

    /// The parameters, under the names that the family asks for and within the budget.
    pub(crate) fn params(&self) -> Arc<dyn ParamSource> {
        self.params.clone()
    }

    /// The graph of one step, with the logits of every token.
    pub(crate) fn graph(&self) -> Result<Graph, RuntimeError> {
        let options = glassbox_models::Options { context: self.context, last_only: false };
        glassbox_models::build(&self.config, self.params.as_ref(), &options)
            .map_err(|error| RuntimeError::checkpoint(&self.name, error))
    }

    /// The model as one that writes, where it has a tokenizer.
    pub(crate) fn text_generator(&self, runtime: &dyn Runtime) -> Result<Option<TextGenerator>, RuntimeError> {
        let Some(tokenizer) = &self.tokenizer else { return Ok(None) };
        let graph = graphs::write_tokens(&self.config, self.params.as_ref(), self.context)
            .map_err(|error| RuntimeError::checkpoint(&self.name, error))?;
        TextGenerator::new(runtime, graph, self.params(), tokenizer.clone()).map(Some)
    }
}

/// The configuration of a checkpoint, and its parameters under the names that its family asks for: the metadata of
/// a GGUF file says it, or `config.json`; RWKV-7 needs neither.
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
        let config = Config::parse(&String::from_utf8_lossy(&package.blob("config.json")?));
        return Ok((config.map_err(|error| RuntimeError::checkpoint(name, error))?, stored));
    }
    if package.find("blocks.0.att.r_k").is_some() {
        let config = Config::parse(r#"{"model_type": "rwkv7"}"#);
        return Ok((config.map_err(|error| RuntimeError::checkpoint(name, error))?, stored));
    }
    let missing = "it has no config.json, neither inside nor beside it, that says what model it is".to_owned();
    Err(RuntimeError::Incomplete { path: name.to_owned(), missing })
}
