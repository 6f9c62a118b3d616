//! The value of one input, from where the command line says that it comes from: a word, a file, an array, standard input.
//!
//! In: the input's type, and the sizes that are known. Out: a value of that type, where it can be one without loss; whether its
//! dims fit is for the run to say.

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_exec::Value;
use glassbox_ir::{Bindings, Dim, Graph, Type, ValueId};
use glassbox_onnx::Data;
use glassbox_tensor::{DType, Overflow, Tensor};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::args::Given;
use crate::arrays::{self, Arrays};
use crate::pictures;
use crate::values as json_values;

/// Turns a text into tokens.
pub(crate) type Encode<'a> = &'a dyn Fn(&str) -> Result<Vec<u32>>;

/// The endings that are taken for images.
const IMAGE_ENDINGS: &[&str] = &["png", "jpg", "jpeg", "bmp", "webp", "gif", "tif", "tiff", "ppm", "pgm", "pnm"];

/// What stands for a random value.
pub(super) const RANDOM: &str = "random";

/// What messages call it.
pub(super) const STANDARD_INPUT: &str = "standard input";

/// Where the value of an input comes from.
pub(super) enum Source {
    Text(String),
    Array(Tensor),
    /// The bytes of standard input.
    Bytes(Vec<u8>),
}

/// Makes the value of one input.
pub(super) struct Maker<'a> {
    pub(super) graph: &'a Graph,
    pub(super) id: ValueId,
    pub(super) dims: &'a Bindings,
    pub(super) seed: u64,
    pub(super) arguments: &'a Given,
    pub(super) encode: Encode<'a>,
    pub(super) quiet: bool,
}

impl Maker<'_> {
    pub(super) fn value(&self, source: &Source) -> Result<Value> {
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
pub(crate) fn of_pb(path: &Path, ty: &Type) -> Result<Value> {
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
        (Data::Map(..), _) => bail!("it holds a map, and the input is {ty}"),
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
