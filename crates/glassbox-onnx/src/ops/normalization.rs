//! The ops of normalisation over axes.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
