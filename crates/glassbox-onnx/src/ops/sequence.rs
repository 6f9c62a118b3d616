//! The ops of sequences and optionals.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
