//! Effects: what an op does besides giving results.
//!
//! Every row of the op table says which effects a use of the op has by itself ([`OpDef::effects`](crate::OpDef));
//! a node also has those of the nodes in its bodies. [`EffectTable`] computes them for all nodes of a graph in one pass.
//! A pass that merges, folds, moves or drops nodes asks here, never for the name of an op.
//!
//! Failing because operands are out of range, or don't fit each other, is no effect: every op may. A node whose results
//! nobody uses may therefore go although it would have failed. Only ops that exist to fail ([`Effects::MAY_FAIL`]) stay.

use std::fmt;
use std::ops::BitOr;

use crate::graph::{Graph, NodeId, RegionId};

/// A set of effects.
///
/// ```
/// use glassbox_ir::{Effects, ops};
///
/// assert!(ops::add::OP.effects.is_pure());
/// assert!(ops::state_append::OP.effects.contains(Effects::READS | Effects::WRITES));
/// assert!(!ops::state_write::OP.effects.is_removable());
/// assert_eq!((Effects::READS | Effects::DRAWS).to_string(), "reads, draws");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Effects(u8);

impl Effects {
    /// None: the same operands and attributes give the same results, and nothing else happens.
    pub const NONE: Effects = Effects(0);
    /// The results depend on what a state holds.
    pub const READS: Effects = Effects(1);
    /// A state holds something else afterwards.
    pub const WRITES: Effects = Effects(1 << 1);
    /// The results are drawn at random: they depend on the node's `draw` and on the seed of the run.
    pub const DRAWS: Effects = Effects(1 << 2);
    /// The program that runs the graph is called. It may do anything, so the call stays in its place.
    pub const HOST: Effects = Effects(1 << 3);
    /// The run ends with an error where a check doesn't hold, which is what the op is for.
    pub const MAY_FAIL: Effects = Effects(1 << 4);
    /// What stands before it is done before what stands after it.
    pub const ORDERS: Effects = Effects(1 << 5);

    /// Each effect with the word for it, in the order in which they are printed.
    pub const ALL: [(Effects, &'static str); 6] = [
        (Effects::READS, "reads"),
        (Effects::WRITES, "writes"),
        (Effects::DRAWS, "draws"),
        (Effects::HOST, "host"),
        (Effects::MAY_FAIL, "may fail"),
        (Effects::ORDERS, "orders"),
    ];

    /// The effects of both.
    pub const fn union(self, other: Effects) -> Effects {
        Effects(self.0 | other.0)
    }

    /// Whether all of `other` are in it.
    pub const fn contains(self, other: Effects) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in it.
    pub const fn intersects(self, other: Effects) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there are none: such a node may be merged with one like it, computed ahead of time, moved and dropped.
    pub const fn is_pure(self) -> bool {
        self.0 == 0
    }

    /// Whether a node with these effects may be dropped where nobody uses its results: reading and drawing leave nothing
    /// behind.
    pub const fn is_removable(self) -> bool {
        !self.intersects(Effects(Effects::WRITES.0 | Effects::HOST.0 | Effects::MAY_FAIL.0 | Effects::ORDERS.0))
    }
}

impl BitOr for Effects {
    type Output = Effects;

    fn bitor(self, other: Effects) -> Effects {
        self.union(other)
    }
}

/// The words for the effects, with commas; `none` where there are none.
impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> =
            Effects::ALL.iter().filter(|(effect, _)| self.contains(*effect)).map(|(_, word)| *word).collect();
        f.write_str(if words.is_empty() { "none" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

/// The effects of every node of a graph, those of its bodies included.
///
/// ```
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_ir::{EffectTable, Effects};
/// let text = "graph \"g\" { state @s: f32[] %r = state_read() {state = \"s\"} %y = neg(%r) output %y }";
/// let graph = parse(text, &ParseOptions::default())?;
/// let (table, nodes) = (EffectTable::of(&graph), graph.walk());
/// assert!(table.of_node(nodes[0]).contains(Effects::READS));
/// assert!(table.of_node(nodes[1]).is_pure());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EffectTable(Vec<Effects>);

impl EffectTable {
    /// The effects of the nodes of `graph`, in time that is linear in their number.
    pub fn of(graph: &Graph) -> EffectTable {
        let mut table = vec![Effects::NONE; graph.node_count()];
        // A node comes before those of its regions, so that going backwards the regions are complete.
        for id in graph.walk().into_iter().rev() {
            let node = graph.node(id);
            table[id.index()] =
                node.regions.iter().fold(node.op.effects, |sum, region| sum | inside(graph, *region, &table));
        }
        EffectTable(table)
    }

    /// The effects of a node. None of one that stands in no region, since it never runs.
    pub fn of_node(&self, id: NodeId) -> Effects {
        self.0.get(id.index()).copied().unwrap_or_default()
    }
}

fn inside(graph: &Graph, region: RegionId, table: &[Effects]) -> Effects {
    graph.region(region).nodes.iter().fold(Effects::NONE, |sum, id| sum | table[id.index()])
}

impl Graph {
    /// The effects of a node: its op's, and those of all nodes in its bodies. It walks through the bodies; for all nodes
    /// of a graph there is [`EffectTable::of`].
    pub fn effects(&self, id: NodeId) -> Effects {
        let mut found = Effects::NONE;
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            let node = self.node(id);
            found = found | node.op.effects;
            stack.extend(node.regions.iter().flat_map(|region| self.region(*region).nodes.iter().copied()));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::AttrKind;
    use crate::ops;
    use crate::text::{ParseOptions, parse};

    /// A row that touches a state says so, and a row that says so names the state.
    #[test]
    fn rows_on_states_say_what_they_do_to_them() {
        for op in ops::TABLE {
            let touches = op.effects.intersects(Effects::READS | Effects::WRITES);
            let named = op.attrs.iter().filter(|spec| spec.kind == AttrKind::State).count();
            assert_eq!(named, usize::from(touches), "{}: it has the effects {}", op.name, op.effects);
            assert_eq!(op.state_attr().is_some(), touches, "{}", op.name);
            assert_eq!(op.name.starts_with("state_"), touches, "{}: ops on states are named so", op.name);
        }
    }

    #[test]
    fn rows_that_draw_have_a_place_for_the_number_of_the_draw() {
        for op in ops::TABLE {
            let draws = op.effects.contains(Effects::DRAWS);
            let declared = op.attr("draw").is_some_and(|spec| spec.kind == AttrKind::Int);
            assert_eq!(declared, draws, "{}: it has the effects {}", op.name, op.effects);
        }
    }

    /// The specification of an op tells its effects to whoever reads it.
    #[test]
    fn docs_speak_of_the_effects() {
        for op in ops::TABLE {
            for (effect, words) in [
                (Effects::READS, "state"),
                (Effects::WRITES, "state"),
                (Effects::DRAWS, "draw"),
                (Effects::HOST, "program that runs the graph"),
                (Effects::MAY_FAIL, "error"),
                (Effects::ORDERS, "before"),
            ] {
                let told = op.doc.to_lowercase().contains(words);
                assert!(told || !op.effects.contains(effect), "{}: its doc doesn't say {words:?}", op.name);
            }
        }
    }

    #[test]
    fn a_node_has_the_effects_of_its_bodies() {
        let text = r#"graph "g" {
            state @s: f32[2]
            input %x: f32[2]
            input %c: bool[]
            %y = neg(%x)
            %z = if(%c) () {
              %w = if(%c) () { %a = state_write(%x) {state = "s"} yield %a } () { yield %x }
              yield %w
            } () { %b = random_normal_like(%x) yield %b }
            output %y, %z
        }"#;
        let graph = parse(text, &ParseOptions::default()).expect("the text is sound");
        let table = EffectTable::of(&graph);
        let told: Vec<String> = graph
            .walk()
            .into_iter()
            .map(|id| {
                assert_eq!(graph.effects(id), table.of_node(id));
                format!("{} {}", graph.node(id).op.name, table.of_node(id))
            })
            .collect();
        let want = ["neg none", "if writes, draws", "if writes", "state_write writes", "random_normal_like draws"];
        assert_eq!(told, want);
    }
}
