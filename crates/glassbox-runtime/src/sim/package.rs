//! Model packages as programs see them: parameters, sizes and metadata by name.
//!
//! [`ModelLoader`] opens a file or folder of weights of any format; of a parameter only its description is read
//! before it is used. [`ModelPackage::of`] is a package made of parts in memory. Whatever a package doesn't have
//! is an error that says what it has.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use glassbox_dsl::ModelSource;
use glassbox_ir::Attr;
use glassbox_ir::text::{data_hash, nearest};
use glassbox_tensor::{ParamError, ParamId, ParamInfo, ParamSource, Tensor};
#[cfg(feature = "text")]
use glassbox_text::Tokenizer;
use glassbox_weights::{Metadata, Package, Size};

use super::error::SimError;
use super::metadata::{FromMetadata, Mismatch, attr};
use crate::error::RuntimeError;

/// Opens packages.
#[derive(Clone, Copy, Debug)]
pub struct ModelLoader;

impl ModelLoader {
    /// Opens a file or folder of weights, of any format. Only headers are read.
    ///
    /// # Errors
    ///
    /// Where the file can't be read or is of no known format.
    pub fn open(path: impl AsRef<Path>) -> Result<ModelPackage, RuntimeError> {
        let path = path.as_ref();
        Ok(ModelPackage::of_package(path.display().to_string(), glassbox_weights::open(path)?))
    }

    /// Opens a file of weights that is in memory, such as one that is part of a program; errors call it `name`.
    ///
    /// # Errors
    ///
    /// Where the bytes are of no known format.
    pub fn from_bytes(name: &str, bytes: &'static [u8]) -> Result<ModelPackage, RuntimeError> {
        Ok(ModelPackage::of_package(name.to_owned(), glassbox_weights::open_bytes(name, Arc::new(bytes))?))
    }
}

/// A package that is open. Clones share it.
#[derive(Clone)]
pub struct ModelPackage(Arc<Parts>);

struct Parts {
    name: String,
    params: Arc<dyn ParamSource>,
    sizes: Vec<Size>,
    metadata: Metadata,
    package: Option<Arc<Package>>,
}

/// What a package in memory is made of.
///
/// ```
/// use glassbox_runtime::{ModelPackage, ModelParts};
/// use glassbox_tensor::Tensor;
/// let w = Tensor::from_vec(&[2], vec![1.0f32, 2.0])?;
/// let parts = ModelParts { tensors: vec![("w".into(), w)], ..ModelParts::default() };
/// assert_eq!(ModelPackage::of("tiny", parts)?.name(), "tiny");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ModelParts {
    /// The parameters. Names must be unique.
    pub tensors: Vec<(String, Tensor)>,
    /// The size variables.
    pub sizes: Vec<(String, u64)>,
    /// The metadata.
    pub metadata: Metadata,
}

impl ModelPackage {
    /// A package without anything, for programs that need none.
    pub fn empty() -> ModelPackage {
        let (params, metadata) = (Arc::new(glassbox_tensor::NoParams), Metadata::default());
        let name = "the empty package".to_owned();
        ModelPackage(Arc::new(Parts { name, params, sizes: Vec::new(), metadata, package: None }))
    }

    /// A package of parts that are in memory; errors call it `name`.
    ///
    /// # Errors
    ///
    /// Where two parts have one name.
    pub fn of(name: &str, parts: ModelParts) -> Result<ModelPackage, RuntimeError> {
        let params = Arc::new(InMemory::new(name, parts.tensors)?);
        let mut sizes: Vec<Size> = Vec::with_capacity(parts.sizes.len());
        for (size, value) in parts.sizes {
            if sizes.iter().any(|other| other.name == size) {
                return Err(twice(name, "sizes", &size));
            }
            sizes.push(Size { name: size, value });
        }
        let (name, metadata) = (name.to_owned(), parts.metadata);
        Ok(ModelPackage(Arc::new(Parts { name, params, sizes, metadata, package: None })))
    }

    pub(crate) fn of_package(name: String, package: impl Into<Arc<Package>>) -> ModelPackage {
        let package = package.into();
        let (sizes, metadata) = (package.sizes().to_vec(), package.metadata().clone());
        ModelPackage(Arc::new(Parts { name, params: package.clone(), sizes, metadata, package: Some(package) }))
    }

    /// What it is called: its path, or the name it was made under.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The parameters.
    pub fn params(&self) -> Arc<dyn ParamSource> {
        self.0.params.clone()
    }

    /// The file or folder, where it is one.
    pub fn package(&self) -> Option<&Package> {
        self.0.package.as_deref()
    }

    #[cfg(feature = "text")]
    /// The tokenizer that it has inside or beside it, if there is one.
    ///
    /// # Errors
    ///
    /// Where there is a tokenizer that can't be read.
    pub fn tokenizer(&self) -> Result<Option<Tokenizer>, RuntimeError> {
        self.package().map_or(Ok(None), |package| Ok(Tokenizer::of(package)?))
    }

    /// The size variable of this name.
    ///
    /// # Errors
    ///
    /// Where there is no such size, with the nearest names, or it is too large for this machine.
    pub fn size_of(&self, name: &str) -> Result<usize, RuntimeError> {
        let Some(value) = self.size(name) else {
            let known = self.0.sizes.iter().map(|size| size.name.as_str());
            return Err(SimError::unknown(format!("{}: ", self.name()), "size", name, known).into());
        };
        usize::try_from(value).map_err(|_| {
            RuntimeError::Setting(format!("{}: the size `{name}` is {value}, too large here", self.name()))
        })
    }

    /// The metadata of this name: a truth value, a number that fits, text, or a list of numbers or of text.
    ///
    /// # Errors
    ///
    /// Where there is no such key, with the nearest names, or its value is no `T`.
    pub fn meta<T: FromMetadata>(&self, key: &str) -> Result<T, RuntimeError> {
        let Some(value) = self.0.metadata.get(key) else {
            let known = self.0.metadata.iter().map(|(name, _)| name);
            return Err(SimError::unknown(format!("{}: ", self.name()), "metadata", key, known).into());
        };
        T::from_metadata(value).map_err(|mismatch| {
            let rule = match mismatch {
                Mismatch::Kind => format!("not {}", T::KIND),
                Mismatch::Range => format!("which doesn't fit in {}", T::KIND),
            };
            let found = format!("{value}, of type {}", value.type_name());
            SimError::Metadata { package: self.name().to_owned(), key: key.to_owned(), found, rule }.into()
        })
    }
}

impl ModelSource for ModelPackage {
    fn params(&self) -> &dyn ParamSource {
        self.0.params.as_ref()
    }

    fn size(&self, name: &str) -> Option<u64> {
        self.0.sizes.iter().find(|size| size.name == name).map(|size| size.value)
    }

    fn metadata(&self, name: &str) -> Option<Attr> {
        attr(self.0.metadata.get(name)?)
    }
}

fn twice(package: &str, what: &str, name: &str) -> RuntimeError {
    RuntimeError::Setting(format!("{package}: two {what} are named `{name}`; names are unique"))
}

/// Parameters in memory. Their ids follow from their data.
struct InMemory {
    infos: Vec<ParamInfo>,
    tensors: HashMap<String, (usize, Tensor)>,
}

impl InMemory {
    fn new(package: &str, tensors: Vec<(String, Tensor)>) -> Result<InMemory, RuntimeError> {
        let mut params = InMemory { infos: Vec::with_capacity(tensors.len()), tensors: HashMap::new() };
        for (name, tensor) in tensors {
            let (dtype, shape, id) = (tensor.dtype(), tensor.shape().to_vec(), ParamId(data_hash(&tensor)?));
            params.infos.push(ParamInfo { name: name.clone(), dtype, shape, id });
            if params.tensors.insert(name.clone(), (params.infos.len() - 1, tensor)).is_some() {
                return Err(twice(package, "parameters", &name));
            }
        }
        Ok(params)
    }
}

impl ParamSource for InMemory {
    fn params(&self) -> &[ParamInfo] {
        &self.infos
    }

    fn find(&self, name: &str) -> Option<&ParamInfo> {
        self.tensors.get(name).map(|(place, _)| &self.infos[*place])
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        let missing = || {
            let near = nearest(name, self.infos.iter().map(|info| info.name.as_str()));
            ParamError::Missing { name: name.to_owned(), near: near.map(str::to_owned) }
        };
        self.tensors.get(name).map(|(_, tensor)| tensor.clone()).ok_or_else(missing)
    }
}
