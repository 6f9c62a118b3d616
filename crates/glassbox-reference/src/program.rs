//! A graph with the plan of its values, and the decompositions of composites as such programs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use glassbox_ir::{BuildError, Graph, Node, NodeId, Operand, RegionId, Type, decompose};

use crate::learned::Memory;
use crate::plan::Plan;

/// A graph and the plan of its values.
pub(crate) struct PlannedGraph {
    /// Unlike that of any other program: an address would come again after the program is gone.
    identity: u64,
    pub(crate) graph: Arc<Graph>,
    pub(crate) plan: Plan,
    /// What inference said of its nodes.
    pub(crate) learned: Memory,
}

static NEXT_PROGRAM: AtomicU64 = AtomicU64::new(0);

impl PlannedGraph {
    pub(crate) fn new(graph: Arc<Graph>) -> PlannedGraph {
        let regions = graph.walk().into_iter().flat_map(|node| graph.node(node).regions.iter().copied());
        let count = regions.map(RegionId::index).max().unwrap_or(0) + 1;
        let plan = Plan::new(&graph, count);
        let learned = Memory::new(graph.node_count());
        PlannedGraph { identity: NEXT_PROGRAM.fetch_add(1, Ordering::Relaxed), graph, plan, learned }
    }
}

/// A use of a composite with operands of certain types: what its decomposition depends on.
#[derive(PartialEq, Eq, Hash)]
struct Use {
    program: u64,
    node: NodeId,
    types: Vec<Option<Type>>,
    contents: Vec<Option<Vec<u8>>>,
}

/// The most decompositions that are kept; past it they are made anew.
const MAX_DECOMPOSITIONS: usize = 4096;

/// The decompositions that were made, which all sessions of a graph share.
#[derive(Default)]
pub(crate) struct Decompositions(Mutex<HashMap<Use, Arc<PlannedGraph>>>);

impl Decompositions {
    /// The program that a use of a composite stands for; made once for operands of the same types.
    pub(crate) fn of(
        &self,
        program: &PlannedGraph,
        id: NodeId,
        node: &Node,
        operands: &[Option<Operand>],
    ) -> Result<Arc<PlannedGraph>, BuildError> {
        let contents = |operand: &Option<Operand>| operand.as_ref()?.known.as_ref()?.tensor()?.to_bytes().ok();
        let key = Use {
            program: program.identity,
            node: id,
            types: operands.iter().map(|operand| Some(operand.as_ref()?.ty.clone())).collect(),
            contents: operands.iter().map(contents).collect(),
        };
        if let Some(made) = self.lock().get(&key) {
            return Ok(made.clone());
        }
        let made =
            Arc::new(PlannedGraph::new(Arc::new(decompose(node.op, &node.attrs, operands, node.results.len())?)));
        let mut all = self.lock();
        if all.len() >= MAX_DECOMPOSITIONS {
            all.clear();
        }
        all.insert(key, made.clone());
        Ok(made)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Use, Arc<PlannedGraph>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
