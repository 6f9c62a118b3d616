//! Shapes that can't hold, seen at import where dims are known and in the run where they aren't.

use glassbox_onnx::proto::*;
use glassbox_tensor::DType;

use super::{Cases, named};
use crate::protos::{graph, int, longs, model, node_with, untyped, value};

/// A model of one node `it` over operands of these shapes, the integer constants `c0`, `c1` … after them.
fn one(op: &str, shapes: &[&[i64]], constants: &[&[i64]], attributes: Vec<AttributeProto>) -> ModelProto {
    let inputs: Vec<ValueInfoProto> =
        shapes.iter().enumerate().map(|(index, dims)| value(&format!("x{index}"), DType::F32, dims)).collect();
    let mut names: Vec<String> = (0..shapes.len()).map(|index| format!("x{index}")).collect();
    names.extend((0..constants.len()).map(|index| format!("c{index}")));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut graph = graph(vec![named("it", node_with(op, &names, &["y"], attributes))], inputs, vec![untyped("y")]);
    let constants = constants.iter().enumerate();
    graph.initializer =
        constants.map(|(index, values)| longs(&format!("c{index}"), &[values.len() as i64], values)).collect();
    model(graph, 21)
}

pub(super) fn add(cases: &mut Cases) {
    let rows: Vec<(&str, ModelProto, &[&str])> = vec![
        ("matmul inner dims", one("MatMul", &[&[2, 3], &[2, 3]], &[], vec![]), &["MatMul", "C2", "3", "2"]),
        ("matmul of a scalar", one("MatMul", &[&[], &[2]], &[], vec![]), &["MatMul", "C1"]),
        ("matmul batches", one("MatMul", &[&[2, 1, 3], &[3, 3, 1]], &[], vec![]), &["MatMul", "C3", "broadcast"]),
        ("matmul of vectors", one("MatMul", &[&[2], &[3]], &[], vec![]), &["MatMul", "C2"]),
        ("add", one("Add", &[&[2, 3], &[4]], &[], vec![]), &["Add", "[2, 3]", "[4]", "broadcast"]),
        ("where", one("Max", &[&[2], &[3], &[2]], &[], vec![]), &["Max", "broadcast"]),
        ("concat dims", one("Concat", &[&[2, 3], &[3, 3]], &[], vec![int("axis", 1)]), &["Concat", "2", "3"]),
        ("concat ranks", one("Concat", &[&[2, 3], &[3]], &[], vec![int("axis", 0)]), &["Concat"]),
        ("reshape to more", one("Reshape", &[&[2, 3]], &[&[7]], vec![]), &["Reshape", "7"]),
        ("reshape that doesn't divide", one("Reshape", &[&[2, 3]], &[&[4, -1]], vec![]), &["Reshape", "4"]),
        ("reshape with two unknowns", one("Reshape", &[&[2, 3]], &[&[-1, -1]], vec![]), &["Reshape", "-1"]),
        ("reshape with -2", one("Reshape", &[&[2, 3]], &[&[-2, 3]], vec![]), &["Reshape", "-2"]),
        ("reshape that copies no dim", one("Reshape", &[&[6]], &[&[1, 6, 0]], vec![]), &["Reshape", "0"]),
        ("reshape that overflows", one("Reshape", &[&[2, 3]], &[&[1 << 40, 1 << 40]], vec![]), &["reshape"]),
        ("expand that overflows", one("Expand", &[&[1]], &[&[1 << 40, 1 << 40]], vec![]), &["larger than any memory"]),
        ("expand beyond the limit", one("Expand", &[&[1]], &[&[1 << 30]], vec![]), &["larger than the limit"]),
        (
            "axes of rank two",
            {
                let mut model = one("Squeeze", &[&[1, 1]], &[&[0, 1]], vec![]);
                model.graph.get_or_insert_default().initializer[0].dims = vec![1, 2];
                model
            },
            &["Squeeze", "`axes`", "scalar or a vector"],
        ),
        ("squeeze of 2", one("Squeeze", &[&[2, 3]], &[&[0]], vec![]), &["Squeeze", "2"]),
        ("squeeze beyond the rank", one("Squeeze", &[&[1, 3]], &[&[4]], vec![]), &["Squeeze", "axis 4"]),
        ("unsqueeze twice", one("Unsqueeze", &[&[3]], &[&[0, 0]], vec![]), &["Unsqueeze", "twice"]),
        ("unsqueeze beyond the rank", one("Unsqueeze", &[&[3]], &[&[5]], vec![]), &["Unsqueeze", "axis 5"]),
        ("slice of different lengths", one("Slice", &[&[2, 3]], &[&[0], &[1, 2]], vec![]), &["Slice"]),
        ("slice along no axis", one("Slice", &[&[2, 3]], &[&[0], &[1], &[7]], vec![]), &["Slice", "axis 7"]),
        ("slice along an axis twice", one("Slice", &[&[2, 3]], &[&[0, 0], &[1, 1], &[0, 0]], vec![]), &["Slice"]),
        ("slice with step 0", one("Slice", &[&[2, 3]], &[&[0], &[1], &[0], &[0]], vec![]), &["Slice", "step"]),
        ("slice of more axes than there are", one("Slice", &[&[2]], &[&[0, 0], &[1, 1]], vec![]), &["Slice"]),
        ("sum along no axis", one("ReduceSum", &[&[2, 3]], &[&[2]], vec![]), &["ReduceSum", "axis 2"]),
        ("gemm inner dims", one("Gemm", &[&[2, 3], &[2, 3]], &[], vec![]), &["Gemm"]),
        ("gemm of rank 3", one("Gemm", &[&[1, 2, 3], &[3, 2]], &[], vec![]), &["Gemm"]),
    ];
    for (name, model, says) in rows {
        let says: Vec<&str> = says.iter().copied().chain(["`it`"]).collect();
        cases.add(&format!("shape/{name}"), model, &says);
    }
    at_run_time(cases);
}

/// What only the sizes and contents of a run can say.
fn at_run_time(cases: &mut Cases) {
    let dim = |dim: &str| match dim.parse() {
        Ok(number) => DimensionProto { value: Some(DimensionValue::Value(number)) },
        Err(_) => DimensionProto { value: Some(DimensionValue::Param(dim.to_owned())) },
    };
    let value = |name: &str, dtype: i32, dims: &[&str]| {
        let shape = Some(TensorShapeProto { dim: dims.iter().map(|text| dim(text)).collect() });
        let tensor = TensorTypeProto { elem_type: Some(dtype), shape };
        ValueInfoProto {
            name: Some(name.to_owned()),
            r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)) }),
        }
    };
    // Dims that aren't known are 1 in the run, and the contents of inputs are zeros.
    let run = |op: &str, inputs: Vec<ValueInfoProto>, attributes: Vec<AttributeProto>| {
        let names: Vec<String> = inputs.iter().filter_map(|input| input.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let node = named("it", node_with(op, &names, &["y"], attributes));
        model(graph(vec![node], inputs, vec![untyped("y")]), 21)
    };
    let rows: Vec<(&str, ModelProto, &[&str])> = vec![
        (
            "matmul",
            run("MatMul", vec![value("a", 1, &["2", "K"]), value("b", 1, &["3", "2"])], vec![]),
            &["matmul", "C2", "1", "3"],
        ),
        (
            "concat",
            run("Concat", vec![value("a", 1, &["N", "2"]), value("b", 1, &["3", "2"])], vec![int("axis", 1)]),
            &["concat", "1", "3"],
        ),
        ("reshape", run("Reshape", vec![value("a", 1, &["2", "3"]), value("s", 7, &["1"])], vec![]), &["reshape"]),
        ("squeeze", run("Squeeze", vec![value("a", 1, &["2", "3"]), value("s", 7, &["1"])], vec![]), &["squeeze", "2"]),
        (
            "add",
            run("Add", vec![value("a", 1, &["N", "2"]), value("b", 1, &["N", "3"])], vec![]),
            &["Add", "broadcast"],
        ),
    ];
    for (name, model, says) in rows {
        let says: Vec<&str> = says.iter().copied().chain(["`it`"]).collect();
        cases.add(&format!("run/{name}"), model, &says);
    }
}
