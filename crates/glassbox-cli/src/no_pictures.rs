//! Images as inputs, in a program that was built without image formats: they are refused.

use std::path::Path;

use anyhow::{Result, bail};
use glassbox_ir::TensorType;
use glassbox_tensor::Tensor;

use crate::args::Given;

/// Says that no image can be read.
pub(crate) fn read(path: &Path, _: &TensorType, _: &Given, _: bool) -> Result<Tensor> {
    bail!(
        "{}: this program was built without image formats; build it with the feature `images`, or give a .npy file",
        path.display()
    )
}
