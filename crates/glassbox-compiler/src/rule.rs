//! Rules: equations between graphs, as values.

use glassbox_ir::{AttrView, Attrs, NodeId, OpDef, ValueId};

use crate::no_match::NoMatch;
use crate::rebuild::Rebuild;

/// An equation that is applied from left to right.
///
/// `apply` is given a node that was just emitted, the root of the left side. It looks at what gives the operands, emits the
/// right side, and returns the values that stand for the node's results. It must decide before it emits, and must not lead
/// to more work: the replaced nodes go only where nobody else uses them. Their hints go with them.
///
/// ```
/// use glassbox_compiler::{Candidate, NoMatch, Rebuild, Rewriting, Roots, Rule, rewrite};
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_ir::{ValueId, ops};
///
/// /// floor(floor(x)) = floor(x)
/// static FLOOR_TWICE: Rule = Rule {
///     name: "floor-twice",
///     equation: "floor(floor(x)) = floor(x)",
///     roots: Roots::Ops(&[&ops::floor::OP]),
///     apply: |rebuild: &mut Rebuild, root: &Candidate| -> Result<Vec<ValueId>, NoMatch> {
///         let x = root.operand(0)?;
///         rebuild.giver_of(x, &ops::floor::OP)?;
///         Ok(vec![x])
///     },
/// };
///
/// let text = "graph \"g\" { input %x: f32[N] %y = floor(%x) %z = floor(%y) %w = neg(%z) output %w }";
/// let source = parse(text, &ParseOptions::default())?;
/// let made = rewrite(&source, &Rewriting { rules: &[&FLOOR_TWICE], share: false, expand: None, into_calls: false })?;
/// assert_eq!((source.node_count(), made.graph.node_count()), (3, 2));
/// assert_eq!(made.attempts["floor-twice"].applied, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Rule {
    /// The name, in kebab case.
    pub name: &'static str,
    /// What it does, as an equation: `transpose(transpose(x, p), q) = transpose(x, p[q])`.
    pub equation: &'static str,
    /// The ops that its root may have.
    pub roots: Roots,
    /// Gives the values that replace the results of the root, or the reason why the rule doesn't match.
    pub apply: fn(&mut Rebuild, &Candidate) -> Result<Vec<ValueId>, NoMatch>,
}

/// Which nodes may be the root of a rule. What doesn't hold costs nothing and is no attempt.
#[derive(Clone, Copy)]
pub enum Roots {
    /// Nodes of one of these ops.
    Ops(&'static [&'static OpDef]),
    /// Nodes of any op all of whose operands are given by `constant` nodes.
    OfConstants,
    /// Nodes of any op with a result of whose contents inference knows something.
    OfKnown,
}

/// A node of the graph that is being built.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// Its op.
    pub op: &'static OpDef,
    /// Its operands.
    pub operands: Vec<Option<ValueId>>,
    /// Its attributes, as far as they were given.
    pub attrs: Attrs,
    /// Its results.
    pub results: Vec<ValueId>,
}

impl Rule {
    /// Whether a node of the op may be its root.
    ///
    /// ```
    /// use glassbox_compiler::rules;
    /// use glassbox_ir::ops;
    /// let twice = rules::all().find(|rule| rule.name == "transpose-twice").unwrap();
    /// assert!(twice.has_root(&ops::transpose::OP) && !twice.has_root(&ops::abs::OP));
    /// ```
    pub fn has_root(&self, op: &'static OpDef) -> bool {
        match self.roots {
            Roots::Ops(ops) => ops.contains(&op),
            Roots::OfConstants | Roots::OfKnown => true,
        }
    }
}

impl Candidate {
    /// An operand that must be there.
    ///
    /// # Errors
    ///
    /// It is left out.
    pub fn operand(&self, place: usize) -> Result<ValueId, NoMatch> {
        self.operands.get(place).copied().flatten().ok_or(NoMatch::NotComputed(place))
    }

    /// The attributes, with the defaults of the op's declaration.
    pub fn attr(&self) -> AttrView<'_> {
        AttrView::new(self.op, &self.attrs)
    }

    /// The result of a node that has one.
    ///
    /// # Errors
    ///
    /// It has another number of results.
    pub fn result(&self) -> Result<ValueId, NoMatch> {
        match self.results[..] {
            [result] => Ok(result),
            _ => Err(NoMatch::NoGain),
        }
    }
}
