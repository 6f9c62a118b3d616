//! The values that go into a model, from what the command line says of them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_exec::Value;
use glassbox_ir::{Bindings, Dim, Graph, Type, ValueId};
use glassbox_onnx::Data;
use glassbox_runtime::Model;
use glassbox_tensor::{DType, Overflow, Tensor};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::args::{Given, ModelAndInputs};
use crate::arrays;
use crate::pictures;

/// The endings that are taken for images.
const IMAGE_ENDINGS: &[&str] = &["png", "jpg", "jpeg", "bmp", "webp", "gif", "tif", "tiff", "ppm", "pgm", "pnm"];

/// Turns a text into tokens.
pub(crate) type Encode<'a> = &'a dyn Fn(&str) -> Result<Vec<u32>>;

/// A value for every input of the model's graph, in order.
pub(crate) fn values(model: &Model, arguments: &ModelAndInputs, quiet: bool) -> Result<Vec<Value>> {
    let graph = model.graph()?;
    #[cfg(feature = "text")]
    let encode = |text: &str| {
        let tokenizer = model.tokenizer();
        let tokenizer = tokenizer.with_context(|| format!("{}: it has no tokenizer", model.name()))?;
        Ok(tokenizer.encode(text)?)
    };
    #[cfg(not(feature = "text"))]
    let encode = no_tokenizers;
    let given = given(graph, &arguments.given, &encode, quiet)?;
    let missing = graph.inputs().iter().zip(&given).filter(|(_, value)| value.is_none());
    let missing: Vec<String> =
        missing.map(|(id, _)| format!("{}: {}", graph.value_label(*id), graph.value(*id).ty)).collect();
    if !missing.is_empty() {
        bail!(
            "no value is given for {}; give each with --input NAME=FILE, NAME=random, NAME=zeros or NAME=const:V",
            missing.join(", ")
        );
    }
    Ok(given.into_iter().flatten().collect())
}

/// Says why no text becomes tokens.
#[cfg(not(feature = "text"))]
pub(crate) fn no_tokenizers(_: &str) -> Result<Vec<u32>> {
    bail!("this program was built without tokenizers; build it with the feature `text`, or give the tokens")
}

/// The values that are given for inputs of the graph, in the order of the inputs.
pub(crate) fn given(graph: &Graph, arguments: &Given, encode: Encode, quiet: bool) -> Result<Vec<Option<Value>>> {
    let dims = bindings(&arguments.dims)?;
    let mut given: Vec<(String, Source)> = Vec::new();
    for text in &arguments.inputs {
        add(graph, text, &mut given)?;
    }
    let mut inputs = Vec::new();
    for (index, id) in graph.inputs().iter().enumerate() {
        let name = graph.value_label(*id);
        let source = given.iter().find(|(given, _)| *given == name);
        let seed = arguments.seed.wrapping_add(index as u64);
        let maker = Maker { graph, id: *id, dims: &dims, seed, arguments, encode, quiet };
        let value = source.map(|(_, source)| maker.value(source)).transpose();
        inputs.push(value.with_context(|| format!("input `{name}`"))?);
    }
    Ok(inputs)
}

/// Where the value of an input comes from.
enum Source {
    Text(String),
    Array(Tensor),
}

/// Takes one `--input` apart.
fn add(graph: &Graph, text: &str, given: &mut Vec<(String, Source)>) -> Result<()> {
    let names: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    // Names may hold `=`: the longest name that fits is meant.
    let named = names.iter().filter(|name| text.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('=')));
    if let Some(name) = named.max_by_key(|name| name.len()) {
        given.push((name.clone(), Source::Text(text[name.len() + 1..].to_owned())));
        return Ok(());
    }
    if text.ends_with(".npz") && !text.contains('=') {
        for (name, tensor) in arrays::read_npz(Path::new(text))? {
            if !names.contains(&name) {
                bail!("{text}: the array `{name}` isn't an input of the model; these are {}", names.join(", "));
            }
            given.push((name, Source::Array(tensor)));
        }
        return Ok(());
    }
    match names.as_slice() {
        [only] if !text.contains('=') => given.push((only.clone(), Source::Text(text.to_owned()))),
        _ => bail!("--input {text}: the model has no such input; it has {}", names.join(", ")),
    }
    Ok(())
}

/// The sizes of symbolic dims.
fn bindings(dims: &[String]) -> Result<Bindings> {
    let one = |text: &String| {
        let (name, size) = text.split_once('=').with_context(|| format!("--dim {text}: it is NAME=SIZE"))?;
        let size: u32 = size.parse().with_context(|| format!("--dim {text}: the size is a number"))?;
        Ok((name.to_owned(), i64::from(size)))
    };
    dims.iter().map(one).collect()
}

/// Makes the value of one input.
struct Maker<'a> {
    graph: &'a Graph,
    id: ValueId,
    dims: &'a Bindings,
    seed: u64,
    arguments: &'a Given,
    encode: Encode<'a>,
    quiet: bool,
}

impl Maker<'_> {
    fn value(&self, source: &Source) -> Result<Value> {
        let text = match source {
            Source::Array(tensor) => return Ok(tensor.clone().into()),
            Source::Text(text) => text.as_str(),
        };
        match text {
            "random" => return self.filled(random),
            "zeros" => return self.filled(|_, _| 0.0),
            _ => {}
        }
        if let Some(constant) = text.strip_prefix("const:") {
            let constant: f64 = constant.parse().with_context(|| format!("{constant:?} is no number"))?;
            return self.filled(|_, _| constant);
        }
        if let Some(text) = text.strip_prefix("text:") {
            let tokens: Vec<i64> = (self.encode)(text)?.into_iter().map(i64::from).collect();
            return Ok(Tensor::from_vec(&[1, tokens.len()], tokens)?.into());
        }
        let path = Path::new(text);
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        match ending.as_str() {
            "npy" => Ok(arrays::read_npy(path)?.into()),
            "npz" => {
                let name = self.graph.value_label(self.id);
                let found = arrays::read_npz(path)?.into_iter().find(|(array, _)| *array == name);
                Ok(found.with_context(|| format!("{text}: it has no array `{name}`"))?.1.into())
            }
            "pb" => match glassbox_onnx::read_tensor_pb(path)? {
                Data::Tensor(tensor) => Ok(tensor.into()),
                _ => bail!("{text}: it doesn't hold a tensor"),
            },
            _ if IMAGE_ENDINGS.contains(&ending.as_str()) => {
                let Type::Tensor(wanted) = &self.graph.value(self.id).ty else {
                    bail!("{text}: the input is no tensor")
                };
                Ok(pictures::read(path, wanted, self.arguments, self.quiet)?.into())
            }
            _ => bail!(
                "{text:?} is neither random, zeros, const:V nor a file that ends in .npy, .npz, .pb or as an image does"
            ),
        }
    }

    /// A tensor of the declared dtype and dims.
    fn filled(&self, mut element: impl FnMut(&mut StdRng, DType) -> f64) -> Result<Value> {
        let ty = &self.graph.value(self.id).ty;
        let Type::Tensor(tensor) = ty.substitute(self.dims) else { bail!("it is {ty}; give a file") };
        let Some(dims) = tensor.dims() else { bail!("it is {ty}, of unknown rank; give a file") };
        let size = |dim: &Dim| {
            dim.as_size().with_context(|| match dim.as_symbol() {
                Some(symbol) => format!("it is {ty}; say how large {symbol} is with --dim {symbol}=SIZE"),
                None => format!("it is {ty}, and a dim isn't known; give a file"),
            })
        };
        let sizes = dims.iter().map(size).collect::<Result<Vec<_>>>()?;
        let mut rng = StdRng::seed_from_u64(self.seed);
        let count = sizes.iter().try_fold(1usize, |count, size| count.checked_mul(*size)).context("it is too large")?;
        // Checks that so much memory is to be had, before the elements are made.
        Tensor::zeros(tensor.dtype, &sizes)?;
        let elements = (0..count).map(|_| element(&mut rng, tensor.dtype)).collect();
        Ok(Tensor::store(tensor.dtype, &sizes, elements, Overflow::Saturate)?.into())
    }
}

/// A random element: floats from -1 to 1, integers from 0 to 9, any bool.
fn random(rng: &mut StdRng, dtype: DType) -> f64 {
    if dtype.is_float() {
        rng.random_range(-1.0..1.0)
    } else if dtype == DType::Bool {
        f64::from(rng.random_range(0..2u8))
    } else {
        f64::from(rng.random_range(0..10u8))
    }
}
