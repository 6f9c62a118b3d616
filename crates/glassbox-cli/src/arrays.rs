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

/// The names of the arrays of a `.npz` file.
pub(crate) fn names_of_npz(path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).with_context(|| format!("{}: the file can't be opened", path.display()))?;
    let place = || format!("{}: not a .npz file", path.display());
    let archive = zip::ZipArchive::new(BufReader::new(file)).with_context(place)?;
    let name = |name: std::result::Result<_, _>| {
        name.map(|name: std::borrow::Cow<str>| name.trim_end_matches(".npy").to_owned())
    };
    archive.file_names().map(name).collect::<std::result::Result<_, zip::result::ZipError>>().with_context(place)
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
    if let npyz::DType::Plain(plain) = array.dtype()
        && plain.type_char() == npyz::TypeChar::Object
    {
        bail!(
            "it holds Python objects, which only Python reads; save texts with astype(str), numbers with a dtype of theirs"
        )
    }
    let shape = shape_of(&array)?;
    let count =
        shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size)).context("its dims are too large")?;
    let fortran = array.order() == npyz::Order::Fortran;
    if let Some(text) = text_of(&array.dtype())? {
        drop(array);
        let bytes = bytes_of(&mut source, count.checked_mul(text.bytes))?;
        let texts = text.elements(&bytes, count)?;
        return in_order(fortran, &shape, |shape| Ok(Tensor::from_strings(shape, texts)?));
    }
    let Some(dtype) = dtype_of_bytes(&array.dtype()) else { return read_array(array) };
    // The elements lie as a tensor has them.
    drop(array);
    let mut bytes = bytes_of(&mut source, dtype.byte_len(count))?;
    if dtype == DType::Bool {
        // As to NumPy, what isn't 0 is true.
        bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
    }
    in_order(fortran, &shape, |shape| Ok(Tensor::from_bytes(dtype, shape, bytes)?))
}

/// The next `length` bytes.
fn bytes_of(source: &mut impl Read, length: Option<usize>) -> Result<Vec<u8>> {
    let length = length.context("its dims are too large")?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).context("its dims are too large")?;
    source.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        bail!("it ends after {} of {length} bytes", bytes.len());
    }
    Ok(bytes)
}

/// The tensor of elements that lie row-major, or with the first axis innermost: the same as row-major with the axes reversed.
fn in_order(fortran: bool, shape: &[usize], make: impl FnOnce(&[usize]) -> Result<Tensor>) -> Result<Tensor> {
    if !fortran {
        return make(shape);
    }
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    let order: Vec<usize> = (0..shape.len()).rev().collect();
    Ok(make(&reversed)?.permute(&order)?)
}

/// How an array holds texts: each in as many bytes, zeros after its end.
struct Text {
    bytes: usize,
    /// Characters of four bytes each (`<U7`), and whether the first byte is the largest; else bytes of UTF-8 (`|S7`).
    wide: Option<bool>,
}

/// How an array of this dtype holds texts, where it does.
fn text_of(dtype: &npyz::DType) -> Result<Option<Text>> {
    use npyz::TypeChar;
    let npyz::DType::Plain(plain) = dtype else { return Ok(None) };
    let size = || usize::try_from(plain.size_field()).context("its texts are too long");
    Ok(match plain.type_char() {
        TypeChar::UnicodeStr => {
            let bytes = size()?.checked_mul(4).context("its texts are too long")?;
            Some(Text { bytes, wide: Some(plain.endianness() == npyz::Endianness::Big) })
        }
        TypeChar::ByteStr => Some(Text { bytes: size()?, wide: None }),
        _ => None,
    })
}

impl Text {
    fn elements(&self, bytes: &[u8], count: usize) -> Result<Vec<String>> {
        if self.bytes == 0 {
            return Ok(vec![String::new(); count]);
        }
        bytes.chunks_exact(self.bytes).enumerate().map(|(place, bytes)| self.element(bytes, place)).collect()
    }

    fn element(&self, bytes: &[u8], place: usize) -> Result<String> {
        let Some(big) = self.wide else {
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let text = String::from_utf8(bytes[..end].to_vec());
            return text.with_context(|| format!("element {place} is not UTF-8"));
        };
        let code = |four: &[u8]| {
            let code =
                four.try_into().map(|four| if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) });
            code.unwrap_or(u32::MAX)
        };
        let codes: Vec<u32> = bytes.chunks_exact(4).map(code).collect();
        let end = codes.iter().rposition(|code| *code != 0).map_or(0, |last| last + 1);
        let wrong = |code: &u32| format!("element {place} holds {code:#x}, which is no character");
        codes[..end].iter().map(|code| char::from_u32(*code).with_context(|| wrong(code))).collect()
    }
}

/// The dtype whose elements an array's bytes are as they stand.
fn dtype_of_bytes(dtype: &npyz::DType) -> Option<DType> {
    use npyz::TypeChar::{Bool, Float, Int, RawData, Uint};
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
        // NumPy has no bf16: those of ml_dtypes, which is what PyTorch, JAX and ONNX save, say only that they have two bytes.
        (RawData, 2) => DType::BF16,
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
    in_order(fortran, &shape, |shape| Ok(tensor.reshape(shape)?))
}

fn elements<T: Element + npyz::Deserialize, R: Read>(array: npyz::NpyFile<R>, shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::from_vec(shape, array.into_vec::<T>()?)?)
}

/// Whether a `.npy` file can hold the tensor: texts that end in a zero character it can't, for zeros fill up the others.
pub(crate) fn fits_npy(tensor: &Tensor) -> bool {
    tensor.to_strings().is_none_or(|texts| !texts.iter().any(|text| text.ends_with('\0')))
}

/// Texts as NumPy's `<U`: as many characters for each as the longest has.
fn write_texts(path: &Path, shape: &[usize], texts: &[String]) -> Result<()> {
    let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let dims: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let dims = if shape.len() == 1 { dims.trim_end() } else { dims.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '<U{longest}', 'fortran_order': False, 'shape': ({dims}), }}");
    // With the ten bytes before it the header ends at a multiple of 64, in a line end.
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let length = u16::try_from(header.len()).context("it has too many dims")?;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.as_bytes());
    for text in texts {
        let padded = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(longest);
        bytes.extend(padded.flat_map(u32::to_le_bytes));
    }
    crate::files::write(path, bytes)
}

/// Writes a `.npy` file. NumPy has no narrow floats or packed integers: they are written as f32, int8
/// or uint8, which hold each of their values. See [`fits_npy`] for texts that it can't hold.
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
        dtype => match tensor.to_strings() {
            Some(texts) if fits_npy(tensor) => write_texts(path, tensor.shape(), &texts),
            _ => bail!("{}: a tensor of {dtype} can't be written as .npy", path.display()),
        },
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
