//! The ops of recurrent networks.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
