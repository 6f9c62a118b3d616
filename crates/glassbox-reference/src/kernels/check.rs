//! For tests: one op, run as a graph of its own.

use std::sync::Arc;

use glassbox_exec::{Options, RunContext, Runtime};
use glassbox_ir::{Attrs, GraphBuilder, OpDef};
use glassbox_tensor::{NoParams, Tensor};

use crate::session::Reference;

/// The results of `op`, as many as it declares, or the text of the error.
pub(crate) fn run(op: &'static OpDef, operands: &[Tensor], attrs: Attrs) -> Result<Vec<Tensor>, String> {
    let operands: Vec<_> = operands.iter().cloned().map(Some).collect();
    run_with(op, &operands, attrs, op.outputs.len(), Options::default())
}

/// The results of `op`, some of whose operands are left out.
pub(crate) fn run_with(
    op: &'static OpDef,
    operands: &[Option<Tensor>],
    attrs: Attrs,
    outputs: usize,
    options: Options,
) -> Result<Vec<Tensor>, String> {
    let mut builder = GraphBuilder::new("check");
    let ids: Vec<_> = operands.iter().map(|x| x.as_ref().map(|x| builder.constant(x.clone()))).collect();
    let results = builder.node(op, &ids, attrs, outputs).map_err(|error| error.to_string())?;
    let graph = builder.finish(results).map_err(|error| error.to_string())?;
    let executable = Reference.prepare(Arc::new(graph), Arc::new(NoParams), &options);
    let session = executable.and_then(|executable| executable.session());
    let values =
        session.and_then(|mut session| session.run(&[], RunContext::new())).map_err(|error| error.to_string())?;
    Ok(values.iter().filter_map(|value| value.as_tensor().cloned()).collect())
}
