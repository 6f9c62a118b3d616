//! The seeds of random draws, which hang on the draw's place in the source graph: the same on every backend, and
//! before and after rewriting.

use glassbox_ir::draw_within;

/// The seed of one draw: of a run with the seed `seed`, by the node with the number `draw` (see
/// [`Node::draw`](glassbox_ir::Node::draw)), in these turns of the loops and scans around it, outermost first.
///
/// ```
/// use glassbox_exec::draw_seed;
/// assert_eq!(draw_seed(7, 0, [2]), draw_seed(7, 0, [2]));
/// assert_ne!(draw_seed(7, 0, [2]), draw_seed(7, 0, [3]));
/// assert_ne!(draw_seed(7, 0, []), draw_seed(7, 1, []));
/// assert_ne!(draw_seed(0, 1, []), draw_seed(1, 0, []));
/// ```
pub fn draw_seed(seed: u64, draw: i64, turns: impl IntoIterator<Item = u64>) -> u64 {
    let drawn = draw_within(seed.cast_signed(), draw);
    turns.into_iter().fold(drawn, |drawn, turn| draw_within(drawn, turn.cast_signed())).cast_unsigned()
}
