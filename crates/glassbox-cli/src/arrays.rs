//! NumPy files: `.npy` and `.npz`, in and out.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_tensor::{Compute, DType, Element, Tensor};
use npyz::WriterBuilder;

use crate::files::Whole;

/// Reads a `.npy` file.
pub(crate) fn read_npy(path: &Path) -> Result<Tensor> {
    let file = File::open(path).with_context(|| format!("{}: the file can't be opened", path.display()))?;
    read(BufReader::new(file)).with_context(|| path.display().to_string())
}

/// Every array of a `.npz` file, by name.
pub(crate) fn read_npz(path: &Path) -> Result<Vec<(String, Tensor)>> {
    let file = File::open(path).with_context(|| format!("{}: the file can't be opened", path.display()))?;
    read_archive(BufReader::new(file), &path.display().to_string())
}

/// What bytes hold that begin as NumPy's files do.
pub(crate) enum Arrays {
    One(Tensor),
    Named(Vec<(String, Tensor)>),
}

/// The arrays in the bytes of a `.npy` or `.npz` file, which `place` names; none if they are something else.
pub(crate) fn read_bytes(bytes: &[u8], place: &str) -> Result<Option<Arrays>> {
    if bytes.starts_with(b"\x93NUMPY") {
        return Ok(Some(Arrays::One(read(bytes).with_context(|| place.to_owned())?)));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Ok(Some(Arrays::Named(read_archive(Cursor::new(bytes), place)?)));
    }
    Ok(None)
}

fn read_archive(source: impl Read + Seek, name_of_source: &str) -> Result<Vec<(String, Tensor)>> {
    let place = || format!("{name_of_source}: not a .npz file");
    let mut archive = zip::ZipArchive::new(source).with_context(place)?;
    let mut arrays = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).with_context(place)?;
        let name = entry.name().with_context(place)?.trim_end_matches(".npy").to_owned();
        let tensor = read(entry).with_context(|| format!("{name_of_source}: array `{name}`"))?;
        arrays.push((name, tensor));
    }
    Ok(arrays)
}

fn read(mut source: impl Read) -> Result<Tensor> {
    let array = npyz::NpyFile::new(&mut source)?;
    let plain = (array.order() == npyz::Order::C).then(|| dtype_of_bytes(&array.dtype())).flatten();
    let Some(dtype) = plain else { return read_array(array) };
    // The elements lie as a tensor has them.
    let shape = shape_of(&array)?;
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    let length = count.and_then(|count| dtype.byte_len(count)).context("its dims are too large")?;
    drop(array);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).context("its dims are too large")?;
    source.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        bail!("it ends after {} of {length} bytes", bytes.len());
    }
    Ok(Tensor::from_bytes(dtype, &shape, bytes)?)
}

/// The dtype whose elements an array's bytes are as they stand.
fn dtype_of_bytes(dtype: &npyz::DType) -> Option<DType> {
    use npyz::TypeChar::{Bool, Float, Int, Uint};
    let npyz::DType::Plain(plain) = dtype else { return None };
    let other_order = if cfg!(target_endian = "little") { npyz::Endianness::Big } else { npyz::Endianness::Little };
    if plain.endianness() == other_order {
        return None;
    }
    Some(match (plain.type_char(), plain.size_field()) {
        (Bool, 1) => DType::Bool,
        (Float, 2) => DType::F16,
        (Float, 4) => DType::F32,
        (Float, 8) => DType::F64,
        (Int, 1) => DType::I8,
        (Int, 2) => DType::I16,
        (Int, 4) => DType::I32,
        (Int, 8) => DType::I64,
        (Uint, 1) => DType::U8,
        (Uint, 2) => DType::U16,
        (Uint, 4) => DType::U32,
        (Uint, 8) => DType::U64,
        _ => return None,
    })
}

fn shape_of<R: Read>(array: &npyz::NpyFile<R>) -> Result<Vec<usize>> {
    Ok(array.shape().iter().map(|size| usize::try_from(*size)).collect::<Result<_, _>>()?)
}

fn read_array<R: Read>(array: npyz::NpyFile<R>) -> Result<Tensor> {
    let shape = shape_of(&array)?;
    let fortran = array.order() == npyz::Order::Fortran;
    let dtype = array.dtype();
    let npyz::DType::Plain(plain) = &dtype else { bail!("arrays of records can't be read") };
    use npyz::TypeChar::{Bool, Float, Int, Uint};
    let tensor = match (plain.type_char(), plain.size_field()) {
        (Bool, _) => elements::<bool, R>(array, &shape),
        (Float, 2) => elements::<glassbox_tensor::f16, R>(array, &shape),
        (Float, 4) => elements::<f32, R>(array, &shape),
        (Float, 8) => elements::<f64, R>(array, &shape),
        (Int, 1) => elements::<i8, R>(array, &shape),
        (Int, 2) => elements::<i16, R>(array, &shape),
        (Int, 4) => elements::<i32, R>(array, &shape),
        (Int, 8) => elements::<i64, R>(array, &shape),
        (Uint, 1) => elements::<u8, R>(array, &shape),
        (Uint, 2) => elements::<u16, R>(array, &shape),
        (Uint, 4) => elements::<u32, R>(array, &shape),
        (Uint, 8) => elements::<u64, R>(array, &shape),
        _ => bail!("arrays of dtype {} can't be read", dtype.descr()),
    }?;
    if !fortran {
        return Ok(tensor);
    }
    // The elements lie with the first axis innermost: the same as row-major with the axes reversed.
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    let order: Vec<usize> = (0..shape.len()).rev().collect();
    Ok(tensor.reshape(&reversed)?.permute(&order)?)
}

fn elements<T: Element + npyz::Deserialize, R: Read>(array: npyz::NpyFile<R>, shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::from_vec(shape, array.into_vec::<T>()?)?)
}

/// Writes a `.npy` file. NumPy has no narrow floats or packed integers: they are written as f32, int8
/// or uint8, which hold each of their values; strings can't be written.
pub(crate) fn write_npy(path: &Path, tensor: &Tensor) -> Result<()> {
    match tensor.dtype() {
        DType::F64 => write::<f64>(path, tensor),
        DType::F16 => write::<glassbox_tensor::f16>(path, tensor),
        dtype if dtype.is_float() => write_as::<f32>(path, tensor),
        DType::I64 => write::<i64>(path, tensor),
        DType::I32 => write::<i32>(path, tensor),
        DType::I16 => write::<i16>(path, tensor),
        DType::U64 => write::<u64>(path, tensor),
        DType::U32 => write::<u32>(path, tensor),
        DType::U16 => write::<u16>(path, tensor),
        DType::U8 => write::<u8>(path, tensor),
        DType::Bool => write::<bool>(path, tensor),
        dtype if dtype.is_unsigned_integer() => {
            write::<u8>(path, &tensor.cast(DType::U8, glassbox_tensor::Overflow::Wrap)?)
        }
        dtype if dtype.is_integer() => write::<i8>(path, &tensor.cast(DType::I8, glassbox_tensor::Overflow::Wrap)?),
        dtype => bail!("{}: a tensor of {dtype} can't be written as .npy", path.display()),
    }
}

fn write_as<T: Compute + npyz::AutoSerialize>(path: &Path, tensor: &Tensor) -> Result<()> {
    write_values(path, tensor.shape(), &tensor.load::<T>()?)
}

fn write<T: Element + npyz::AutoSerialize>(path: &Path, tensor: &Tensor) -> Result<()> {
    write_values(path, tensor.shape(), &tensor.to_vec::<T>()?)
}

fn write_values<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[usize], values: &[T]) -> Result<()> {
    let shape: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
    let mut file = Whole::create(path)?;
    let mut write = || {
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut file).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()
    };
    write().with_context(|| format!("{}: the file can't be written", path.display()))?;
    file.finish()
}
