//! What the ops on states share.

use super::common::*;
use crate::graph::State;

/// The attribute that names the state.
pub(super) const STATE: AttrSpec = AttrSpec::required("state", AttrKind::State);

/// What a state holds after an op whose first result is all of it.
pub(super) fn result_is_held(_: &Infer, types: &[Type]) -> Option<TensorType> {
    types.first()?.as_tensor().cloned()
}

/// The state that the node names.
pub(super) fn find<'a>(infer: &Infer<'a>, rule: &'static str) -> Result<&'a State, Violation> {
    let name = infer.attr.str("state");
    infer.states.named(name).ok_or_else(|| {
        let names: Vec<_> = infer.states.iter().map(|state| state.name.as_str()).collect();
        Violation::new(rule, format!("no state is named `{name}`; there are {names:?}"))
    })
}
