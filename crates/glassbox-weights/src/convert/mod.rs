//! From any format to `.oinf` or safetensors, one tensor at a time, with a change of dtype on the way where
//! that is asked for.
//!
//! The target appears when it is whole. What became of every parameter is reported; nothing that the target's
//! format can't hold goes missing in silence.

mod plan;
mod target;

use std::path::Path;

use glassbox_tensor::{DType, ParamSource, Tensor};

use crate::error::WeightsError;
use crate::oinf::{Contents, TensorSpec, Writer};
use crate::package::{Format, Package};
use crate::safetensors::SafetensorsWriter;

use plan::{Plan, Step};
pub use target::Target;

/// The suffix of the name of a parameter that has the scales of another.
pub(crate) const SCALES: &str = "#scales";

/// The format that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// `.oinf`, version 3.
    #[default]
    Oinf,
    /// Safetensors, one file.
    Safetensors,
}

impl Output {
    /// The format that a path's ending asks for.
    pub fn of(path: &Path) -> Option<Output> {
        match path.extension()?.to_str()? {
            "oinf" => Some(Output::Oinf),
            "safetensors" => Some(Output::Safetensors),
            _ => None,
        }
    }
}

/// How to convert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The format that is written.
    pub output: Output,
    /// What weights become; `None` leaves them as they are.
    pub quantize: Option<Target>,
}

/// What became of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The name.
    pub name: String,
    /// The dtype that it had.
    pub from: DType,
    /// The dtype that it has now.
    pub to: DType,
    /// The bytes that it takes now, its scales included.
    pub bytes: u64,
    /// Why it stayed as it was, where another dtype was asked for.
    pub kept: Option<&'static str>,
}

/// What a conversion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// Each parameter, in order.
    pub params: Vec<Outcome>,
    /// What the source has and the target's format can't hold: metadata, blobs, sizes, states.
    pub dropped: Vec<String>,
}

/// How far a conversion is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The parameter that is next.
    pub name: &'a str,
    /// How many parameters are done.
    pub done: usize,
    /// How many there are.
    pub count: usize,
    /// The bytes of the source's parameters that are done.
    pub done_bytes: u64,
    /// The bytes of all of them.
    pub total_bytes: u64,
}

/// Converts a package into a file at `path`, telling `progress` about each parameter before it.
///
/// Weights are changed where [`Target`] says; a number that the target can't hold is an error that names
/// the parameter. Of the source, one tensor is in memory at a time.
///
/// # Errors
///
/// Where a tensor can't be read, a target can't hold a number, or the file can't be written; none is left behind then.
///
/// ```
/// use glassbox_tensor::ParamSource;
/// use glassbox_weights::{Options, convert, open};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("copy.safetensors");
/// let source = open("../../models/stories-gpt2/model.oinf".as_ref())?;
/// convert(&source, &path, Options::default(), |_| {})?;
/// assert_eq!(open(&path)?.params().len(), source.params().len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn convert(
    package: &Package,
    path: &Path,
    options: Options,
    mut progress: impl FnMut(Progress),
) -> Result<Converted, WeightsError> {
    let plan = Plan::new(package, options)?;
    let mut sink = Sink::create(package, path, options.output, &plan)?;
    let total_bytes = plan.steps.iter().map(|step| step.bytes).sum();
    let mut done_bytes = 0;
    for (done, step) in plan.steps.iter().enumerate() {
        progress(Progress { name: &step.name, done, count: plan.steps.len(), done_bytes, total_bytes });
        let made = step.run(package)?;
        for tensor in &made {
            sink.tensor(tensor).map_err(|error| error.in_file(path))?;
        }
        drop(made);
        if let Some(place) = package.place(&step.name) {
            place.file.release(place.offset, place.len);
        }
        done_bytes += step.bytes;
    }
    sink.finish().map_err(|error| error.in_file(path))?;
    Ok(Converted { params: plan.outcomes(), dropped: plan.dropped })
}

/// Either kind of file on its way.
enum Sink {
    Oinf(Writer),
    Safetensors(SafetensorsWriter),
}

impl Sink {
    fn create(package: &Package, path: &Path, output: Output, plan: &Plan) -> Result<Sink, WeightsError> {
        let tensors: Vec<TensorSpec> = plan.steps.iter().flat_map(Step::specs).collect();
        if output == Output::Safetensors {
            return SafetensorsWriter::create(path, package.metadata(), tensors).map(Sink::Safetensors);
        }
        let mut blobs = Vec::new();
        for name in package.blobs() {
            blobs.push((name.to_owned(), package.blob(name)?));
        }
        let contents = Contents {
            metadata: package.metadata().clone(),
            sizes: package.sizes().to_vec(),
            declared: package.declared().to_vec(),
            states: package.states().to_vec(),
            tensors,
            blobs,
        };
        Writer::create(path, contents).map(Sink::Oinf)
    }

    fn tensor(&mut self, tensor: &Tensor) -> Result<(), WeightsError> {
        match self {
            Sink::Oinf(writer) => writer.tensor(tensor),
            Sink::Safetensors(writer) => writer.tensor(tensor),
        }
    }

    fn finish(self) -> Result<(), WeightsError> {
        match self {
            Sink::Oinf(writer) => writer.finish(),
            Sink::Safetensors(writer) => writer.finish(),
        }
    }
}

/// What a package has that safetensors can't hold.
fn beyond_safetensors(package: &Package) -> Vec<String> {
    use crate::metadata::MetadataValue;
    let mut beyond = Vec::new();
    let values = package.metadata().iter().filter(|(_, value)| !matches!(value, MetadataValue::String(_)));
    beyond.extend(values.map(|(name, _)| format!("metadata {name}")));
    // Files beside the source can be copied beside the target; embedded ones are lost.
    if matches!(package.format(), Format::Oinf(_)) {
        beyond.extend(package.blobs().map(|name| format!("blob {name}")));
    }
    beyond.extend(package.sizes().iter().map(|size| format!("size {}", size.name)));
    beyond.extend(package.states().iter().map(|state| format!("state {}", state.name)));
    beyond.extend(package.declared().iter().map(|declared| format!("tensor {} without data", declared.name)));
    beyond
}

/// The names of parameters that are scales or zero points of others.
fn helpers(package: &Package) -> std::collections::HashSet<&str> {
    let quantisations = package.params().iter().filter_map(|param| package.quantisation(&param.name));
    quantisations.flat_map(|q| [Some(q.scales.as_str()), q.zero_points.as_deref()]).flatten().collect()
}
