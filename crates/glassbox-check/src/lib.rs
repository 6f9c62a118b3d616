//! Where two runs of a model part, and which node is at fault.
//!
//! A [`Hunt`] takes a [`Model`] and the [`Other`] side: another model, the model itself on another backend or in f64, or
//! values that somebody else computed. It pairs their values ([`pairing`]), compares each pair as it is computed, runs each
//! node also on the other side's values ([`hunt`]), and gives a [`report::Report`] that names the nodes at fault: what
//! happens there, in what the two sides differ, and who is wrong by the value in f64.
//!
//! A difference is never lost: nothing is cast down to be compared, a NaN equals only a NaN, and a value without a partner
//! is said to have none. What is rounding and what isn't is decided by the op and the dtype ([`tolerance`]), and in doubt by
//! the same node in f64.
//!
//! This crate reads no files, and must not know how anything is computed.

mod blame;
pub mod difference;
mod distance;
mod error;
mod hunt;
pub mod pairing;
pub mod report;
pub mod side;
pub mod skeleton;
pub mod statics;
pub mod tolerance;
pub mod view;

pub use distance::{Bounds, Distance, distance, stats};
pub use error::CheckError;
pub use hunt::{Engine, Hunt, Model, Other, Source};
