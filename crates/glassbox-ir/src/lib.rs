//! The Glassbox graph: one typed data structure for every stage of the compiler.
//!
//! Frontends build a [`Graph`] through a [`GraphBuilder`], which checks and infers each node as it
//! is added; the op table in [`ops`] says what ops there are and what they mean. This crate knows
//! no file formats, kernels or backends.

pub mod attr;
pub mod bind;
pub mod bounds;
pub mod builder;
pub mod decompose;
pub mod dim;
pub mod draws;
pub mod edit;
pub mod effects;
pub mod equal;
pub mod error;
pub mod expr;
pub mod extents;
pub mod graph;
pub mod held;
pub mod infer;
pub mod json;
pub mod lineage;
pub mod op;
pub mod ops;
mod order;
pub mod provenance;
pub mod specialise;
pub mod stats;
pub mod text;
pub mod types;
pub mod verify;

pub use attr::{Attr, AttrKind, Attrs, Hints};
pub use bind::{BindError, Bindings, bind, bind_inputs, bind_run};
pub use bounds::{Assumptions, Bounds};
pub use builder::{GraphBuilder, Live, Splice};
pub use decompose::decompose;
pub use dim::Dim;
pub use draws::{DRAW, draw_within};
pub use effects::{EffectTable, Effects};
pub use equal::Difference;
pub use error::{BuildError, Violation};
pub use expr::{Expr, ExprBuilder};
pub use graph::{Graph, Node, NodeId, Region, RegionId, State, StateTable, ValueId, ValueInfo};
pub use held::{Bodies, Held};
pub use infer::{AttrView, Infer, Known, Operand, Signature, check_type, infer_op, infer_op_after};
pub use lineage::{Fate, Lineage, LineageError};
pub use op::{OpDef, Rounding, Tier};
pub use provenance::{Origin, Provenance};
pub use specialise::{SpecialiseError, specialise};
pub use types::{Shape, TensorType, Type};
pub use verify::{VerifyError, verify};
