//! The values that go into a model, from what the command line says of them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_exec::Value;
use glassbox_ir::text::nearest;
use glassbox_ir::{Bindings, Dim, Graph, Type, ValueId};
use glassbox_onnx::Data;
use glassbox_runtime::Model;
use glassbox_tensor::{DType, Overflow, Tensor};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::args::{Given, ModelAndInputs};
use crate::arrays::{self, Arrays};
use crate::pictures;
use crate::standard_input::{self, DASH};
use crate::tokens;
use crate::values as json_values;

/// The endings that are taken for images.
const IMAGE_ENDINGS: &[&str] = &["png", "jpg", "jpeg", "bmp", "webp", "gif", "tif", "tiff", "ppm", "pgm", "pnm"];

/// What stands for a random value.
const RANDOM: &str = "random";

/// Turns a text into tokens.
pub(crate) type Encode<'a> = &'a dyn Fn(&str) -> Result<Vec<u32>>;

/// A value for every input of the model's graph, in order.
pub(crate) fn values(model: &Model, arguments: &ModelAndInputs, quiet: bool) -> Result<Vec<Value>> {
    let graph = model.graph()?;
    let given = given(graph, &arguments.given, &|text| encode(model, text), quiet)?;
    let missing = graph.inputs().iter().zip(&given).filter(|(_, value)| value.is_none());
    let missing: Vec<String> =
        missing.map(|(id, _)| format!("{}: {}", graph.value_label(*id), graph.value(*id).ty)).collect();
    if !missing.is_empty() {
        bail!(
            "no value is given for {}; give each with --input NAME=FILE, NAME=random, NAME=zeros, NAME=const:V or NAME=- for standard input",
            missing.join(", ")
        );
    }
    Ok(given.into_iter().flatten().collect())
}

/// A value for every input of the model's graph, in order; those that aren't given are random.
pub(crate) fn values_or_random(model: &Model, arguments: &Given, quiet: bool) -> Result<Vec<Value>> {
    let random = Source::Text(RANDOM.to_owned());
    let made = made(model.graph()?, arguments, &|text| encode(model, text), quiet, Some(&random))?;
    Ok(made.into_iter().flatten().collect())
}

/// A text as tokens, by the model's tokenizer.
#[cfg(feature = "text")]
fn encode(model: &Model, text: &str) -> Result<Vec<u32>> {
    let tokenizer = model.tokenizer().with_context(|| format!("{}: it has no tokenizer", model.name()))?;
    Ok(tokenizer.encode(text)?)
}

#[cfg(not(feature = "text"))]
fn encode(_: &Model, text: &str) -> Result<Vec<u32>> {
    no_tokenizers(text)
}

/// Says why no text becomes tokens.
#[cfg(not(feature = "text"))]
pub(crate) fn no_tokenizers(_: &str) -> Result<Vec<u32>> {
    bail!("this program was built without tokenizers; build it with the feature `text`, or give the tokens")
}

/// The values that are given for inputs of the graph, in the order of the inputs.
pub(crate) fn given(graph: &Graph, arguments: &Given, encode: Encode, quiet: bool) -> Result<Vec<Option<Value>>> {
    made(graph, arguments, encode, quiet, None)
}

/// The same, with what is made of an input that isn't given.
fn made(
    graph: &Graph,
    arguments: &Given,
    encode: Encode,
    quiet: bool,
    otherwise: Option<&Source>,
) -> Result<Vec<Option<Value>>> {
    let dims = bindings(graph, &arguments.dims)?;
    let mut given: Vec<(String, Source)> = Vec::new();
    for text in &arguments.inputs {
        add(graph, text, &mut given)?;
    }
    let known = with_first_extents(graph, &dims);
    let names: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    let mut inputs = Vec::new();
    for (index, (id, name)) in graph.inputs().iter().zip(&names).enumerate() {
        let source = given.iter().find(|(given, _)| given == name).map(|(_, source)| source);
        let seed = arguments.seed.wrapping_add(index as u64);
        let maker = Maker { graph, id: *id, dims: &known, seed, arguments, encode, quiet };
        // Lengths that aren't given are those of the tokens.
        let otherwise =
            otherwise.filter(|_| name != tokens::LENGTHS || !names.iter().any(|name| name == tokens::TOKENS));
        let value = source.or(otherwise).map(|source| maker.value(source)).transpose();
        inputs.push(value.with_context(|| format!("input `{name}`"))?);
    }
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
    if let (Some(read), Some(lengths)) = (place(tokens::TOKENS), place(tokens::LENGTHS))
        && let (Some(Value::Tensor(read)), None) = (&inputs[read], &inputs[lengths])
    {
        inputs[lengths] = tokens::all_lengths(read)?;
    }
    sizes_hold(graph, &inputs, &dims)?;
    Ok(inputs)
}

/// The sizes that are told, and those that the states say: how many rows there are at first.
fn with_first_extents(graph: &Graph, told: &Bindings) -> Bindings {
    let mut known = told.clone();
    for state in graph.states().iter() {
        let Some(initial) = &state.initial else { continue };
        for (dim, extent) in state.ty.dims().unwrap_or_default().iter().zip(initial.shape()) {
            if let Some(symbol) = dim.as_symbol().filter(|symbol| known.get(symbol).is_none()) {
                known.insert(symbol.to_owned(), *extent as i64);
            }
        }
    }
    known
}

/// That inputs from files don't have other sizes than `--dim` says.
fn sizes_hold(graph: &Graph, inputs: &[Option<Value>], dims: &Bindings) -> Result<()> {
    let present = || graph.inputs().iter().zip(inputs).filter_map(|(id, value)| Some((*id, value.as_ref()?)));
    let labels: Vec<String> = present().map(|(id, _)| graph.value_label(id)).collect();
    let declared: Vec<(&str, &Type)> =
        labels.iter().map(String::as_str).zip(present().map(|(id, _)| &graph.value(id).ty)).collect();
    let types: Vec<Type> = present().map(|(_, value)| value.ty()).collect();
    // Inputs that don't fit their types are refused when the run begins, with everything that is known then.
    let Ok(bound) = glassbox_ir::bind(&declared, &types) else { return Ok(()) };
    for (symbol, told) in dims.iter() {
        let told = told.as_int();
        match bound.size(symbol) {
            Some(size) if told.is_some_and(|told| told != size) => {
                bail!("--dim {symbol}={}: the inputs that are given have {symbol} = {size}", told.unwrap_or(0))
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where the value of an input comes from.
enum Source {
    Text(String),
    Array(Tensor),
    /// The bytes of standard input.
    Bytes(Vec<u8>),
}

/// Whether the arguments give a value to the input `name`: one of its own, or an array of a `.npz`.
///
/// # Errors
///
/// Where a `.npz` can't be read.
pub(crate) fn names(arguments: &Given, name: &str) -> Result<bool> {
    for text in &arguments.inputs {
        let own = text.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        let archive = text.ends_with(".npz") && !text.contains('=') && Path::new(text).exists();
        if own || (archive && arrays::names_of_npz(Path::new(text))?.iter().any(|array| array == name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes one `--input` apart.
fn add(graph: &Graph, text: &str, given: &mut Vec<(String, Source)>) -> Result<()> {
    let names: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    // Names may hold `=`: the longest name that fits is meant.
    let named = names.iter().filter(|name| text.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('=')));
    if let Some(name) = named.max_by_key(|name| name.len()) {
        let value = &text[name.len() + 1..];
        let source = match value {
            DASH => Source::Bytes(standard_input::bytes(&format!("--input {text}"))?),
            value => Source::Text(value.to_owned()),
        };
        return put(given, name, source);
    }
    if text.ends_with(".npz") && !text.contains('=') {
        return put_all(given, &names, arrays::read_npz(Path::new(text))?, text);
    }
    if text == DASH {
        let bytes = standard_input::bytes("--input -")?;
        if let Some(Arrays::Named(arrays)) = arrays::read_bytes(&bytes, STANDARD_INPUT)? {
            return put_all(given, &names, arrays, STANDARD_INPUT);
        }
        let [only] = names.as_slice() else {
            bail!("--input -: the model has {} inputs: {}; say which with NAME=-", names.len(), names.join(", "))
        };
        return put(given, only, Source::Bytes(bytes));
    }
    match names.as_slice() {
        [only] if !text.contains('=') => put(given, only, Source::Text(text.to_owned())),
        [] => bail!("--input {text}: the model has no inputs"),
        _ => {
            let name = text.split('=').next().unwrap_or(text);
            let hint = nearest(name, names.iter().map(String::as_str));
            let hint = hint.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            bail!("--input {text}: the model has no such input; it has {}{hint}", names.join(", "))
        }
    }
}

/// What messages call it.
const STANDARD_INPUT: &str = "standard input";

/// Gives every array of a file to the input of its name.
fn put_all(
    given: &mut Vec<(String, Source)>,
    names: &[String],
    arrays: Vec<(String, Tensor)>,
    file: &str,
) -> Result<()> {
    for (name, tensor) in arrays {
        if !names.contains(&name) {
            bail!("{file}: the array `{name}` isn't an input of the model; these are {}", names.join(", "));
        }
        put(given, &name, Source::Array(tensor))?;
    }
    Ok(())
}

/// Gives an input its source, which it has only once.
fn put(given: &mut Vec<(String, Source)>, name: &str, source: Source) -> Result<()> {
    if given.iter().any(|(other, _)| other == name) {
        bail!("--input: `{name}` is given twice");
    }
    given.push((name.to_owned(), source));
    Ok(())
}

/// The sizes of symbolic dims, which the types of inputs have.
fn bindings(graph: &Graph, dims: &[String]) -> Result<Bindings> {
    let mut symbols = std::collections::BTreeSet::new();
    for id in graph.inputs() {
        if let Type::Tensor(tensor) = &graph.value(*id).ty {
            let mut add = |symbol: &str| {
                symbols.insert(symbol.to_owned());
            };
            tensor.dims().unwrap_or_default().iter().for_each(|dim| dim.for_each_symbol(&mut add));
        }
    }
    let mut bindings = Bindings::new();
    for text in dims {
        let (name, size) = text.split_once('=').with_context(|| format!("--dim {text}: it is NAME=SIZE"))?;
        let size: u32 = size.parse().with_context(|| format!("--dim {text}: the size is a number"))?;
        if !symbols.contains(name) {
            let known: Vec<&str> = symbols.iter().map(String::as_str).collect();
            match known.as_slice() {
                [] => bail!("--dim {text}: no input has a dim `{name}`; all dims of the inputs are numbers"),
                known => bail!("--dim {text}: no input has a dim `{name}`; there are {}", known.join(", ")),
            }
        }
        if bindings.insert(name, i64::from(size)).is_some() {
            bail!("--dim {text}: `{name}` is given twice");
        }
    }
    Ok(bindings)
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
        fitted(self.read(source)?, &self.graph.value(self.id).ty)
    }

    fn read(&self, source: &Source) -> Result<Value> {
        let text = match source {
            Source::Array(tensor) => return Ok(tensor.clone().into()),
            Source::Bytes(bytes) => return self.of_bytes(bytes),
            Source::Text(text) => text.as_str(),
        };
        match text {
            RANDOM => return self.filled(random),
            "zeros" => return self.filled(|_, _| 0.0),
            NOTHING => {
                let Type::Optional(element) = &self.graph.value(self.id).ty else { bail!("`none`: it is no optional") };
                return Ok(Value::Optional { element: element.as_ref().clone(), item: None });
            }
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
                let arrays = arrays::read_npz(path)?;
                // All arrays of a file are a sequence, in their order, where none has the name of the input.
                if let Type::Sequence(element) = &self.graph.value(self.id).ty
                    && arrays.iter().all(|(array, _)| *array != name)
                {
                    let items = arrays.into_iter().map(|(_, array)| array.into()).collect();
                    return Ok(Value::Sequence { element: element.as_ref().clone(), items });
                }
                let found = arrays.into_iter().find(|(array, _)| *array == name);
                Ok(found.with_context(|| format!("{text}: it has no array `{name}`"))?.1.into())
            }
            "pb" => of_pb(path, &self.graph.value(self.id).ty),
            "json" => {
                let file = std::fs::read(path).with_context(|| format!("{text}: the file can't be read"))?;
                self.of_json(&file, text)
            }
            _ if IMAGE_ENDINGS.contains(&ending.as_str()) => {
                let Type::Tensor(wanted) = &self.graph.value(self.id).ty else {
                    bail!("{text}: the input is no tensor")
                };
                Ok(pictures::read(path, wanted, self.arguments, self.quiet)?.into())
            }
            _ => bail!(
                "{text:?} is neither random, zeros, const:V, `-` for standard input, nor a file that ends in .npy, .npz, .json, \
                 .pb or as an image does"
            ),
        }
    }

    /// What standard input holds: an array of NumPy's, an archive with an array of the input's name, or JSON.
    fn of_bytes(&self, bytes: &[u8]) -> Result<Value> {
        match arrays::read_bytes(bytes, STANDARD_INPUT)? {
            Some(Arrays::One(tensor)) => Ok(tensor.into()),
            Some(Arrays::Named(arrays)) => {
                let name = self.graph.value_label(self.id);
                let found = arrays.into_iter().find(|(array, _)| *array == name);
                Ok(found.with_context(|| format!("{STANDARD_INPUT}: it has no array `{name}`"))?.1.into())
            }
            None => self.of_json(bytes, STANDARD_INPUT),
        }
    }

    /// A value in JSON. A flat list takes the declared dims, where they are known and it has as many elements.
    fn of_json(&self, bytes: &[u8], place: &str) -> Result<Value> {
        let rule = || format!("{place}: it is neither an array of NumPy's (.npy, .npz) nor a value in JSON");
        let value: serde_json::Value = serde_json::from_slice(bytes).with_context(rule)?;
        let ty = &self.graph.value(self.id).ty;
        if let Some(value) = json_values::composed(&value, Some(ty)).with_context(|| place.to_owned())? {
            return Ok(value);
        }
        let given = json_values::given(&value, Some(ty)).with_context(|| place.to_owned())?;
        let Type::Tensor(declared) = ty.substitute(self.dims) else { bail!("it is {ty}, and JSON gives a tensor") };
        let sizes = declared.dims().map(|dims| dims.iter().map(Dim::as_size).collect::<Option<Vec<usize>>>());
        match sizes.flatten() {
            Some(sizes) if given.flat && sizes.iter().product::<usize>() == given.tensor.len() => {
                Ok(given.tensor.reshape(&sizes)?.into())
            }
            _ => Ok(given.tensor.into()),
        }
    }

    /// A tensor of the declared dtype and dims.
    fn filled(&self, mut element: impl FnMut(&mut StdRng, DType) -> f64) -> Result<Value> {
        let ty = &self.graph.value(self.id).ty;
        let Type::Tensor(tensor) = ty.substitute(self.dims) else { bail!("it is {ty}; give a file") };
        if tensor.dtype == DType::String {
            bail!("it is {ty}; give its texts in a file (.npy, .json or .pb)");
        }
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

/// What stands for an optional that holds nothing.
const NOTHING: &str = "none";

/// What a file of the ONNX format holds, of which only the type of the input says what it is. An optional may be given as the
/// value that it holds.
fn of_pb(path: &Path, ty: &Type) -> Result<Value> {
    let data = match ty {
        Type::Tensor(_) => glassbox_onnx::read_tensor_pb(path)?,
        Type::Sequence(_) => glassbox_onnx::read_sequence_pb(path)?,
        Type::Optional(element) => {
            let fits = |data: &Data| value_of(data.clone(), ty).is_ok_and(|value| ty.admits(&value.ty()));
            match glassbox_onnx::read_optional_pb(path) {
                Ok(data) if fits(&data) => data,
                read => match of_pb(path, element) {
                    Ok(item) if element.admits(&item.ty()) => return Ok(item),
                    _ => read?,
                },
            }
        }
    };
    value_of(data, ty).with_context(|| path.display().to_string())
}

/// What a file holds, as a value of the type.
fn value_of(data: Data, ty: &Type) -> Result<Value> {
    Ok(match (data, ty) {
        (Data::Tensor(tensor), _) => tensor.into(),
        (Data::Sequence(items), Type::Sequence(element)) => Value::Sequence {
            element: element.as_ref().clone(),
            items: items.into_iter().map(|item| value_of(item, element)).collect::<Result<_>>()?,
        },
        (Data::Optional(item), Type::Optional(element)) => {
            let item = item.map(|item| value_of(*item, element)).transpose()?.map(Box::new);
            Value::Optional { element: element.as_ref().clone(), item }
        }
        (Data::Map(..), _) => {
            bail!("it holds a map, and no input of a graph is one: give its keys and values as tensors")
        }
        _ => bail!("it holds another kind of value than the input, which is {ty}"),
    })
}

/// A value as its input has it: in an optional where that is declared, and of the narrow dtype that NumPy doesn't have, where
/// each element is a value of it.
fn fitted(value: Value, ty: &Type) -> Result<Value> {
    match (value, ty) {
        (value @ Value::Optional { .. }, _) => Ok(value),
        (value, Type::Optional(element)) => {
            let item = Some(Box::new(fitted(value, element)?));
            Ok(Value::Optional { element: element.as_ref().clone(), item })
        }
        (Value::Sequence { element, items }, Type::Sequence(wanted)) => {
            let items = items.into_iter().map(|item| fitted(item, wanted)).collect::<Result<_>>()?;
            Ok(Value::Sequence { element, items })
        }
        (Value::Tensor(tensor), Type::Tensor(wanted)) => Ok(narrowed(tensor, wanted.dtype)?.into()),
        (value, _) => Ok(value),
    }
}

/// The tensor in a dtype that NumPy doesn't have, where that loses nothing.
fn narrowed(tensor: Tensor, wanted: DType) -> Result<Tensor> {
    const NUMPY: &[DType] = &[DType::F16, DType::F32, DType::F64, DType::Bool, DType::String];
    let narrow = wanted.is_float() && !NUMPY.contains(&wanted) && tensor.dtype() == DType::F32
        || wanted.is_sub_byte() && [DType::I8, DType::U8].contains(&tensor.dtype());
    if !narrow {
        return Ok(tensor);
    }
    let cast = tensor.cast(wanted, Overflow::Saturate)?;
    let (before, after) = (tensor.load::<f64>()?, cast.load::<f64>()?);
    let same =
        before.iter().zip(after.iter()).all(|(before, after)| before == after || before.is_nan() && after.is_nan());
    Ok(if same { cast } else { tensor })
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
