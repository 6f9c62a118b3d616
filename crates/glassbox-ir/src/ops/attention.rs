//! `attention`: scaled dot-product attention of many heads.

use super::common::*;
use super::indexing::iota;

const REAL: DTypes = DTypes::These(&[DType::F64, DType::F32, DType::F16, DType::BF16]);
// The places of the operands.
const Q: usize = 0;
const K: usize = 1;
const V: usize = 2;
const MASK: usize = 3;
const PAST_KEY: usize = 4;
const PAST_VALUE: usize = 5;
const LENGTHS: usize = 6;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "attention",
    tier: Tier::Composite(decompose),
    doc: "softmax(q k^T scale + mask) v for each head: q is [batch, heads, queries, size], k and v are [batch, kv heads, \
          keys, size]; or with the heads side by side in the last of three axes, as many as `q_num_heads` and \
          `kv_num_heads` say. Each kv head serves the same number of neighbouring heads. `past_key` and `past_value` \
          [batch, kv heads, past, size] come before k and v. `scale` is by default 1 / sqrt(size of q). Scores s become \
          softcap tanh(s / softcap) where softcap isn't 0. To them are added: `attn_mask`, broadcast (0 and -inf for true \
          and false; where its last axis is shorter than the keys, -inf for the rest); -inf for keys from \
          `nonpad_kv_seqlen` [batch] on; and -inf for key j of query i at position p = i + offset where j > p with \
          `is_causal`, j < p - left_window_size, or j > p + right_window_size (-1: no bound). The offset is the number \
          of past keys, or nonpad_kv_seqlen - queries, or 0. A query that may see no key gives 0. Results: the \
          attention, in the form of q; keys and values with the past; and [batch, heads, queries, keys] the scores \
          (`qk_matmul_output_mode` 0), capped (1), masked (2), or their softmax (3). f16 and bf16 are computed in f32 \
          and rounded once; with f64 anywhere all is f64. The softmax is computed in `softmax_precision` where given.",
    inputs: &[
        Input::one("q", REAL).same('T'),
        Input::one("k", REAL).same('T'),
        Input::one("v", REAL).same('V'),
        Input::one("attn_mask", DTypes::NumericOrBool).optional(),
        Input::one("past_key", REAL).same('T').optional(),
        Input::one("past_value", REAL).same('V').optional(),
        Input::one("nonpad_kv_seqlen", DTypes::These(&[DType::I64])).optional(),
    ],
    outputs: &[
        Output::one("y"),
        Output::one("present_key"),
        Output::one("present_value"),
        Output::one("qk_matmul_output"),
    ],
    attrs: &[
        AttrSpec::bool("is_causal", false),
        AttrSpec::optional("kv_num_heads", AttrKind::Int),
        AttrSpec::int("left_window_size", -1),
        AttrSpec::optional("q_num_heads", AttrKind::Int),
        AttrSpec::int("qk_matmul_output_mode", 0),
        AttrSpec::int("right_window_size", -1),
        AttrSpec::optional("scale", AttrKind::Float),
        AttrSpec::float("softcap", 0.0),
        AttrSpec::optional("softmax_precision", AttrKind::DType),
    ],
    constraints: &[
        ("C1", "q, k and v have three axes and the numbers of heads are given, or they have four"),
        ("C2", "the heads divide the last axes of three, and the kv heads divide the heads"),
        ("C3", "batch, sizes and keys of q, k, v and the past agree"),
        ("C4", "past_key and past_value are both given or neither, and never with nonpad_kv_seqlen"),
        ("C5", "the mask broadcasts to [batch, heads, queries, keys], its last axis perhaps being shorter"),
        ("C6", "window sizes are at least -1, softcap is at least 0, qk_matmul_output_mode is in [0, 3]"),
        ("C7", "softmax_precision is f16, bf16, f32 or f64"),
    ],
    example: "attention(f32[1, 1, 1, 1] [0], f32[1, 1, 2, 1] [1, 2], f32[1, 1, 2, 1] [4, 6]) -> f32[1, 1, 1, 1] [5], \
              f32[1, 1, 2, 1] [1, 2], f32[1, 1, 2, 1] [4, 6], f32[1, 1, 1, 2] [0, 0]",
    infer,
    ..OpDef::BASE
};

/// An operand as [batch, heads, length, size].
struct Heads {
    batch: Dim,
    heads: Dim,
    length: Dim,
    size: Dim,
}

impl Heads {
    fn new(infer: &Infer, index: usize, heads: &'static str) -> Result<Option<Heads>, Violation> {
        let Some(dims) = infer.dims(index) else { return Ok(None) };
        let wrong = |rule, message: &str| Err(Violation::new(rule, format!("{} is {}: {message}", infer.name_of(index), infer.ty(index)?)));
        match (dims, infer.attr.opt_int(heads)) {
            ([_, found, _, _], Some(count)) if found.same(&Dim::Int(count)) == Some(false) => {
                wrong("C2", &format!("{heads} is {count}"))
            }
            ([batch, heads, length, size], _) => {
                let (batch, heads, length, size) = (batch.clone(), heads.clone(), length.clone(), size.clone());
                Ok(Some(Heads { batch, heads, length, size }))
            }
            ([batch, length, width], Some(count)) => {
                if count < 1 || width.as_int().is_some_and(|width| width % count != 0) {
                    return wrong("C2", &format!("{heads} is {count}"));
                }
                let heads = Dim::Int(count);
                let (batch, length, size) = (batch.clone(), length.clone(), width.floor_div(&heads));
                Ok(Some(Heads { batch, heads, length, size }))
            }
            ([_, _, _], None) => wrong("C1", &format!("{heads} says how many heads there are")),
            _ => wrong("C1", "it has neither three nor four axes"),
        }
    }
}

fn infer(infer: &Infer) -> Types {
    let (left, right) = (infer.attr.int("left_window_size"), infer.attr.int("right_window_size"));
    let (mode, cap) = (infer.attr.int("qk_matmul_output_mode"), infer.attr.float("softcap"));
    if left < -1 || right < -1 || cap.is_nan() || cap < 0.0 || !(0..=3).contains(&mode) {
        let message = format!("windows are {left} and {right}, softcap is {cap}, qk_matmul_output_mode is {mode}");
        return Err(Violation::new("C6", message));
    }
    if let Some(dtype) = infer.attr.dtype("softmax_precision").filter(|dtype| !REAL.contains(*dtype)) {
        return Err(Violation::new("C7", format!("softmax_precision is {dtype}")));
    }
    let past = infer.has(PAST_KEY);
    if past != infer.has(PAST_VALUE) || (past && infer.has(LENGTHS)) {
        return Err(Violation::new("C4", "past_key, past_value and nonpad_kv_seqlen don't go together like this"));
    }
    let (dtype, value_dtype) = (infer.dtype(Q)?, infer.dtype(V)?);
    let q = Heads::new(infer, Q, "q_num_heads")?;
    let (k, v) = (Heads::new(infer, K, "kv_num_heads")?, Heads::new(infer, V, "kv_num_heads")?);
    let (Some(q), Some(k), Some(v)) = (q, k, v) else {
        let [y, values, keys] = [dtype, value_dtype, dtype].map(Type::unranked);
        let present = |ty: Type| TensorType { dtype: ty.dtype(), shape: Shape::of_rank(4) }.into();
        let types = vec![y, present(keys.clone()), present(values), present(keys)];
        return Ok(types.into_iter().take(infer.outputs).collect());
    };
    let ranks = [Q, K, V].map(|index| infer.rank(index));
    if ranks[0] != ranks[1] || ranks[0] != ranks[2] {
        return Err(Violation::new("C1", format!("q, k and v have {:?} axes", ranks.map(|rank| rank.unwrap_or(0)))));
    }
    if let (Some(heads), Some(kv)) = (q.heads.as_int(), k.heads.as_int())
        && (kv == 0 || heads % kv != 0)
    {
        return Err(Violation::new("C2", format!("{heads} heads can't share {kv}")));
    }
    let mut keys = k.length.clone();
    let mut pairs = vec![
        ("batch", q.batch.clone(), k.batch.clone()),
        ("batch", q.batch.clone(), v.batch.clone()),
        ("kv heads", k.heads.clone(), v.heads.clone()),
        ("keys", k.length.clone(), v.length.clone()),
        ("sizes of q and k", q.size.clone(), k.size.clone()),
    ];
    if let (Some(key), Some(value)) = (infer.dims(PAST_KEY), infer.dims(PAST_VALUE)) {
        let ([batch, heads, length, size], [value_batch, value_heads, value_length, value_size]) = (key, value) else {
            return Err(Violation::new("C3", "the past has other than four axes"));
        };
        pairs.extend([
            ("batch", k.batch.clone(), batch.clone()),
            ("batch", k.batch.clone(), value_batch.clone()),
            ("kv heads", k.heads.clone(), heads.clone()),
            ("kv heads", k.heads.clone(), value_heads.clone()),
            ("past", length.clone(), value_length.clone()),
            ("sizes of k", k.size.clone(), size.clone()),
            ("sizes of v", v.size.clone(), value_size.clone()),
        ]);
        keys = keys + length.clone();
    } else if past {
        keys = Dim::Unknown;
    }
    if let Some(lengths) = infer.dims(LENGTHS) {
        let [batch] = lengths else {
            return Err(Violation::new("C3", format!("nonpad_kv_seqlen is {}", infer.ty(LENGTHS)?)));
        };
        pairs.push(("batch", q.batch.clone(), batch.clone()));
    }
    if let Some((what, a, b)) = pairs.iter().find(|(_, a, b)| a.same(b) == Some(false)) {
        return Err(Violation::new("C3", format!("the {what} are {a} and {b}")));
    }
    let scores = [q.batch.clone(), q.heads.clone(), q.length.clone(), keys.clone()];
    if let Some(mask) = infer.dims(MASK) {
        let fits = |(dim, wanted): (&Dim, &Dim)| *dim == Dim::Int(1) || dim.same(wanted) != Some(false);
        let shorter = |(dim, keys): (&Dim, &Dim)| match (dim, keys) {
            (Dim::Int(dim), Dim::Int(keys)) => dim <= keys,
            _ => true,
        };
        let outer = mask.len().saturating_sub(1);
        let aligned = mask.len() <= 4 && mask[..outer].iter().zip(&scores[3 - outer.min(3)..]).all(fits);
        if mask.is_empty() || !aligned || !shorter((&mask[outer], &keys)) {
            let scores = Shape::Ranked(scores.to_vec());
            return Err(Violation::new("C5", format!("the mask is {}, the scores {scores}", infer.ty(MASK)?)));
        }
    }
    let y = match ranks[0] {
        Some(3) => Type::tensor(dtype, [q.batch.clone(), q.length, q.heads * v.size.clone()]),
        _ => Type::tensor(dtype, [q.batch.clone(), q.heads, q.length, v.size.clone()]),
    };
    let present = |dtype, size| Type::tensor(dtype, [q.batch.clone(), k.heads.clone(), keys.clone(), size]);
    let types = vec![y, present(dtype, k.size), present(value_dtype, v.size), Type::tensor(dtype, scores)];
    Ok(types.into_iter().take(infer.outputs).collect())
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (dtype, flat) = (d.dtype(Q), d.rank(Q)? == 3);
    let heads = |index: usize, count: &'static str| -> Result<Expr<'a>, BuildError> {
        let (x, dims) = (d.x(index), d.dims(index)?);
        let Some(count) = d.attr.opt_int(count).filter(|_| flat).map(Dim::Int) else { return Ok(x) };
        let split = [dims[0].clone(), dims[1].clone(), count.clone(), dims[2].floor_div(&count)];
        Ok(x.reshape(&split).transpose(&[0, 2, 1, 3]))
    };
    let joined = |past: Option<Expr<'a>>, x| past.map_or(x, |past| d.f.concat(&[past, x], 2));
    let query = heads(Q, "q_num_heads")?;
    let key = joined(d.opt(PAST_KEY), heads(K, "kv_num_heads")?);
    let value = joined(d.opt(PAST_VALUE), heads(V, "kv_num_heads")?);
    let (q, k, v) = (d.dims_of(query)?, d.dims_of(key)?, d.dims_of(value)?);

    let wide = if [dtype, d.dtype(V)].contains(&DType::F64) { DType::F64 } else { DType::F32 };
    let root = match d.attr.opt_float("scale") {
        Some(scale) => scale.sqrt(),
        None => (1.0 / (d.number(&q[3], "the size of a head")? as f64).sqrt()).sqrt(),
    };
    // Heads that share a key head stand in an axis of their own, which the key head is broadcast over.
    let shared = q[1].floor_div(&k[1].maximum(&Dim::Int(1)));
    let grouped = |x: Expr<'a>, rows: &Dim, columns: &Dim| {
        x.reshape(&[&q[0], &k[1], &shared, rows, columns].map(Dim::clone))
    };
    let left = grouped(query.cast(wide) * root, &q[2], &q[3]);
    let right = (key.cast(wide) * root).transpose(&[0, 1, 3, 2]).unsqueeze(&[2]);
    let scores = left.matmul(right).reshape(&[&q[0], &q[1], &q[2], &k[2]].map(Dim::clone));
    let cap = d.attr.float("softcap");
    let capped = if cap > 0.0 { (scores / cap).tanh() * cap } else { scores };
    let bias = bias(d, wide, &q[2], &k[2])?;
    let masked = bias.map_or(capped, |bias| capped + bias);
    let precision = d.attr.dtype("softmax_precision").unwrap_or(wide);
    let mut weights = softmax(masked.cast(precision).widened());
    if let Some(bias) = bias {
        // Decided by the mask alone: the scores of a query that sees no key may be anything.
        let masked = highest(bias).equal(bias.scalar_like(f64::NEG_INFINITY));
        weights = masked.select(weights.scalar_like(0.0), weights);
    }
    let weights = weights.cast(precision).cast(wide);
    let mixed = grouped(weights, &q[2], &k[2]).matmul(value.cast(wide).unsqueeze(&[2]));
    let mixed = mixed.reshape(&[&q[0], &q[1], &q[2], &v[3]].map(Dim::clone)).cast(dtype);
    let y = match flat {
        true => mixed.transpose(&[0, 2, 1, 3]).reshape(&[q[0].clone(), q[2].clone(), &q[1] * &v[3]]),
        false => mixed,
    };
    let shown = match d.attr.int("qk_matmul_output_mode") {
        0 => scores,
        1 => capped,
        2 => masked,
        _ => weights,
    };
    Ok([y, key, value, shown.cast(dtype)].into_iter().take(d.outputs).collect())
}

/// What is added to the scores of `queries` × `keys`: 0 where a query may see a key, -inf where not, and
/// whatever a mask of numbers says.
fn bias<'a>(d: &Decompose<'a>, wide: DType, queries: &Dim, keys: &Dim) -> Result<Option<Expr<'a>>, BuildError> {
    let closed = d.f.scalar(wide, f64::NEG_INFINITY);
    let open = |seen: Expr<'a>| seen.select(d.f.scalar(wide, 0.0), closed);
    let lengths = d.opt(LENGTHS).map(|lengths| lengths.unsqueeze(&[1, 2, 3]));
    let key = iota(d, keys).unsqueeze(&[0]);
    let offset = match lengths {
        Some(lengths) => lengths - d.f.extent(queries),
        None if d.has(PAST_KEY) => d.f.extent(&d.dims(PAST_KEY)?[2]),
        None => d.f.int(0),
    };
    let position = iota(d, queries).unsqueeze(&[1]) + offset;
    let mut parts = Vec::new();
    if let Some(mask) = d.opt(MASK) {
        parts.push(whole_mask(d, mask, wide, keys)?);
    }
    let up_to = |bound: Expr<'a>| open(!key.greater(bound));
    if d.attr.bool("is_causal") {
        parts.push(up_to(position));
    }
    let (left, right) = (d.attr.int("left_window_size"), d.attr.int("right_window_size"));
    if left >= 0 {
        parts.push(open(!key.less(position - left as f64)));
    }
    if right >= 0 {
        parts.push(up_to(position + right as f64));
    }
    if let Some(lengths) = lengths {
        parts.push(open(key.less(lengths)));
    }
    Ok(parts.into_iter().reduce(|sum, part| sum + part))
}

/// The mask as numbers to add, with -inf for the keys that it doesn't reach.
fn whole_mask<'a>(d: &Decompose<'a>, mask: Expr<'a>, wide: DType, keys: &Dim) -> Result<Expr<'a>, BuildError> {
    let numbers = match mask.dtype() {
        DType::Bool => mask.select(d.f.scalar(wide, 0.0), d.f.scalar(wide, f64::NEG_INFINITY)),
        _ => mask.cast(wide),
    };
    let mut dims = d.dims_of(mask)?;
    let Some(last) = dims.last_mut() else { return Err(d.invalid("C5", "the mask has no axes")) };
    let missing = keys - last;
    if missing == Dim::Int(0) {
        return Ok(numbers);
    }
    *last = missing;
    Ok(d.f.concat(&[numbers, d.filled(wide, f64::NEG_INFINITY, &dims)], -1))
}

/// The greatest along the last axis.
fn highest(x: Expr) -> Expr {
    x.reduce(&super::reduce_max::OP, &[-1], true)
}

/// The softmax along the last axis; zeros where all is -inf.
fn softmax(x: Expr) -> Expr {
    let highest = highest(x);
    let nothing = highest.equal(x.scalar_like(f64::NEG_INFINITY));
    let powers = (x - nothing.select(x.scalar_like(0.0), highest)).exp();
    let sum = powers.sum(&[-1], true);
    powers / nothing.select(x.scalar_like(1.0), sum)
}
