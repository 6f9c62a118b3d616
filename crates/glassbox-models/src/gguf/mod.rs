//! GGUF files of language models, and what such files were converted to: their metadata as a configuration, their
//! tensors as parameters.
//!
//! [`open`] gives both as [`build`](crate::build) takes them. What llama.cpp's conversion does to a checkpoint
//! stays as it is in the file; the configuration says it instead, with settings that no `config.json` has:
//!
//! - `rope_interleaved`: rows of queries and keys are in an order in which neighbours turn as pairs;
//! - `rope_scaling` of type `factors`: each frequency is divided by its own;
//! - `norm_plus_one` false: 1 was added to the weights of norms;
//! - `linear_out_in`: weights of linear layers are [out, in] where the family's are [in, out].
//!
//! Nothing is guessed. An architecture that isn't mapped, a key of the architecture that isn't understood, a
//! tensor that isn't known: each is an error that names it.

mod architectures;
mod error;
mod keys;
mod settings;
mod source;

use std::sync::Arc;

use glassbox_tensor::ParamSource;
use glassbox_weights::{Format, Package};

use crate::config::Config;
use crate::error::ModelError;
use architectures::{Architecture, TABLE};
use keys::Keys;
use settings::Settings;
use source::Renamed;

pub use error::GgufError;

/// The version of the block formats that is read: there was another, in files older than GGUF.
const QUANTIZATION_VERSION: i64 = 2;

/// The configuration of the model in a GGUF file, and its parameters under the names that its family asks for.
///
/// Reads no data of parameters, but for the few factors of frequencies that some files hold as a tensor.
///
/// # Errors
///
/// Where the architecture isn't known, or metadata are missing, wrong, or contradict the tensors.
///
/// ```
/// use std::sync::Arc;
///
/// use glassbox_models::{Options, build, gguf};
///
/// let package = glassbox_weights::open("tests/golden/llama3/model.gguf".as_ref())?;
/// let (config, params) = gguf::open(Arc::new(package))?;
/// assert_eq!(config.size("num_hidden_layers")?, 2);
/// assert!(params.find("model.layers.1.self_attn.q_proj.weight").is_some());
/// let graph = build(&config, params.as_ref(), &Options::default())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open(package: Arc<Package>) -> Result<(Config, Arc<dyn ParamSource>), ModelError> {
    open_through(&package, package.clone())
}

/// As [`open`], with the tensors of `package` read through `source`, which has them under the same names: one
/// that keeps a budget.
///
/// # Errors
///
/// As [`open`].
pub fn open_through(
    package: &Arc<Package>,
    source: Arc<dyn ParamSource>,
) -> Result<(Config, Arc<dyn ParamSource>), ModelError> {
    read(package, source).map_err(|source| {
        let file = package.files().next().map(|file| file.display().to_string()).unwrap_or_default();
        ModelError::Gguf { file, error: Box::new(source) }
    })
}

fn read(package: &Arc<Package>, source: Arc<dyn ParamSource>) -> Result<(Config, Arc<dyn ParamSource>), GgufError> {
    let converted = package.metadata().text("general.architecture").is_some();
    if !converted && !matches!(package.format(), Format::Gguf(_)) {
        return Err(GgufError::Format(package.format().to_string()));
    }
    let architecture = architecture(package)?;
    let keys = Keys::new(package.metadata(), architecture.name);
    let mut settings = Settings::new(package, &keys);
    (architecture.settings)(&mut settings)?;
    let (config, experts) = settings.finish();
    keys.finish()?;
    let source = Renamed::new(source, architecture, experts)?;
    Ok((Config::from_settings(config), Arc::new(source)))
}

/// The architecture of a file that holds a whole model.
fn architecture(package: &Package) -> Result<&'static Architecture, GgufError> {
    let metadata = package.metadata();
    let wrong = |key: &str, rule: String| GgufError::UnsupportedKey { key: key.to_owned(), rule };
    if let Some(kind) = metadata.text("general.type").filter(|kind| *kind != "model") {
        return Err(wrong("general.type", format!("it is {kind:?}, no model")));
    }
    if let Some(version) = metadata.integer("general.quantization_version").filter(|v| *v != QUANTIZATION_VERSION) {
        return Err(wrong("general.quantization_version", format!("it is {version}; {QUANTIZATION_VERSION} is read")));
    }
    let key = "general.architecture";
    let name = metadata.text(key).ok_or_else(|| GgufError::Key {
        key: key.to_owned(),
        rule: "it must be a text, and is missing or something else".to_owned(),
    })?;
    TABLE.iter().find(|architecture| architecture.name == name).ok_or_else(|| GgufError::Architecture {
        name: name.to_owned(),
        known: TABLE.iter().map(|architecture| architecture.name).collect(),
    })
}
