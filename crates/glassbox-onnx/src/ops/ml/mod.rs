//! The ops of classical machine learning, domain `ai.onnx.ml`.
//!
//! Most of them are formulas: what needs loops of its own is the lookup of labels and the walk down
//! decision trees. What the specification leaves open is as in ONNX Runtime.
//!
//! Maps are tensors here: see `maps` beside this file, and the module of that name of the crate.

mod features;
mod linear;
mod maps;
mod scores;
mod svm;
mod svm_classifier;
mod trees;

use super::prelude::*;
use crate::OnnxError;
use glassbox_tensor::{DType, TensorError};

pub(super) const ROWS: &[Row] = &[
    row("ai.onnx.ml.ArrayFeatureExtractor", 1, formula(array_feature_extractor)),
    row("ai.onnx.ml.Binarizer", 1, formula(binarizer)),
    row("ai.onnx.ml.CastMap", 1, formula(maps::cast_map)).of_maps(),
    row("ai.onnx.ml.CategoryMapper", 1, formula(category_mapper)),
    row("ai.onnx.ml.DictVectorizer", 1, formula(maps::dict_vectorizer)).of_maps(),
    row("ai.onnx.ml.FeatureVectorizer", 1, formula(features::feature_vectorizer)),
    row("ai.onnx.ml.Imputer", 1, formula(features::imputer)),
    row("ai.onnx.ml.LabelEncoder", 1, formula(encode_classes)).until(1),
    row("ai.onnx.ml.LabelEncoder", 2, formula(label_encoder)),
    row("ai.onnx.ml.LinearClassifier", 1, formula(linear::classifier)),
    row("ai.onnx.ml.LinearRegressor", 1, formula(linear::regressor)),
    row("ai.onnx.ml.Normalizer", 1, formula(features::normalizer)),
    row("ai.onnx.ml.OneHotEncoder", 1, formula(features::one_hot_encoder)),
    row("ai.onnx.ml.SVMClassifier", 1, formula(svm_classifier::classifier)),
    row("ai.onnx.ml.SVMRegressor", 1, formula(svm::regressor)),
    row("ai.onnx.ml.Scaler", 1, formula(features::scaler)),
    row("ai.onnx.ml.TreeEnsemble", 5, formula(trees::ensemble)),
    row("ai.onnx.ml.TreeEnsembleClassifier", 1, formula(trees::classifier)),
    row("ai.onnx.ml.TreeEnsembleRegressor", 1, formula(trees::regressor)),
    row("ai.onnx.ml.ZipMap", 1, formula(maps::zip_map)),
];

/// Strings to the numbers in the same places, or numbers to strings.
fn category_mapper<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let names = c.required("cats_strings", c.strs("cats_strings")?)?;
    let numbers = c.required("cats_int64s", c.ints("cats_int64s")?)?;
    let (names, numbers) = (strings(c, &names)?, ints(c, numbers)?);
    let (number, name) = (c.int("default_int64", -1)?, c.str("default_string", "_Unused")?);
    let attrs = match c.x(0).dtype() {
        DType::String => attrs! { keys: names, values: numbers, default: ints(c, &[number])? },
        _ => attrs! { keys: numbers, values: names, default: strings(c, &[name])? },
    };
    c.with_attrs(&ops::label_encoder::OP, attrs)
}

/// The columns of x with these numbers; a vector is one row.
fn array_feature_extractor<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let vector = c.rank(0)? == 1;
    let columns = c.x(1).reshape(&[glassbox_ir::Dim::Int(-1)]);
    let picked = c.f.op(&ops::gather::OP, &[c.x(0), columns], attrs! { axis: -1i64 });
    Ok(vec![if vector { picked.unsqueeze(&[0]) } else { picked }])
}

/// 1 where x is larger than the threshold, else 0.
fn binarizer<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (x, threshold) = (c.x(0), c.float("threshold", 0.0)?);
    // An integer is larger than a number where it is larger than the integer below it.
    let threshold = if x.dtype().is_float() { threshold } else { threshold.floor() };
    let wide = x.widened();
    Ok(vec![wide.greater(wide.scalar_like(threshold)).cast(x.dtype())])
}

/// In the first version: strings to their numbers, or numbers to strings.
fn encode_classes<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let classes = c.required("classes_strings", c.strs("classes_strings")?)?;
    let (names, numbers) = (strings(c, &classes)?, ints(c, &(0..classes.len() as i64).collect::<Vec<_>>())?);
    let (number, name) = (c.int("default_int64", -1)?, c.str("default_string", "_Unused")?);
    let attrs = match c.x(0).dtype() {
        DType::String => attrs! { keys: names, values: numbers, default: ints(c, &[number])? },
        _ => attrs! { keys: numbers, values: names, default: strings(c, &[name])? },
    };
    c.with_attrs(&ops::label_encoder::OP, attrs)
}

/// Keys and values are each in the attribute of their dtype, or are tensors.
fn label_encoder<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let given = |prefix: &str| -> Result<Tensor, OnnxError> {
        let mut found = Vec::new();
        if let Some(values) = c.strs(&format!("{prefix}_strings"))? {
            found.push(strings(c, &values)?);
        }
        if let Some(values) = c.ints(&format!("{prefix}_int64s"))? {
            found.push(ints(c, values)?);
        }
        if let Some(values) = c.floats(&format!("{prefix}_floats"))? {
            found.push(floats(c, &values)?);
        }
        found.extend(c.tensor(&format!("{prefix}_tensor"))?);
        match <[Tensor; 1]>::try_from(found) {
            Ok([tensor]) => Ok(tensor),
            Err(found) => Err(c.error(format!("{} attributes `{prefix}_…` are given, not one", found.len()))),
        }
    };
    let (keys, values) = (given("keys")?, given("values")?);
    let (string, int, float) =
        (c.str("default_string", "_Unused")?, c.int("default_int64", -1)?, c.float("default_float", -0.0)?);
    let default = match (c.tensor("default_tensor")?, values.dtype()) {
        (Some(default), _) => default,
        (None, DType::String) => strings(c, &[string])?,
        (None, DType::F32) => floats(c, &[float])?,
        (None, DType::I64) => ints(c, &[int])?,
        (None, dtype) => return Err(c.error(format!("attribute `default_tensor` is missing for values of {dtype}"))),
    };
    c.with_attrs(&ops::label_encoder::OP, attrs! { keys: keys, values: values, default: default })
}

/// A tensor of attributes.
fn vector<'a>(c: &NodeContext<'a>, values: Result<Tensor, TensorError>) -> Result<Tensor, OnnxError> {
    values.map_err(|error| c.error(error))
}

/// A vector of strings.
fn strings(c: &NodeContext, values: &[&str]) -> Result<Tensor, OnnxError> {
    vector(c, Tensor::from_strings(&[values.len()], values.iter().map(|text| (*text).to_owned()).collect()))
}

/// A vector of f32.
fn floats(c: &NodeContext, values: &[f64]) -> Result<Tensor, OnnxError> {
    vector(c, Tensor::from_vec(&[values.len()], values.iter().map(|value| *value as f32).collect::<Vec<_>>()))
}

/// A vector of i64.
fn ints(c: &NodeContext, values: &[i64]) -> Result<Tensor, OnnxError> {
    vector(c, Tensor::from_vec(&[values.len()], values.to_vec()))
}

/// Class labels, of which one attribute says the strings, another the integers; they're a vector.
fn labels(c: &NodeContext, integers: &str) -> Result<Option<Tensor>, OnnxError> {
    let names = c.strs("classlabels_strings")?.filter(|names| !names.is_empty());
    let numbers = c.ints(integers)?.filter(|numbers| !numbers.is_empty());
    match (names, numbers) {
        (Some(names), None) => strings(c, &names).map(Some),
        (None, Some(numbers)) => ints(c, numbers).map(Some),
        (None, None) => Ok(None),
        _ => Err(c.error(format!("`classlabels_strings` and `{integers}` are both given"))),
    }
}
