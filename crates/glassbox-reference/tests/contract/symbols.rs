//! A decomposition that is made once for symbols computes, at every size, the same bits as one made for that size.

use std::collections::BTreeSet;

use glassbox_exec::{Options, Value};
use glassbox_ir::{Attrs, GraphBuilder, OpDef, Operand, Type, attrs, decompose, ops};
use glassbox_tensor::{DType, Overflow, Tensor};

use super::Session;

/// An operand: its dtype and shape, and a number that its elements are below, where they are integers.
type Given = (DType, Vec<usize>, usize);

/// One use of a composite.
struct Case {
    op: &'static OpDef,
    attrs: Attrs,
    operands: Vec<Option<Given>>,
    /// The axes (operand, axis) that the decomposition is written from.
    numbers: &'static [(usize, usize)],
    outputs: usize,
}

fn floats(shape: &[usize]) -> Option<Given> {
    Some((DType::F32, shape.to_vec(), 0))
}

fn integers(shape: &[usize], below: usize) -> Option<Given> {
    Some((DType::I64, shape.to_vec(), below))
}

fn tensor((dtype, shape, below): &Given, seed: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let number = |index: usize| match dtype {
        DType::I64 => ((index * 31 + seed) % below) as f64,
        _ => ((index * 7919 + seed * 104_729 + 13) % 2003) as f64 / 1001.5 - 1.0,
    };
    Tensor::store(*dtype, shape, (0..count).map(number).collect(), Overflow::Wrap).unwrap()
}

fn cases() -> Vec<Case> {
    let case = |op, attrs, operands, numbers, outputs| Case { op, attrs, operands, numbers, outputs };
    let heads = &[(0, 3)][..];
    let mut cases = Vec::new();
    for (batch, queries, keys) in [(1, 1, 5), (2, 3, 4), (1, 4, 1), (0, 2, 2), (1, 0, 3)] {
        let (q, kv) = (floats(&[batch, 4, queries, 6]), floats(&[batch, 2, keys, 6]));
        let mask = floats(&[1, 1, queries, keys]);
        let with = |mask| vec![q.clone(), kv.clone(), kv.clone(), mask];
        cases.push(case(&ops::attention::OP, attrs! {}, with(None), heads, 4));
        cases.push(case(&ops::attention::OP, attrs! { is_causal: true, softcap: 2.0 }, with(mask), heads, 1));
        // A mask that doesn't reach every key.
        let short = floats(&[queries, keys.saturating_sub(1).max(1)]);
        cases.push(case(&ops::attention::OP, attrs! { scale: 0.3 }, with(short), &[], 1));
        let past = floats(&[batch, 2, 3, 6]);
        let remembered = [with(None), vec![past.clone(), past]].concat();
        let window = attrs! { is_causal: true, left_window_size: 2 };
        cases.push(case(&ops::attention::OP, window, remembered, heads, 3));
        let flat = vec![floats(&[batch, queries, 24]), floats(&[batch, keys, 12]), floats(&[batch, keys, 12])];
        let counts = attrs! { q_num_heads: 4, kv_num_heads: 2 };
        cases.push(case(&ops::attention::OP, counts, flat, &[(0, 2), (1, 2), (2, 2)], 1));
        let (x, pairs) = (floats(&[batch, 2, queries, 6]), floats(&[batch, queries, 3]));
        let turned = |extra: &[Option<_>]| [&[x.clone(), pairs.clone(), pairs.clone()], extra].concat();
        cases.push(case(&ops::rotary_embedding::OP, attrs! {}, turned(&[]), heads, 1));
        cases.push(case(&ops::rotary_embedding::OP, attrs! { interleaved: true }, turned(&[]), heads, 1));
        let rows =
            vec![floats(&[batch, queries, 12]), floats(&[9, 2]), floats(&[9, 2]), integers(&[batch, queries], 9)];
        let part = attrs! { num_heads: 2, rotary_embedding_dim: 4 };
        cases.push(case(&ops::rotary_embedding::OP, part, rows, &[(0, 2)], 1));
        if queries > 0 {
            let linear = vec![floats(&[batch, queries, 8]), floats(&[batch, queries, 4]), floats(&[batch, queries, 6])];
            let linear = [linear, vec![None, floats(&[batch, queries, 2]), floats(&[batch, queries, 1])]].concat();
            let of_heads = attrs! { q_num_heads: 4, kv_num_heads: 2 };
            let widths = &[(0, 2), (2, 2), (4, 2), (5, 2)];
            cases.push(case(&ops::linear_attention::OP, of_heads, linear, widths, 2));
        }
        if batch > 0 && queries > 0 {
            let group = vec![floats(&[batch * queries, 6]), floats(&[6]), floats(&[6])];
            cases.push(case(&ops::group_normalization::OP, attrs! { num_groups: 3 }, group, &[], 1));
            let spatial = vec![floats(&[batch, 6, queries, keys]), floats(&[6]), floats(&[6])];
            cases.push(case(&ops::group_normalization::OP, attrs! { num_groups: 2 }, spatial, &[], 1));
            let conv = vec![floats(&[batch, 3, queries]), floats(&[3, 1, 3]), floats(&[3])];
            let silu = attrs! { activation: "silu" };
            cases.push(case(&ops::causal_conv_with_state::OP, silu, conv, &[(1, 0), (1, 1), (1, 2)], 2));
            let lstm = vec![floats(&[queries, batch, 3]), floats(&[2, 8, 3]), floats(&[2, 8, 2])];
            cases.push(case(&ops::lstm::OP, attrs! { direction: "bidirectional" }, lstm, &[(2, 2)], 3));
        }
        let x = floats(&[batch, queries, keys]);
        cases.push(case(&ops::flatten::OP, attrs! { axis: 2 }, vec![x.clone()], &[], 1));
        cases.push(case(&ops::trilu::OP, attrs! { upper: false }, vec![x.clone()], &[], 1));
        let lengths = integers(&[batch], queries + 1);
        cases.push(case(&ops::reverse_sequence::OP, attrs! { batch_axis: 0, time_axis: 1 }, vec![x, lengths], &[], 1));
        let (cache, places) = (floats(&[batch, keys + queries, 2]), integers(&[batch], keys));
        let update = vec![cache, floats(&[batch, queries, 2]), places];
        cases.push(case(&ops::tensor_scatter::OP, attrs! { mode: "circular" }, update, &[], 1));
        let image = floats(&[batch, 8, queries, keys]);
        cases.push(case(&ops::depth_to_space::OP, attrs! { blocksize: 2 }, vec![image], &[], 1));
        let image = floats(&[batch, 2, 2 * queries, 2 * keys]);
        cases.push(case(&ops::space_to_depth::OP, attrs! { blocksize: 2 }, vec![image], &[], 1));
    }
    cases
}

/// The types with a symbol for each axis: one of its own, or the same where extents are the same.
fn symbolic(case: &Case, shared: bool) -> Vec<Option<Operand>> {
    let operand = |(index, operand): (usize, &Option<Given>)| {
        let (dtype, shape, _) = operand.as_ref()?;
        let dims = shape.iter().enumerate().map(|(axis, size)| match (shared, *size) {
            _ if case.numbers.contains(&(index, axis)) => glassbox_ir::Dim::from(*size),
            // An extent of 1 may be one that is broadcast.
            (true, 1) => glassbox_ir::Dim::Int(1),
            (true, size) => glassbox_ir::Dim::symbol(&format!("N{size}")),
            (false, _) => glassbox_ir::Dim::symbol(&format!("S{index}_{axis}")),
        });
        Some(Operand { ty: Type::tensor(*dtype, dims), known: None })
    };
    case.operands.iter().enumerate().map(operand).collect()
}

fn bits(values: &[Value]) -> Vec<(Vec<usize>, Vec<u32>)> {
    let bits = |value: &Value| {
        let tensor = value.as_tensor().unwrap();
        (tensor.shape().to_vec(), tensor.to_vec::<f32>().unwrap().iter().map(|x| x.to_bits()).collect())
    };
    values.iter().map(bits).collect()
}

#[test]
fn a_decomposition_for_symbols_computes_what_one_for_sizes_does() {
    let mut compared = BTreeSet::new();
    for case in cases() {
        let values: Vec<Option<Tensor>> =
            case.operands.iter().enumerate().map(|(seed, operand)| Some(tensor(operand.as_ref()?, seed + 1))).collect();
        let mut builder = GraphBuilder::new("sizes");
        let ids: Vec<_> = values.iter().map(|x| x.as_ref().map(|x| builder.constant(x.clone()))).collect();
        let what = || format!("{} of {:?}", case.op.name, case.operands);
        let results = builder.node(case.op, &ids, case.attrs.clone(), case.outputs);
        let results = results.unwrap_or_else(|error| panic!("{}: {error}", what()));
        let mut sizes = Session::new(builder.finish(results).unwrap(), Options::default()).unwrap();
        let wanted = match sizes.run(&[]) {
            Ok(values) => bits(&values),
            Err(error) => panic!("{}: {error}", what()),
        };
        for shared in [false, true] {
            let graph = decompose(case.op, &case.attrs, &symbolic(&case, shared), case.outputs);
            let graph = graph.unwrap_or_else(|error| panic!("{}, shared {shared}: {error}", what()));
            let mut symbols = Session::new(graph, Options::default()).unwrap();
            let inputs: Vec<Value> = values.iter().flatten().cloned().map(Value::from).collect();
            match symbols.run(&inputs) {
                Ok(found) => assert_eq!(bits(&found), wanted, "{}, shared {shared}", what()),
                Err(error) => panic!("{}, shared {shared}: {error}", what()),
            }
            compared.insert(case.op.name);
        }
    }
    assert_eq!(compared.len(), 12, "{compared:?}");
}
