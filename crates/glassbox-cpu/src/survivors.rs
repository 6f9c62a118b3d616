//! What a run of the compiled graph shows of the graph that was given: the nodes whose results still exist in it.
//!
//! A result still exists where the compiler's lineage says that a value of the compiled graph is it, equal to the bit. The
//! bodies around a node are told as those of the graph that was given, where their nodes are among what still exists; what
//! runs in others isn't told.

use std::collections::HashMap;
use std::sync::Arc;

use glassbox_exec::{Event, EventSource, Flow, Frame, Observer, RunError, Value, Wants};
use glassbox_ir::{Fate, Graph, Lineage, NodeId};
use glassbox_tensor::Tensor;

/// See the [module](self).
pub(crate) struct Survivors {
    source: Arc<Graph>,
    /// For a node of the compiled graph, the nodes of the given one some of whose results it gives.
    nodes: HashMap<NodeId, Vec<Survivor>>,
}

/// A node that was given, and what one node of the compiled graph gives of it.
struct Survivor {
    node: NodeId,
    /// For each result, which result of the other node it is.
    results: Vec<Option<usize>>,
}

impl Survivors {
    /// Those of `source` in `compiled`.
    pub(crate) fn of(source: &Arc<Graph>, compiled: &Graph, lineage: &Lineage) -> Survivors {
        let mut givers = HashMap::new();
        for id in compiled.walk() {
            givers.extend(compiled.node(id).results.iter().enumerate().map(|(place, value)| (*value, (id, place))));
        }
        let mut nodes: HashMap<NodeId, Vec<Survivor>> = HashMap::new();
        for node in source.walk() {
            let results = &source.node(node).results;
            for (place, value) in results.iter().enumerate() {
                let Fate::Kept(made) = lineage.of(*value) else { continue };
                let Some((giver, from)) = givers.get(&made) else { continue };
                let found = nodes.entry(*giver).or_default();
                if found.last().is_none_or(|survivor| survivor.node != node) {
                    found.push(Survivor { node, results: vec![None; results.len()] });
                }
                if let Some(survivor) = found.last_mut() {
                    survivor.results[place] = Some(*from);
                }
            }
        }
        Survivors { source: source.clone(), nodes }
    }

    /// The bodies around a node, as the graph that was given has them.
    fn path(&self, path: &[Frame]) -> Option<Vec<Frame>> {
        let frame = |frame: &Frame| {
            let node = self.nodes.get(&frame.node)?.first()?.node;
            let has_bodies = !self.source.node(node).regions.is_empty();
            has_bodies.then(|| Frame { graph: self.source.clone(), node, turn: frame.turn })
        };
        path.iter().map(frame).collect()
    }
}

/// Tells an observer of what still exists.
pub(crate) struct Telling<'a> {
    pub(crate) survivors: &'a Survivors,
    pub(crate) observer: &'a mut dyn Observer,
}

impl Observer for Telling<'_> {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        let Some(found) = self.survivors.nodes.get(&event.node) else { return Ok(Flow::Continue) };
        let Some(path) = self.survivors.path(event.path) else { return Ok(Flow::Continue) };
        let mut flow = Flow::Continue;
        for Survivor { node, results } in found {
            let (graph, source) = (&self.survivors.source, Remaining { event, results });
            let (started, time) = (event.started, event.time);
            let told = Event { graph, node: *node, path: &path, started, time, source: &source };
            // A pause waits until all was told that one node gives.
            flow = match self.observer.observe(&told)? {
                Flow::Continue => flow,
                Flow::Pause => Flow::Pause,
                Flow::Stop => return Ok(Flow::Stop),
            };
        }
        Ok(flow)
    }

    fn wants(&self) -> Wants {
        Wants { inside: false, replaces: false, ..self.observer.wants() }
    }
}

/// What can be had of a node that was given.
struct Remaining<'a> {
    event: &'a Event<'a>,
    results: &'a [Option<usize>],
}

impl EventSource for Remaining<'_> {
    fn has_result(&self, index: usize) -> bool {
        self.results.get(index).is_some_and(Option::is_some)
    }

    fn result(&self, index: usize) -> Result<Value, RunError> {
        match self.results.get(index).copied().flatten() {
            Some(place) => self.event.result(place),
            None => Err(GONE),
        }
    }

    fn operand(&self, _: usize) -> Result<Option<Value>, RunError> {
        Err(GONE)
    }

    fn state(&self, name: &str) -> Result<Tensor, RunError> {
        self.event.state(name)
    }
}

/// What is asked for of what doesn't exist.
const GONE: RunError = RunError::Session("the value isn't one of the graph as it was compiled");
