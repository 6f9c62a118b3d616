//! The ops of quantised tensors.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
