//! How values look on a terminal and in JSON, and how much of a text fits in a line.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};
use glassbox_exec::Value;
use glassbox_tensor::{DType, Tensor};
use serde_json::json;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The style of errors.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The style of names.
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();
/// The style of what is less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// The style of what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();

/// How many columns a line of standard output has: what `COLUMNS` says, else what the terminal has; as many as are needed
/// where it is no terminal.
pub(crate) fn columns() -> Option<usize> {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let terminal = || {
        let (width, _) = std::io::stdout().is_terminal().then(terminal_size::terminal_size)??;
        Some(usize::from(width.0))
    };
    told.or_else(terminal)
}

/// How many columns a text takes.
pub(crate) fn text_width(text: &str) -> usize {
    text.width()
}

/// A text that takes exactly `width` columns: filled up with blanks, or cut in its middle, for names differ most at
/// their ends.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let taken = text.width();
    if taken <= width {
        return format!("{text}{}", " ".repeat(width - taken));
    }
    let Some(room) = width.checked_sub(1) else { return String::new() };
    let (front, back) = (room / 3, room - room / 3);
    let (start, used) = take_columns(text.chars(), front);
    let (end, used_by_end) = take_columns(text.chars().rev(), back);
    let end: String = end.chars().rev().collect();
    format!("{start}…{end}{}", " ".repeat(room - used - used_by_end))
}

/// As many characters as fit, and the columns that they take.
fn take_columns(chars: impl Iterator<Item = char>, room: usize) -> (String, usize) {
    let (mut taken, mut used) = (String::new(), 0);
    for character in chars {
        let width = character.width().unwrap_or(0);
        if used + width > room {
            break;
        }
        taken.push(character);
        used += width;
    }
    (taken, used)
}

/// The last part of a path: how a model is called in a line that has little room.
pub(crate) fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// A text in lines of at most `width` columns, broken between words.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

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

/// A value after `taken` columns of a line: as many of its first elements as there is room for.
pub(crate) fn short_after(value: &Value, taken: usize) -> String {
    let room = columns().map(|columns| columns.saturating_sub(taken));
    (1..=SHOWN)
        .rev()
        .map(|most| short_of(value, most))
        .find(|text| room.is_none_or(|room| text.width() <= room))
        .unwrap_or_else(|| short_of(value, 1))
}

/// A value in a line: its first elements.
pub(crate) fn short(value: &Value) -> String {
    short_of(value, SHOWN)
}

fn short_of(value: &Value, most: usize) -> String {
    match value {
        Value::Tensor(tensor) => {
            let shown = elements(tensor, most).join(" ");
            if tensor.len() > most { format!("[{shown} …]") } else { format!("[{shown}]") }
        }
        Value::Sequence { items, .. } => {
            let shown: Vec<String> = items.iter().take(most).map(|item| short_of(item, most)).collect();
            let rest = if items.len() > most { " …" } else { "" };
            format!("{} items: {}{rest}", items.len(), shown.join(", "))
        }
        Value::Optional { item, .. } => item.as_ref().map_or("nothing".to_owned(), |item| short_of(item, most)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_in_the_middle() {
        assert_eq!(fit("name", 6), "name  ");
        assert_eq!(fit("transformer/h.11/mlp/c_fc", 12), "tra…mlp/c_fc");
        assert_eq!(fit("層層層層", 5).width(), 5);
        assert_eq!((fit("name", 1), fit("name", 0)), ("…".to_owned(), String::new()));
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
