//! Names and numbers that fit their place.
//!
//! Names come from files: [`visible`] makes control characters visible, so that none moves the cursor of a terminal or
//! turns the direction of a line. Widths are those of a terminal: a Chinese character takes two columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text whose control characters, and those that turn the direction of writing, are written as escapes.
pub(crate) fn visible(text: &str) -> String {
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
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// A text in at most `width` columns: what is too much is left out in the middle, since names differ at both ends.
pub(crate) fn shorten(text: &str, width: usize) -> String {
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
pub(crate) fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Spaces up to `width` columns, and a text.
pub(crate) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// After what a name is broken where it is longer than a line.
const SEPARATORS: [char; 5] = ['/', '.', '_', ':', '-'];

/// A text in lines of at most `width` columns, broken between words; words that are longer than a line after separators.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let long = columns(word);
        let gap = usize::from(used > 0);
        if used + gap + long <= width {
            push(&mut lines, &mut used, &" ".repeat(gap));
            push(&mut lines, &mut used, word);
            continue;
        }
        if used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for piece in word.split_inclusive(SEPARATORS) {
            let long = columns(piece);
            if used + long > width && long <= width {
                lines.push(String::new());
                used = 0;
            }
            for char in piece.chars() {
                if used + char.width().unwrap_or(0) > width {
                    lines.push(String::new());
                    used = 0;
                }
                push(&mut lines, &mut used, char.encode_utf8(&mut [0; 4]));
            }
        }
    }
    lines
}

fn push(lines: &mut [String], used: &mut usize, text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
        *used += columns(text);
    }
}

/// How names of a table are made to fit: what those that are too long have in common is left out first.
#[derive(Debug, Default)]
pub(crate) struct Names {
    prefix: String,
    suffix: String,
    width: usize,
}

impl Names {
    /// For these names in a column of `width`.
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>, width: usize) -> Names {
        let long: Vec<&str> = names.filter(|name| columns(name) > width).collect();
        let (prefix, suffix) = (common_prefix(&long), common_suffix(&long));
        // `layers.` stays before its number where there is room.
        let with_word = match prefix.strip_suffix('.').and_then(|part| part.rfind(['/', '.'])) {
            Some(at) => &prefix[..=at],
            None if prefix.ends_with('.') => "",
            None => prefix,
        };
        let ways = [(with_word, ""), (with_word, suffix), (prefix, suffix)].map(|(prefix, suffix)| Names {
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            width,
        });
        let [first, second, last] = ways;
        let fits = |way: &Names| long.iter().all(|name| columns(&way.cut(name)) <= width);
        [first, second].into_iter().find(fits).unwrap_or(last)
    }

    /// A name that fits.
    pub(crate) fn fit(&self, name: &str) -> String {
        shorten(&self.cut(name), self.width)
    }

    fn cut(&self, name: &str) -> String {
        let fits = |name: &str| columns(name) <= self.width;
        let mut short = name.to_owned();
        if !fits(&short)
            && let Some(rest) = name.strip_prefix(&self.prefix).filter(|_| !self.prefix.is_empty())
        {
            short = format!("…{rest}");
        }
        if !fits(&short)
            && let Some(rest) = short.strip_suffix(&self.suffix).filter(|_| !self.suffix.is_empty())
        {
            short = format!("{rest}…");
        }
        short
    }
}

/// What names begin with alike, as whole parts of a path.
fn common_prefix<'a>(names: &[&'a str]) -> &'a str {
    let [first, rest @ ..] = names else {
        return "";
    };
    if rest.is_empty() {
        return "";
    }
    let mut same = *first;
    for name in rest {
        let differs = same.char_indices().zip(name.chars()).find(|((_, a), b)| a != b);
        same = &same[..differs.map_or(same.len().min(name.len()), |((at, _), _)| at)];
    }
    &same[..same.rfind(['/', '.']).map_or(0, |at| at + 1)]
}

/// What names end with alike, such as `_output_0`: of the last part of a path, and never all of it.
fn common_suffix<'a>(names: &[&'a str]) -> &'a str {
    let [first, rest @ ..] = names else {
        return "";
    };
    if rest.is_empty() {
        return "";
    }
    let mut same = &first[first.rfind(['/', '.']).map_or(0, |at| at + 1)..];
    for name in rest {
        let differs = same.char_indices().rev().zip(name.chars().rev()).find(|((_, a), b)| a != b);
        same = &same[differs.map_or(same.len().saturating_sub(name.len()), |((at, char), _)| at + char.len_utf8())..];
    }
    &same[same.find(['_', ':']).unwrap_or(same.len())..]
}

/// A number as it is read most easily: the digits that tell it from its neighbours in f32, where it is one of f32.
pub(crate) fn number(value: f64) -> String {
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
    fn what_long_names_have_in_common_is_left_out_first() {
        let all = ["/model/layers.0/query/MatMul_output_0", "/model/layers.1/Add_output_0", "logits"];
        let names = Names::new(all.iter().copied(), 26);
        assert_eq!(names.fit(all[0]), "…layers.0/query/MatMul…");
        assert_eq!(names.fit(all[1]), "…layers.1/Add_output_0");
        assert_eq!(names.fit("logits"), "logits");
        let narrow = Names::new(all.iter().copied(), 17);
        assert_eq!(narrow.fit(all[0]), "…0/query/MatMul…");
        assert_eq!(narrow.fit(all[1]), "…1/Add_output_0");
        let turns = Names::new(["/model/body/x_0 loop[1]", "/model/body/x_0 loop[2]"].into_iter(), 12);
        assert_eq!(turns.fit("/model/body/x_0 loop[2]"), "…x_0 loop[2]");
        let wide = Names::new(["数据/流数据流", "数据/据流数据流"].into_iter(), 9);
        assert_eq!(wide.fit("数据/流数据流"), "…流数据流");
        for width in 0..30 {
            let same = Names::new(["/a/b/c_output_0"; 2].into_iter(), width);
            assert!(columns(&same.fit("/a/b/c_output_0")) <= width);
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
