//! Maps that go into a model and come out, as the tensors that stand for them. What the ops compute is held against
//! onnxruntime by the tests of `scripts/contrib_maps.py`.

use glassbox_onnx::proto::{
    AttributeProto, ElementTypeProto, MapTypeProto, ModelProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
    attribute_type,
};
use glassbox_onnx::{Data, ExportOptions, ImportOptions, Maps, import, maps, parse};
use glassbox_tensor::{DType, NoParams, Tensor};

use crate::protos::{
    assert_says, attribute, f32s, graph, imported, int, model, node, node_with, number, opset, refusal, run, string,
    untyped, value,
};

fn map_type(key: DType, value: DType) -> TypeProto {
    let element =
        TypeProto { value: Some(TypeValue::Tensor(TensorTypeProto { elem_type: number(value), shape: None })) };
    let map = MapTypeProto { key_type: number(key), value_type: Some(Box::new(element)) };
    TypeProto { value: Some(TypeValue::Map(map)) }
}

fn of_type(name: &str, ty: TypeProto) -> ValueInfoProto {
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(ty) }
}

/// One node from a map `x` to `y`.
fn one(op: &str, key: DType, value: DType, attributes: Vec<AttributeProto>) -> ModelProto {
    let mut node = node_with(op, &["x"], &["y"], attributes);
    node.domain = Some("ai.onnx.ml".to_owned());
    with_ml(graph(vec![node], vec![of_type("x", map_type(key, value))], vec![untyped("y")]))
}

fn with_ml(graph: glassbox_onnx::proto::GraphProto) -> ModelProto {
    let mut model = model(graph, 17);
    model.opset_import.push(opset("ai.onnx.ml", 1));
    model
}

fn words(name: &str, words: &[&str]) -> AttributeProto {
    let strings = words.iter().map(|word| word.as_bytes().to_vec().into()).collect();
    AttributeProto { strings, ..attribute(name, attribute_type::STRINGS) }
}

fn longs(values: &[i64]) -> Tensor {
    Tensor::from_vec(&[values.len()], values.to_vec()).expect("a vector")
}

#[test]
fn a_map_is_two_inputs_and_the_metadata_says_so() {
    let mut taken = one("CastMap", DType::I64, DType::F32, vec![]);
    let inputs = &mut taken.graph.as_mut().expect("a graph").input;
    inputs.push(value("x.keys", DType::F32, &[1]));
    let import = imported(&taken).expect("it is sound");
    assert_eq!(import.inputs, ["x.keys_", "x.values", "x.keys"], "a name that is there already stays");
    let types: Vec<String> = import.graph.inputs().iter().map(|id| import.graph.value(*id).ty.to_string()).collect();
    assert_eq!(types, ["i64[entries]", "f32[entries]", "f32[1]"]);
    assert_says(&import.notes[0], &["`x`", "map(i64, f32)", "`x.keys_`", "`x.values`"]);
    let said = Maps::of(&import.graph).inputs;
    assert_eq!((said[0].name.as_str(), said[0].keys.as_str(), said[0].values.as_str()), ("x", "x.keys_", "x.values"));
}

#[test]
fn numbers_become_the_texts_of_cast() {
    let given = vec![longs(&[3, 0, 1]), f32s(&[3], &[1.5, 1e-7, 16_777_216.0])];
    let model = one("CastMap", DType::I64, DType::F32, vec![string("cast_to", "TO_STRING")]);
    let notes = imported(&model).expect("it is sound").notes;
    assert_says(&notes[1], &["CastMap", "six decimals"]);
    let texts = run(&model, given)[0].to_strings().expect("texts");
    let numbers: Vec<f32> = texts.iter().map(|text| text.parse().expect("a number")).collect();
    assert_eq!(numbers, [1e-7, 16_777_216.0, 1.5], "nothing is lost");
}

#[test]
fn what_breaks_a_rule_is_refused_by_name() {
    let cast = |attributes| refusal(&one("CastMap", DType::I64, DType::F32, attributes));
    assert_says(&cast(vec![string("cast_to", "to_float")]), &["CastMap", "`cast_to`", "TO_STRING"]);
    assert_says(&cast(vec![string("map_form", "FULL")]), &["`map_form`", "SPARSE"]);
    assert_says(&cast(vec![string("map_form", "SPARSE"), int("max_map", 0)]), &["`max_map` is 0"]);
    assert_says(&cast(vec![string("map_form", "SPARSE"), int("max_map", i64::MAX)]), &["`max_map`"]);
    assert_says(&refusal(&one("CastMap", DType::String, DType::F32, vec![])), &["a map of i64", "string"]);
    let dict = |attributes| refusal(&one("DictVectorizer", DType::String, DType::F32, attributes));
    assert_says(&dict(vec![]), &["DictVectorizer", "`string_vocabulary`", "keys are string"]);
    let numbers = AttributeProto { ints: vec![1], ..attribute("int64_vocabulary", attribute_type::INTS) };
    assert_says(&dict(vec![numbers]), &["`int64_vocabulary`"]);
    assert_says(&refusal(&one("DictVectorizer", DType::F32, DType::F32, vec![])), &["`x`", "keys of f32"]);
    // A map where none can be.
    let x = || of_type("x", map_type(DType::I64, DType::F32));
    let abs = with_ml(graph(vec![node("Abs", &["x"], &["y"])], vec![x()], vec![untyped("y")]));
    assert_says(&refusal(&abs), &["Abs", "`x` is a map", "DictVectorizer"]);
    assert_says(&refusal(&with_ml(graph(vec![], vec![x()], vec![untyped("x")]))), &["output `x`", "is a map"]);
    let list = ElementTypeProto { elem_type: Some(Box::new(map_type(DType::I64, DType::F32))) };
    let list = of_type("x", TypeProto { value: Some(TypeValue::Sequence(list)) });
    assert_says(&refusal(&with_ml(graph(vec![], vec![list], vec![]))), &["`x`", "a list or optional of map(i64, f32)"]);
    let mut zip = node_with("ZipMap", &["x"], &["y"], vec![words("classlabels_strings", &["a", "b", "c"])]);
    zip.domain = Some("ai.onnx.ml".to_owned());
    let zip = with_ml(graph(vec![zip], vec![value("x", DType::F32, &[2, 2])], vec![untyped("y")]));
    assert_says(&refusal(&zip), &["ZipMap", "3 labels", "2 columns"]);
}

#[test]
fn a_table_is_its_maps_again_also_after_export() {
    let mut zip = node_with("ZipMap", &["x"], &["z"], vec![words("classlabels_strings", &["b", "a"])]);
    zip.domain = Some("ai.onnx.ml".to_owned());
    let nodes = vec![zip, node("Identity", &["z"], &["y"])];
    let model = with_ml(graph(nodes, vec![value("x", DType::F32, &[2, 2])], vec![untyped("y")]));
    let first = imported(&model).expect("it is sound").graph;
    let written = glassbox_onnx::export(&first, &ExportOptions::new(17)).expect("it is said");
    let bytes = written.to_bytes(&NoParams).expect("it is written");
    let read = parse(bytes.into(), None).expect("it is a model");
    let again = import(&read, &ImportOptions::default()).expect("it is sound").graph;
    for graph in [&first, &again] {
        let maps = Maps::of(graph);
        let maps = maps.output("y").expect("it stands for maps");
        let table = f32s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let data = maps.data(&table).expect("a column for each key");
        let Data::Sequence(rows) = &data else { panic!("it is a list") };
        let [keys, values] = maps::parts(rows[1].clone(), DType::F32).expect("a map of f32");
        assert_eq!(keys.to_strings(), Some(vec!["b".to_owned(), "a".to_owned()]));
        assert_eq!(values.to_vec::<f32>(), Ok(vec![3.0, 4.0]));
        assert!(maps.table(&data).expect("the same keys").bit_eq(&table));
        assert!(maps.data(&f32s(&[2, 3], &[0.0; 6])).is_err(), "a column too many");
    }
}
