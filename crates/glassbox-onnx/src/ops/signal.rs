//! The ops of signals.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
