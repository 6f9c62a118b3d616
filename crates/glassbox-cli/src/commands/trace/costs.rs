//! What kernels take: operations, bytes, and how near to the limits of the machine they come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use glassbox_exec::{Event, Value};
use glassbox_ir::stats::{Cost, stats_at};
use glassbox_ir::{Bindings, Graph, NodeId, Type, bind_inputs};

use crate::roofline::{MEDIUM, Roofline};

/// The limits of the machine, and what each node of the compiled graph takes.
pub(super) struct Costs {
    roofline: Roofline,
    sizes: Bindings,
    /// Those of the graph that was seen last.
    known: Option<(Arc<Graph>, HashMap<NodeId, Taken>)>,
}

/// What a kernel takes in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Taken {
    pub(super) flops: u64,
    pub(super) bytes: u64,
}

/// What a kernel takes, and the least time that the machine could do it in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Work {
    pub(super) taken: Taken,
    pub(super) least: Duration,
}

impl Work {
    /// The part of the machine's limit that was reached, in percent. It is more than 100 where what is read lies in the caches.
    pub(super) fn share(&self, time: Duration) -> f64 {
        100.0 * self.least.as_secs_f64() / time.as_secs_f64().max(1e-9)
    }

    pub(super) fn add(&mut self, other: &Work) {
        self.taken.flops += other.taken.flops;
        self.taken.bytes += other.taken.bytes;
        self.least += other.least;
    }
}

impl Costs {
    /// Of runs of a model with these inputs; it measures the machine.
    ///
    /// # Errors
    ///
    /// Where there is no memory to measure with.
    pub(super) fn new(graph: &Graph, inputs: &[Value]) -> Result<Costs> {
        let types: Vec<Type> = inputs.iter().map(Value::ty).collect();
        // What can't be bound is told when the model runs.
        let sizes = bind_inputs(graph, &types).unwrap_or_default();
        Ok(Costs { roofline: Roofline::measure(MEDIUM)?, sizes, known: None })
    }

    /// What the node of an event takes; nothing is known of one in a body, which may run often, nor where a size isn't known.
    pub(super) fn of(&mut self, event: &Event) -> Option<Work> {
        if !event.path.is_empty() {
            return None;
        }
        let is_known = self.known.as_ref().is_some_and(|(graph, _)| Arc::ptr_eq(graph, event.graph));
        if !is_known {
            self.known = Some((event.graph.clone(), taken(event.graph, &self.sizes)));
        }
        let taken = *self.known.as_ref()?.1.get(&event.node)?;
        let (flops, bytes) = (taken.flops as f64 / self.roofline.flops, taken.bytes as f64 / self.roofline.bytes);
        Some(Work { taken, least: Duration::from_secs_f64(flops.max(bytes)) })
    }
}

/// What the nodes of a graph take, those in bodies left out.
fn taken(graph: &Graph, sizes: &Bindings) -> HashMap<NodeId, Taken> {
    let Ok(stats) = stats_at(graph, sizes) else { return HashMap::new() };
    let number = |dim: &glassbox_ir::Dim| dim.as_int().and_then(|number| u64::try_from(number).ok());
    let of = |(id, cost): (NodeId, Cost)| {
        let bytes = number(&cost.read)?.checked_add(number(&cost.written)?)?;
        Some((id, Taken { flops: number(&cost.flops)?, bytes }))
    };
    stats.nodes.into_iter().chain(stats.calls).filter_map(of).collect()
}
