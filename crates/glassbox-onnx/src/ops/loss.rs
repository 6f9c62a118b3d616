//! The ops of losses.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
