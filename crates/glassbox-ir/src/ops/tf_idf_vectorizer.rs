//! `tf_idf_vectorizer`: how often n-grams occur.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "tf_idf_vectorizer",
    doc: "For each row of x (a vector is one row) how often the n-grams of a pool occur in it. The pool, `pool_int64s` or \
          `pool_strings`, has the n-grams of one item first, then those of two and so on; `ngram_counts` says where each \
          length begins. The count of the i-th n-gram of the pool is added to element ngram_indexes[i] of the result, \
          which has one element more than the largest of these. An n-gram has `min_gram_length` to `max_gram_length` \
          items, all at the same distance of 1 to `max_skip_count` + 1; those of one item are counted once. With mode \
          `IDF` a count is 0 or 1; with `IDF` and `TFIDF` each element of the result is multiplied by that of `weights` \
          in the same place, if given.",
    inputs: &[Input::one("x", DTypes::These(&[DType::String, DType::I32, DType::I64]))],
    attrs: &[
        AttrSpec { name: "mode", kind: AttrKind::Enum(&["TF", "IDF", "TFIDF"]), default: crate::attr::Default::Required },
        AttrSpec::required("min_gram_length", AttrKind::Int),
        AttrSpec::required("max_gram_length", AttrKind::Int),
        AttrSpec::required("max_skip_count", AttrKind::Int),
        AttrSpec::required("ngram_counts", AttrKind::Ints),
        AttrSpec::required("ngram_indexes", AttrKind::Ints),
        AttrSpec::optional("pool_int64s", AttrKind::Ints),
        AttrSpec::optional("pool_strings", AttrKind::Strs),
        AttrSpec::optional("weights", AttrKind::Floats),
    ],
    constraints: &[
        ("C1", "x is a vector or a matrix"),
        ("C2", "there is one pool, of strings for strings and of integers for integers"),
        ("C3", "1 <= min_gram_length <= max_gram_length, and max_skip_count is at least 0"),
        ("C4", "ngram_counts begins at 0, grows, stays within the pool, and makes whole n-grams"),
        ("C5", "ngram_indexes has an element, none negative or above 2^31, for each n-gram of the pool"),
        ("C6", "weights has an element for each element of the result"),
    ],
    example: "tf_idf_vectorizer(i64[3] [1, 1, 2]) {mode = \"TF\", min_gram_length = 1, max_gram_length = 1, \
              max_skip_count = 0, ngram_counts = [0], ngram_indexes = [0, 1], pool_int64s = [1, 2]} -> f32[2] [2, 1]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let attr = infer.attr;
    let (ints, strings) = (attr.ints("pool_int64s"), attr.strs("pool_strings"));
    let pool = match (x.dtype == DType::String, ints, strings) {
        (false, Some(pool), None) => pool.len(),
        (true, None, Some(pool)) => pool.len(),
        _ => return Err(Violation::new("C2", format!("the pools don't fit x, {x}"))),
    };
    let (shortest, longest, skips) =
        (attr.int("min_gram_length"), attr.int("max_gram_length"), attr.int("max_skip_count"));
    if shortest < 1 || longest < shortest || skips < 0 {
        return Err(Violation::new("C3", format!("{shortest} to {longest} items, {skips} skips")));
    }
    let counts = attr.ints("ngram_counts").unwrap_or_default();
    let grams = ngrams(counts, pool).ok_or_else(|| Violation::new("C4", format!("{counts:?} in a pool of {pool}")))?;
    let indexes = attr.ints("ngram_indexes").unwrap_or_default();
    let total: usize = grams.iter().map(|(_, count)| count).sum();
    let largest = indexes.iter().max().copied().unwrap_or(-1);
    if indexes.len() < total || indexes.is_empty() || !indexes.iter().all(|index| (0..1 << 31).contains(index)) {
        return Err(Violation::new("C5", format!("{} indexes for {total} n-grams", indexes.len())));
    }
    let size = largest + 1;
    if attr.floats("weights").is_some_and(|weights| (weights.len() as i64) < size) {
        return Err(Violation::new("C6", format!("fewer than {size} weights")));
    }
    match x.dims() {
        None => Ok(vec![Type::unranked(DType::F32)]),
        Some([_]) => Ok(vec![Type::tensor(DType::F32, [size])]),
        Some([rows, _]) => Ok(vec![Type::tensor(DType::F32, [rows.clone(), Dim::Int(size)])]),
        Some(_) => Err(Violation::new("C1", format!("x is {x}"))),
    }
}

/// Where in the pool the n-grams of 1, 2, … items begin, and how many there are of each; `None` where
/// the counts don't fit the pool.
pub fn ngrams(counts: &[i64], pool: usize) -> Option<Vec<(usize, usize)>> {
    let starts = counts.iter().map(|start| usize::try_from(*start).ok()).collect::<Option<Vec<_>>>()?;
    let ends = starts.iter().skip(1).copied().chain([pool]);
    let groups = starts.iter().zip(ends).enumerate().map(|(index, (start, end))| {
        let items = end.checked_sub(*start)?;
        items.is_multiple_of(index + 1).then_some((*start, items / (index + 1)))
    });
    let whole = starts.first().is_none_or(|start| *start == 0);
    groups.collect::<Option<Vec<_>>>().filter(|_| whole)
}
