//! Sparse tensors, made dense.
//!
//! The indices are ascending and unique; what they don't name is zero, or the empty string. The dense
//! tensors of a model may not be out of proportion to the file: see [`LARGEST_SPARSE`].

use glassbox_tensor::{DType, Tensor, layout};

use crate::error::OnnxError;
use crate::external::External;
use crate::proto::SparseTensorProto;
use crate::tensor::{shape, tensor};

/// Dense tensors of at most so many bytes in all are made whatever the number of stored values.
const LARGEST_SPARSE: usize = 256 << 20;
/// Larger ones have at most so many bytes for each value that the model's sparse tensors store.
const LARGEST_RATIO: usize = 10_000;

/// The name of a sparse tensor: that of its values.
pub(crate) fn name(proto: &SparseTensorProto) -> Option<&str> {
    proto.values.as_ref().and_then(|values| values.name.as_deref())
}

/// The dense tensor.
pub(crate) fn densify(proto: SparseTensorProto, place: &str, external: &mut External) -> Result<Tensor, OnnxError> {
    let label = name(&proto).filter(|name| !name.is_empty()).unwrap_or(place).to_owned();
    let fail = |rule: String| OnnxError::Tensor { tensor: label.clone(), rule };
    let (Some(values), Some(indices)) = (proto.values, proto.indices) else {
        return Err(fail("a sparse tensor needs values and indices".to_owned()));
    };
    let values = tensor(values, &label, external)?;
    let indices = tensor(indices, &format!("{label} (indices)"), external)?;
    let shape = shape(&proto.dims).map_err(fail)?;
    let elements = layout::element_count(&shape).ok_or_else(|| fail(format!("dims {shape:?} overflow")))?;
    let size = match values.dtype() {
        DType::String => elements.checked_mul(size_of::<String>()),
        DType::F8E8M0 => return Err(fail("f8e8m0 has no zero, so it can't be sparse".to_owned())),
        dtype => dtype.byte_len(elements),
    };
    let stored = external.stored.saturating_add(values.len());
    let most = LARGEST_SPARSE.max(stored.saturating_mul(LARGEST_RATIO));
    let dense = size.and_then(|size| size.checked_add(external.dense)).filter(|dense| *dense <= most);
    let Some(dense) = dense else {
        return Err(fail(format!("dims {shape:?} with {} stored values are too large to be made dense", values.len())));
    };
    (external.stored, external.dense) = (stored, dense);
    if values.rank() != 1 {
        return Err(fail(format!("the values have the dims {:?}, not [NNZ]", values.shape())));
    }
    let places = places(&indices, values.len(), &shape, elements).map_err(fail)?;
    scatter(&values, &places, &shape, elements).map_err(fail)
}

/// The place of each value in the dense tensor, row-major.
fn places(indices: &Tensor, count: usize, shape: &[usize], elements: usize) -> Result<Vec<usize>, String> {
    if indices.dtype() != DType::I64 {
        return Err(format!("the indices are {}, not i64", indices.dtype()));
    }
    let stored = indices.to_vec::<i64>().map_err(|error| error.to_string())?;
    let places: Option<Vec<usize>> = if indices.shape() == [count] {
        stored.iter().map(|index| usize::try_from(*index).ok().filter(|index| *index < elements)).collect()
    } else if indices.shape() == [count, shape.len()] {
        (0..count).map(|row| place(&stored[row * shape.len()..(row + 1) * shape.len()], shape)).collect()
    } else {
        let rank = shape.len();
        return Err(format!("the indices have the dims {:?}, not [{count}] or [{count}, {rank}]", indices.shape()));
    };
    let places = places.ok_or_else(|| format!("an index is outside the dims {shape:?}"))?;
    match places.windows(2).position(|pair| pair[0] >= pair[1]) {
        Some(at) => {
            Err(format!("the indices must be ascending and unique, but index {at} is not below index {}", at + 1))
        }
        None => Ok(places),
    }
}

/// The row-major place of one index, where it is inside the shape.
fn place(index: &[i64], shape: &[usize]) -> Option<usize> {
    index.iter().zip(shape).try_fold(0usize, |place, (index, extent)| {
        let index = usize::try_from(*index).ok().filter(|index| index < extent)?;
        place.checked_mul(*extent)?.checked_add(index)
    })
}

fn scatter(values: &Tensor, places: &[usize], shape: &[usize], elements: usize) -> Result<Tensor, String> {
    let dtype = values.dtype();
    if let Some(strings) = values.to_strings() {
        let mut dense = vec![String::new(); elements];
        for (place, value) in places.iter().zip(strings) {
            dense[*place] = value;
        }
        return Tensor::from_strings(shape, dense).map_err(|error| error.to_string());
    }
    let (Some(bits), Some(size)) = (dtype.bits(), dtype.byte_len(elements)) else {
        return Err(format!("dtype {dtype} can't be sparse"));
    };
    let source = values.to_bytes().map_err(|error| error.to_string())?;
    let mut dense = vec![0u8; size];
    for (index, place) in places.iter().enumerate() {
        if bits >= 8 {
            let width = bits / 8;
            dense[place * width..(place + 1) * width].copy_from_slice(&source[index * width..(index + 1) * width]);
        } else {
            let (per_byte, mask) = (8 / bits, (1u8 << bits) - 1);
            let code = source[index / per_byte] >> (index % per_byte * bits) & mask;
            dense[place / per_byte] |= code << (place % per_byte * bits);
        }
    }
    Tensor::from_bytes(dtype, shape, dense).map_err(|error| error.to_string())
}
