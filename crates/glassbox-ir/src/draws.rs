//! Draws: what the seed of a random op hangs on.
//!
//! A node that draws has a number, its attribute `draw`: its place among the drawing nodes of the graph in which it was
//! first built. [`GraphBuilder`](crate::GraphBuilder) gives it where it is absent, from 0 on, and keeps one that is given.
//! The number is printed, parsed, and copied by every pass, so that a graph draws the same before and after it is
//! rewritten. An interpreter seeds a draw with the seed of the run, this number, and the turns of the loops around.
//!
//! Where a composite that draws is taken apart, the nodes of its decomposition have numbers that follow from the
//! composite's own ([`draw_within`]), whether the compiler or the interpreter takes it apart.

use std::collections::HashSet;

use crate::attr::{Attr, AttrKind, Attrs};
use crate::effects::Effects;
use crate::op::{AttrSpec, OpDef};

/// The name of the attribute.
pub const DRAW: &str = "draw";

/// The number of the draw in place `place` of the decomposition of a composite whose own number is `draw`.
///
/// It is the finaliser of splitmix64 (Steele, Lea and Flood: Fast Splittable Pseudorandom Number Generators, 2014) on the
/// two numbers, with the sign bit cleared. It is injective in neither, but two draws of a graph meet only by accident.
///
/// ```
/// use glassbox_ir::draw_within;
///
/// assert_eq!(draw_within(3, 0), draw_within(3, 0));
/// assert_ne!(draw_within(3, 0), draw_within(3, 1));
/// assert_ne!(draw_within(3, 0), draw_within(4, 0));
/// assert!(draw_within(-1, i64::MAX) >= 0);
/// ```
pub fn draw_within(draw: i64, place: i64) -> i64 {
    let mixed = mix(mix(draw.cast_unsigned()) ^ place.cast_unsigned());
    (mixed >> 1).cast_signed()
}

/// The next output of splitmix64 whose state is `state`.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// The number that a node has, where it draws and has one.
pub(crate) fn draw_of(op: &OpDef, attrs: &Attrs) -> Option<i64> {
    match attrs.get(DRAW) {
        Some(Attr::Int(draw)) if op.effects.contains(Effects::DRAWS) => Some(*draw),
        _ => None,
    }
}

/// The numbers of the draws of a graph that is being built.
#[derive(Default)]
pub(crate) struct Draws {
    next: i64,
    present: HashSet<i64>,
    within: Option<i64>,
}

impl Draws {
    /// The draws of the decomposition of a composite with this number.
    pub(crate) fn within(draw: i64) -> Draws {
        Draws { within: Some(draw), ..Draws::default() }
    }

    /// Notes the number of a node that is added, and gives one to a node that draws and has none.
    pub(crate) fn number(&mut self, op: &'static OpDef, attrs: &mut Attrs) {
        // Wrong attributes are for inference to report.
        let declared = |spec: &AttrSpec| spec.kind == AttrKind::Int;
        if !op.effects.contains(Effects::DRAWS) || !op.attr(DRAW).is_some_and(declared) {
            return;
        }
        if let Some(given) = attrs.get(DRAW) {
            if let Attr::Int(given) = given {
                self.present.insert(*given);
            }
            return;
        }
        let draw = loop {
            let place = self.next;
            self.next += 1;
            let draw = self.within.map_or(place, |outer| draw_within(outer, place));
            if self.present.insert(draw) {
                break draw;
            }
        };
        attrs.insert(DRAW, Attr::Int(draw));
    }
}

#[cfg(test)]
mod tests {
    use glassbox_tensor::DType;

    use super::*;
    use crate::{Graph, GraphBuilder, Type, attrs, decompose, ops};

    fn numbers(graph: &Graph) -> Vec<i64> {
        graph.walk().into_iter().filter_map(|id| graph.node(id).draw()).collect()
    }

    #[test]
    fn nodes_that_draw_are_numbered_and_given_numbers_are_kept() {
        let mut builder = GraphBuilder::new("g");
        let x = builder.input("x", Type::tensor(DType::F32, [2i64]));
        for attrs in [attrs! {}, attrs! { draw: 1 }, attrs! {}, attrs! { draw: -7 }, attrs! { draw: 1 }, attrs! {}] {
            builder.node(&ops::bernoulli::OP, &[Some(x)], attrs, 1).expect("a draw");
        }
        builder.node(&ops::abs::OP, &[Some(x)], Attrs::new(), 1).expect("no draw");
        let graph = builder.finish(Vec::new()).expect("a graph");
        assert_eq!(numbers(&graph), [0, 1, 2, -7, 1, 3]);
    }

    #[test]
    fn the_draws_of_a_decomposition_follow_from_that_of_the_composite() {
        let operand = crate::Operand { ty: Type::tensor(DType::F32, [2i64]), known: None };
        let drawn = |draw| {
            let graph = decompose(&ops::bernoulli::OP, &attrs! { draw: draw }, &[Some(operand.clone())], 1);
            numbers(&graph.expect("it has a decomposition"))
        };
        assert_eq!(drawn(5), [draw_within(5, 0)]);
        assert_ne!(drawn(5), drawn(6));
    }

    /// The numbers are part of what a graph means: they must stay what they are in every version.
    #[test]
    fn the_mix_stays_as_it_is() {
        assert_eq!(draw_within(0, 0), 6017775124710473527);
        assert_eq!(draw_within(3, 2), 1277021547479123805);
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF, "the first output of splitmix64 with the seed 0");
    }
}
