//! How much memory the values of a run take, known before it runs.
//!
//! In: the nodes of a compiled graph in their order, each with what it does for memory. Out: the most bytes that their
//! results take. Kernels take the memory for their results from a [`Recycler`](glassbox_tensor::Recycler), a value's goes
//! back after its last use, and which memory is taken again hangs on sizes alone: so what a run takes is found by going over
//! its nodes without computing them, as often as it takes until a run finds all that it needs.
//!
//! What a kernel needs while it computes isn't counted, nor are parameters and states. A graph with bodies that aren't one
//! kernel each has no plan, since how often they run isn't known; nor has one with sizes that aren't.

use std::collections::HashMap;

use glassbox_ir::{Graph, NodeId, TensorType, ValueId};

/// Sizes are rounded up to this, as the recycler does.
const GRANULE: u64 = 4096;
/// How many runs it takes at most until nothing more is needed.
const RUNS: usize = 8;

/// What a node does for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Its results are there anyway: parameters, states, what is the same in every run.
    Nothing,
    /// Its results are looked at differently, and are its first operand.
    View,
    /// Its results are new, in memory of the recycler.
    Results,
    /// Its results are new, in memory of their own.
    Apart,
    /// That isn't known.
    Unknown,
}

/// The most bytes that the values of a run take together, inputs included, where that is known.
pub(crate) fn peak(graph: &Graph, needs: impl Fn(NodeId) -> Needs) -> Option<u64> {
    let nodes = &graph.region(graph.body()).nodes;
    let parameters = &graph.region(graph.body()).parameters;
    let inputs = parameters.iter().try_fold(0u64, |sum, value| sum.checked_add(bytes(graph, *value)?))?;
    let values = Values::of(graph, &needs)?;
    let mut recycler = Taken::default();
    let mut apart = 0u64;
    for _ in 0..RUNS {
        let before = recycler.allocated;
        apart = apart.max(values.run(nodes.len(), &mut recycler));
        if recycler.allocated == before {
            break;
        }
    }
    inputs.checked_add(recycler.allocated)?.checked_add(apart)
}

/// The bytes of a tensor whose sizes are known.
fn bytes(graph: &Graph, value: ValueId) -> Option<u64> {
    let of = |ty: &TensorType| {
        let mut elements = 1usize;
        for dim in ty.dims()? {
            elements = elements.checked_mul(dim.as_size()?)?;
        }
        ty.dtype.byte_len(elements)
    };
    u64::try_from(of(graph.value(value).ty.as_tensor()?)?).ok()
}

/// A value that takes memory.
struct Held {
    /// The place of the node that gives it, and of the one after which it isn't used any more.
    from: usize,
    until: usize,
    bytes: u64,
    recycled: bool,
}

/// The values of a run, in the order in which they are given.
struct Values(Vec<Held>);

impl Values {
    fn of(graph: &Graph, needs: &dyn Fn(NodeId) -> Needs) -> Option<Values> {
        let region = graph.region(graph.body());
        let mut held: Vec<Held> = Vec::new();
        // Which memory a value has: none of these where it was there anyway.
        let mut homes: HashMap<ValueId, usize> = HashMap::new();
        for (place, id) in region.nodes.iter().enumerate() {
            let node = graph.node(*id);
            for operand in node.operands.iter().flatten() {
                if let Some(home) = homes.get(operand) {
                    held[*home].until = place;
                }
            }
            let needs = needs(*id);
            match needs {
                Needs::Nothing => {}
                Needs::Unknown => return None,
                Needs::View => {
                    let home =
                        node.operands.first().copied().flatten().and_then(|operand| homes.get(&operand).copied());
                    homes.extend(node.results.iter().filter_map(|result| Some((*result, home?))));
                }
                Needs::Results | Needs::Apart => {
                    for result in &node.results {
                        homes.insert(*result, held.len());
                        let (bytes, recycled) = (bytes(graph, *result)?, needs == Needs::Results);
                        held.push(Held { from: place, until: place, bytes, recycled });
                    }
                }
            }
        }
        for result in &region.results {
            if let Some(home) = homes.get(result) {
                held[*home].until = region.nodes.len();
            }
        }
        Some(Values(held))
    }

    /// Goes over a run of so many nodes, and gives the most bytes that values take apart from the recycler.
    fn run(&self, nodes: usize, recycler: &mut Taken) -> u64 {
        let mut ends: Vec<Vec<(u64, Option<u64>)>> = vec![Vec::new(); nodes + 1];
        let (mut apart, mut most, mut next) = (0u64, 0u64, 0);
        for place in 0..=nodes {
            while let Some(value) = self.0.get(next).filter(|value| value.from == place) {
                let block = value.recycled.then(|| recycler.take(value.bytes));
                if !value.recycled {
                    apart = apart.saturating_add(value.bytes);
                }
                ends[value.until].push((value.bytes, block));
                next += 1;
            }
            most = most.max(apart);
            for (bytes, block) in std::mem::take(&mut ends[place]) {
                match block {
                    Some(block) => recycler.give_back(block),
                    None => apart = apart.saturating_sub(bytes),
                }
            }
        }
        most
    }
}

/// What a recycler would have, without its memory.
#[derive(Default)]
struct Taken {
    /// The sizes of what nobody has, in their order.
    free: Vec<u64>,
    allocated: u64,
}

impl Taken {
    /// The size of the block that a buffer of so many bytes gets; of nothing, 0.
    fn take(&mut self, bytes: u64) -> u64 {
        let size = bytes.next_multiple_of(GRANULE);
        if size == 0 {
            return 0;
        }
        let place = self.free.partition_point(|block| *block < size);
        if self.free.get(place).is_some_and(|block| block / 2 <= size) {
            return self.free.remove(place);
        }
        self.allocated = self.allocated.saturating_add(size);
        size
    }

    fn give_back(&mut self, block: u64) {
        if block > 0 {
            let place = self.free.partition_point(|other| *other < block);
            self.free.insert(place, block);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use glassbox_exec::{Options, RunContext, Value};
    use glassbox_ir::text::{ParseOptions, parse};
    use glassbox_tensor::{NoParams, Tensor};

    use crate::executable::{compiled, with_kernels};

    /// The bytes of the plan of a graph, and what three runs of it took.
    fn planned_and_taken(body: &str) -> (Option<u64>, usize) {
        let graph = parse(&format!("graph \"g\" {{ {body} }}"), &ParseOptions::default()).expect("the text is sound");
        let (graph, options) = (Arc::new(graph), Options::default());
        let made = compiled(&graph).expect("it compiles");
        let (executable, slots) = with_kernels(made.graph(), Arc::new(NoParams), &options, (made.calls(), Vec::new()))
            .expect("it is prepared");
        let mut session = executable.session().expect("a session");
        let mut inputs = 0;
        for _ in 0..3 {
            let given: Vec<Value> = graph.inputs().iter().map(|id| of_ones(&graph.value(*id).ty)).collect();
            inputs = given.iter().filter_map(Value::as_tensor).map(|tensor| 4 * tensor.len()).sum();
            session.run(&given, RunContext::new()).expect("it runs");
        }
        (slots.peak(), inputs + slots.recycled())
    }

    /// Ones of a type of f32; dims that aren't known are 3.
    fn of_ones(ty: &glassbox_ir::Type) -> Value {
        let dims = ty.as_tensor().and_then(|ty| ty.dims()).unwrap_or_default();
        let sizes: Vec<usize> = dims.iter().map(|dim| dim.as_size().unwrap_or(3)).collect();
        Tensor::from_vec(&sizes, vec![1.0f32; sizes.iter().product()]).expect("as many as there are").into()
    }

    #[test]
    fn a_run_takes_what_the_plan_says() {
        for (body, bytes) in [
            (
                "input %x: f32[64, 64] %a = matmul(%x, %x) %s = softmax(%a) %b = matmul(%s, %a) %c = exp(%a) output %b, %c",
                None,
            ),
            // A chain of products takes the memory of two at a time.
            (
                "input %x: f32[64, 64] %a = matmul(%x, %x) %b = matmul(%a, %a) %c = matmul(%b, %b) %d = matmul(%c, %c) \
                 output %d",
                Some(3 * 64 * 64 * 4),
            ),
            // Views take nothing and keep what they are views of.
            (
                "input %x: f32[32, 64] %a = exp(%x) %t = transpose(%a) %b = matmul(%a, %t) %c = matmul(%t, %a) output %b, %c",
                None,
            ),
            ("input %x: f32[5, 7] %y = exp(%x) output %y", Some(5 * 7 * 4 + 4096)),
        ] {
            let (planned, taken) = planned_and_taken(body);
            assert_eq!(planned, Some(taken as u64), "{body}");
            if let Some(bytes) = bytes {
                assert_eq!(planned, Some(bytes), "{body}");
            }
        }
    }

    #[test]
    fn what_is_not_known_has_no_plan() {
        assert_eq!(planned_and_taken("input %x: f32[N, 7] %y = exp(%x) output %y").0, None);
    }
}
