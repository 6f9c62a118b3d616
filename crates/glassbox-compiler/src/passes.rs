//! The passes, in the order in which they run.

use glassbox_ir::Graph;

use crate::backend::Backend;
use crate::rewrite::{RewriteError, Rewriting, Rewritten, group, rewrite};
use crate::rule::Rule;
use crate::rules;

/// One pass.
#[derive(Clone, Copy)]
pub struct Pass {
    /// The name, in snake case, by which the command line knows it.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// Runs it, for a backend.
    pub run: fn(&Graph, &dyn Backend) -> Result<Rewritten, RewriteError>,
}

/// Every pass, in order. A pass is added by a row.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "drop_dead",
        doc: "Nodes without effects whose results nobody uses go.",
        run: |graph, _| with(graph, &[], false),
    },
    Pass {
        name: "fold_constants",
        doc: "What is computed from constants and known dims alone becomes a constant.",
        run: |graph, _| with(graph, &[rules::FOLD], false),
    },
    Pass {
        name: "simplify",
        doc: "Nodes that do nothing go, and two that undo each other or do what one can become one.",
        run: |graph, _| with(graph, &[rules::FOLD, rules::SIMPLIFY], false),
    },
    Pass {
        name: "move_movers",
        doc: "Transposes and reshapes go behind elementwise ops, where they meet; casts to where they have less to do.",
        run: |graph, _| with(graph, &[rules::SIMPLIFY, rules::MOVE], false),
    },
    Pass {
        name: "share_common",
        doc: "Nodes without effects that compute the same become one.",
        run: |graph, _| with(graph, &[rules::SIMPLIFY], true),
    },
    Pass {
        name: "decompose",
        doc: "Composites that the backend doesn't compute whole become the nodes that they stand for.",
        run: |graph, backend| {
            let rules = all(&[rules::FOLD, rules::SIMPLIFY]);
            let expand = |graph: &Graph, node| !backend.keeps(graph, node);
            rewrite(graph, &Rewriting { rules: &rules, share: true, expand: Some(&expand), into_calls: false })
        },
    },
    Pass {
        name: "group",
        doc: "What one kernel of the backend computes becomes the body of a call.",
        run: |graph, backend| group(graph, backend.groups(graph)),
    },
];

fn with(graph: &Graph, rules: &[&[&'static Rule]], share: bool) -> Result<Rewritten, RewriteError> {
    let rules = all(rules);
    rewrite(graph, &Rewriting { rules: &rules, share, expand: None, into_calls: false })
}

fn all(rules: &[&[&'static Rule]]) -> Vec<&'static Rule> {
    rules.iter().flat_map(|rules| rules.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_have_names_of_their_own_and_say_what_they_do() {
        for (place, pass) in PASSES.iter().enumerate() {
            assert!(PASSES[..place].iter().all(|other| other.name != pass.name), "{}", pass.name);
            assert!(pass.doc.ends_with('.') && pass.doc.len() > 20, "{}", pass.name);
            // Numbers count passes.
            assert!(pass.name.parse::<usize>().is_err(), "{}", pass.name);
        }
    }
}
