//! `linear_attention`: attention as a recurrence over a matrix of state.

use super::common::*;
use crate::attrs;

const REAL: DTypes = DTypes::These(&[DType::F64, DType::F32, DType::F16, DType::BF16]);
// The places of the operands.
const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;
const PAST: usize = 3;
const DECAY: usize = 4;
const BETA: usize = 5;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "linear_attention",
    tier: Tier::Composite(decompose),
    doc: "For each step t and kv head a state S [keys, values]: first S becomes exp(g_t) S with gated and gated_delta; \
          then S + k_t u_t^T, where u_t is v_t, or with delta and gated_delta beta_t (v_t - S^T k_t); and the result is \
          scale q_t^T S. The heads lie side by side in the last axis of query, key, value [batch, steps, heads size]; \
          each kv head serves the same number of neighbouring heads. decay g is [batch, steps, kv heads] or has one for \
          each key too; beta is [batch, steps, kv heads or 1]; S begins with past_state [batch, kv heads, keys, values] \
          or zeros. `scale` is by default (0) 1 / sqrt(keys). Results: [batch, steps, heads values], and S after the \
          last step, of past_state's dtype, else query's. Computed in f32 (f64 for f64) and rounded once. `chunk_size` is \
          a hint and changes nothing.",
    inputs: &[
        Input::one("query", REAL).same('T'),
        Input::one("key", REAL).same('T'),
        Input::one("value", REAL).same('T'),
        Input::one("past_state", REAL).optional(),
        Input::one("decay", REAL).same('T').optional(),
        Input::one("beta", REAL).same('T').optional(),
    ],
    outputs: &[Output::one("output"), Output::one("present_state")],
    attrs: &[
        AttrSpec::int("chunk_size", 64),
        AttrSpec::required("kv_num_heads", AttrKind::Int),
        AttrSpec::required("q_num_heads", AttrKind::Int),
        AttrSpec::float("scale", 0.0),
        AttrSpec::one_of("update_rule", &["linear", "gated", "delta", "gated_delta"], "gated_delta"),
    ],
    constraints: &[
        ("C1", "every operand has the dims that the documentation gives it"),
        ("C2", "the kv heads divide the heads, and the heads divide the last axes"),
        ("C3", "decay is given with gated and gated_delta, beta with delta and gated_delta"),
    ],
    example: "linear_attention(f32[1, 2, 1] [1, 2], f32[1, 2, 1] [1, 1], f32[1, 2, 1] [3, 4]) \
              {q_num_heads = 1, kv_num_heads = 1, update_rule = \"linear\"} -> f32[1, 2, 1] [3, 14], f32[1, 1, 1, 1] [7]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let (heads, kv) = (infer.attr.int("q_num_heads"), infer.attr.int("kv_num_heads"));
    if kv < 1 || heads < 1 || heads % kv != 0 {
        return Err(Violation::new("C2", format!("q_num_heads is {heads}, kv_num_heads {kv}")));
    }
    let rule = infer.attr.str("update_rule");
    if (rule.starts_with("gated") && !infer.has(DECAY)) || (rule.ends_with("delta") && !infer.has(BETA)) {
        return Err(Violation::new("C3", format!("{rule} is missing an operand")));
    }
    let at = |index: usize, axis: usize| infer.dims(index).and_then(|dims| dims.get(axis)).cloned().unwrap_or(Dim::Unknown);
    let width = |index: usize, heads: i64| match at(index, 2) {
        Dim::Int(width) if width % heads != 0 => {
            Err(Violation::new("C2", format!("{} is {} for {heads} heads", infer.name_of(index), infer.ty(index)?)))
        }
        width => Ok(width.floor_div(&Dim::Int(heads))),
    };
    let (batch, steps) = (at(QUERY, 0), at(QUERY, 1));
    let (keys, values) = (width(QUERY, heads)?, width(VALUE, kv)?);
    let kv = Dim::Int(kv);
    let state = vec![batch.clone(), kv.clone(), keys.clone(), values.clone()];
    let packed = |width: Dim| vec![batch.clone(), steps.clone(), width];
    let decay_by_key = at(DECAY, 2).same(&kv) != Some(true);
    let beta_shared = at(BETA, 2) == Dim::Int(1);
    let wanted = [
        (QUERY, packed(Dim::Unknown)),
        (KEY, packed(kv.clone() * keys.clone())),
        (VALUE, packed(Dim::Unknown)),
        (PAST, state.clone()),
        (DECAY, packed(if decay_by_key { kv.clone() * keys } else { kv.clone() })),
        (BETA, packed(if beta_shared { Dim::Int(1) } else { kv })),
    ];
    for (index, wanted) in wanted {
        let Some(given) = infer.dims(index) else { continue };
        if given.len() != wanted.len() || given.iter().zip(&wanted).any(|(a, b)| a.same(b) == Some(false)) {
            let (given, wanted) = (infer.ty(index)?, Shape::Ranked(wanted));
            return Err(Violation::new("C1", format!("{} is {given}, not {wanted}", infer.name_of(index))));
        }
    }
    let dtype = infer.dtype(QUERY)?;
    let state_dtype = if infer.has(PAST) { infer.dtype(PAST)? } else { dtype };
    let output = Type::tensor(dtype, packed(Dim::Int(heads) * values));
    Ok([output, Type::tensor(state_dtype, state)].into_iter().take(infer.outputs).collect())
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let f = d.f;
    let (heads, kv) = (d.attr.int("q_num_heads"), d.attr.int("kv_num_heads"));
    let query = d.dims(QUERY)?;
    let keys = d.number(&query[2], "the width of query")? / heads;
    let values = d.number(&d.dims(VALUE)?[2], "the width of value")? / kv;
    let (batch, steps) = (&query[0], &query[1]);
    let rule = d.attr.str("update_rule");
    let wide = if d.dtype(QUERY) == DType::F64 { DType::F64 } else { DType::F32 };
    // Each operand as [batch, kv heads, steps, rows, columns]: a step is a matrix for each kv head.
    let split = |index: usize, heads: i64, matrix: [i64; 2]| {
        let [heads, rows, columns] = [heads, matrix[0], matrix[1]].map(Dim::Int);
        let dims = [batch.clone(), steps.clone(), heads, rows, columns];
        d.x(index).cast(wide).reshape(&dims).transpose(&[0, 2, 1, 3, 4])
    };
    let mut scanned = vec![
        split(QUERY, kv, [heads / kv, keys]),
        split(KEY, kv, [keys, 1]),
        split(VALUE, kv, [1, values]),
    ];
    if rule.starts_with("gated") {
        let by_key = d.number(&d.dims(DECAY)?[2], "the width of decay")? / kv;
        scanned.push(split(DECAY, kv, [by_key, 1]).exp());
    }
    if rule.ends_with("delta") {
        scanned.push(split(BETA, d.number(&d.dims(BETA)?[2], "the width of beta")?, [1, 1]));
    }
    let start = match d.opt(PAST) {
        Some(past) => past.cast(wide),
        None => d.filled(wide, 0.0, &[batch.clone(), Dim::Int(kv), Dim::Int(keys), Dim::Int(values)]),
    };
    let count = scanned.len();
    let attrs = attrs! {
        num_scan_inputs: count as i64,
        scan_input_axes: vec![2; count],
        scan_output_axes: vec![2],
    };
    let operands: Vec<Option<Expr<'a>>> = std::iter::once(start).chain(scanned).map(Some).collect();
    let ids = operands.iter().flatten().map(|operand| operand.id().map(Some)).collect::<Result<Vec<_>, _>>()?;
    let types = f.builder().region_parameters(&super::scan::OP, &ids, &attrs)?;
    let (region, parameters) = f.builder().begin_region(&types.concat());
    let parameters: Vec<Expr<'a>> = parameters.into_iter().map(|id| f.expr(id)).collect();
    let [mut state, query, key, value] = [0, 1, 2, 3].map(|index| parameters[index]);
    if rule.starts_with("gated") {
        state = state * parameters[4];
    }
    let added = match rule.ends_with("delta") {
        true => (value - key.transpose(&[0, 1, 3, 2]).matmul(state)) * parameters[parameters.len() - 1],
        false => value,
    };
    state = state + key * added;
    let results = [state.id()?, query.matmul(state).id()?];
    f.builder().end_region(results.to_vec());
    let results = f.op_many(&super::scan::OP, &operands, attrs, vec![region], 2);
    let scale = match d.attr.float("scale") {
        0.0 => 1.0 / (keys as f64).sqrt(),
        scale => scale,
    };
    let output = (results[1] * scale).transpose(&[0, 2, 1, 3, 4]).reshape(&[batch.clone(), steps.clone(), Dim::Int(heads * values)]);
    let state_dtype = d.opt(PAST).map_or(d.dtype(QUERY), Expr::dtype);
    Ok([output.cast(d.dtype(QUERY)), results[0].cast(state_dtype)].into_iter().take(d.outputs).collect())
}
