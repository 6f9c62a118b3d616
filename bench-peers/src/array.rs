//! Arrays of the dtypes that the timed models take and give, and their files.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::{Context, Result, bail};
use npyz::{DType, NpyFile, TypeChar, WriterBuilder};

/// Arrays by name, in order.
pub(crate) type Named = Vec<(String, Array)>;

/// An array, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data,
}

/// The elements.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    F32(Vec<f32>),
    I64(Vec<i64>),
    Bool(Vec<bool>),
}

impl Array {
    /// Reads a `.npy` file.
    pub(crate) fn read(path: &Path) -> Result<Array> {
        let place = || path.display().to_string();
        let npy = NpyFile::new(BufReader::new(File::open(path).with_context(place)?)).with_context(place)?;
        let shape = npy.shape().iter().map(|size| usize::try_from(*size)).collect::<Result<_, _>>()?;
        let DType::Plain(dtype) = npy.dtype() else { bail!("{}: it is of records", path.display()) };
        let data = match (dtype.type_char(), dtype.size_field()) {
            (TypeChar::Float, 4) => Data::F32(npy.into_vec()?),
            (TypeChar::Int, 8) => Data::I64(npy.into_vec()?),
            (TypeChar::Int, 4) => Data::I64(npy.into_vec::<i32>()?.into_iter().map(i64::from).collect()),
            (TypeChar::Bool, _) => Data::Bool(npy.into_vec()?),
            _ => bail!("{}: a dtype of {dtype} isn't taken", path.display()),
        };
        Ok(Array { shape, data })
    }

    /// Writes a `.npy` file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        match &self.data {
            Data::F32(elements) => write(path, &self.shape, elements),
            Data::I64(elements) => write(path, &self.shape, elements),
            Data::Bool(elements) => write(path, &self.shape, elements),
        }
    }
}

fn write<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[usize], elements: &[T]) -> Result<()> {
    let shape: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
    let file = BufWriter::new(File::create(path).with_context(|| path.display().to_string())?);
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
    writer.extend(elements.iter().copied())?;
    Ok(writer.finish()?)
}
