//! The tables of version 3, as bytes and back. They follow each other without padding: metadata, sizes,
//! tensors, states, blobs.

use glassbox_tensor::{DType, ParamId, Tensor, layout};

use super::codes;
use super::header::Header;
use crate::cursor::Cursor;
use crate::error::WeightsError;
use crate::mapped::id_of;
use crate::metadata::{Metadata, MetadataValue};
use crate::package::Quantisation;
use crate::spec::{Initial, Size, StateDim, StateSpec};
use crate::values::{self, put_text};

/// The type of a metadata value that is a tensor; the others are GGUF's.
const TENSOR_VALUE: u32 = 13;
/// No axis, no scheme.
const NONE: u32 = u32::MAX;
/// No capacity.
const UNLIMITED: u64 = u64::MAX;
/// A tensor has no more axes.
const MAX_DIMS: u32 = 64;

/// Everything that the tables say.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) metadata: Metadata,
    pub(super) sizes: Vec<Size>,
    pub(super) tensors: Vec<TensorRow>,
    pub(super) states: Vec<StateSpec>,
    pub(super) blobs: Vec<BlobRow>,
}

/// Where bytes are, and their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) hash: [u8; 32],
}

/// A row of the table of tensors.
pub(super) struct TensorRow {
    /// Where in the file the row is.
    pub(super) at: u64,
    pub(super) name: String,
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    /// `None` for a tensor without data.
    pub(super) extent: Option<Extent>,
    pub(super) quantisation: Option<Quantisation>,
}

/// A row of the table of blobs.
pub(super) struct BlobRow {
    pub(super) at: u64,
    pub(super) name: String,
    pub(super) extent: Extent,
}

/// The id of a tensor: of its dtype, dims and contents.
pub(super) fn id(code: u32, shape: &[usize], hash: &[u8; 32]) -> ParamId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&code.to_le_bytes());
    hasher.update(&(shape.len() as u32).to_le_bytes());
    for dim in shape {
        hasher.update(&(*dim as u64).to_le_bytes());
    }
    hasher.update(hash);
    id_of(&hasher.finalize())
}

impl Tables {
    /// The bytes of the tables. A dtype without a number is an error.
    pub(super) fn encode(&self) -> Result<Vec<u8>, WeightsError> {
        let mut out = Vec::new();
        for (key, value) in self.metadata.iter() {
            put_text(key, &mut out);
            out.extend(values::kind(value).unwrap_or(TENSOR_VALUE).to_le_bytes());
            match value {
                MetadataValue::Tensor(tensor) => put_tensor(key, tensor, &mut out)?,
                other => values::encode(other, &mut out),
            }
        }
        for size in &self.sizes {
            put_text(&size.name, &mut out);
            out.extend(size.value.to_le_bytes());
        }
        for tensor in &self.tensors {
            tensor.encode(&mut out)?;
        }
        for state in &self.states {
            put_state(state, &mut out)?;
        }
        for blob in &self.blobs {
            put_text(&blob.name, &mut out);
            put_extent(&blob.extent, &mut out);
        }
        Ok(out)
    }

    /// Reads the tables that a header counts.
    pub(super) fn decode(cursor: &mut Cursor, header: &Header) -> Result<Tables, WeightsError> {
        let mut tables = Tables::default();
        cursor.reading("the metadata");
        tables.metadata.0 = cursor.room(header.metadata.into(), 13)?;
        for _ in 0..header.metadata {
            let key = name(cursor)?;
            let value = match cursor.u32()? {
                TENSOR_VALUE => MetadataValue::Tensor(get_tensor(cursor)?),
                kind => values::value(cursor, kind)?,
            };
            tables.metadata.0.push((key, value));
        }
        cursor.reading("the table of sizes");
        tables.sizes = cursor.room(header.sizes.into(), 16)?;
        for _ in 0..header.sizes {
            tables.sizes.push(Size { name: name(cursor)?, value: cursor.u64()? });
        }
        cursor.reading("the table of tensors");
        tables.tensors = cursor.room(header.tensors.into(), 24)?;
        for _ in 0..header.tensors {
            tables.tensors.push(TensorRow::decode(cursor)?);
        }
        cursor.reading("the table of states");
        tables.states = cursor.room(header.states.into(), 40)?;
        for _ in 0..header.states {
            tables.states.push(get_state(cursor)?);
        }
        cursor.reading("the table of blobs");
        tables.blobs = cursor.room(header.blobs.into(), 56)?;
        for _ in 0..header.blobs {
            tables.blobs.push(BlobRow { at: cursor.offset(), name: name(cursor)?, extent: get_extent(cursor)? });
        }
        if cursor.left() != 0 {
            return Err(cursor.wrong(format!("{} bytes follow the last table", cursor.left())));
        }
        Ok(tables)
    }
}

impl TensorRow {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), WeightsError> {
        put_text(&self.name, out);
        let code = put_type(&self.name, self.dtype, &self.shape, out)?;
        out.extend(u32::from(self.extent.is_some()).to_le_bytes());
        if let Some(extent) = &self.extent {
            put_extent(extent, out);
            out.extend(id(code, &self.shape, &extent.hash).0.to_be_bytes());
        }
        match &self.quantisation {
            None => out.extend(0u32.to_le_bytes()),
            Some(quantisation) => {
                out.extend(1u32.to_le_bytes());
                put_axis(quantisation.axis, out);
                put_text(&quantisation.scales, out);
                put_text(quantisation.zero_points.as_deref().unwrap_or_default(), out);
            }
        }
        Ok(())
    }

    fn decode(cursor: &mut Cursor) -> Result<TensorRow, WeightsError> {
        let at = cursor.offset();
        let name = name(cursor)?;
        let (code, dtype, shape) = get_type(cursor)?;
        let extent = match cursor.u32()? {
            0 => None,
            1 => {
                let extent = get_extent(cursor)?;
                let said = ParamId(u128::from_be_bytes(cursor.array()?));
                if said != id(code, &shape, &extent.hash) {
                    return Err(cursor.wrong(format!("the id of {name:?} isn't that of its dtype, dims and hash")));
                }
                Some(extent)
            }
            other => return Err(cursor.wrong(format!("the flags of {name:?} are {other}; they are 0 or 1"))),
        };
        let quantisation = match cursor.u32()? {
            0 => None,
            1 => {
                let axis = get_axis(cursor, shape.len())?;
                let length = cursor.u64()?;
                let scales = cursor.text(length)?.to_owned();
                let length = cursor.u64()?;
                let zero_points = cursor.text(length)?.to_owned();
                Some(Quantisation { axis, scales, zero_points: Some(zero_points).filter(|name| !name.is_empty()) })
            }
            other => return Err(cursor.wrong(format!("the quantisation of {name:?} is {other}; it is 0 or 1"))),
        };
        Ok(TensorRow { at, name, dtype, shape, extent, quantisation })
    }
}

/// A name: not empty.
fn name(cursor: &mut Cursor) -> Result<String, WeightsError> {
    let length = cursor.u64()?;
    if length == 0 {
        return Err(cursor.wrong("a name must not be empty"));
    }
    cursor.text(length).map(str::to_owned)
}

fn put_extent(extent: &Extent, out: &mut Vec<u8>) {
    out.extend(extent.offset.to_le_bytes());
    out.extend(extent.length.to_le_bytes());
    out.extend(extent.hash);
}

fn get_extent(cursor: &mut Cursor) -> Result<Extent, WeightsError> {
    Ok(Extent { offset: cursor.u64()?, length: cursor.u64()?, hash: cursor.array()? })
}

/// Appends a dtype and dims; gives the dtype's number.
fn put_type(name: &str, dtype: DType, shape: &[usize], out: &mut Vec<u8>) -> Result<u32, WeightsError> {
    let none =
        || WeightsError::Parameter { name: name.to_owned(), rule: format!(".oinf has no tensors of dtype {dtype}") };
    let code = codes::code(dtype).ok_or_else(none)?;
    out.extend(code.to_le_bytes());
    out.extend((shape.len() as u32).to_le_bytes());
    shape.iter().for_each(|dim| out.extend((*dim as u64).to_le_bytes()));
    Ok(code)
}

fn get_type(cursor: &mut Cursor) -> Result<(u32, DType, Vec<usize>), WeightsError> {
    let code = cursor.u32()?;
    let dtype = codes::dtype(code).ok_or_else(|| cursor.wrong(format!("{code} is no number of a dtype")))?;
    let rank = rank(cursor)?;
    let mut shape = Vec::with_capacity(rank as usize);
    for _ in 0..rank {
        let dim = usize::try_from(cursor.u64()?);
        shape.push(dim.map_err(|_| cursor.wrong("a dim is larger than memory"))?);
    }
    Ok((code, dtype, shape))
}

fn rank(cursor: &mut Cursor) -> Result<u32, WeightsError> {
    let rank = cursor.u32()?;
    if rank > MAX_DIMS {
        return Err(cursor.wrong(format!("{rank} dims are more than {MAX_DIMS}")));
    }
    Ok(rank)
}

fn put_tensor(key: &str, tensor: &Tensor, out: &mut Vec<u8>) -> Result<(), WeightsError> {
    put_type(key, tensor.dtype(), tensor.shape(), out)?;
    let bytes = tensor.to_bytes().map_err(|error| WeightsError::Tensor { name: key.to_owned(), error })?;
    out.extend(bytes);
    Ok(())
}

fn get_tensor(cursor: &mut Cursor) -> Result<Tensor, WeightsError> {
    let (_, dtype, shape) = get_type(cursor)?;
    let length = layout::element_count(&shape).and_then(|count| dtype.byte_len(count));
    let length = length.ok_or_else(|| cursor.wrong(format!("{dtype} of dims {shape:?} has no size")))?;
    let bytes = cursor.take(length as u64)?.to_vec();
    Tensor::from_bytes(dtype, &shape, bytes).map_err(|error| cursor.wrong(error.to_string()))
}

fn put_axis(axis: Option<usize>, out: &mut Vec<u8>) {
    out.extend(axis.and_then(|axis| u32::try_from(axis).ok()).unwrap_or(NONE).to_le_bytes());
}

fn get_axis(cursor: &mut Cursor, rank: usize) -> Result<Option<usize>, WeightsError> {
    match cursor.u32()? {
        NONE => Ok(None),
        axis if (axis as usize) < rank => Ok(Some(axis as usize)),
        axis => Err(cursor.wrong(format!("axis {axis} is none of {rank}"))),
    }
}

fn put_state(state: &StateSpec, out: &mut Vec<u8>) -> Result<(), WeightsError> {
    put_text(&state.name, out);
    put_type(&state.name, state.dtype, &[], out)?;
    // The dims have a form of their own, so their number replaces that of the type.
    out.truncate(out.len() - 4);
    out.extend((state.dims.len() as u32).to_le_bytes());
    for dim in &state.dims {
        match dim {
            StateDim::Fixed(size) => {
                out.extend(0u32.to_le_bytes());
                out.extend(size.to_le_bytes());
            }
            StateDim::Named(name) => {
                out.extend(1u32.to_le_bytes());
                put_text(name, out);
            }
        }
    }
    put_axis(state.grows, out);
    out.extend(state.capacity.unwrap_or(UNLIMITED).to_le_bytes());
    match &state.initial {
        Initial::Number(number) => {
            out.extend(0u32.to_le_bytes());
            out.extend(number.to_le_bytes());
        }
        Initial::Param(name) => {
            out.extend(1u32.to_le_bytes());
            put_text(name, out);
        }
    }
    Ok(())
}

fn get_state(cursor: &mut Cursor) -> Result<StateSpec, WeightsError> {
    let name = name(cursor)?;
    let code = cursor.u32()?;
    let dtype = codes::dtype(code).ok_or_else(|| cursor.wrong(format!("{code} is no number of a dtype")))?;
    let rank = rank(cursor)?;
    let mut dims = Vec::with_capacity(rank as usize);
    for _ in 0..rank {
        dims.push(match cursor.u32()? {
            0 => StateDim::Fixed(cursor.u64()?),
            1 => StateDim::Named(self::name(cursor)?),
            other => return Err(cursor.wrong(format!("{other} is no kind of a dim"))),
        });
    }
    let grows = get_axis(cursor, dims.len())?;
    let capacity = Some(cursor.u64()?).filter(|capacity| *capacity != UNLIMITED);
    let initial = match cursor.u32()? {
        0 => Initial::Number(cursor.f64()?),
        1 => Initial::Param(self::name(cursor)?),
        other => return Err(cursor.wrong(format!("{other} is no kind of a first value"))),
    };
    Ok(StateSpec { name, dtype, dims, grows, capacity, initial })
}
