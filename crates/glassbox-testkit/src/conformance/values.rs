//! The values of a case, from its files: what goes in, and what has to come out. Maps become the tensors that stand for them.

use std::path::Path;

use glassbox_exec::Value;
use glassbox_ir::{Graph, Type, ValueId};
use glassbox_onnx::{Data, Maps, maps};
use glassbox_tensor::Tensor;

use super::{Case, Failure};

/// A value for every input of the graph, in order.
pub(super) fn inputs(case: &Case, folder: &Path, graph: &Graph) -> Result<Vec<Value>, Failure> {
    let place = |name: &str| {
        let index = case.about.inputs.iter().position(|input| input == name);
        index.ok_or_else(|| Failure::Import(format!("the case doesn't feed the input `{name}`")))
    };
    let mut parts: Vec<(String, Tensor)> = Vec::new();
    for map in Maps::of(graph).inputs {
        let data = read(folder, "input", place(&map.name)?, &case.about.types.inputs)?;
        let values = graph.inputs().iter().find(|id| graph.value_label(**id) == map.values);
        let dtype = values.map(|id| graph.value(*id).ty.dtype());
        let dtype = dtype.ok_or_else(|| Failure::Import(format!("no input stands for the map `{}`", map.name)))?;
        let [keys, values] = maps::parts(data, dtype).map_err(|error| Failure::Import(error.to_string()))?;
        parts.extend([(map.keys, keys), (map.values, values)]);
    }
    let input = |id: &ValueId| {
        let name = graph.value_label(*id);
        if let Some((_, part)) = parts.iter().find(|(part, _)| *part == name) {
            return Ok(Value::Tensor(part.clone()));
        }
        let data = read(folder, "input", place(&name)?, &case.about.types.inputs)?;
        Ok(value(data, Some(&graph.value(*id).ty)))
    };
    graph.inputs().iter().map(input).collect()
}

/// What has to come out in one place, where `got` did.
pub(super) fn expected(case: &Case, folder: &Path, index: usize, graph: &Graph, got: &Value) -> Result<Value, Failure> {
    let data = read(folder, "output", index, &case.about.types.outputs)?;
    match case.about.outputs.get(index).and_then(|name| Maps::of(graph).output(name).cloned()) {
        Some(maps) => maps.table(&data).map(Value::Tensor).map_err(|error| Failure::Value(error.to_string())),
        None => Ok(value(data, Some(&got.ty()))),
    }
}

fn read(folder: &Path, what: &str, index: usize, kinds: &[String]) -> Result<Data, Failure> {
    let file = folder.join(format!("{what}_{index}.pb"));
    let read = match kinds.get(index).map(String::as_str) {
        Some("sequence") => glassbox_onnx::read_sequence_pb,
        Some("optional" | "none") => glassbox_onnx::read_optional_pb,
        Some("map") => glassbox_onnx::read_map_pb,
        _ => glassbox_onnx::read_tensor_pb,
    };
    read(&file).map_err(|error| Failure::Import(error.to_string()))
}

/// A value of a data file, as a value of the type that the graph declares: the file says neither of
/// which type an empty list or optional is, nor that a tensor stands where an optional may.
fn value(data: Data, declared: Option<&Type>) -> Value {
    match (data, declared) {
        (Data::Optional(item), declared) => {
            let element = match declared {
                Some(Type::Optional(element)) => Some(element.as_ref().clone()),
                _ => None,
            };
            let item = item.map(|item| Box::new(value(*item, element.as_ref())));
            let known = item.as_ref().map(|item| item.ty());
            let element = element.or(known).unwrap_or(Type::unranked(glassbox_tensor::DType::F32));
            Value::Optional { element, item }
        }
        (data, Some(Type::Optional(element))) => {
            let item = value(data, Some(element));
            Value::Optional { element: element.as_ref().clone(), item: Some(Box::new(item)) }
        }
        (Data::Sequence(items), declared) => {
            let element = match declared {
                Some(Type::Sequence(element)) => Some(element.as_ref().clone()),
                _ => None,
            };
            let items: Vec<Value> = items.into_iter().map(|item| value(item, element.as_ref())).collect();
            let known = items.first().map(Value::ty);
            let element = element.or(known).unwrap_or(Type::unranked(glassbox_tensor::DType::F32));
            Value::Sequence { element, items }
        }
        (Data::Tensor(tensor), _) => Value::Tensor(tensor),
        // Maps are taken apart before, so this one is compared with what is none.
        (Data::Map(keys, _), _) => keys.into(),
    }
}
