//! What a session checks around its nodes: inputs, parameters, results.

use std::collections::HashMap;

use glassbox_ir::{AttrView, Graph, Type};
use glassbox_tensor::{ParamError, ParamSource};

use crate::error::{KernelError, RunError};
use crate::value::Value;

/// The inputs: as many as declared, of the declared types, every symbol with one value.
pub(crate) fn check_inputs(graph: &Graph, inputs: &[Value]) -> Result<(), RunError> {
    if inputs.len() != graph.inputs().len() {
        return Err(RunError::Inputs(format!("the graph takes {}, not {}", graph.inputs().len(), inputs.len())));
    }
    let mut symbols: HashMap<String, i64> = HashMap::new();
    for (id, value) in graph.inputs().iter().zip(inputs) {
        let declared = &graph.value(*id).ty;
        let (label, ty) = (graph.value_label(*id), value.ty());
        if !declared.admits(&ty) {
            return Err(RunError::Inputs(format!("`{label}` is declared {declared}, not {ty}")));
        }
        let (Type::Tensor(declared), Value::Tensor(tensor)) = (declared, value) else { continue };
        for (dim, size) in declared.dims().unwrap_or_default().iter().zip(tensor.shape()) {
            let (Some(symbol), size) = (dim.as_symbol(), *size as i64) else { continue };
            let known = *symbols.entry(symbol.to_owned()).or_insert(size);
            if known != size {
                return Err(RunError::Inputs(format!("`{symbol}` is {known} in one input and {size} in `{label}`")));
            }
        }
    }
    Ok(())
}

/// Every parameter that the graph names is in the source, as the graph says.
pub(crate) fn check_params(graph: &Graph, params: &dyn ParamSource) -> Result<(), RunError> {
    for id in graph.walk() {
        let node = graph.node(id);
        if node.op.name != "parameter" {
            continue;
        }
        let attr = AttrView::new(node.op, &node.attrs);
        let (name, declared) = (attr.str("name"), attr.ty("type"));
        let error = match params.find(name) {
            None => ParamError::Missing { name: name.to_owned(), near: None }.into(),
            Some(found) => {
                let ty = Type::tensor(found.dtype, found.shape.iter().copied());
                if declared.admits(&ty) {
                    continue;
                }
                KernelError::invalid("C1", format!("parameter {name:?} is {ty}, the graph says {declared}"))
            }
        };
        return Err(RunError::Node { op: node.op.name, node: graph.node_label(id), error });
    }
    Ok(())
}

/// The results are as many as inferred, and of the inferred types.
pub(crate) fn check_results(types: &[Type], results: &[Value]) -> Result<(), KernelError> {
    if types.len() != results.len() {
        return Err(KernelError::Internal(format!("{} results instead of {}", results.len(), types.len())));
    }
    for (index, (ty, value)) in types.iter().zip(results).enumerate() {
        let same = match (ty, value) {
            (Type::Tensor(_), Value::Tensor(_)) => ty.admits(&value.ty()),
            (Type::Sequence(_), Value::Sequence { .. }) | (Type::Optional(_), Value::Optional { .. }) => true,
            _ => false,
        };
        if !same {
            return Err(KernelError::Internal(format!("result {index} is {}, inferred was {ty}", value.ty())));
        }
    }
    Ok(())
}
