//! The skeleton of an ONNX file whose ops needn't be known: one that another program has optimised.

use std::collections::HashMap;

use glassbox_onnx::model::{AttributeValue, Declared, Graph, Model, ValueInfo};

use super::{Constant, Def, Node, Skeleton, Type};

/// The skeleton of an ONNX file. Functions aren't entered.
pub fn of_onnx(model: &Model) -> Skeleton {
    let mut skeleton = Skeleton::default();
    let names = graph(&mut skeleton, &model.graph, &HashMap::new(), None);
    for output in &model.graph.outputs {
        if let Some(value) = names.get(output.name.as_str()) {
            skeleton.outputs.push((output.name.clone(), *value));
            skeleton.output_types.push(output.ty.to_string());
        }
    }
    let inputs = model.graph.inputs.iter().filter(|input| !is_given(&model.graph, &input.name));
    skeleton.input_types = inputs.map(|input| input.ty.to_string()).collect();
    skeleton.find_users();
    skeleton
}

/// [`of_onnx`], and each function of the file as a node whose body it is. Nothing calls these nodes: they are there to be
/// compared, and give a value that names them.
pub fn with_functions(model: &Model) -> Skeleton {
    let mut skeleton = of_onnx(model);
    for function in &model.functions {
        let place = skeleton.nodes.len();
        let name = format!("function {}", function.label());
        let mut attrs: Vec<(String, String)> = Vec::new();
        attrs.extend(function.attributes.iter().map(|name| (name.clone(), "given".to_owned())));
        attrs.extend(function.defaults.iter().filter_map(|one| Some((one.name.clone(), attribute_text(&one.value)?))));
        skeleton.nodes.push(Node { name: name.clone(), op: name.clone(), attrs, ..Node::default() });
        let names = graph(&mut skeleton, &function.body, &HashMap::new(), Some(place));
        let given = function.body.outputs.iter().map(|output| names.get(output.name.as_str()).copied());
        skeleton.nodes[place].yields = given.collect();
        let value = skeleton.push(name, None, Def::Node(place, 0));
        skeleton.nodes[place].results.push(value);
    }
    skeleton.find_users();
    skeleton
}

/// Whether an input has an initializer, which makes it a constant.
fn is_given(graph: &Graph, input: &str) -> bool {
    graph.initializers.iter().any(|(name, _)| name == input)
}

/// Adds a graph: that of the model, or a body of the node `parent`, which sees what is around it. Gives what it names.
fn graph<'a>(
    skeleton: &mut Skeleton,
    graph: &'a Graph,
    around: &HashMap<&'a str, usize>,
    parent: Option<usize>,
) -> HashMap<&'a str, usize> {
    let mut names = around.clone();
    let declared = types(graph);
    for (name, tensor) in &graph.initializers {
        let dims = tensor.shape().iter().map(|size| i64::try_from(*size).ok()).collect();
        let ty = Type { dtype: tensor.dtype(), dims: Some(dims) };
        names.insert(name, skeleton.push(name, Some(ty), Def::Constant(Constant::tensor(tensor.clone()))));
    }
    for input in &graph.inputs {
        // An input with an initializer is a constant.
        if is_given(graph, &input.name) {
            continue;
        }
        let def = parent.map_or(Def::Input, Def::Parameter);
        let place = skeleton.push(&input.name, declared.get(input.name.as_str()).cloned(), def);
        names.insert(&input.name, place);
        match parent {
            None => skeleton.inputs.push(place),
            Some(parent) => skeleton.nodes[parent].parameters.push(place),
        }
    }
    for node in &graph.nodes {
        if let (true, Some(tensor), Some(output)) = (node.op == "Constant", tensor_of(node), node.outputs.first()) {
            names.insert(output, skeleton.push(output, None, Def::Constant(Constant::tensor(tensor))));
            continue;
        }
        // A constant in a dtype that holds it is the constant.
        if let (true, [input], [output]) = (node.op == "Cast", node.inputs.as_slice(), node.outputs.as_slice())
            && let Some(constant) = names.get(input.as_str()).and_then(|place| skeleton.values[*place].constant())
            && constant.dtype().is_float()
        {
            let constant = constant.clone();
            names.insert(output, skeleton.push(output, None, Def::Constant(constant)));
            continue;
        }
        let place = skeleton.nodes.len();
        let operands = node.inputs.iter().map(|name| names.get(name.as_str()).copied()).collect();
        let attrs = node.attributes.iter();
        let attrs =
            attrs.filter_map(|attribute| Some((attribute.name.clone(), attribute_text(&attribute.value)?))).collect();
        let (name, op) = (node.label().to_owned(), node.full_op());
        skeleton.nodes.push(Node { name, op, attrs, operands, parent, ..Node::default() });
        if let Some(parent) = parent {
            skeleton.nodes[parent].children.push(place);
        }
        for body in node.graphs() {
            let inside = self::graph(skeleton, body, &names, Some(place));
            let given = body.outputs.iter().map(|output| inside.get(output.name.as_str()).copied());
            skeleton.nodes[place].yields.extend(given);
        }
        for (index, name) in node.outputs.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let value = skeleton.push(name, declared.get(name.as_str()).cloned(), Def::Node(place, index));
            names.insert(name, value);
            skeleton.nodes[place].results.push(value);
        }
    }
    names
}

/// What a `Constant` node holds.
fn tensor_of(node: &glassbox_onnx::model::Node) -> Option<glassbox_tensor::Tensor> {
    match &node.attributes.first()?.value {
        AttributeValue::Tensor(tensor) => Some(tensor.clone()),
        AttributeValue::Float(value) => Some(glassbox_tensor::Tensor::scalar(*value)),
        AttributeValue::Int(value) => Some(glassbox_tensor::Tensor::scalar(*value)),
        AttributeValue::Ints(values) => glassbox_tensor::Tensor::from_vec(&[values.len()], values.clone()).ok(),
        AttributeValue::Floats(values) => glassbox_tensor::Tensor::from_vec(&[values.len()], values.clone()).ok(),
        _ => None,
    }
}

/// The types that a graph declares.
fn types(graph: &Graph) -> HashMap<&str, Type> {
    let all = graph.inputs.iter().chain(&graph.outputs).chain(&graph.values);
    all.filter_map(|info: &ValueInfo| {
        let Declared::Known(ty) = &info.ty else { return None };
        let tensor = ty.as_tensor()?;
        let size = |dim: &glassbox_ir::Dim| dim.as_size().and_then(|size| i64::try_from(size).ok());
        let dims = tensor.dims().map(|dims| dims.iter().map(size).collect());
        Some((info.name.as_str(), Type { dtype: tensor.dtype, dims }))
    })
    .collect()
}

/// An attribute as text; `None` of graphs, which are compared by their nodes.
pub(super) fn attribute_text(value: &AttributeValue) -> Option<String> {
    let text = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(bytes));
    Some(match value {
        AttributeValue::Float(value) => format!("{value:?}"),
        AttributeValue::Int(value) => value.to_string(),
        AttributeValue::Str(value) => text(value),
        AttributeValue::Floats(values) => format!("{values:?}"),
        AttributeValue::Ints(values) => format!("{values:?}"),
        AttributeValue::Strs(values) => {
            format!("[{}]", values.iter().map(|value| text(value)).collect::<Vec<_>>().join(", "))
        }
        AttributeValue::Tensor(tensor) | AttributeValue::SparseTensor(tensor) => tensor_text(tensor),
        AttributeValue::Tensors(tensors) => {
            format!("[{}]", tensors.iter().map(tensor_text).collect::<Vec<_>>().join(", "))
        }
        AttributeValue::Type(ty) => ty.to_string(),
        AttributeValue::Types(types) => {
            format!("[{}]", types.iter().map(Declared::to_string).collect::<Vec<_>>().join(", "))
        }
        AttributeValue::Reference(name) => format!("@{name}"),
        AttributeValue::Graph(_) | AttributeValue::Graphs(_) => return None,
    })
}

/// A tensor as text that tells it from others.
pub(super) fn tensor_text(tensor: &glassbox_tensor::Tensor) -> String {
    let constant = Constant::tensor(tensor.clone());
    let short = constant.short();
    match constant.hash() {
        Some([a, b, c, d, ..]) if constant.len() > Constant::SHOWN => format!("{short} {a:02x}{b:02x}{c:02x}{d:02x}"),
        _ => short,
    }
}
