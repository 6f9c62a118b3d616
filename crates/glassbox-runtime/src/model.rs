//! Loading a checkpoint, whatever its format and family.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox_ir::Graph;
use glassbox_models::Config;
use glassbox_reference::{Options, Session};
use glassbox_tensor::ParamSource;
use glassbox_text::{ChatTemplate, Tokenizer};
use glassbox_weights::Package;

use crate::error::RuntimeError;
use crate::generator::TextGenerator;
use crate::graphs;

/// How a model is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// How many tokens the model remembers; as many as it was made for, if not given.
    pub context: Option<u64>,
}

/// A model that is open: its graph can be built and its parameters read, and it says what it can do.
pub struct Model {
    path: PathBuf,
    package: Arc<Package>,
    config: Config,
    tokenizer: Option<Tokenizer>,
    template: Option<ChatTemplate>,
    options: LoadOptions,
}

/// Opens a checkpoint: a folder, or a file that holds all. Reads headers and configuration only.
pub fn load_model(path: &Path, options: LoadOptions) -> Result<Model, RuntimeError> {
    Model::of(glassbox_weights::open(path)?, path, options)
}

impl Model {
    fn of(package: Package, path: &Path, options: LoadOptions) -> Result<Model, RuntimeError> {
        if !package.blobs().any(|name| name == "config.json") {
            return Err(RuntimeError::Incomplete {
                path: path.display().to_string(),
                missing: "it has no config.json, neither inside nor beside it, that says what model it is".to_owned(),
            });
        }
        let config = Config::parse(&String::from_utf8_lossy(&package.blob("config.json")?))?;
        Ok(Model {
            path: path.to_owned(),
            config,
            tokenizer: Tokenizer::of(&package)?,
            template: ChatTemplate::of(&package)?,
            package: Arc::new(package),
            options,
        })
    }

    /// Where it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its parameters, metadata and blobs.
    pub fn package(&self) -> &Package {
        &self.package
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
        Ok(glassbox_models::build(&self.config, self.package.as_ref(), &options)?)
    }

    /// A session of [`Model::graph`], with states of its own. Sessions share the parameters.
    pub fn forward(&self, options: Options) -> Result<Session, RuntimeError> {
        let params: Arc<dyn ParamSource> = self.package.clone();
        Ok(Session::new(self.graph()?, options)?.with_params(params)?)
    }

    /// The model as one that writes, if it can: it has a tokenizer.
    pub fn as_text_generator(&self) -> Result<Option<TextGenerator>, RuntimeError> {
        let Some(tokenizer) = &self.tokenizer else { return Ok(None) };
        let graph = graphs::write_tokens(&self.config, self.package.as_ref(), self.options.context)?;
        TextGenerator::new(graph, self.package.clone(), tokenizer.clone()).map(Some)
    }
}
