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
//! ```
//! use std::sync::Arc;
//!
//! use glassbox_check::tolerance::Tolerances;
//! use glassbox_check::{Engine, Hunt, Model, Other, Source};
//! use glassbox_exec::{Nodes, Options, Precision};
//! use glassbox_ir::text::{ParseOptions, parse};
//! use glassbox_tensor::{NoParams, Tensor, f16};
//!
//! // 300² is too large for an f16.
//! let text = "graph \"g\" { input %x: f16[1] %square = mul(%x, %x) %y = neg(%square) output %y }";
//! let graph = Arc::new(parse(text, &ParseOptions::default())?);
//! let x = Tensor::from_vec(&[1], vec![f16::from_f32(300.0)])?;
//!
//! let reference = glassbox_backends::reference();
//! let engine = Engine { runtime: reference.clone(), options: Options::default() };
//! let source = Source { graph, params: Arc::new(NoParams), outputs: &["y".to_owned()], onnx: None };
//! let ours = Model::new("g", engine, source, vec![x.into()]);
//!
//! let options = Options { precision: Precision::Precise, ..Options::default() };
//! let other = Other::Itself { name: "in f64".to_owned(), runtime: reference.clone(), options, precise: true, nodes: Nodes::Given };
//! let report = Hunt { reference, tolerances: Tolerances::default() }.run(&ours, other)?;
//!
//! assert_eq!((report.culprits[0].node.as_str(), report.culprits[0].kind.name()), ("square", "overflow"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
pub use hunt::{Engine, Hunt, Meaning, Model, Other, Source};
