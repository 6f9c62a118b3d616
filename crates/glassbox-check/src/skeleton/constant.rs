//! Constants and parameters of a model: compared by what they hold, which is read when it is asked for.

use std::sync::{Arc, OnceLock};

use glassbox_tensor::{DType, ParamSource, Tensor};

/// Elements that are read together.
const PART: usize = 4096;

/// A constant. Cloning shares it.
#[derive(Clone)]
pub struct Constant(Arc<Data>);

struct Data {
    dtype: DType,
    shape: Vec<usize>,
    source: Source,
    hash: OnceLock<Option<[u8; 32]>>,
}

enum Source {
    Tensor(Tensor),
    Param(Arc<dyn ParamSource>, String),
}

impl std::fmt::Debug for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Constant({}{:?})", self.0.dtype, self.0.shape)
    }
}

impl Constant {
    /// The most elements that [`Constant::short`] shows.
    pub(crate) const SHOWN: usize = 6;

    /// A tensor of the graph.
    pub fn tensor(tensor: Tensor) -> Constant {
        let (dtype, shape) = (tensor.dtype(), tensor.shape().to_vec());
        Constant(Arc::new(Data { dtype, shape, source: Source::Tensor(tensor), hash: OnceLock::new() }))
    }

    /// A parameter, by its name. `None` where the source doesn't have it.
    pub fn parameter(params: &Arc<dyn ParamSource>, name: &str) -> Option<Constant> {
        let info = params.find(name)?;
        let (dtype, shape) = (info.dtype, info.shape.clone());
        let source = Source::Param(params.clone(), name.to_owned());
        Some(Constant(Arc::new(Data { dtype, shape, source, hash: OnceLock::new() })))
    }

    /// What tells it from all others that are alive.
    pub(crate) fn key(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// The name of the parameter that it is, where it is one.
    pub fn parameter_name(&self) -> Option<&str> {
        match &self.0.source {
            Source::Tensor(_) => None,
            Source::Param(_, name) => Some(name),
        }
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// The dims.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.0.shape.iter().product()
    }

    /// The type, as `f32[3, 64]`.
    pub fn ty(&self) -> String {
        format!("{}{:?}", self.0.dtype, self.0.shape)
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it holds. `None` where it can't be read.
    pub fn load(&self) -> Option<Tensor> {
        match &self.0.source {
            Source::Tensor(tensor) => Some(tensor.clone()),
            Source::Param(params, name) => params.load(name).ok(),
        }
    }

    /// A hash of dims and contents, whatever the dtype that they are stored in: floats are taken as f64. Read once. `None`
    /// where it can't be read.
    pub fn hash(&self) -> Option<[u8; 32]> {
        *self.0.hash.get_or_init(|| {
            let tensor = self.load()?.contiguous().ok()?;
            let mut hasher = blake3::Hasher::new();
            let kind = if self.0.dtype.is_float() { "float" } else { self.0.dtype.name() };
            hasher.update(format!("{kind}{:?}", self.0.shape).as_bytes());
            if let Some(texts) = tensor.to_strings() {
                for text in &texts {
                    hasher.update(&text.len().to_le_bytes());
                    hasher.update(text.as_bytes());
                }
            } else if self.0.dtype.is_float() {
                let mut part = vec![0f64; PART.min(tensor.len())];
                let mut bytes = vec![0u8; part.len() * size_of::<f64>()];
                let mut start = 0;
                while start < tensor.len() {
                    let count = PART.min(tensor.len() - start);
                    tensor.load_range(start, &mut part[..count]).ok()?;
                    let places = bytes.chunks_exact_mut(size_of::<f64>());
                    places.zip(&part[..count]).for_each(|(place, value)| place.copy_from_slice(&value.to_le_bytes()));
                    hasher.update(&bytes[..count * size_of::<f64>()]);
                    start += count;
                }
            } else {
                match tensor.as_bytes() {
                    Some(bytes) => hasher.update(bytes),
                    None => hasher.update(&tensor.to_bytes().ok()?),
                };
            }
            Some(*hasher.finalize().as_bytes())
        })
    }

    /// Whether both are one: the same tensor of a model, or the same parameter of one file.
    pub(crate) fn is(&self, other: &Constant) -> bool {
        match (&self.0.source, &other.0.source) {
            (Source::Param(one, name), Source::Param(other, their_name)) => {
                Arc::ptr_eq(one, other) && name == their_name
            }
            _ => Arc::ptr_eq(&self.0, &other.0),
        }
    }

    /// Whether both hold the same, of the same dims. Floats may be stored in dtypes of other widths.
    pub fn same(&self, other: &Constant) -> bool {
        self.0.shape == other.0.shape && (self.is(other) || (self.hash().is_some() && self.hash() == other.hash()))
    }

    /// What it holds in a line: all of a few elements, or how many there are.
    pub fn short(&self) -> String {
        let ty = self.ty();
        if self.len() > Constant::SHOWN {
            return ty;
        }
        let Some(tensor) = self.load() else { return ty };
        let elements: Vec<String> = if let Some(texts) = tensor.to_strings() {
            texts.iter().map(|text| format!("{text:?}")).collect()
        } else if self.0.dtype.is_float() {
            let numbers = tensor.load::<f64>().map(|numbers| numbers.into_owned()).unwrap_or_default();
            // An f32 has the shortest text that means it, not that of the f64 of the same value.
            let text = |number: f64| {
                if self.0.dtype == DType::F64 { format!("{number:?}") } else { format!("{:?}", number as f32) }
            };
            numbers.into_iter().map(text).collect()
        } else {
            tensor.load::<i64>().map(|numbers| numbers.iter().map(i64::to_string).collect()).unwrap_or_default()
        };
        match (self.0.shape.len(), elements.as_slice()) {
            (0, [only]) => only.clone(),
            _ => format!("[{}]", elements.join(", ")),
        }
    }
}
