//! Where the time of a run goes: by op, by layer, node by node.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use glassbox_exec::{Event, Flow, Observer, RunError, Wants};
use glassbox_ir::{Origin, Tier};
use serde_json::{Value, json};

/// The most nodes that are kept one by one; of those that follow only the sums are.
const MAX_NODES: usize = 1_000_000;

/// An observer that keeps the time of every node.
///
/// ```
/// use glassbox_exec::RunContext;
/// use glassbox_runtime::{LoadOptions, Profile, load_model};
/// use glassbox_tensor::{DType, Tensor};
/// let model = load_model("../../models/shapes/shapes.onnx".as_ref(), LoadOptions::default())?;
/// let mut session = model.forward(glassbox_backends::reference().as_ref(), &glassbox_backends::options())?;
/// let mut profile = Profile::new();
/// let image = Tensor::zeros(DType::U8, &[1, 64, 64, 3])?;
/// session.run(&[image.into()], RunContext::new().observed(&mut profile))?;
/// assert!(profile.by_op().iter().any(|(op, _, runs)| op == "conv" && *runs > 0));
/// # Ok::<(), glassbox_runtime::RuntimeError>(())
/// ```
pub struct Profile {
    started: Instant,
    nodes: Vec<Timed>,
    /// How many nodes were not kept one by one.
    left_out: usize,
    ops: HashMap<&'static str, (Duration, usize)>,
    layers: HashMap<String, (Duration, usize)>,
}

/// The run of one node.
struct Timed {
    op: &'static str,
    label: String,
    layer: String,
    end: Duration,
    time: Duration,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile::new()
    }
}

impl Profile {
    /// Nothing so far.
    pub fn new() -> Profile {
        Profile { started: Instant::now(), nodes: Vec::new(), left_out: 0, ops: HashMap::new(), layers: HashMap::new() }
    }

    /// The time of each op and how often it ran, the longest first. Loops, calls and branches don't count:
    /// their time is that of the nodes inside.
    pub fn by_op(&self) -> Vec<(String, Duration, usize)> {
        sorted(self.ops.iter().map(|(op, (time, count))| ((*op).to_owned(), *time, *count)))
    }

    /// The same by layer of the model: `model/layers.3`.
    pub fn by_layer(&self) -> Vec<(String, Duration, usize)> {
        sorted(self.layers.iter().map(|(layer, (time, count))| (layer.clone(), *time, *count)))
    }

    /// Every node as a trace that chrome://tracing and Perfetto open: JSON.
    pub fn chrome_trace(&self) -> String {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let event = |node: &Timed| {
            json!({
                "name": node.op, "cat": "node", "ph": "X", "pid": 1, "tid": 1,
                "ts": micros(node.end.saturating_sub(node.time)), "dur": micros(node.time),
                "args": { "node": node.label, "layer": node.layer },
            })
        };
        let events: Vec<Value> = self.nodes.iter().map(event).collect();
        json!({ "traceEvents": events, "displayTimeUnit": "ms", "otherData": { "nodes_left_out": self.left_out } })
            .to_string()
    }
}

fn sorted(rows: impl Iterator<Item = (String, Duration, usize)>) -> Vec<(String, Duration, usize)> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    rows
}

/// The path of the layer that a node comes from, down to the first part that is numbered.
fn layer(path: &str) -> String {
    let numbered =
        |part: &str| part.rsplit_once('.').is_some_and(|(_, number)| number.bytes().all(|b| b.is_ascii_digit()));
    let mut parts = Vec::new();
    for part in path.split('/') {
        parts.push(part);
        if numbered(part) {
            break;
        }
    }
    parts.join("/")
}

impl Observer for Profile {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        let node = event.graph.node(event.node);
        let path = node.provenance.origins().find_map(|origin| match origin {
            Origin::Layer(path) => Some(path.as_str()),
            _ => None,
        });
        let layer = layer(path.unwrap_or("outside of the layers"));
        // A control node with bodies takes the time of what is in them.
        if !matches!(node.op.tier, Tier::Control) || node.regions.is_empty() {
            let add = |sum: &mut (Duration, usize)| *sum = (sum.0 + event.time, sum.1 + 1);
            add(self.ops.entry(node.op.name).or_default());
            add(self.layers.entry(layer.clone()).or_default());
        }
        if self.nodes.len() < MAX_NODES {
            let (label, end) = (event.graph.node_label(event.node), self.started.elapsed());
            self.nodes.push(Timed { op: node.op.name, label, layer, end, time: event.time });
        } else {
            self.left_out += 1;
        }
        Ok(Flow::Continue)
    }

    fn wants(&self) -> Wants {
        Wants { values: false, ..Wants::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_end_at_the_first_number() {
        assert_eq!(layer("model/layers.3/self_attn/q_proj"), "model/layers.3");
        assert_eq!(layer("model/norm"), "model/norm");
        assert_eq!(layer("transformer/h.11/mlp"), "transformer/h.11");
        assert_eq!(layer("v1.x/y.2"), "v1.x/y.2");
    }
}
