//! The ops of strings.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
