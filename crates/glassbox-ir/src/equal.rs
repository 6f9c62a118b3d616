//! Whether two graphs are the same.
//!
//! Same means: names, metadata, states, types, ops, attributes and hints (by bits), provenance, order and
//! nesting are equal. Where a value or node lies in its arena doesn't count, nor does what the body doesn't reach.

use std::collections::HashMap;
use std::fmt::Display;

use thiserror::Error;

use crate::attr::Attr;
use crate::graph::{Graph, NodeId, RegionId, ValueId};

/// Where two graphs are different, and how.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {what}")]
#[non_exhaustive]
pub struct Difference {
    /// The place: the graph, an input, or a node by its label.
    pub place: String,
    /// What is there in the one and in the other.
    pub what: String,
}

impl Graph {
    /// Whether this graph and `other` are the same; if not, the first difference.
    ///
    /// # Errors
    ///
    /// The first place in which they differ.
    ///
    /// ```
    /// use glassbox_ir::text::{ParseOptions, parse};
    /// let graph = |op: &str| parse(&format!("graph \"g\" {{ input %x: f32[2] %y = {op}(%x) output %y }}"), &ParseOptions::default());
    /// assert!(graph("abs")?.same_as(&graph("abs")?).is_ok());
    /// assert!(graph("abs")?.same_as(&graph("neg")?).is_err());
    /// # Ok::<(), glassbox_ir::text::ParseError>(())
    /// ```
    pub fn same_as(&self, other: &Graph) -> Result<(), Difference> {
        let mut compare = Compare { left: self, right: other, values: HashMap::new() };
        compare.graphs()
    }
}

/// What is still to be compared.
enum Step {
    Region(String, RegionId, RegionId),
    Results(String, RegionId, RegionId),
    Node(NodeId, NodeId),
}

struct Compare<'g> {
    left: &'g Graph,
    right: &'g Graph,
    /// The value of the right graph that stands for one of the left.
    values: HashMap<ValueId, ValueId>,
}

fn check<T: PartialEq + std::fmt::Debug>(place: &str, what: &str, left: &T, right: &T) -> Result<(), Difference> {
    if left == right {
        return Ok(());
    }
    Err(difference(place, format!("the {what} is {left:?} in one graph, {right:?} in the other")))
}

fn difference(place: &str, what: String) -> Difference {
    Difference { place: place.to_owned(), what }
}

/// Attributes or hints, by name, in order.
fn named<'a, K: Ord + Display + 'a>(
    place: &str,
    what: &str,
    left: impl IntoIterator<Item = (&'a K, &'a Attr)>,
    right: impl IntoIterator<Item = (&'a K, &'a Attr)>,
) -> Result<(), Difference> {
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    loop {
        let name = match (left.peek(), right.peek()) {
            (None, None) => return Ok(()),
            (Some((a, _)), Some((b, _))) => (*a).min(*b),
            (Some((name, _)), None) | (None, Some((name, _))) => *name,
        };
        let a = left.next_if(|(other, _)| *other == name).map(|(_, attr)| attr);
        let b = right.next_if(|(other, _)| *other == name).map(|(_, attr)| attr);
        if a != b {
            return Err(difference(place, format!("the {what} `{name}` is {a:?} in one graph, {b:?} in the other")));
        }
    }
}

impl Compare<'_> {
    fn graphs(&mut self) -> Result<(), Difference> {
        let (left, right) = (self.left, self.right);
        check("graph", "name", &left.name, &right.name)?;
        check("graph", "metadata", &left.metadata, &right.metadata)?;
        check("graph", "number of states", &left.states.len(), &right.states.len())?;
        for (a, b) in left.states.iter().zip(&right.states) {
            check(&format!("state `{}`", a.name), "declaration", a, b)?;
        }
        let mut seen = vec![false; left.regions.len()];
        let mut stack = vec![Step::Region("graph".to_owned(), left.body(), right.body())];
        while let Some(step) = stack.pop() {
            match step {
                Step::Region(place, a, b) => {
                    let (x, y) = (left.region(a), right.region(b));
                    // A region that occurs twice is no graph, but comparing must end all the same.
                    if std::mem::replace(&mut seen[a.index()], true) {
                        return Err(difference(&place, "the region occurs twice".to_owned()));
                    }
                    self.define(&place, "parameters", &x.parameters, &y.parameters)?;
                    check(&place, "number of nodes", &x.nodes.len(), &y.nodes.len())?;
                    stack.push(Step::Results(place, a, b));
                    stack.extend(x.nodes.iter().zip(&y.nodes).rev().map(|(a, b)| Step::Node(*a, *b)));
                }
                Step::Results(place, a, b) => {
                    let some = |ids: &[ValueId]| ids.iter().copied().map(Some).collect::<Vec<_>>();
                    let (a, b) = (some(&left.region(a).results), some(&right.region(b).results));
                    self.uses(&place, "results", &a, &b)?;
                }
                Step::Node(a, b) => self.nodes(a, b, &mut stack)?,
            }
        }
        Ok(())
    }

    fn nodes(&mut self, a: NodeId, b: NodeId, stack: &mut Vec<Step>) -> Result<(), Difference> {
        let (left, right) = (self.left.node(a), self.right.node(b));
        let place = format!("{} `{}`", left.op.name, self.left.node_label(a));
        check(&place, "op", &left.op, &right.op)?;
        check(&place, "provenance", &left.provenance, &right.provenance)?;
        named(&place, "attribute", &left.attrs, &right.attrs)?;
        named(&place, "hint", &left.hints, &right.hints)?;
        self.uses(&place, "operands", &left.operands, &right.operands)?;
        self.define(&place, "results", &left.results, &right.results)?;
        check(&place, "number of regions", &left.regions.len(), &right.regions.len())?;
        let regions = left.regions.iter().zip(&right.regions).enumerate();
        let steps = regions.map(|(index, (a, b))| Step::Region(format!("{place}, region {index}"), *a, *b));
        stack.extend(steps.rev());
        Ok(())
    }

    /// Values that are defined here, pairwise.
    fn define(&mut self, place: &str, what: &str, left: &[ValueId], right: &[ValueId]) -> Result<(), Difference> {
        check(place, &format!("number of {what}"), &left.len(), &right.len())?;
        for (index, (a, b)) in left.iter().zip(right).enumerate() {
            let (x, y) = (self.left.value(*a), self.right.value(*b));
            check(place, &format!("name of {what}[{index}]"), &x.name, &y.name)?;
            if x.ty != y.ty {
                let what = format!("the type of {what}[{index}] is {} in one graph, {} in the other", x.ty, y.ty);
                return Err(difference(place, what));
            }
            self.values.insert(*a, *b);
        }
        Ok(())
    }

    /// Values that are used here, pairwise.
    fn uses(
        &self,
        place: &str,
        what: &str,
        left: &[Option<ValueId>],
        right: &[Option<ValueId>],
    ) -> Result<(), Difference> {
        check(place, &format!("number of {what}"), &left.len(), &right.len())?;
        for (index, pair) in left.iter().zip(right).enumerate() {
            let same = match pair {
                (None, None) => true,
                (Some(a), Some(b)) => self.values.get(a) == Some(b),
                _ => false,
            };
            if !same {
                let label = |graph: &Graph, id: &Option<ValueId>| {
                    id.map_or("left out".to_owned(), |id| format!("`{}`", graph.value_label(id)))
                };
                let (a, b) = (label(self.left, pair.0), label(self.right, pair.1));
                return Err(difference(place, format!("{what}[{index}] is {a} in one graph, {b} in the other")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use glassbox_tensor::DType;

    use super::*;
    use crate::{Attrs, GraphBuilder, Type, ops};

    fn graph(name: &str, axis: i64, detour: bool) -> Graph {
        hinted(name, axis, detour, true)
    }

    fn hinted(name: &str, axis: i64, detour: bool, fuse: bool) -> Graph {
        let mut builder = GraphBuilder::new("g");
        let x = builder.input("x", Type::tensor(DType::F32, [2i64, 3]));
        if detour {
            builder.begin_region(&[Type::scalar(DType::I64)]);
            builder.end_region(Vec::new());
        }
        let attrs = Attrs::from([("axis", axis.into())]);
        let y = builder.node(&ops::softmax::OP, &[Some(x)], attrs, 1).expect("a softmax");
        builder.set_name(y[0], name);
        builder.hint(y[0], "fuse", fuse).expect("a hint");
        builder.finish(y).expect("a graph")
    }

    #[test]
    fn places_in_arenas_do_not_count() {
        assert_eq!(graph("y", 1, false).same_as(&graph("y", 1, true)), Ok(()));
    }

    #[test]
    fn the_difference_is_named() {
        let at = |other: &Graph| graph("y", 1, false).same_as(other).expect_err("a difference").to_string();
        assert!(at(&graph("z", 1, false)).contains("softmax `y`: the name of results[0]"));
        assert!(at(&graph("y", 0, false)).contains("the attribute `axis` is Some(Int(1))"));
        assert!(at(&hinted("y", 1, false, false)).contains("the hint `fuse` is Some(Bool(true))"));
    }
}
