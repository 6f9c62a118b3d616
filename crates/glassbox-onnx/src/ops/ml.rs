//! The ops of classical machine learning, domain `ai.onnx.ml`.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
