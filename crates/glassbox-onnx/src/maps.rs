//! Maps of a model, whose graph has tensors in their place.
//!
//! An input that is a map is two inputs of the graph, `NAME.keys` and `NAME.values`, vectors with an element for each entry. An
//! output of `ZipMap`, a list of maps with the same keys, is a table: a row for each map, a column for each key. Which tensors
//! stand for which maps is text in the graph's metadata, which a graph keeps wherever it goes, so that a program can take and
//! give maps as files and JSON have them. See `docs/decisions/0014-maps-are-tensors.md`.

use glassbox_ir::Graph;
use glassbox_tensor::{DType, Tensor};
use serde_json::{Value, json};

use crate::data::Data;
use crate::error::OnnxError;

/// The name of the text in the metadata.
pub(crate) const METADATA: &str = "glassbox.maps";

/// An input that is a map: what it is called, and the inputs of the graph that stand for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapInput {
    /// The name of the map.
    pub name: String,
    /// The input with its keys.
    pub keys: String,
    /// The input with its values.
    pub values: String,
}

/// An output that is a list of maps: each row of the table is one.
#[derive(Clone, Debug)]
pub struct MapsOutput {
    /// The name of the output.
    pub name: String,
    /// The key of each column: a vector of integers or strings.
    pub keys: Tensor,
}

/// The maps of a model.
#[derive(Clone, Debug, Default)]
pub struct Maps {
    /// Those that it takes.
    pub inputs: Vec<MapInput>,
    /// Those that it gives.
    pub outputs: Vec<MapsOutput>,
}

impl Maps {
    /// The maps that tensors of a graph stand for. What the metadata says of inputs that aren't there is passed over: a graph
    /// may be a piece of the one that was imported.
    ///
    /// ```
    /// let graph = glassbox_ir::Graph::default();
    /// assert!(glassbox_onnx::Maps::of(&graph).inputs.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(graph: &Graph) -> Maps {
        let text = graph.metadata.iter().find(|(key, _)| key == METADATA).map(|(_, text)| text.as_str());
        let Some(Ok(document)) = text.map(serde_json::from_str::<Value>) else { return Maps::default() };
        let listed = |what: &str| document.get(what).and_then(Value::as_array).cloned().unwrap_or_default();
        let given: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
        let input = |entry: Value| {
            let text = |field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
            let input = MapInput { name: text("name")?, keys: text("keys")?, values: text("values")? };
            (given.contains(&input.keys) && given.contains(&input.values)).then_some(input)
        };
        let output = |entry: Value| {
            let name = entry.get("name").and_then(Value::as_str)?.to_owned();
            Some(MapsOutput { name, keys: keys(entry.get("keys")?.as_array()?)? })
        };
        Maps {
            inputs: listed("inputs").into_iter().filter_map(input).collect(),
            outputs: listed("outputs").into_iter().filter_map(output).collect(),
        }
    }

    /// The text for the metadata; none where there are no maps.
    pub(crate) fn metadata(&self) -> Option<String> {
        if self.inputs.is_empty() && self.outputs.is_empty() {
            return None;
        }
        let inputs = self.inputs.iter();
        let inputs = inputs.map(|input| json!({ "name": input.name, "keys": input.keys, "values": input.values }));
        let outputs = self.outputs.iter().map(|output| json!({ "name": output.name, "keys": output.keys_json() }));
        Some(json!({ "inputs": inputs.collect::<Vec<_>>(), "outputs": outputs.collect::<Vec<_>>() }).to_string())
    }

    /// The keys of the columns of an output, where it stands for maps.
    pub fn output(&self, name: &str) -> Option<&MapsOutput> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

impl MapsOutput {
    /// The keys as JSON: a list of numbers or texts.
    pub fn keys_json(&self) -> Value {
        match (self.keys.to_strings(), self.keys.to_vec::<i64>()) {
            (Some(texts), _) => json!(texts),
            (None, Ok(numbers)) => json!(numbers),
            (None, Err(_)) => Value::Null,
        }
    }

    /// The maps, as a file of the ONNX format has them.
    ///
    /// # Errors
    ///
    /// Where the table hasn't a column for each key.
    pub fn data(&self, table: &Tensor) -> Result<Data, OnnxError> {
        let columns = self.keys.len();
        let fail = |rule: String| OnnxError::structure(format!("output `{}`", self.name), rule);
        let wide = matches!(table.shape(), [width] | [_, width] if *width == columns);
        if !wide {
            return Err(fail(format!("it has the shape {:?}, and {columns} keys", table.shape())));
        }
        let elements = elements(table).map_err(|error| fail(error.to_string()))?;
        let row = |row: &[Data]| Data::Map(self.keys.clone(), row.to_vec());
        // A vector is one row, though it may be without columns.
        let rows = if table.rank() == 1 { 1 } else { table.shape()[0] };
        Ok(Data::Sequence((0..rows).map(|at| row(&elements[at * columns..(at + 1) * columns])).collect()))
    }

    /// The table that stands for maps of a file; the order of the keys in these doesn't count.
    ///
    /// # Errors
    ///
    /// Where it holds something else than maps with these keys and one f32 for each.
    pub fn table(&self, data: &Data) -> Result<Tensor, OnnxError> {
        let fail = |rule: String| OnnxError::structure(format!("output `{}`", self.name), rule);
        let Data::Sequence(maps) = data else { return Err(fail("it is no list of maps".to_owned())) };
        let mut elements = Vec::new();
        for map in maps {
            let [keys, values] = parts(map.clone(), DType::F32)?;
            let (wanted, given) = (self.keys_json(), MapsOutput { keys, ..self.clone() }.keys_json());
            let (wanted, given) =
                (wanted.as_array().into_iter().flatten(), given.as_array().cloned().unwrap_or_default());
            let values = values.to_vec::<f32>().map_err(|error| fail(error.to_string()))?;
            if given.len() != self.keys.len() {
                return Err(fail(format!("a map has {} keys, and there are {} columns", given.len(), self.keys.len())));
            }
            for key in wanted {
                let place = given.iter().position(|other| other == key);
                elements.push(values[place.ok_or_else(|| fail(format!("a map has no key {key}")))?]);
            }
        }
        Tensor::from_vec(&[maps.len(), self.keys.len()], elements).map_err(|error| fail(error.to_string()))
    }
}

/// The elements of a tensor as tensors without axes.
fn elements(tensor: &Tensor) -> Result<Vec<Data>, glassbox_tensor::TensorError> {
    if let Some(texts) = tensor.to_strings() {
        return texts.into_iter().map(|text| Ok(Data::Tensor(Tensor::from_strings(&[], vec![text])?))).collect();
    }
    let bytes = tensor.to_bytes()?;
    let width = bytes.len() / tensor.len().max(1);
    let one = |bytes: &[u8]| Ok(Data::Tensor(Tensor::from_bytes(tensor.dtype(), &[], bytes.to_vec())?));
    bytes.chunks(width.max(1)).map(one).collect()
}

/// A list of JSON as keys.
fn keys(list: &[Value]) -> Option<Tensor> {
    let texts: Option<Vec<String>> = list.iter().map(|key| key.as_str().map(str::to_owned)).collect();
    match texts {
        Some(texts) => Tensor::from_strings(&[list.len()], texts).ok(),
        None => Tensor::from_vec(&[list.len()], list.iter().map(Value::as_i64).collect::<Option<Vec<i64>>>()?).ok(),
    }
}

/// The keys and values of a map of a file, as the two inputs that stand for it: values of one dtype become a vector.
///
/// # Errors
///
/// Where a value is no single element, or of another dtype than `dtype`.
pub fn parts(data: Data, dtype: DType) -> Result<[Tensor; 2], OnnxError> {
    let fail = |rule: String| OnnxError::structure("the map", rule);
    let Data::Map(keys, values) = data else { return Err(fail("the file holds another kind of value".to_owned())) };
    let one = |value: &Data| match value {
        Data::Tensor(tensor) if tensor.len() == 1 && tensor.dtype() == dtype => Ok(tensor.clone()),
        Data::Tensor(tensor) => {
            Err(fail(format!("a value is {}{:?}, and must be one {dtype}", tensor.dtype(), tensor.shape())))
        }
        _ => Err(fail("a value is no tensor".to_owned())),
    };
    let values = values.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let count = [values.len()];
    let joined = match dtype {
        DType::String => Tensor::from_strings(&count, values.iter().filter_map(Tensor::to_strings).flatten().collect()),
        _ => {
            let bytes = values.iter().map(Tensor::to_bytes).collect::<Result<Vec<_>, _>>();
            bytes.and_then(|bytes| Tensor::from_bytes(dtype, &count, bytes.concat()))
        }
    };
    Ok([keys, joined.map_err(|error| fail(error.to_string()))?])
}
