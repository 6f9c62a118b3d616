//! Where a tensor's elements are: owned bytes, a range of shared bytes, or strings.

use std::sync::Arc;

use crate::{Buffer, TensorError};

/// Bytes that somebody else owns: a mapped file, a network buffer.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

#[derive(Clone)]
pub(crate) enum Storage {
    /// Owned by the tensors that share it.
    Bytes(Arc<Buffer>),
    /// The range `start..start + len` of an owner's bytes.
    Shared { owner: SharedBytes, start: usize, len: usize },
    /// Text.
    Strings(Arc<Vec<String>>),
}

impl Storage {
    /// All bytes of the storage; empty for strings. An owner may answer differently at each call, so the
    /// range is checked each time.
    pub(crate) fn bytes(&self) -> Result<&[u8], TensorError> {
        match self {
            Storage::Bytes(buffer) => Ok(buffer.as_slice()),
            Storage::Shared { owner, start, len } => {
                let all: &[u8] = (**owner).as_ref();
                let end = start.saturating_add(*len);
                all.get(*start..end).ok_or(TensorError::SharedStorageShrank {
                    start: *start,
                    end,
                    available: all.len(),
                })
            }
            Storage::Strings(_) => Ok(&[]),
        }
    }
}
