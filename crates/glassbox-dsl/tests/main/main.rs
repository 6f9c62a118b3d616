//! Programs, run on the reference interpreter.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod block_form;
mod expression_form;
mod model;
mod reference;
