//! Files that are mapped: opened once, read where they are touched, released where that is asked for. Bytes that
//! are in memory already stand in for them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use glassbox_tensor::{DType, ParamId, SharedBytes};
use memmap2::Mmap;

use crate::error::WeightsError;

/// A file whose bytes are mapped. Nothing is read from the disk before it is touched.
pub(crate) struct MappedFile {
    path: PathBuf,
    data: Data,
    /// A hash of what tells this file from others: its true path, its length and its time of change.
    identity: blake3::Hash,
}

enum Data {
    /// A file without bytes can't be mapped.
    Empty,
    Map(Mmap),
    /// Bytes of somebody else.
    Memory(SharedBytes),
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        match &self.data {
            Data::Empty => &[],
            Data::Map(map) => map,
            Data::Memory(bytes) => (**bytes).as_ref(),
        }
    }
}

impl MappedFile {
    /// Opens and maps a file.
    pub(crate) fn open(path: &Path) -> Result<Arc<MappedFile>, WeightsError> {
        MappedFile::try_open(path).map(Arc::new).map_err(|error| error.in_file(path))
    }

    fn try_open(path: &Path) -> Result<MappedFile, WeightsError> {
        let file = File::open(path).map_err(WeightsError::io("the file can't be opened"))?;
        let metadata = file.metadata().map_err(WeightsError::io("the file can't be described"))?;
        if !metadata.is_file() {
            let error = std::io::Error::other("it is no regular file");
            return Err(WeightsError::Io { action: "the file can't be mapped", error });
        }
        let mut hasher = blake3::Hasher::new();
        let true_path = path.canonicalize().map_err(WeightsError::io("the path can't be resolved"))?;
        hasher.update(true_path.as_os_str().as_encoded_bytes());
        hasher.update(&[0]);
        hasher.update(&metadata.len().to_le_bytes());
        let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hasher.update(&changed.map_or(0, |time| time.as_nanos()).to_le_bytes());
        let data = match metadata.len() {
            0 => Data::Empty,
            // SAFETY: the map is read-only and lives as long as any tensor over it. If another process shortens the file
            // meanwhile, reading past its end kills this one, as with every mapped file; weights are not written while
            // they are in use, and our own writers replace files instead of changing them.
            _ => Data::Map(unsafe { Mmap::map(&file) }.map_err(WeightsError::io("the file can't be mapped"))?),
        };
        Ok(MappedFile { path: path.to_owned(), data, identity: hasher.finalize() })
    }

    /// Bytes in memory as a file; `name` is for errors. Their identity is their contents.
    pub(crate) fn memory(name: &str, bytes: SharedBytes) -> Arc<MappedFile> {
        let identity = blake3::hash((*bytes).as_ref());
        Arc::new(MappedFile { path: PathBuf::from(name), data: Data::Memory(bytes), identity })
    }

    /// The bytes from `start` on, to be read piece by piece: of a mapped file without mapping more of it.
    pub(crate) fn reader(&self, start: u64) -> Result<Box<dyn Read + '_>, WeightsError> {
        if let Data::Map(_) = &self.data {
            let mut file = File::open(&self.path).map_err(WeightsError::io("the file can't be opened"))?;
            file.seek(SeekFrom::Start(start)).map_err(WeightsError::io("the file can't be read"))?;
            return Ok(Box::new(file));
        }
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(self.bytes().len());
        Ok(Box::new(&self.bytes()[start..]))
    }

    /// The path that it was opened by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All of its bytes, mapped.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.as_ref()
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.bytes().len() as u64
    }

    /// The file as the owner of tensors.
    pub(crate) fn shared(self: &Arc<MappedFile>) -> SharedBytes {
        Arc::clone(self) as SharedBytes
    }

    /// The id of a parameter of this file, where the file keeps no hash of its contents: it follows from the
    /// identity of the file, the dtype and dims, and from where the data is in it (the first byte, and strides
    /// where there are any). Parameters that share data share the id.
    pub(crate) fn param_id(&self, dtype: DType, shape: &[usize], place: &[u64]) -> ParamId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.identity.as_bytes());
        hasher.update(&(dtype.name().len() as u64).to_le_bytes());
        hasher.update(dtype.name().as_bytes());
        hasher.update(&(shape.len() as u64).to_le_bytes());
        for number in shape.iter().map(|dim| *dim as u64).chain(place.iter().copied()) {
            hasher.update(&number.to_le_bytes());
        }
        id_of(&hasher.finalize())
    }

    /// Tells the system that the pages wholly inside a range aren't needed for now. They are read again when
    /// they are touched. Does nothing where the system has no such call.
    pub(crate) fn release(&self, start: usize, len: usize) {
        #[cfg(unix)]
        if let Data::Map(map) = &self.data {
            /// Where pages are larger, the call rounds to them.
            const PAGE: usize = 1 << 12;
            let end = start.saturating_add(len).min(map.len());
            // A page that two tensors share is released with neither; the last page of the file is released with the
            // tensor that ends there.
            let (from, to) = (start.next_multiple_of(PAGE), if end == map.len() { end } else { end / PAGE * PAGE });
            if from < to {
                // SAFETY: the map is read-only and backed by a file, so a page that is dropped is read from the
                // file again, with the same contents, when it is touched.
                let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, from, to - from) };
            }
        }
        #[cfg(not(unix))]
        let _ = (start, len);
    }
}

/// The first 128 bits of a hash.
pub(crate) fn id_of(hash: &blake3::Hash) -> ParamId {
    let mut first = [0; 16];
    first.copy_from_slice(&hash.as_bytes()[..16]);
    ParamId(u128::from_be_bytes(first))
}
