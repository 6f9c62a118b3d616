//! Maps as tensors: ops that take one as its keys and values, and the op that gives a list of them as a table.

use super::*;
use glassbox_ir::Dim;

/// The table as it is, a row for each map; what its columns are, a note says and the metadata, where it is an output.
pub(super) fn zip_map<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let keys = labels(c, "classlabels_int64s")?;
    let keys = keys.ok_or_else(|| c.error("the labels must be given, as strings or as integers"))?;
    let columns = c.x(0).dims().and_then(|dims| dims.last().and_then(Dim::as_int));
    if let Some(columns) = columns.filter(|columns| usize::try_from(*columns) != Ok(keys.len())) {
        return Err(c.error(format!("{} labels are given for {columns} columns", keys.len())));
    }
    let texts = keys.to_strings().or_else(|| Some(keys.to_vec::<i64>().ok()?.iter().map(i64::to_string).collect()));
    let texts = texts.unwrap_or_default();
    const SHOWN: usize = 20;
    let more = texts.len().saturating_sub(SHOWN);
    let mut text = texts[..texts.len() - more].join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    c.note(format!("it gives the table of scores, not a map for each row; the columns are those of the labels {text}"));
    let table = c.f.op(&ops::identity::OP, &[c.x(0)], Attrs::new());
    c.zipped(table, keys);
    Ok(vec![table])
}

/// The values in the order of their keys, or each in the place that its key says.
///
/// What the specification leaves open is as in ONNX Runtime: a place without a key holds 0, as a text `0.f`, and keys beyond
/// the last place are passed over; one below 0 is an error. A number becomes the text that `Cast` makes of it, though,
/// which loses nothing; ONNX Runtime writes six decimals.
pub(super) fn cast_map<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (keys, values) = (c.x(0), c.x(1));
    let (dtype, missing) = match c.str("cast_to", "TO_FLOAT")? {
        "TO_FLOAT" => (DType::F32, floats(c, &[0.0])?),
        "TO_INT64" => (DType::I64, ints(c, &[0])?),
        "TO_STRING" => (DType::String, strings(c, &["0.f"])?),
        other => return Err(c.error(format!("attribute `cast_to` is {other:?}, not TO_FLOAT, TO_INT64 or TO_STRING"))),
    };
    if keys.dtype() != DType::I64 || ![DType::F32, DType::String].contains(&values.dtype()) {
        return Err(c.error(format!(
            "it takes a map of i64 to f32 or string, not of {} to {}",
            keys.dtype(),
            values.dtype()
        )));
    }
    if dtype == DType::String && values.dtype() != DType::String {
        c.note("its numbers become texts as by Cast; ONNX Runtime writes each with six decimals");
    }
    let values = values.cast(dtype);
    let size = c.int("max_map", 1)?;
    let row = match c.str("map_form", "DENSE")? {
        "DENSE" => {
            let count = c.f.op(&ops::shape::OP, &[keys], Attrs::new());
            let order =
                c.f.op_many(&ops::top_k::OP, &[Some(keys), Some(count)], attrs! { largest: false }, Vec::new(), 2);
            c.f.op(&ops::gather::OP, &[values, order[1]], attrs! { axis: 0i64 })
        }
        "SPARSE" => {
            let beyond = size.checked_add(1).filter(|_| size > 0);
            let beyond =
                beyond.ok_or_else(|| c.error(format!("attribute `max_map` is {size}, and must be positive")))?;
            let places = c.f.op(&ops::min::OP, &[keys, c.f.int(size)], Attrs::new());
            // No place has this number, so it is an error.
            let places = keys.less(c.f.int(0)).select(c.f.int(beyond), places);
            placed(c, places, values, missing, size, beyond)
        }
        other => return Err(c.error(format!("attribute `map_form` is {other:?}, neither DENSE nor SPARSE"))),
    };
    Ok(vec![row.unsqueeze(&[0])])
}

/// The value of each word of the vocabulary; 0 or an empty text where the map hasn't the word. Other keys are passed over.
pub(super) fn dict_vectorizer<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (keys, values) = (c.x(0), c.x(1));
    let (names, numbers) = (c.strs("string_vocabulary")?, c.ints("int64_vocabulary")?);
    let names = names.filter(|names| !names.is_empty());
    let numbers = numbers.filter(|numbers| !numbers.is_empty());
    let (words, places) = match (keys.dtype(), names, numbers) {
        (DType::String, Some(names), None) => {
            let (once, places) = once(&names);
            (strings(c, &once)?, places)
        }
        (DType::I64, None, Some(numbers)) => {
            let (once, places) = once(numbers);
            (ints(c, &once)?, places)
        }
        (dtype, ..) => {
            let rule = "one vocabulary must be given, `string_vocabulary` for keys of string, `int64_vocabulary` for keys of i64";
            return Err(c.error(format!("{rule}; the keys are {dtype}")));
        }
    };
    let missing = match values.dtype() {
        DType::F32 => floats(c, &[0.0])?,
        DType::F64 => vector(c, Tensor::from_vec(&[1], vec![0.0f64]))?,
        DType::I64 => ints(c, &[0])?,
        DType::String => strings(c, &[""])?,
        dtype => return Err(c.error(format!("the values are {dtype}, and must be f32, f64, i64 or string"))),
    };
    let count = words.len() as i64;
    let numbered = ints(c, &(0..count).collect::<Vec<_>>())?;
    let attrs = attrs! { keys: words, values: numbered, default: ints(c, &[count])? };
    let found = c.f.op(&ops::label_encoder::OP, &[keys], attrs);
    let row = placed(c, found, values, missing, count, count + 1);
    // A word that stands there twice has its value twice.
    let row = c.f.op(&ops::gather::OP, &[row, c.f.ints(&places)], attrs! { axis: 0i64 });
    Ok(vec![row.unsqueeze(&[0])])
}

/// A vector of `size` elements: `missing`, but for the values in their places. Those in the place `size` are dropped.
fn placed<'a>(
    c: &NodeContext<'a>,
    places: Expr<'a>,
    values: Expr<'a>,
    missing: Tensor,
    size: i64,
    room: i64,
) -> Expr<'a> {
    let empty = c.f.op(&ops::constant_of_shape::OP, &[c.f.ints(&[room])], attrs! { value: missing });
    c.f.op(&ops::scatter_elements::OP, &[empty, places, values], attrs! { axis: 0i64 }).slice(0, 0, size, 1)
}

/// The words, each once, and the place among these of each.
fn once<T: Copy + Eq + std::hash::Hash>(words: &[T]) -> (Vec<T>, Vec<i64>) {
    let mut once = Vec::new();
    let mut places = std::collections::HashMap::new();
    let number = |word: &T| {
        *places.entry(*word).or_insert_with(|| {
            once.push(*word);
            once.len() as i64 - 1
        })
    };
    let numbers = words.iter().map(number).collect();
    (once, numbers)
}
