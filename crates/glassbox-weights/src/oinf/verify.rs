//! Checking a file of weights as a whole: its structure, and where it keeps hashes, every byte of its data.
//!
//! The data is read from the file piece by piece and never held.

use std::collections::HashSet;
use std::io::{BufReader, Read};
use std::path::Path;

use super::header::VERSION;
use super::read::{extents, tables};
use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::open::open;
use crate::package::{Format, Package};

/// Bytes that are read and hashed at a time.
const CHUNK: usize = 1 << 20;

/// What was found to be sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The format.
    pub format: Format,
    /// How many parameters there are.
    pub params: usize,
    /// Whether the contents were compared with hashes; only `.oinf` v3 keeps them.
    pub contents: bool,
    /// The bytes of all files.
    pub bytes: u64,
}

/// Checks a file or folder of any known format. `progress` is told how many bytes of data are done, and of
/// how many. The error is the first thing that is wrong.
///
/// # Errors
///
/// The first thing that is wrong.
///
/// ```
/// let verified = glassbox_weights::verify("../../models/stories-gpt2/model.oinf".as_ref(), |_, _| ())?;
/// assert!(verified.contents);
/// # Ok::<(), glassbox_weights::WeightsError>(())
/// ```
pub fn verify(path: &Path, progress: impl FnMut(u64, u64)) -> Result<Verified, WeightsError> {
    verify_package(&open(path)?, progress)
}

/// As [`verify`], of a package that is open.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn verify_package(package: &Package, mut progress: impl FnMut(u64, u64)) -> Result<Verified, WeightsError> {
    let contents = package.format() == Format::Oinf(VERSION);
    if contents {
        for file in package.mapped_files() {
            verify_data(file, &mut progress).map_err(|error| error.in_file(file.path()))?;
        }
    }
    let params = glassbox_tensor::ParamSource::params(package).len();
    Ok(Verified { format: package.format(), params, contents, bytes: package.file_bytes() })
}

fn verify_data(mapped: &MappedFile, progress: &mut impl FnMut(u64, u64)) -> Result<(), WeightsError> {
    let (header, tables) = tables(mapped.bytes())?;
    let io = || WeightsError::io("the file can't be read");
    let total = header.file_length - header.data();
    let mut position = header.data();
    let mut file = BufReader::with_capacity(CHUNK, mapped.reader(position)?);
    let mut buffer = vec![0; CHUNK];
    let mut seen = HashSet::new();
    for (_, name, extent) in extents(&tables) {
        if extent.length > 0 && !seen.insert(extent.offset) {
            continue;
        }
        let mut hasher = blake3::Hasher::new();
        let mut left = extent.length;
        while left > 0 {
            let part = &mut buffer[..left.min(CHUNK as u64) as usize];
            file.read_exact(part).map_err(io())?;
            hasher.update(part);
            left -= part.len() as u64;
            position += part.len() as u64;
            progress(position - header.data(), total);
        }
        if *hasher.finalize().as_bytes() != extent.hash {
            return Err(WeightsError::damaged(extent.offset, format!("{name:?}"), "its hash isn't that of its bytes"));
        }
        let padding = &mut buffer[..(position.next_multiple_of(super::header::ALIGNMENT) - position) as usize];
        file.read_exact(padding).map_err(io())?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(WeightsError::damaged(position, format!("the padding after {name:?}"), "it must be zero"));
        }
        position += padding.len() as u64;
        progress(position - header.data(), total);
    }
    Ok(())
}
