//! The ops of random numbers.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
