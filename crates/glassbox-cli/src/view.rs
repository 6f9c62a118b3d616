//! How values look on a terminal and in JSON.

use anstyle::{AnsiColor, Style};
use glassbox_exec::Value;
use glassbox_tensor::{DType, Tensor};
use serde_json::json;

/// The style of errors.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The style of names.
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();
/// The style of what is less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// The style of what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();

/// The most elements that a short view shows.
const SHOWN: usize = 8;

/// The elements of a tensor as text: all of them, or the first few.
pub(crate) fn elements(tensor: &Tensor, most: usize) -> Vec<String> {
    let count = tensor.len().min(most);
    let dense = match tensor.contiguous() {
        Ok(dense) => dense,
        Err(error) => return vec![error.to_string()],
    };
    fn read<C: glassbox_tensor::Compute>(tensor: &Tensor, count: usize, show: impl Fn(&C) -> String) -> Vec<String> {
        let mut values = vec![C::default(); count];
        match tensor.load_range(0, &mut values) {
            Ok(()) => values.iter().map(show).collect(),
            Err(error) => vec![error.to_string()],
        }
    }
    match dense.dtype() {
        DType::String => {
            let strings = dense.to_strings().unwrap_or_default();
            strings.iter().take(count).map(|text| format!("{text:?}")).collect()
        }
        DType::Bool => read::<bool>(&dense, count, bool::to_string),
        DType::F64 => read::<f64>(&dense, count, |value| format!("{value:?}")),
        dtype if dtype.is_float() => read::<f32>(&dense, count, |value| format!("{value:?}")),
        dtype if dtype.is_unsigned_integer() => read::<u64>(&dense, count, u64::to_string),
        _ => read::<i64>(&dense, count, i64::to_string),
    }
}

/// A value in a line: its first elements.
pub(crate) fn short(value: &Value) -> String {
    match value {
        Value::Tensor(tensor) => {
            let shown = elements(tensor, SHOWN).join(" ");
            if tensor.len() > SHOWN { format!("[{shown} …]") } else { format!("[{shown}]") }
        }
        Value::Sequence { items, .. } => {
            let shown: Vec<String> = items.iter().take(SHOWN).map(short).collect();
            let rest = if items.len() > SHOWN { " …" } else { "" };
            format!("{} items: {}{rest}", items.len(), shown.join(", "))
        }
        Value::Optional { item, .. } => item.as_ref().map_or("nothing".to_owned(), |item| short(item)),
    }
}

/// A value in JSON, whole. NaN and infinities are strings, as JSON has no numbers for them.
pub(crate) fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Tensor(tensor) => json!({
            "dtype": tensor.dtype().name(),
            "shape": tensor.shape(),
            "values": json_elements(tensor),
        }),
        Value::Sequence { items, .. } => json!({ "sequence": items.iter().map(json).collect::<Vec<_>>() }),
        Value::Optional { item, .. } => json!({ "optional": item.as_ref().map(|item| json(item)) }),
    }
}

fn json_elements(tensor: &Tensor) -> Vec<serde_json::Value> {
    let number = |text: String| match text.parse::<f64>() {
        Ok(value) if value.is_finite() => text.parse().map_or(json!(text), serde_json::Value::Number),
        _ => json!(text),
    };
    match tensor.dtype() {
        DType::String => tensor.to_strings().unwrap_or_default().into_iter().map(|text| json!(text)).collect(),
        DType::Bool => elements(tensor, usize::MAX).into_iter().map(|text| json!(text == "true")).collect(),
        _ => elements(tensor, usize::MAX).into_iter().map(number).collect(),
    }
}

/// A number of bytes as people write it.
pub(crate) fn bytes(count: usize) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}
