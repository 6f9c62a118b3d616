//! What a file or folder of weights is once it is open, whatever its format: parameters by name with their
//! places, metadata, and blobs such as a tokenizer.
//!
//! Opening reads headers only. A parameter's tensor shares the mapped file; it is read where it is touched.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use glassbox_tensor::{DType, ParamError, ParamId, ParamInfo, ParamSource, SharedBytes, Tensor, layout};

use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::metadata::Metadata;
use crate::spec::{Declared, Size, StateSpec};

/// The format of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Our own, with its version: 1 to 3.
    Oinf(u32),
    /// Safetensors, in one file or several.
    Safetensors,
    /// GGUF, with its version: 2 or 3.
    Gguf(u32),
    /// A PyTorch checkpoint in a zip archive.
    TorchZip,
    /// A PyTorch checkpoint as it was written before version 1.6.
    TorchLegacy,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Format::Oinf(version) => write!(f, ".oinf v{version}"),
            Format::Safetensors => f.write_str("safetensors"),
            Format::Gguf(version) => write!(f, "GGUF v{version}"),
            Format::TorchZip => f.write_str("PyTorch"),
            Format::TorchLegacy => f.write_str("PyTorch (legacy)"),
        }
    }
}

/// How integers stand for the real numbers of a parameter: `(integer - zero point) * scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantisation {
    /// The axis along which scales differ; `None` where there is one for all.
    pub axis: Option<usize>,
    /// The name of the parameter with the scales, f32: of rank 1 and as long as the axis, or a scalar.
    pub scales: String,
    /// The name of the parameter with the zero points, i32, of the scales' shape or a scalar; 0 without one.
    pub zero_points: Option<String>,
}

/// Where the data of a parameter is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: Arc<MappedFile>,
    /// The first byte.
    pub(crate) offset: usize,
    /// How many bytes; with strides, those that the strides reach.
    pub(crate) len: usize,
    /// In elements, where they are not those of a dense tensor.
    pub(crate) strides: Option<Vec<isize>>,
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path().display())
    }
}

/// A parameter with its place.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) info: ParamInfo,
    pub(crate) place: Place,
    pub(crate) quantisation: Option<Quantisation>,
}

/// Bytes with a name.
#[derive(Clone, Debug)]
pub(crate) enum Blob {
    /// Inside the package.
    Inside { file: Arc<MappedFile>, offset: usize, len: usize },
    /// A file beside it.
    Beside { path: std::path::PathBuf },
}

/// The parts that a reader of a format finds.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) format: Format,
    pub(crate) files: Vec<Arc<MappedFile>>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) metadata: Metadata,
    pub(crate) blobs: Vec<(String, Blob)>,
    pub(crate) sizes: Vec<Size>,
    pub(crate) states: Vec<StateSpec>,
    pub(crate) declared: Vec<Declared>,
}

impl Parts {
    pub(crate) fn new(format: Format, file: &Arc<MappedFile>) -> Parts {
        Parts {
            format,
            files: vec![Arc::clone(file)],
            entries: Vec::new(),
            metadata: Metadata::default(),
            blobs: Vec::new(),
            sizes: Vec::new(),
            states: Vec::new(),
            declared: Vec::new(),
        }
    }
}

/// An open file or folder of weights.
///
/// ```
/// use glassbox_tensor::ParamSource;
/// let package = glassbox_weights::open("../../models/stories-gpt2/model.oinf".as_ref())?;
/// let first = &package.params()[0];
/// assert_eq!(package.load(&first.name)?.shape(), first.shape);
/// assert!(package.blobs().any(|name| name == "config.json"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Package {
    format: Format,
    files: Vec<Arc<MappedFile>>,
    infos: Vec<ParamInfo>,
    places: Vec<Place>,
    quantisations: HashMap<usize, Quantisation>,
    by_name: HashMap<String, usize>,
    metadata: Metadata,
    blobs: Vec<(String, Blob)>,
    sizes: Vec<Size>,
    states: Vec<StateSpec>,
    declared: Vec<Declared>,
}

impl Package {
    /// The package of some parts, whose names must be unique.
    pub(crate) fn new(parts: Parts) -> Result<Package, WeightsError> {
        let mut package = Package {
            format: parts.format,
            files: parts.files,
            infos: Vec::with_capacity(parts.entries.len()),
            places: Vec::with_capacity(parts.entries.len()),
            quantisations: HashMap::new(),
            by_name: HashMap::with_capacity(parts.entries.len()),
            metadata: parts.metadata,
            blobs: parts.blobs,
            sizes: parts.sizes,
            states: parts.states,
            declared: parts.declared,
        };
        for (at, entry) in parts.entries.into_iter().enumerate() {
            if package.by_name.insert(entry.info.name.clone(), at).is_some() {
                let rule = "two parameters have this name; names must be unique".to_owned();
                return Err(WeightsError::Parameter { name: entry.info.name, rule }.in_file(entry.place.file.path()));
            }
            if let Some(quantisation) = entry.quantisation {
                package.quantisations.insert(at, quantisation);
            }
            package.infos.push(entry.info);
            package.places.push(entry.place);
        }
        Ok(package)
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The files that are mapped.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|file| file.path())
    }

    /// The bytes of all mapped files together.
    pub fn file_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len()).sum()
    }

    /// What the files say about themselves.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What the file says about itself, to be changed in what is converted from it. The file stays as it is.
    ///
    /// ```
    /// use glassbox_weights::{MetadataValue, open};
    /// let mut package = open("../../models/stories-gpt2/model.oinf".as_ref())?;
    /// package.metadata_mut().set("general.name", MetadataValue::String("tiny".into()));
    /// assert_eq!(package.metadata().text("general.name"), Some("tiny"));
    /// # Ok::<(), glassbox_weights::WeightsError>(())
    /// ```
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// The size variables, in order.
    pub fn sizes(&self) -> &[Size] {
        &self.sizes
    }

    /// The states that a model over these weights keeps, in order.
    pub fn states(&self) -> &[StateSpec] {
        &self.states
    }

    /// The tensors that are named without data, in order.
    pub fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// How many bytes of a file a parameter's data takes.
    pub fn stored_bytes(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).map(|at| self.places[*at].len)
    }

    /// How the integers of a parameter stand for real numbers, where they do.
    pub fn quantisation(&self, name: &str) -> Option<&Quantisation> {
        self.quantisations.get(self.by_name.get(name)?)
    }

    /// The names of the blobs: embedded ones, or known files beside the weights.
    pub fn blobs(&self) -> impl ExactSizeIterator<Item = &str> {
        self.blobs.iter().map(|(name, _)| name.as_str())
    }

    /// The bytes of a blob such as `config.json` or `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// Where there is no blob of this name, or it can't be read.
    pub fn blob(&self, name: &str) -> Result<Vec<u8>, WeightsError> {
        let missing = || WeightsError::Missing { kind: "blob", name: name.to_owned() };
        let (_, blob) = self.blobs.iter().find(|(other, _)| other == name).ok_or_else(missing)?;
        match blob {
            Blob::Inside { file, offset, len } => {
                let end = offset.saturating_add(*len);
                file.bytes().get(*offset..end).map(<[u8]>::to_vec).ok_or_else(missing)
            }
            Blob::Beside { path } => std::fs::read(path)
                .map_err(|error| WeightsError::Io { action: "the file can't be read", error }.in_file(path)),
        }
    }

    /// Where the data of a parameter is.
    pub(crate) fn place(&self, name: &str) -> Option<&Place> {
        self.by_name.get(name).map(|at| &self.places[*at])
    }

    /// The place of a parameter in the order of all.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn mapped_files(&self) -> &[Arc<MappedFile>] {
        &self.files
    }

    /// The tensor of a parameter, over the mapped file.
    pub(crate) fn tensor(&self, name: &str) -> Result<Tensor, WeightsError> {
        let missing = || WeightsError::Missing { kind: "parameter", name: name.to_owned() };
        let at = *self.by_name.get(name).ok_or_else(missing)?;
        let (info, place) = (&self.infos[at], &self.places[at]);
        let wrong = |error| WeightsError::Tensor { name: name.to_owned(), error }.in_file(place.file.path());
        let owner: SharedBytes = place.file.shared();
        match &place.strides {
            None => Tensor::from_shared(info.dtype, &info.shape, owner, place.offset).map_err(wrong),
            Some(strides) => {
                let bits = info.dtype.bits().unwrap_or(8).max(8);
                let stored = [place.len / (bits / 8)];
                let all = Tensor::from_shared(info.dtype, &stored, owner, place.offset).map_err(wrong)?;
                all.as_strided(&info.shape, strides, 0).map_err(wrong)
            }
        }
    }
}

impl ParamSource for Package {
    fn params(&self) -> &[ParamInfo] {
        &self.infos
    }

    fn find(&self, name: &str) -> Option<&ParamInfo> {
        self.by_name.get(name).map(|at| &self.infos[*at])
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        if !self.by_name.contains_key(name) {
            return Err(missing(self, name));
        }
        self.tensor(name).map_err(|error| ParamError::Unreadable { name: name.to_owned(), error: Box::new(error) })
    }
}

/// The error for a name that a source doesn't have, with the name that is most like it.
pub(crate) fn missing(source: &dyn ParamSource, name: &str) -> ParamError {
    let trigrams = |text: &str| -> BTreeSet<Vec<u8>> { text.as_bytes().windows(3).map(<[u8]>::to_vec).collect() };
    let wanted = trigrams(name);
    let score = |info: &&ParamInfo| {
        let found = trigrams(&info.name);
        let shared = found.intersection(&wanted).count();
        // In thousandths, so that there is an order.
        shared * 1000 / found.union(&wanted).count().max(1)
    };
    let best = source.params().iter().max_by_key(score);
    let near = best.filter(|info| score(info) >= 400).map(|info| info.name.clone());
    ParamError::Missing { name: name.to_owned(), near }
}

/// The dims, data length and place of a dense parameter, checked against the file it is in: the common end
/// of every reader. `at` is where in the file the entry is described.
pub(crate) fn entry(
    file: &Arc<MappedFile>,
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    offset: u64,
    at: u64,
    id: Option<ParamId>,
) -> Result<Entry, WeightsError> {
    let place = || format!("parameter {name:?}");
    let wrong = |rule: String| WeightsError::structure(at, place(), rule);
    if let DType::Block(format) = dtype
        && !shape.last().copied().unwrap_or(1).is_multiple_of(format.block_elements())
    {
        let elements = format.block_elements();
        return Err(wrong(format!("its rows, of dims {shape:?}, don't end with a block of {elements} elements")));
    }
    let len = layout::element_count(&shape).and_then(|count| dtype.byte_len(count));
    let len = len.ok_or_else(|| wrong(format!("{dtype} data of dims {shape:?} has no size")))?;
    let start = usize::try_from(offset).ok();
    let inside = start.filter(|start| start.checked_add(len).is_some_and(|end| end <= file.bytes().len()));
    let Some(start) = inside else {
        let rule = format!("its {len} bytes at byte {offset} are outside the file, which has {} bytes", file.len());
        return Err(wrong(rule));
    };
    let id = id.unwrap_or_else(|| file.param_id(dtype, &shape, &[offset]));
    let place = Place { file: Arc::clone(file), offset: start, len, strides: None };
    Ok(Entry { info: ParamInfo { name, dtype, shape, id }, place, quantisation: None })
}
