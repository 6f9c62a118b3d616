//! Values as JSON: what lines of `--input-steps`, `.json` files and standard input give. A list or an optional is one where
//! the input is declared so, or as `--json` prints it: `{"sequence": […]}`, `{"optional": …}`.

use anyhow::{Context, Result, bail};
use glassbox_exec::Value as Composed;
use glassbox_ir::Type;
use glassbox_tensor::{DType, Overflow, Tensor};
use serde_json::Value;

/// A value: its tensor, and whether its dims are its own. Those of a flat list aren't: it takes the dims that are declared.
pub(crate) struct Given {
    pub(crate) tensor: Tensor,
    pub(crate) flat: bool,
}

/// A number, text or truth value, a list of them, lists in lists, or `{"dtype": …, "shape": …, "values": …}`, as `--json`
/// prints. The dtype is the declared one where the value doesn't say.
///
/// # Errors
///
/// Where it is none of these, or an element is no value of the dtype.
pub(crate) fn given(value: &Value, declared: Option<&Type>) -> Result<Given> {
    if let Value::Object(fields) = value {
        let dtype = fields.get("dtype").and_then(Value::as_str).context("an object has a `dtype`")?.parse::<DType>()?;
        let shape = fields.get("shape").and_then(Value::as_array).context("an object has a `shape`")?;
        let size = |size: &Value| size.as_u64().and_then(|size| usize::try_from(size).ok());
        let shape: Option<Vec<usize>> = shape.iter().map(size).collect();
        let shape = shape.context("a shape is a list of sizes")?;
        let values = fields.get("values").and_then(Value::as_array).context("an object has `values`")?;
        let elements = tensor(dtype, &values.iter().collect::<Vec<_>>())?;
        return Ok(Given { tensor: elements.reshape(&shape)?, flat: false });
    }
    let mut dims = Vec::new();
    let mut elements = vec![value];
    while elements.first().is_some_and(|element| element.is_array()) {
        let lists: Option<Vec<&Vec<Value>>> = elements.iter().map(|element| element.as_array()).collect();
        let lists = lists.context("lists stand beside what is no list")?;
        let length = lists.first().map_or(0, |list| list.len());
        if lists.iter().any(|list| list.len() != length) {
            bail!("lists beside each other have different lengths");
        }
        dims.push(length);
        elements = lists.into_iter().flatten().collect();
    }
    if dims.len() > 1 && dims.contains(&0) {
        bail!("an empty list in a list doesn't tell its dims; give `dtype`, `shape` and `values`");
    }
    let elements = tensor(declared.map_or(DType::F64, Type::dtype), &elements)?;
    Ok(Given { tensor: elements.reshape(&dims)?, flat: dims.len() == 1 })
}

/// A list or an optional, where the value is one or is declared as one; none where it is a tensor.
///
/// # Errors
///
/// Where what it holds is no value of the declared type, or the type of an empty one isn't known.
pub(crate) fn composed(value: &Value, declared: Option<&Type>) -> Result<Option<Composed>> {
    let of_fields = |name: &str| value.as_object().and_then(|fields| fields.get(name));
    let (sequence, optional) = (of_fields("sequence"), of_fields("optional"));
    Ok(match declared {
        Some(Type::Sequence(element)) => {
            let items = sequence.unwrap_or(value).as_array().context("a sequence is a list of its values")?;
            let items = items.iter().map(|item| whole(item, Some(element))).collect::<Result<_>>()?;
            Some(Composed::Sequence { element: element.as_ref().clone(), items })
        }
        Some(Type::Optional(element)) => {
            let item = optional.unwrap_or(value);
            let item = if item.is_null() { None } else { Some(Box::new(whole(item, Some(element))?)) };
            Some(Composed::Optional { element: element.as_ref().clone(), item })
        }
        _ if sequence.is_some() || optional.is_some() => {
            bail!("it is a sequence or an optional, and the input is none")
        }
        _ => None,
    })
}

/// A map, `{"key": value, …}`, as a vector of its keys and one of its values. Keys that are integers stand there as texts.
///
/// # Errors
///
/// Where it is no object, or a key or value is of another dtype.
pub(crate) fn map(value: &Value, keys: DType, values: DType) -> Result<[Tensor; 2]> {
    let fields =
        value.as_object().with_context(|| format!("a map of {keys} to {values} is an object: {{\"key\": value}}"))?;
    let key = |key: &String| match keys {
        DType::String => Ok(Value::from(key.as_str())),
        _ => serde_json::from_str(key).with_context(|| format!("the key {key:?} is no {keys}")),
    };
    let names = fields.keys().map(key).collect::<Result<Vec<Value>>>()?;
    let elements: Vec<&Value> = fields.values().collect();
    Ok([tensor(keys, &names.iter().collect::<Vec<_>>())?, tensor(values, &elements)?])
}

/// A value of any kind; a flat list of numbers is a vector.
fn whole(value: &Value, declared: Option<&Type>) -> Result<Composed> {
    match composed(value, declared)? {
        Some(composed) => Ok(composed),
        None => Ok(Composed::Tensor(given(value, declared)?.tensor)),
    }
}

/// A vector of elements, each rounded once where the dtype is one of floats.
fn tensor(dtype: DType, elements: &[&Value]) -> Result<Tensor> {
    let wrong = |element: &Value| format!("{element} is no {dtype}");
    let count = [elements.len()];
    match dtype {
        DType::String => {
            let texts = elements.iter().map(|text| text.as_str().map(str::to_owned).with_context(|| wrong(text)));
            Ok(Tensor::from_strings(&count, texts.collect::<Result<_>>()?)?)
        }
        DType::Bool => {
            let values = elements.iter().map(|value| value.as_bool().with_context(|| wrong(value)));
            Ok(Tensor::from_vec(&count, values.collect::<Result<Vec<bool>>>()?)?)
        }
        DType::F64 => Ok(Tensor::from_vec(&count, floats::<f64>(elements, dtype)?)?),
        dtype if dtype.is_float() => {
            Ok(Tensor::store(dtype, &count, floats::<f32>(elements, dtype)?, Overflow::Saturate)?)
        }
        dtype if dtype.is_unsigned_integer() => {
            let values = elements.iter().map(|value| value.as_u64().with_context(|| wrong(value)));
            let values = values.collect::<Result<Vec<u64>>>()?;
            let stored = Tensor::store(dtype, &count, values.clone(), Overflow::Saturate)?;
            let lost = stored.load::<u64>()?.iter().zip(&values).position(|(stored, value)| stored != value);
            lost.map_or(Ok(stored), |place| bail!(wrong(elements[place])))
        }
        dtype if dtype.is_integer() => {
            let values = elements.iter().map(|value| value.as_i64().with_context(|| wrong(value)));
            let values = values.collect::<Result<Vec<i64>>>()?;
            let stored = Tensor::store(dtype, &count, values.clone(), Overflow::Saturate)?;
            let lost = stored.load::<i64>()?.iter().zip(&values).position(|(stored, value)| stored != value);
            lost.map_or(Ok(stored), |place| bail!(wrong(elements[place])))
        }
        _ => bail!("values of {dtype} can't be given as JSON"),
    }
}

/// Numbers; `"nan"`, `"inf"` and `"-inf"` stand for those that JSON doesn't have. They are read as decimals, so that
/// they are rounded once.
fn floats<T: std::str::FromStr>(elements: &[&Value], dtype: DType) -> Result<Vec<T>> {
    let one = |element: &&Value| {
        let text = match element {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) if ["nan", "inf", "-inf"].contains(&text.to_lowercase().as_str()) => Some(text.clone()),
            _ => None,
        };
        text.and_then(|text| text.parse().ok()).with_context(|| format!("{element} is no {dtype}"))
    };
    elements.iter().map(one).collect()
}
