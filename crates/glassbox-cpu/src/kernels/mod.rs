//! The kernels: what a fragment is computed by.
//!
//! A kernel is built once, from a fragment and the values that never change, and is then given tensors of any sizes that
//! the fragment's inference accepts.

pub(crate) mod attention;
mod borders;
pub(crate) mod conv;
mod epilogue;
mod gather;
mod matmul;
pub(crate) mod output;
mod place;
pub(crate) mod pool;
pub(crate) mod program;
mod tile;

use std::sync::Arc;

use glassbox_exec::KernelError;
use glassbox_ir::{Graph, NodeId};
use glassbox_tensor::Tensor;

use crate::fragment::Fragment;
use crate::slots::Call;
use crate::statics::Statics;

/// What computes a fragment.
pub(crate) trait Kernel: Send + Sync {
    /// The outputs of the fragment, in order.
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError>;

    /// Whether it computes these sizes. Those that it doesn't, of which no model needs many, are the reference's.
    fn takes(&self, call: &Call) -> bool {
        let _ = call;
        true
    }
}

/// A kernel, or why a fragment isn't one of this kind.
type Built = Result<Box<dyn Kernel>, String>;

/// The kinds of kernels, in the order in which they are tried.
const KINDS: &[fn(&Fragment) -> Built] =
    &[matmul::build, conv::build, pool::build, borders::build, attention::build, gather::build, tile::build];

/// The kernel of a node or of its body.
///
/// # Errors
///
/// Why there is none: what the last kind says that had something to say.
pub(crate) fn build(graph: &Arc<Graph>, id: NodeId, statics: &Statics) -> Result<(Fragment, Box<dyn Kernel>), String> {
    let node = graph.node(id);
    let Some(fragment) = Fragment::of(graph, id, statics) else {
        return Err(
            "it has values that aren't tensors, bodies, or sizes that hang on the contents of others".to_owned()
        );
    };
    let mut why = format!("there is no kernel for `{}`", node.op.name);
    for kind in KINDS {
        match kind(&fragment) {
            Ok(kernel) => return Ok((fragment, kernel)),
            Err(reason) if !reason.is_empty() => why = reason,
            Err(_) => {}
        }
    }
    Err(why)
}
