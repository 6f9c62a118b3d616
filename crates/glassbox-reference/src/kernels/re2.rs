//! Regular expressions in the syntax of RE2, said in that of the `regex` crate.
//!
//! The two differ in little: in RE2 `\d`, `\w`, `\s`, `\b` are of ASCII, `\Q…\E` quotes, and within
//! brackets `[`, `&&`, `--` and `~~` have no meaning of their own. What neither allows, `regex` refuses.

use regex::{Regex, RegexBuilder};

/// The expression that matches what `pattern` matches as a whole, or why there is none.
pub(crate) fn full_match(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern)?;
    let build = |text: &str| RegexBuilder::new(text).octal(true).build().map_err(|error| error.to_string());
    // Alone first, so that a pattern can't close the group that is put around it.
    build(&translated)?;
    build(&format!(r"\A(?:{translated})\z"))
}

fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    // Whether the place is within brackets; and right behind the opening one, where `]` is a character.
    let (mut brackets, mut opening) = (false, false);
    while let Some(c) = rest.chars().next() {
        let first = std::mem::take(&mut opening);
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => rest = escape(rest, brackets, &mut out)?,
            '[' if !brackets => {
                (brackets, opening) = (true, true);
                out.push('[');
                if let Some(after) = rest.strip_prefix('^') {
                    out.push('^');
                    rest = after;
                }
            }
            '[' if rest.starts_with(':') => {
                let end = rest.find(":]").ok_or("a class `[:` that isn't closed")?;
                out.push('[');
                out.push_str(&rest[..end + 2]);
                rest = &rest[end + 2..];
            }
            ']' if brackets && !first => {
                brackets = false;
                out.push(']');
            }
            '[' | ']' | '&' | '~' if brackets => out.extend(['\\', c]),
            '-' if brackets && rest.starts_with('-') => out.push_str(r"\-"),
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// What follows a backslash; gives what is left behind it.
fn escape<'a>(rest: &'a str, brackets: bool, out: &mut String) -> Result<&'a str, String> {
    let Some(c) = rest.chars().next() else { return Err("a backslash at the end".to_owned()) };
    let after = &rest[c.len_utf8()..];
    let octal = |text: &str| text.starts_with(|c| ('0'..='7').contains(&c));
    match c {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str(r"[\t\n\f\r ]"),
        'S' => out.push_str(r"[^\t\n\f\r ]"),
        'b' if !brackets => out.push_str(r"(?-u:\b)"),
        'Q' if !brackets => {
            let (quoted, after) = after.split_once(r"\E").unwrap_or((after, ""));
            out.push_str(&regex::escape(quoted));
            return Ok(after);
        }
        'C' => return Err(r"\C, a single byte, is not supported".to_owned()),
        '1'..='9' if c > '7' || !octal(after) => return Err(format!(r"\{c}, a reference back, is not of RE2")),
        _ => out.extend(['\\', c]),
    }
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::full_match;

    fn matches(pattern: &str, text: &str) -> bool {
        full_match(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
    }

    #[test]
    fn the_whole_string_must_match() {
        assert!(matches("a|ab", "ab") && !matches("a|ab", "abc") && !matches("a", "a\n"));
        assert!(matches("^a$", "a") && matches("", ""));
    }

    #[test]
    fn classes_are_of_ascii() {
        assert!(matches(r"\d+", "09") && !matches(r"\d", "٣"));
        assert!(matches(r"[\w.]+", "a_.") && !matches(r"\w", "ä"));
        assert!(matches(r"[^\d]", "ä") && matches(r"\W", "ä"));
    }

    #[test]
    fn brackets_have_no_operators() {
        assert!(matches("[a&&b]", "&") && matches("[[]", "[") && matches("[]a]", "]") && matches("[^]]", "a"));
        assert!(matches("[[:alpha:]-]+", "a-"));
    }

    #[test]
    fn quotes_and_octal_numbers() {
        assert!(matches(r"\Qa.b\E+", "a.bb") && !matches(r"\Qa.b\E", "axb") && matches(r"\101", "A"));
    }

    #[test]
    fn what_is_not_of_re2_is_refused() {
        for pattern in [r"(a)\1", "(?=a)", "a)(b", "[a", r"\C", r"a\"] {
            assert!(full_match(pattern).is_err(), "{pattern}");
        }
    }
}
