//! Files of every format, put together byte by byte for the tests, and folders to put them in.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder that goes away with the value.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and gives its path.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("the file can be written");
        path
    }
}

/// A safetensors file of a header and data.
pub(crate) fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// A zip archive of stored entries.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let header = bytes.len() as u32;
        let (size, length) = ((data.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
        let common = [&[0; 4][..], &[0; 4], &[0; 4], &size, &size, &length, &[0; 2]].concat();
        bytes.extend([b"PK\x03\x04", &[10, 0][..], &common, name.as_bytes(), data].concat());
        let rest = [&[0; 2][..], &[0; 2], &[0; 2], &[0; 4], &header.to_le_bytes()].concat();
        directory.extend([b"PK\x01\x02", &[10, 0, 10, 0][..], &common, &rest, name.as_bytes()].concat());
    }
    let (start, size, count) = (bytes.len() as u32, directory.len() as u32, (entries.len() as u16).to_le_bytes());
    bytes.extend(directory);
    bytes.extend(
        [b"PK\x05\x06", &[0; 4][..], &count, &count, &size.to_le_bytes(), &start.to_le_bytes(), &[0; 2]].concat(),
    );
    bytes
}
