//! Names and numbers that fit their place.
//!
//! Names come from files: [`visible`] makes control characters visible, so that none moves the cursor of a terminal or
//! turns the direction of a line. Widths are those of a terminal: a Chinese character takes two columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text whose control characters, and those that turn the direction of writing, are written as escapes.
pub(super) fn visible(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for char in text.chars() {
        let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}') {
            clean.extend(char.escape_default());
        } else {
            clean.push(char);
        }
    }
    clean
}

/// How many columns a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// A text in at most `width` columns: what is too much is left out in the middle, since names differ at both ends.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    if width < 3 {
        return take(text.chars(), width).into_iter().collect();
    }
    // The end says more: names that stand together begin alike.
    let head = (width - 1) * 2 / 5;
    let end = take(text.chars().rev(), width - 1 - head);
    let mut short: String = take(text.chars(), head).into_iter().collect();
    short.push('…');
    short.extend(end.into_iter().rev());
    short
}

fn take(chars: impl Iterator<Item = char>, width: usize) -> Vec<char> {
    let mut left = width;
    let mut taken = Vec::new();
    for char in chars {
        let Some(rest) = left.checked_sub(char.width().unwrap_or(0)) else {
            break;
        };
        left = rest;
        taken.push(char);
    }
    taken
}

/// A text, and spaces up to `width` columns.
pub(super) fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Spaces up to `width` columns, and a text.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// A text in lines of at most `width` columns, broken between words, and within those that are longer than a line.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let long = columns(word);
        if used > 0 && used + 1 + long > width {
            lines.push(String::new());
            used = 0;
        }
        let Some(line) = lines.last_mut() else {
            break;
        };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        if long <= width {
            line.push_str(word);
            used += long;
            continue;
        }
        for char in word.chars() {
            let wide = char.width().unwrap_or(0);
            if used + wide > width {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(char);
            }
            used += wide;
        }
    }
    lines
}

/// A number as it is read most easily: the digits that tell it from its neighbours in f32, where it is one of f32.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "nan"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    let single = value as f32;
    let plain = (1e-4..1e9).contains(&value.abs()) || value == 0.0;
    if f64::from(single) == value {
        return if plain { format!("{single}") } else { format!("{single:e}") };
    }
    // Ten digits of the others.
    let text = format!("{value:.9e}");
    let rounded = text.parse::<f64>().unwrap_or(value);
    if plain { format!("{rounded}") } else { format!("{rounded:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_their_column_and_keep_both_ends() {
        assert_eq!(shorten("/encoder/layers.3/norm", 22), "/encoder/layers.3/norm");
        assert_eq!(shorten("/encoder/layers.3/norm", 12), "/enc….3/norm");
        for width in 0..12 {
            assert!(columns(&shorten("数据流数据流数据流", width)) <= width);
            assert!(columns(&shorten("/encoder/layers.3", width)) <= width);
        }
    }

    #[test]
    fn control_characters_are_made_visible() {
        assert_eq!(visible("a\u{1b}[31m\nb\u{202e}c"), "a\\u{1b}[31m\\nb\\u{202e}c");
        assert_eq!(visible("größe/数"), "größe/数");
    }

    #[test]
    fn lines_are_never_longer_than_asked_for() {
        let text = "one paragraph with /a/very/long/name/without/a/single/space and 数据流数据流数据流 words";
        for width in 2..60 {
            let lines = wrap(text, width);
            assert!(lines.iter().all(|line| columns(line) <= width), "{width}: {lines:?}");
            let joined: String = lines.concat();
            assert_eq!(joined.replace(' ', ""), text.replace(' ', ""));
        }
    }

    #[test]
    fn numbers_are_short_and_exact() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (-0.5, "-0.5"),
            (65504.0, "65504"),
            (f64::from(0.1f32), "0.1"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.3333333333"),
            (f64::from(1e-7f32), "1e-7"),
            (1e300, "1e300"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
