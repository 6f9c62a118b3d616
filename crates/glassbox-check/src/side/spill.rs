//! Values that wait to be asked for: in memory up to a limit, beyond it in a temporary file.
//!
//! Two graphs that compute the same in another order make one side wait. How much waits depends on the graphs, so it is
//! bounded here, not by the machine.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use glassbox_exec::Value;
use glassbox_tensor::{DType, Tensor};

use super::Key;
use crate::error::CheckError;

/// The most bytes of values that wait in memory.
pub(super) const MAX_WAITING: usize = 512 << 20;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Waiting {
    held: HashMap<Key, Held>,
    bytes: usize,
    file: Option<File>,
    end: u64,
}

enum Held {
    Memory(Value),
    Disk { start: u64, length: usize, dtype: DType, shape: Vec<usize> },
}

impl Waiting {
    /// How many bytes wait in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn put(&mut self, key: Key, value: Value) -> Result<(), CheckError> {
        let length = value.byte_len();
        if self.bytes.saturating_add(length) > MAX_WAITING
            && let Value::Tensor(tensor) = &value
            && tensor.dtype() != DType::String
        {
            let held = self.write(tensor).map_err(failed)?;
            self.held.insert(key, held);
            return Ok(());
        }
        self.bytes += length;
        self.held.insert(key, Held::Memory(value));
        Ok(())
    }

    pub(super) fn take(&mut self, key: &Key) -> Result<Option<Value>, CheckError> {
        match self.held.remove(key) {
            None => Ok(None),
            Some(Held::Memory(value)) => {
                self.bytes = self.bytes.saturating_sub(value.byte_len());
                Ok(Some(value))
            }
            Some(Held::Disk { start, length, dtype, shape }) => {
                let read = self.read(start, length).map_err(failed)?;
                let tensor =
                    Tensor::from_bytes(dtype, &shape, read).map_err(|source| failed(std::io::Error::other(source)))?;
                Ok(Some(tensor.into()))
            }
        }
    }

    fn write(&mut self, tensor: &Tensor) -> std::io::Result<Held> {
        let bytes = tensor.to_bytes().map_err(std::io::Error::other)?;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(&bytes)?;
        let held =
            Held::Disk { start: self.end, length: bytes.len(), dtype: tensor.dtype(), shape: tensor.shape().to_vec() };
        self.end += bytes.len() as u64;
        Ok(held)
    }

    fn read(&mut self, start: u64, length: usize) -> std::io::Result<Vec<u8>> {
        let file = self.file.as_mut().ok_or_else(|| std::io::Error::other("nothing was written"))?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn failed(source: std::io::Error) -> CheckError {
    CheckError::File { file: "the temporary file of values that wait".to_owned(), source }
}
