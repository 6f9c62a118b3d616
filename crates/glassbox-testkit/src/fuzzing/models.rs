//! Models that bytes describe: well formed, mostly sound, and with some of their parts wrong.
//!
//! Every sequence of bytes is a description; where it ends, zeros follow. A byte or two make each
//! choice, so that the fuzzer's small changes of the bytes are small changes of the model.

use glassbox_ir::AttrKind;
use glassbox_onnx::ops::{Convert, Row};
use glassbox_onnx::proto::*;
use prost::Message;

/// The bytes of the model that `description` describes.
pub(super) fn encode(description: &[u8]) -> Vec<u8> {
    Writer { bytes: description, names: Vec::new(), depth: 0, fresh: 0 }.model().encode_to_vec()
}

/// The dtypes that values are given, by their numbers in the format; the common ones twice.
const DTYPES: &[i32] = &[1, 7, 1, 6, 9, 10, 11, 16, 3, 2, 12, 13, 8, 17, 22, 7];
/// The domains, and the versions among which the descriptions choose.
const VERSIONS: &[i64] = &[21, 13, 22, 9, 11, 18, 7, 6, 1, 17, 19, 15, 8, 24, 28, 5];
/// Attributes of many ops that no declaration names, as they are read by formulas.
const ATTRIBUTES: &[&str] = &[
    "axis",
    "axes",
    "keepdims",
    "perm",
    "shape",
    "to",
    "broadcast",
    "alpha",
    "beta",
    "transA",
    "transB",
    "kernel_shape",
    "pads",
    "strides",
    "dilations",
    "group",
    "auto_pad",
    "mode",
    "value",
    "epsilon",
    "hidden_size",
    "direction",
    "num_outputs",
    "starts",
    "ends",
    "count_include_pad",
    "ceil_mode",
    "output_shape",
    "equation",
    "largest",
    "sorted",
    "exclusive",
    "dtype",
    "fmod",
    "noop_with_empty_axes",
    "value_ints",
    "value_float",
    "split",
    "batch_dims",
    "time_axis",
    "batch_axis",
    "blocksize",
];
/// Texts that attributes of some op take.
const TEXTS: &[&str] = &[
    "",
    "constant",
    "SAME_UPPER",
    "VALID",
    "linear",
    "reflect",
    "edge",
    "wrap",
    "ij,jk->ik",
    "...i->...",
    "bidirectional",
    "forward",
    "none",
    "add",
    "mean",
    "sum",
    "nearest",
    "cubic",
    "FLOAT",
    "INT64",
    "DCR",
    "CRD",
    "asymmetric",
    "bilinear",
];
/// Numbers at which sizes, axes and counts change their meaning.
const NUMBERS: &[i64] = &[
    0,
    1,
    2,
    3,
    -1,
    -2,
    4,
    5,
    7,
    8,
    100,
    -3,
    -100,
    1000,
    i64::MAX,
    i64::MIN,
    i32::MAX as i64,
    i32::MIN as i64,
    1 << 32,
    i64::MAX / 2,
    65536,
    -9,
    16,
    127,
];

struct Writer<'b> {
    bytes: &'b [u8],
    /// The names of the values so far, those of the graphs around included.
    names: Vec<String>,
    depth: usize,
    fresh: usize,
}

impl Writer<'_> {
    /// The next byte; zero after the end.
    fn byte(&mut self) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        usize::from(*first)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.byte() % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// True once in `times`, but never for the byte 0.
    fn rarely(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times
    }

    fn number(&mut self) -> i64 {
        self.one_of(NUMBERS)
    }

    /// A small size, as a rule.
    fn size(&mut self) -> i64 {
        if self.rarely(20) { self.number() } else { [2, 1, 3, 4, 0, 5, 8, 2][self.below(8)] }
    }

    fn name(&mut self) -> String {
        self.fresh += 1;
        format!("v{}", self.fresh)
    }

    fn model(mut self) -> ModelProto {
        let version = self.one_of(VERSIONS);
        let opset =
            |domain: &str, version| OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) };
        let mut opset_import = vec![opset("", version), opset("ai.onnx.ml", 5), opset("local", 1)];
        opset_import.push(opset("ai.onnx.preview.training", 1));
        let functions = (0..self.below(3)).map(|index| self.function(index, version)).collect();
        let graph = Some(self.graph(3));
        ModelProto { ir_version: Some(10), opset_import, functions, graph, ..ModelProto::default() }
    }

    fn function(&mut self, index: usize, version: i64) -> FunctionProto {
        let names = std::mem::take(&mut self.names);
        let input: Vec<String> = (0..self.below(3)).map(|_| self.name()).collect();
        self.names.clone_from(&input);
        self.depth += 1;
        let node = self.nodes(3);
        self.depth -= 1;
        let output = (0..self.below(3)).filter_map(|_| self.operand()).collect();
        self.names = names;
        let opset =
            |domain: &str, version| OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) };
        FunctionProto {
            name: Some(format!("F{index}")),
            domain: Some("local".to_owned()),
            input,
            output,
            attribute: if self.rarely(3) { vec!["axis".to_owned()] } else { Vec::new() },
            node,
            opset_import: vec![opset("", version), opset("local", 1)],
            ..FunctionProto::default()
        }
    }

    /// A graph of at most so many inputs.
    fn graph(&mut self, inputs: usize) -> GraphProto {
        let outer = self.names.len();
        let input: Vec<ValueInfoProto> = (0..self.below(inputs + 1)).map(|_| self.value()).collect();
        let initializer = (0..self.below(3))
            .map(|_| {
                let name = self.name();
                self.names.push(name.clone());
                TensorProto { name: Some(name), ..self.tensor() }
            })
            .collect();
        let node = self.nodes(6);
        let outputs = 1 + self.below(3);
        let output = (0..outputs)
            .filter_map(|_| {
                let last = self.names.last().cloned();
                let name = if self.rarely(3) { self.operand() } else { last }?;
                Some(ValueInfoProto { name: Some(name), r#type: self.rarely(4).then(|| self.ty()) })
            })
            .collect();
        self.names.truncate(outer);
        GraphProto { name: Some("g".to_owned()), node, initializer, input, output, ..GraphProto::default() }
    }

    fn value(&mut self) -> ValueInfoProto {
        let name = self.name();
        self.names.push(name.clone());
        ValueInfoProto { name: Some(name), r#type: Some(self.ty()) }
    }

    fn ty(&mut self) -> TypeProto {
        let kind = if self.depth < 4 { self.below(16) } else { 0 };
        let value = match kind {
            15 | 14 => {
                self.depth += 1;
                let elem_type = Some(Box::new(self.ty()));
                self.depth -= 1;
                let element = ElementTypeProto { elem_type };
                if kind == 15 { TypeValue::Sequence(element) } else { TypeValue::Optional(element) }
            }
            _ => {
                let elem_type = Some(self.one_of(DTYPES));
                let rank = [2, 1, 3, 0, 4, 2, 5, 1][self.below(8)];
                let dim = (0..rank).map(|_| self.dim()).collect();
                TypeValue::Tensor(TensorTypeProto { elem_type, shape: Some(TensorShapeProto { dim }) })
            }
        };
        TypeProto { value: Some(value) }
    }

    fn dim(&mut self) -> DimensionProto {
        let value = match self.below(24) {
            23 => None,
            22 => Some(DimensionValue::Param("N".to_owned())),
            21 => Some(DimensionValue::Param("M".to_owned())),
            _ => Some(DimensionValue::Value(self.size())),
        };
        DimensionProto { value }
    }

    /// A tensor whose data is as long as its dims need, as a rule.
    fn tensor(&mut self) -> TensorProto {
        let data_type = self.one_of(DTYPES);
        let rank = [1, 0, 2, 1, 3, 1, 2, 4][self.below(8)];
        let dims: Vec<i64> = (0..rank).map(|_| self.size()).collect();
        let elements = dims.iter().try_fold(1i64, |product, dim| product.checked_mul(*dim)).unwrap_or(3);
        let wrong = self.rarely(30) as usize;
        let count = usize::try_from(elements).unwrap_or(1).min(64) + wrong;
        let mut tensor = TensorProto { dims, data_type: Some(data_type), ..TensorProto::default() };
        match data_type {
            1 => tensor.float_data = (0..count).map(|_| self.number() as f32).collect(),
            7 => tensor.int64_data = (0..count).map(|_| self.number()).collect(),
            11 => tensor.double_data = (0..count).map(|_| self.number() as f64 * 0.37).collect(),
            12 | 13 => tensor.uint64_data = (0..count).map(|_| self.byte() as u64).collect(),
            8 => tensor.string_data = (0..count).map(|_| self.one_of(TEXTS).as_bytes().into()).collect(),
            6 => tensor.int32_data = (0..count).map(|_| self.number() as i32).collect(),
            9 => tensor.int32_data = (0..count).map(|_| self.below(2) as i32).collect(),
            _ => tensor.int32_data = (0..count).map(|_| self.below(128) as i32).collect(),
        }
        tensor
    }

    fn operand(&mut self) -> Option<String> {
        // The latest values first: chains are more interesting than stars.
        let back = self.below(self.names.len().max(1));
        self.names.iter().rev().nth(back).cloned()
    }

    fn nodes(&mut self, most: usize) -> Vec<NodeProto> {
        let count = 1 + self.below(most);
        (0..count).map(|_| self.node()).collect()
    }

    fn node(&mut self) -> NodeProto {
        if self.rarely(12) {
            let name = format!("F{}", self.below(3));
            let input = (0..self.below(4)).filter_map(|_| self.operand()).collect();
            let output = self.outputs(2);
            return NodeProto {
                op_type: Some(name),
                domain: Some("local".to_owned()),
                input,
                output,
                ..NodeProto::default()
            };
        }
        let rows: Vec<&'static Row> = glassbox_onnx::ops::rows().collect();
        let row = rows[(self.byte() * 256 + self.byte()) % rows.len()];
        let (domain, op) = row.name.rsplit_once('.').unwrap_or(("", row.name));
        let attribute = self.attributes(op, &row.convert);
        let (operands, results) = match row.convert {
            Convert::Direct(op) | Convert::Bare(op) => (op.inputs.len(), op.outputs.len()),
            Convert::Formula(_) => (1 + self.below(4), 1),
        };
        let operands = if self.rarely(10) { self.below(6) } else { operands };
        let mut input = Vec::with_capacity(operands);
        for _ in 0..operands {
            let skipped = self.rarely(16);
            input.push(if skipped { String::new() } else { self.operand().unwrap_or_default() });
        }
        let output = self.outputs(results);
        NodeProto {
            op_type: Some(op.to_owned()),
            domain: Some(domain.to_owned()),
            input,
            output,
            attribute,
            ..NodeProto::default()
        }
    }

    fn outputs(&mut self, usual: usize) -> Vec<String> {
        let count = if self.rarely(6) { self.below(4) } else { usual };
        let names: Vec<String> = (0..count).map(|_| self.name()).collect();
        self.names.extend(names.iter().cloned());
        names
    }

    fn attributes(&mut self, op: &str, convert: &Convert) -> Vec<AttributeProto> {
        let mut attributes = Vec::new();
        let bodies: &[&str] = match op {
            "If" => &["then_branch", "else_branch"],
            "Loop" | "Scan" | "SequenceMap" => &["body"],
            _ => &[],
        };
        let bodies = if self.depth < 2 { bodies } else { &[] };
        for name in bodies {
            self.depth += 1;
            let graph = self.graph(if *name == "body" { 4 } else { 0 });
            self.depth -= 1;
            attributes.push(AttributeProto {
                name: Some((*name).to_owned()),
                g: Some(Box::new(graph)),
                r#type: Some(attribute_type::GRAPH),
                ..AttributeProto::default()
            });
        }
        if let Convert::Direct(op) = convert {
            for spec in op.attrs {
                if self.below(3) != 0 || matches!(spec.default, glassbox_ir::attr::Default::Required) {
                    attributes.push(self.attribute(spec.name, kind_of(spec.kind)));
                }
            }
        } else {
            for _ in 0..self.below(4) {
                let name = self.one_of(ATTRIBUTES);
                let kind = match name {
                    "axes" | "perm" | "shape" | "kernel_shape" | "pads" | "strides" | "dilations" | "output_shape"
                    | "starts" | "ends" | "value_ints" | "split" => attribute_type::INTS,
                    "alpha" | "beta" | "epsilon" | "value_float" => attribute_type::FLOAT,
                    "auto_pad" | "mode" | "equation" | "direction" => attribute_type::STRING,
                    "value" => attribute_type::TENSOR,
                    _ => attribute_type::INT,
                };
                attributes.push(self.attribute(name, kind));
            }
        }
        attributes
    }

    fn attribute(&mut self, name: &str, kind: i32) -> AttributeProto {
        let kind = if self.rarely(40) { 1 + self.below(8) as i32 } else { kind };
        let mut attribute =
            AttributeProto { name: Some(name.to_owned()), r#type: Some(kind), ..AttributeProto::default() };
        if self.depth > 0 && self.rarely(20) {
            attribute.ref_attr_name = Some("axis".to_owned());
            return attribute;
        }
        match kind {
            attribute_type::FLOAT => attribute.f = Some(self.number() as f32 * 0.5),
            attribute_type::STRING => attribute.s = Some(self.one_of(TEXTS).as_bytes().into()),
            attribute_type::TENSOR => attribute.t = Some(Box::new(self.tensor())),
            attribute_type::FLOATS => attribute.floats = (0..self.below(4)).map(|_| self.number() as f32).collect(),
            attribute_type::INTS => attribute.ints = (0..self.below(6)).map(|_| self.number()).collect(),
            attribute_type::STRINGS => {
                attribute.strings = (0..self.below(4)).map(|_| self.one_of(TEXTS).as_bytes().into()).collect();
            }
            attribute_type::TYPE_PROTO => attribute.tp = Some(Box::new(self.ty())),
            attribute_type::INT => attribute.i = Some(self.number()),
            _ => attribute.r#type = Some(kind),
        }
        attribute
    }
}

/// The kind of attribute in the format that stands for one of the IR.
fn kind_of(kind: AttrKind) -> i32 {
    match kind {
        AttrKind::Bool | AttrKind::Int | AttrKind::DType => attribute_type::INT,
        AttrKind::Float => attribute_type::FLOAT,
        AttrKind::Str | AttrKind::State | AttrKind::Enum(_) => attribute_type::STRING,
        AttrKind::Ints => attribute_type::INTS,
        AttrKind::Floats => attribute_type::FLOATS,
        AttrKind::Strs => attribute_type::STRINGS,
        AttrKind::Type => attribute_type::TYPE_PROTO,
        AttrKind::Tensor => attribute_type::TENSOR,
    }
}
