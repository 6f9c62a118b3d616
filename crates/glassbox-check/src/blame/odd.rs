//! Whether a node says something else of itself than all nodes like it say.
//!
//! A model has many layers that are alike. Where nothing on the other side tells which of several nodes is at fault, as
//! where another program made one node of all of them, the one that stands out among its like in our own model does.

use crate::skeleton::{Constant, Skeleton};

/// So many others must be like it, and say the same.
const OTHERS: usize = 2;

/// Whether the attributes and small constants of a node differ from those of all others that are of its op, and read from
/// and are read by nodes of the same ops.
pub(super) fn is_odd(skeleton: &Skeleton, node: usize) -> bool {
    let place = around(skeleton, node);
    let own = said(skeleton, node);
    if own.is_empty() {
        return false;
    }
    let like = (0..skeleton.nodes.len())
        .filter(|other| *other != node && skeleton.nodes[*other].op == skeleton.nodes[node].op);
    let mut like = like.filter(|other| around(skeleton, *other) == place).map(|other| said(skeleton, other));
    let Some(first) = like.next().filter(|first| *first != own) else { return false };
    let mut others = 1;
    for other in like {
        if other != first {
            return false;
        }
        others += 1;
    }
    others >= OTHERS
}

/// The ops that a node reads from, in their order, and those that read it.
fn around(skeleton: &Skeleton, node: usize) -> (Vec<&str>, Vec<&str>) {
    let op = |node: usize| skeleton.nodes[node].op.as_str();
    let operands = skeleton.nodes[node].operands.iter();
    let before = operands.map(|operand| operand.and_then(|value| skeleton.producer(value)).map_or("", op)).collect();
    let users = skeleton.nodes[node].results.iter().flat_map(|result| &skeleton.values[*result].users);
    let mut after: Vec<&str> = users.map(|(user, _)| op(*user)).collect();
    after.sort_unstable();
    (before, after)
}

/// What a node says of itself: its attributes, and the constants that it reads that are no weights.
fn said(skeleton: &Skeleton, node: usize) -> Vec<String> {
    let node = &skeleton.nodes[node];
    let mut attrs: Vec<String> = node.attrs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    attrs.sort_unstable();
    let constants = node.operands.iter().enumerate().filter_map(|(place, operand)| {
        let constant = skeleton.values[(*operand)?].constant()?;
        (constant.len() <= Constant::SHOWN).then(|| format!("{place}: {}", constant.short()))
    });
    attrs.extend(constants);
    attrs
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use glassbox_ir::text::{ParseOptions, parse};
    use glassbox_tensor::{NoParams, ParamSource};

    use super::*;

    #[test]
    fn the_one_that_stands_out_is_odd() {
        let means = |axes: &[i64]| {
            let mut text = "graph \"g\" {\n  input %x0: f32[2, 2]\n".to_owned();
            for (place, axis) in axes.iter().enumerate() {
                text += &format!(
                    "  %a{place} = constant() {{value = i64[1] [{axis}]}}\n  %m{place} = reduce_mean(%x{place}, %a{place})\n  \
                     %x{} = sub(%x{place}, %m{place})\n",
                    place + 1
                );
            }
            let params: Arc<dyn ParamSource> = Arc::new(NoParams);
            let graph = parse(&format!("{text}  output %x{}\n}}", axes.len()), &ParseOptions::default()).unwrap();
            let skeleton = crate::skeleton::of_graph(&graph, &params, &[], None);
            let odd = |node: &usize| skeleton.nodes[*node].op == "reduce_mean" && is_odd(&skeleton, *node);
            (0..skeleton.nodes.len()).filter(odd).map(|node| skeleton.nodes[node].name.clone()).collect::<Vec<_>>()
        };
        // The first reads from no node, and is like none.
        assert!(means(&[0, -1, -1, -1]).is_empty());
        assert_eq!(means(&[-1, -1, -1, 0, -1]), ["m3"]);
        assert!(means(&[-1, -1, -1, 0, 0]).is_empty(), "two and two");
        assert!(means(&[-1, -1, 0]).is_empty(), "two are too few");
    }
}
