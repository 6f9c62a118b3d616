//! The ops of neural networks: convolutions, pooling, attention.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
