//! The kernels: what a fragment is computed by.
//!
//! A kernel is built once, from a fragment and the values that never change, and is then given tensors of any sizes that
//! the fragment's inference accepts.

pub(crate) mod attention;
mod borders;
pub(crate) mod bytes;
mod concat;
pub(crate) mod conv;
pub(crate) mod conv_bytes;
mod custom;
pub(crate) mod dequantised;
mod epilogue;
mod gather;
mod integers;
pub(crate) mod linear;
mod matmul;
mod middle;
pub(crate) mod output;
mod place;
pub(crate) mod pool;
pub(crate) mod program;
pub(crate) mod recurrent;
mod spelled;
mod tile;

use std::ops::Range;
use std::sync::Arc;

use glassbox_exec::{KernelError, Policy};
use glassbox_ir::{AttrView, Graph, Node, NodeId, ValueId, ops};
use glassbox_tensor::Tensor;

use crate::fragment::{Fragment, Sizes};
use crate::overrides::Chosen;
use crate::slots::Call;
use crate::statics::Statics;

/// What computes a fragment.
pub(crate) trait Kernel: Send + Sync {
    /// The outputs of the fragment, in order.
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError>;

    /// Whether it computes these sizes. Those that it doesn't, of which no model needs many, are the reference's. It is asked
    /// once for each combination.
    fn takes(&self, fragment: &Fragment, sizes: &Sizes) -> bool {
        let _ = (fragment, sizes);
        true
    }
}

/// Whether the results of the nodes at `places` are all of one size: of dims that have names, that is known at run time only.
fn are_of_one_size(fragment: &Fragment, sizes: &Sizes, places: Range<usize>) -> bool {
    let mut results = fragment.nodes().take(places.end).skip(places.start).flat_map(|node| &node.results);
    let size = |id: &ValueId| &sizes.sizes[fragment.number(*id)];
    let first = results.next().map(size);
    results.all(|id| Some(size(id)) == first)
}

/// A kernel, or why a fragment isn't one of this kind.
type Built = Result<Box<dyn Kernel>, String>;

/// The kinds of kernels, in the order in which they are tried.
const KINDS: &[fn(&Fragment) -> Built] = &[
    spelled::build,
    dequantised::build,
    matmul::build,
    bytes::build,
    conv_bytes::build,
    linear::build,
    conv::build,
    pool::build,
    borders::build,
    attention::build,
    recurrent::build,
    gather::build,
    concat::build,
    middle::build,
    integers::build,
    tile::build,
];

/// The kernel of a node or of its body.
///
/// # Errors
///
/// Why there is none: what the last kind says that had something to say.
pub(crate) fn build(
    graph: &Arc<Graph>,
    id: NodeId,
    statics: &Statics,
    policy: Option<&Policy>,
    overrides: &[Chosen],
) -> Result<(Fragment, Box<dyn Kernel>), String> {
    let node = graph.node(id);
    let Some(fragment) = Fragment::of(graph, id, statics, policy) else {
        return Err(
            "it has values that aren't tensors, bodies, or sizes that hang on the contents of others".to_owned()
        );
    };
    let is_call = *node.op == ops::call::OP;
    let function = is_call.then(|| AttrView::new(node.op, &node.attrs).opt_str("function")).flatten();
    let named = |chosen: &&Chosen| function == Some(chosen.registered.name.as_str());
    if let Some(chosen) = overrides.iter().find(named)
        && let Some(kernel) = custom::build(&fragment, chosen, || own(&fragment, node).ok())
    {
        return Ok((fragment, kernel));
    }
    own(&fragment, node).map(|kernel| (fragment, kernel))
}

/// The backend's own kernel of a fragment.
fn own(fragment: &Fragment, node: &Node) -> Result<Box<dyn Kernel>, String> {
    let mut why = format!("there is no kernel for `{}`", node.op.name);
    for kind in KINDS {
        match kind(fragment) {
            Ok(kernel) => return Ok(kernel),
            Err(reason) if !reason.is_empty() => why = reason,
            Err(_) => {}
        }
    }
    Err(why)
}
