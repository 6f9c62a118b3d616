//! What the fuzz targets for files of weights do with their bytes.
//!
//! Each takes any bytes and returns, and soon. An error is a fine answer. What opens is verified, and all of it
//! is read; what verifies as `.oinf` is the same after it is written again.

use std::sync::Arc;

use glassbox_tensor::ParamSource;

use crate::oinf::wrap_tables;
use crate::open::open_bytes;
use crate::package::Package;
use crate::{pickle, verify_package};

/// One fuzz target.
pub struct Target {
    /// The name: that of the binary and of the folders of its seeds and regressions.
    pub name: &'static str,
    /// What it does with bytes. Panics where it finds something.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "weights_safetensors", run: weights_safetensors },
    Target { name: "weights_gguf", run: weights_gguf },
    Target { name: "weights_torch", run: weights_torch },
    Target { name: "weights_pickle", run: weights_pickle },
    Target { name: "weights_oinf", run: weights_oinf },
    Target { name: "weights_tables", run: weights_tables },
];

/// Tensors are read as long as they have no more bytes, all together: views may repeat elements.
const MAX_READ: usize = 1 << 24;

/// A safetensors file, or another.
pub fn weights_safetensors(bytes: &[u8]) {
    file(bytes.to_vec());
}

/// A GGUF file, but for its magic number.
pub fn weights_gguf(bytes: &[u8]) {
    let rest = bytes.strip_prefix(crate::gguf::MAGIC).unwrap_or(bytes);
    file([crate::gguf::MAGIC, rest].concat());
}

/// A checkpoint of PyTorch, of either kind.
pub fn weights_torch(bytes: &[u8]) {
    file(bytes.to_vec());
}

/// The pickle of a checkpoint that has a storage `0` of 64 bytes.
pub fn weights_pickle(bytes: &[u8]) {
    file(pickle::wrap(bytes, &[1; 64]));
}

/// An `.oinf` file of any version.
pub fn weights_oinf(bytes: &[u8]) {
    file(bytes.to_vec());
}

/// The numbers of rows of the five tables, a byte each, and then the tables: a file of version 3 whose hashes are right.
pub fn weights_tables(bytes: &[u8]) {
    if let Some((counts, tables)) = bytes.split_first_chunk::<5>() {
        file(wrap_tables(counts.map(u32::from), tables));
    }
}

/// Opens, verifies and reads.
fn file(bytes: Vec<u8>) {
    match open_bytes("fuzz", Arc::new(bytes)) {
        Ok(package) => {
            if let Err(error) = verify_package(&package, |_, _| ()) {
                drop(error.to_string());
            }
            read(&package);
        }
        Err(error) => drop(error.to_string()),
    }
}

fn read(package: &Package) {
    let mut left = MAX_READ;
    for info in package.params() {
        let count = glassbox_tensor::layout::element_count(&info.shape);
        let bytes = count.and_then(|count| info.dtype.byte_len(count)).unwrap_or(usize::MAX);
        let Some(rest) = left.checked_sub(bytes) else { continue };
        left = rest;
        match package.load(&info.name) {
            Ok(tensor) => {
                assert!(tensor.dtype() == info.dtype && tensor.shape() == info.shape, "{info:?} is {tensor:?}");
                let _ = tensor.to_bytes();
            }
            Err(error) => panic!("{:?} was checked when the file was opened: {error}", info.name),
        }
    }
    for (_, value) in package.metadata().iter() {
        drop(value.to_string());
    }
    for name in package.blobs() {
        let _ = package.blob(name);
    }
}
