//! The patterns that split text into words before it becomes tokens.
//!
//! In: a regular expression as a tokenizer's file spells it. Out: one that the pure-Rust engine runs with the same
//! meaning. What the library of the file's format would read otherwise is translated or refused by name, and a search
//! that gives up is an error: the engine of `tokenizers` would leave the rest of the text unsplit without a word.

use std::sync::Arc;

use fancy_regex::{Regex, RegexBuilder};

use crate::error::TextError;

/// More steps back than this for one match, and the search gives up.
const BACKTRACKS: usize = 1_000_000;
/// The longest pattern, in bytes. Published ones have under 2,000.
const LONGEST: usize = 16 << 10;

/// A pattern that finds words.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Arc<Regex>);

impl Pattern {
    /// Of a pattern as it stands, in the syntax of `fancy-regex`, which tiktoken uses too.
    pub(crate) fn new(pattern: &str) -> Result<Pattern, TextError> {
        let place = || format!("the pattern {:?}", shortened(pattern));
        if pattern.len() > LONGEST {
            let rule = format!("it has {} bytes; more than {LONGEST} are refused", pattern.len());
            return Err(TextError::malformed(place(), rule));
        }
        let regex = RegexBuilder::new(pattern).backtrack_limit(BACKTRACKS).build();
        let regex = regex.map_err(|error| TextError::malformed(place(), error.to_string()))?;
        Ok(Pattern(Arc::new(regex)))
    }

    /// Of a pattern in the syntax of Oniguruma, which `tokenizer.json` files are written for.
    pub(crate) fn of_oniguruma(pattern: &str) -> Result<Pattern, TextError> {
        Pattern::new(&translate(pattern)?)
    }

    /// The ranges of bytes that match, in order.
    pub(crate) fn find<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = Result<std::ops::Range<usize>, TextError>> + 'a {
        self.0.find_iter(text).map(|found| match found {
            Ok(found) => Ok(found.range()),
            Err(error) => Err(TextError::Encode(format!(
                "the pattern {:?} gives up: {error}; split the text",
                shortened(self.0.as_str())
            ))),
        })
    }
}

/// For `tokenizers`: matches and what is between them, in order and without gaps.
impl tokenizers::tokenizer::pattern::Pattern for &Pattern {
    fn find_matches(&self, inside: &str) -> tokenizers::Result<Vec<((usize, usize), bool)>> {
        if inside.is_empty() {
            return Ok(vec![((0, 0), false)]);
        }
        let mut last = 0;
        let mut parts = Vec::new();
        for found in self.find(inside) {
            let found = found.map_err(Box::new)?;
            if last != found.start {
                parts.push(((last, found.start), false));
            }
            parts.push(((found.start, found.end), true));
            last = found.end;
        }
        if last != inside.len() {
            parts.push(((last, inside.len()), false));
        }
        Ok(parts)
    }
}

fn shortened(pattern: &str) -> String {
    match pattern.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &pattern[..at]),
        None => pattern.to_owned(),
    }
}

/// Translates Oniguruma's Ruby syntax, or says which construct means something else in the two engines.
fn translate(pattern: &str) -> Result<String, TextError> {
    let refuse = |construct: &str| {
        let what = format!("`{construct}`, which regular-expression engines read differently,");
        Err(TextError::unsupported(format!("the pattern {:?}", shortened(pattern)), what))
    };
    let mut out = String::with_capacity(pattern.len());
    let mut letters = pattern.chars().peekable();
    let mut depth = 0usize;
    // Whether a `}` that was just written ends a count such as `{1,3}`.
    let mut counted = false;
    while let Some(letter) = letters.next() {
        let after_count = std::mem::take(&mut counted);
        match letter {
            '\\' => {
                let Some(escaped) = letters.next() else { return refuse("\\") };
                if "bBwWhHRXNOKGZAzyYgkQEC".contains(escaped) || escaped.is_ascii_digit() {
                    return refuse(&format!("\\{escaped}"));
                }
                out.extend([letter, escaped]);
                if matches!(escaped, 'p' | 'P' | 'x' | 'u') && letters.peek() == Some(&'{') {
                    for inner in letters.by_ref() {
                        out.push(inner);
                        if inner == '}' {
                            break;
                        }
                    }
                }
                continue;
            }
            '[' => {
                depth += 1;
                if letters.peek() == Some(&':') {
                    return refuse("[:");
                }
            }
            ']' => depth = depth.saturating_sub(1),
            '$' | '^' if depth == 0 => {
                out.push_str(if letter == '$' { "(?m:$)" } else { "(?m:^)" });
                continue;
            }
            '+' if after_count => return refuse("}+"),
            '}' if depth == 0 => counted = true,
            '(' if depth == 0 && letters.peek() == Some(&'?') => {
                let ahead: String = letters.clone().skip(1).take(2).collect();
                let known = [":", "=", "!", ">", "i:", "<=", "<!"];
                if !known.iter().any(|start| ahead.starts_with(start)) {
                    return refuse(&format!("(?{ahead}"));
                }
            }
            _ => {}
        }
        out.push(letter);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pattern: &str, text: &str) -> Vec<String> {
        let pattern = Pattern::of_oniguruma(pattern).unwrap();
        pattern.find(text).map(|range| text[range.unwrap()].to_owned()).collect()
    }

    #[test]
    fn an_end_of_line_is_oniguruma_s() {
        assert_eq!(words(r"\s?\p{L}+$", "a b\nc d\n"), [" b", " d"]);
        assert_eq!(words(r"[$^]+|^ ", " $^"), [" ", "$^"]);
    }

    #[test]
    fn what_engines_read_differently_is_refused() {
        for pattern in [r"\w+", r"\bx", "[[:alpha:]]", r"\p{N}{1,3}+", "(?m)a", "(?<name>a)", "a\\"] {
            let error = Pattern::of_oniguruma(pattern).unwrap_err();
            assert!(matches!(error, TextError::Unsupported { .. }), "{pattern}: {error}");
        }
        assert!(matches!(Pattern::of_oniguruma("(a"), Err(TextError::Malformed { .. })));
    }

    /// Holds the pure-Rust engine against Oniguruma, character by character: `scripts/tokenizers/classes.py`.
    #[test]
    fn every_character_is_of_the_classes_that_oniguruma_puts_it_in() {
        let golden: serde_json::Value = serde_json::from_str(include_str!("../tests/classes.json")).unwrap();
        for (source, expected) in golden.as_object().unwrap() {
            let pattern = Pattern::of_oniguruma(source).unwrap();
            let (mut count, mut hash) = (0u64, 0x811C_9DC5u32);
            for letter in '\u{2}'..=char::MAX {
                if pattern.0.is_match(letter.encode_utf8(&mut [0; 4])).unwrap() {
                    count += 1;
                    for byte in u32::from(letter).to_le_bytes() {
                        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
                    }
                }
            }
            assert_eq!((Some(count), Some(u64::from(hash))), (expected[0].as_u64(), expected[1].as_u64()), "{source}");
        }
    }

    #[test]
    fn a_search_that_gives_up_is_an_error() {
        let pattern = Pattern::of_oniguruma("(?=a)(a+)+(?=b)").unwrap();
        let found: Result<Vec<_>, _> = pattern.find(&"a".repeat(64)).collect();
        assert!(matches!(found, Err(TextError::Encode(_))));
    }
}
