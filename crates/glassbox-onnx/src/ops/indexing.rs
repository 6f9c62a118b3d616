//! The ops of gathering, scattering, searching.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[];
