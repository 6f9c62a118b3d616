//! The graph with attributes and ops of some nodes changed.

use super::{EditError, label};
use crate::attr::{Attr, AttrKind, Attrs};
use crate::builder::GraphBuilder;
use crate::graph::{Graph, NodeId};
use crate::ops;
use crate::text::{nearest, parse_attr};

/// One change of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The name of one of the node's results, or of the node.
    pub node: String,
    /// The attribute; `op` for the op itself.
    pub attribute: String,
    /// The value as the text form writes it; text may be without quotes. Nothing takes the attribute away.
    pub value: String,
}

impl Change {
    /// The change that is written `NODE.ATTRIBUTE=VALUE`. The name of a node may hold dots and `=`: of the ways to read the
    /// text, the first is taken whose node is there, as `is_node` says, else the first. `None` where there is no way.
    ///
    /// ```
    /// use glassbox_ir::edit::Change;
    /// let change = Change::parse("layers.0=a.axis=1", &|name| name == "layers.0=a").ok_or("it is one")?;
    /// assert_eq!((change.node.as_str(), change.attribute.as_str(), change.value.as_str()), ("layers.0=a", "axis", "1"));
    /// assert!(Change::parse("axis=1", &|_| true).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(text: &str, is_node: &dyn Fn(&str) -> bool) -> Option<Change> {
        let ways = text.match_indices('=').filter_map(|(at, _)| {
            let (node, attribute) = text[..at].rsplit_once('.')?;
            let value = &text[at + 1..];
            let owned = |text: &str| text.to_owned();
            (!node.is_empty() && !attribute.is_empty()).then(|| Change {
                node: owned(node),
                attribute: owned(attribute),
                value: owned(value),
            })
        });
        let ways: Vec<Change> = ways.collect();
        ways.iter().find(|change| is_node(&change.node)).or(ways.first()).cloned()
    }
}

/// The graph with these changes. Attributes that a new op doesn't have are gone.
///
/// # Errors
///
/// A node, attribute or op isn't there, a value isn't one of the attribute's kind, or the changed graph breaks a rule.
///
/// ```
/// use glassbox_ir::edit::{Change, set};
/// use glassbox_ir::text::{ParseOptions, parse};
/// let graph = parse("graph \"g\" { input %x: f32[2, 3] %y = softmax(%x) output %y }", &ParseOptions::default())?;
/// let change = |attribute: &str, value: &str| Change {
///     node: "y".to_owned(),
///     attribute: attribute.to_owned(),
///     value: value.to_owned(),
/// };
/// let changed = set(&graph, &[change("axis", "0")])?;
/// assert!(changed.to_string().contains("%y = softmax(%x) {axis = 0}"));
/// let error = set(&graph, &[change("axes", "0")]).unwrap_err();
/// assert_eq!(error.to_string(), "softmax `y` has no attribute `axes`; is `axis` meant?");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn set(graph: &Graph, changes: &[Change]) -> Result<Graph, EditError> {
    let mut changed = graph.clone();
    for change in changes {
        let id = find(graph, &change.node)?;
        if change.attribute == "op" {
            let op = ops::find(&change.value).ok_or_else(|| EditError::UnknownOp {
                name: change.value.clone(),
                near: nearest(&change.value, ops::TABLE.iter().map(|op| op.name)).map(str::to_owned),
            })?;
            let node = &mut changed.nodes[id.index()];
            node.op = op;
            let declared = |(name, _): &(&'static str, Attr)| op.attr(name).is_some();
            node.attrs = std::mem::take(&mut node.attrs).into_iter().filter(declared).collect::<Attrs>();
            continue;
        }
        let op = changed.node(id).op;
        let Some(spec) = op.attr(&change.attribute) else {
            let near = nearest(&change.attribute, op.attrs.iter().map(|spec| spec.name)).map(str::to_owned);
            let (node, name) = (graph.node_label(id), change.attribute.clone());
            return Err(EditError::UnknownAttribute { op: op.name.to_owned(), node, name, near });
        };
        let attrs = &mut changed.nodes[id.index()].attrs;
        if change.value.is_empty() {
            attrs.remove(spec.name);
        } else {
            attrs.insert(spec.name, value(change, spec.kind)?);
        }
    }
    let types = changed.inputs().iter().map(|id| changed.value(*id).ty.clone()).collect();
    Ok(GraphBuilder::retype(changed, types)?)
}

/// The value of an attribute of this kind.
fn value(change: &Change, kind: AttrKind) -> Result<Attr, EditError> {
    let is_text = matches!(kind, AttrKind::Str | AttrKind::State | AttrKind::Enum(_));
    if is_text && !change.value.starts_with('"') {
        return Ok(Attr::Str(change.value.clone()));
    }
    parse_attr(&change.value, kind).map_err(|problem| EditError::Value {
        node: change.node.clone(),
        attribute: change.attribute.clone(),
        kind: kind.name(),
        value: change.value.clone(),
        problem: Box::new(problem),
    })
}

/// The node with a result of this name, or else that is called so.
fn find(graph: &Graph, name: &str) -> Result<NodeId, EditError> {
    let nodes = graph.walk();
    if let Some(value) = graph.find_value(name)
        && let Some(id) = nodes.iter().find(|id| graph.node(**id).results.contains(&value))
    {
        return Ok(*id);
    }
    let called: Vec<NodeId> = nodes.iter().copied().filter(|id| graph.node_label(*id) == name).collect();
    match called.as_slice() {
        [one] => Ok(*one),
        [] => {
            let mut names: Vec<String> = nodes.iter().map(|id| graph.node_label(*id)).collect();
            let results = nodes.iter().flat_map(|id| &graph.node(*id).results);
            names.extend(results.filter_map(|value| graph.value(*value).name.as_deref().map(str::to_owned)));
            let near = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
            Err(EditError::UnknownNode { name: name.to_owned(), near })
        }
        several => {
            const SHOWN: usize = 4;
            let first = |id: &NodeId| graph.node(*id).results.first().map(|value| graph.value_label(*value));
            let mut results: Vec<String> =
                several.iter().take(SHOWN).map(|id| first(id).unwrap_or_else(|| label(graph, *id))).collect();
            if several.len() > SHOWN {
                results.push("…".to_owned());
            }
            let (name, count) = (name.to_owned(), several.len());
            Err(EditError::SeveralNodes { name, count, results: results.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{ParseOptions, parse};
    use crate::verify;

    /// The lines of the changed graph that name the node `y`, or the message.
    fn changed(changes: &[(&str, &str, &str)]) -> String {
        let text = "graph \"g\" { input %x: f32[2, 3] %t = transpose(%x) {perm = [1, 0]} %y = leaky_relu(%t) {alpha = 0.5} output %y }";
        let graph = parse(text, &ParseOptions::default()).expect("the text is sound");
        let changes = changes.iter().map(|(node, attribute, value)| Change {
            node: (*node).to_owned(),
            attribute: (*attribute).to_owned(),
            value: (*value).to_owned(),
        });
        match set(&graph, &changes.collect::<Vec<_>>()) {
            Ok(changed) => {
                assert_eq!(verify(&changed), Ok(()), "{changed}");
                let text = changed.to_string();
                text.lines().filter(|line| line.contains(" = ")).map(str::trim).collect::<Vec<_>>().join("; ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn changes_are_inferred_and_refused() {
        let t = "%t = transpose(%x) {perm = [1, 0]} : f32[3, 2]";
        for (changes, want) in [
            (&[("y", "alpha", "0.25")][..], format!("{t}; %y = leaky_relu(%t) {{alpha = 0.25}} : f32[3, 2]")),
            (&[("y", "alpha", "")], format!("{t}; %y = leaky_relu(%t) : f32[3, 2]")),
            (&[("y", "op", "relu")], format!("{t}; %y = relu(%t) : f32[3, 2]")),
            (
                &[("t", "perm", "[0, 1]")],
                "%t = transpose(%x) {perm = [0, 1]} : f32[2, 3]; %y = leaky_relu(%t) {alpha = 0.5} : f32[2, 3]"
                    .to_owned(),
            ),
            (&[("y", "op", "softmax"), ("y", "axis", "0")], format!("{t}; %y = softmax(%t) {{axis = 0}} : f32[3, 2]")),
            (&[("y", "alpa", "1")], "leaky_relu `y` has no attribute `alpa`; is `alpha` meant?".to_owned()),
            (&[("z", "alpha", "1")], "no node is named `z`; is `t` meant?".to_owned()),
            (&[("y", "op", "rel")], "no op is named `rel`; is `relu` meant?".to_owned()),
        ] {
            assert_eq!(changed(changes), want, "{changes:?}");
        }
        let message = changed(&[("y", "alpha", "much")]);
        assert!(message.starts_with("`alpha` of `y` is of kind float, which \"much\" is not"), "{message}");
        assert!(changed(&[("t", "perm", "[0, 0]")]).contains("transpose"), "{}", changed(&[("t", "perm", "[0, 0]")]));
    }
}
