//! The ops of images.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
