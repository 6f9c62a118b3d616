//! The data of a piece's inputs: what the whole model has there.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use glassbox_exec::{Options, RunContext, Value};
use glassbox_ir::bind_inputs;
use glassbox_runtime::{LoadOptions, load_model};
use glassbox_tensor::{DType, Tensor};
use zip::write::SimpleFileOptions;

use super::subject::Subject;
use crate::args::ModelAndInputs;
use crate::{arrays, inputs, model};

/// The most bytes of values that are kept for later candidates.
const MAX_KEPT: usize = 1 << 30;

/// Values of the model by name, computed when they are first asked for.
pub(super) struct Values<'s> {
    subject: &'s Subject,
    arguments: &'s ModelAndInputs,
    /// The inputs of the model.
    given: HashMap<String, Tensor>,
    computed: HashMap<String, Tensor>,
}

impl<'s> Values<'s> {
    /// The values for the inputs that are given.
    pub(super) fn new(arguments: &'s ModelAndInputs, subject: &'s Subject, quiet: bool) -> Result<Values<'s>> {
        let model = model::open(&arguments.model, LoadOptions::default())
            .context("the inputs of pieces can't be computed; without {inputs} in the command none are needed")?;
        let graph = model.graph()?;
        let values = inputs::values(&model, arguments, quiet)?;
        let mut given = HashMap::new();
        for (id, value) in graph.inputs().iter().zip(values) {
            if let Value::Tensor(tensor) = value {
                given.insert(graph.value_label(*id), tensor);
            }
        }
        Ok(Values { subject, arguments, given, computed: HashMap::new() })
    }

    /// Writes the values `names` to a `.npz` file; whether they can all be had.
    pub(super) fn write(&mut self, names: &[String], path: &Path) -> Result<bool> {
        let missing: Vec<String> = names
            .iter()
            .filter(|name| !self.given.contains_key(*name) && !self.computed.contains_key(*name))
            .cloned()
            .collect();
        if !missing.is_empty() && !self.compute(&missing)? {
            return Ok(false);
        }
        let values =
            names.iter().map(|name| self.given.get(name).or_else(|| self.computed.get(name)).map(|it| (name, it)));
        let Some(values) = values.collect::<Option<Vec<_>>>() else { return Ok(false) };
        if values.iter().any(|(_, tensor)| !is_held(tensor.dtype())) {
            return Ok(false);
        }
        write_npz(path, &values).with_context(|| path.display().to_string())?;
        Ok(true)
    }

    /// Computes values of the model from its inputs; whether it could be done.
    fn compute(&mut self, names: &[String]) -> Result<bool> {
        if self.computed.values().filter_map(Tensor::byte_len).sum::<usize>() > MAX_KEPT {
            self.computed.clear();
        }
        let folder = tempfile::Builder::new().prefix("glassbox-reduce-").tempdir().context("a temporary folder")?;
        let path = folder.path().join(format!("values.{}", self.subject.ending()));
        if self.subject.write(&[], names, &path).is_err() {
            return Ok(false);
        }
        let Ok(values) = self.run(&path) else { return Ok(false) };
        for (name, value) in names.iter().zip(values) {
            let Value::Tensor(tensor) = value else { return Ok(false) };
            self.computed.insert(name.clone(), tensor);
        }
        Ok(true)
    }

    /// The outputs of a piece that begins with inputs of the model.
    fn run(&self, path: &Path) -> Result<Vec<Value>> {
        let model = load_model(path, LoadOptions::default())?;
        let graph = model.graph()?;
        let given = graph.inputs().iter().map(|id| {
            let name = graph.value_label(*id);
            self.given.get(&name).map(|tensor| Value::from(tensor.clone())).context(name)
        });
        let given = given.collect::<Result<Vec<_>>>()?;
        let options = Options { seed: self.arguments.given.seed, ..glassbox_backends::options() };
        let runtime = self.arguments.runs.runtime()?;
        Ok(model.forward(runtime.as_ref(), &options)?.run(&given, RunContext::new())?)
    }

    /// The symbols of the inputs' dims, with their sizes.
    pub(super) fn sizes(&self) -> Result<Vec<(String, usize)>> {
        let model = model::open(&self.arguments.model, LoadOptions::default())?;
        let graph = model.graph()?;
        let types = graph.inputs().iter().map(|id| {
            let tensor = self.given.get(&graph.value_label(*id))?;
            Some(glassbox_ir::Type::tensor(tensor.dtype(), tensor.shape().iter().copied()))
        });
        let Some(types) = types.collect::<Option<Vec<_>>>() else { return Ok(Vec::new()) };
        let Ok(bound) = bind_inputs(graph, &types) else { return Ok(Vec::new()) };
        let sizes = bound.iter().filter_map(|(name, dim)| Some((name.to_owned(), dim.as_size()?)));
        Ok(sizes.filter(|(_, size)| *size > 1).collect())
    }

    /// The same with the inputs cut to another size of a symbol. None where a dim hangs on the symbol in another way than
    /// being it.
    pub(super) fn with_size(&self, symbol: &str, size: usize) -> Result<Option<Values<'s>>> {
        let model = model::open(&self.arguments.model, LoadOptions::default())?;
        let graph = model.graph()?;
        let mut given = self.given.clone();
        for id in graph.inputs() {
            let Some(tensor) = given.get_mut(&graph.value_label(*id)) else { continue };
            let ty = &graph.value(*id).ty;
            for (axis, dim) in ty.as_tensor().and_then(|tensor| tensor.dims()).unwrap_or_default().iter().enumerate() {
                let mut hangs = false;
                dim.for_each_symbol(&mut |name| hangs |= name == symbol);
                match (hangs, dim.as_symbol()) {
                    (true, Some(_)) => *tensor = tensor.slice_axis(axis, 0, size, 1)?.contiguous()?,
                    (true, None) => return Ok(None),
                    (false, _) => {}
                }
            }
        }
        let (subject, arguments) = (self.subject, self.arguments);
        Ok(Some(Values { subject, arguments, given, computed: HashMap::new() }))
    }
}

/// Whether NumPy's files hold values of a dtype as they are.
fn is_held(dtype: DType) -> bool {
    use DType::{Bool, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    [F64, F32, F16, I64, I32, I16, I8, U64, U32, U16, U8, Bool].contains(&dtype)
}

/// Writes arrays by name.
fn write_npz(path: &Path, values: &[(&String, &Tensor)]) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("glassbox-reduce-").tempdir()?;
    let array = folder.path().join("array.npy");
    let mut archive = zip::ZipWriter::new(std::io::BufWriter::new(std::fs::File::create(path)?));
    for (name, tensor) in values {
        arrays::write_npy(&array, tensor)?;
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).large_file(true);
        archive.start_file(format!("{name}.npy"), options)?;
        std::io::copy(&mut std::fs::File::open(&array)?, &mut archive)?;
    }
    archive.finish()?.flush()?;
    Ok(())
}
