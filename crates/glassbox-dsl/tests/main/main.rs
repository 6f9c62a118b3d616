//! Programs, run on the reference interpreter.

mod block_form;
mod expression_form;
mod model;
