//! The text of a program as it is to be: one statement on a line, blocks indented, comments where they were.

use crate::error::{DslError, Place};
use crate::program::Program;

/// The text of a program in block form, formatted. Comments stay, and so does one blank line where there were some; the
/// program is the same. `file` is how messages call it.
///
/// # Errors
///
/// Where the text is no program, or its formatted text wouldn't be the same one.
///
/// ```
/// let text = "dynamic { x: f32[2]; } block entry { assign y: f32[2]; op relu(x) >> y; }";
/// let formatted = glassbox_dsl::format("example", text)?;
/// assert_eq!(glassbox_dsl::format("example", &formatted)?, formatted);
/// # Ok::<(), glassbox_dsl::DslError>(())
/// ```
pub fn format(file: &str, text: &str) -> Result<String, DslError> {
    let before = Program::parse(file, text)?;
    let tokens = lex(text);
    let formatted = write(&tokens);
    let comments = |tokens: &[Token]| tokens.iter().filter(|token| token.kind == Kind::Comment).count();
    let same = Program::parse(file, &formatted).is_ok_and(|after| after == before);
    if same && comments(&tokens) == comments(&lex(&formatted)) {
        return Ok(formatted);
    }
    let place = Place { file: file.to_owned(), ..Place::default() };
    Err(DslError::new(place, "this text can't be formatted without changing it; please report it"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A name, a number or a string.
    Word,
    Mark,
    Comment,
}

#[derive(Clone, Copy, Debug)]
struct Token<'t> {
    kind: Kind,
    text: &'t str,
    /// How many line breaks stand before it.
    breaks: usize,
}

/// The tokens of a text that is a program.
fn lex(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut breaks) = (text, 0);
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            breaks += usize::from(first == '\n');
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (kind, length) = token(rest, first);
        tokens.push(Token { kind, text: rest[..length].trim_end(), breaks });
        breaks = 0;
        rest = &rest[length..];
    }
    tokens
}

/// What a text begins with, and how long that is.
fn token(text: &str, first: char) -> (Kind, usize) {
    if text.starts_with("//") {
        return (Kind::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Kind::Comment, block_comment(text));
    }
    if first == '"' {
        let mut escaped = false;
        let end = text[1..].find(|c| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        return (Kind::Word, end.map_or(text.len(), |end| end + 2));
    }
    if first.is_alphanumeric() || first == '_' {
        let number = first.is_ascii_digit();
        let bytes = text.as_bytes();
        let mut end = 0;
        for (place, c) in text.char_indices() {
            // `1.5` and `1e-5` are numbers; `0..5` is a slice.
            let point = number && c == '.' && bytes.get(place + 1).is_some_and(u8::is_ascii_digit);
            let decimal = number && !text.starts_with("0x");
            let sign = decimal && (c == '-' || c == '+') && matches!(bytes[place - 1], b'e' | b'E');
            if !(c.is_alphanumeric() || c == '_' || point || sign) {
                break;
            }
            end = place + c.len_utf8();
        }
        return (Kind::Word, end);
    }
    let long = [">>", ".."].iter().any(|mark| text.starts_with(mark));
    (Kind::Mark, if long { 2 } else { first.len_utf8() })
}

/// The length of a comment between `/*` and `*/`, which may nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The tokens, each line indented.
fn write(tokens: &[Token]) -> String {
    let mut out = String::new();
    let mut level = 0usize;
    // Whether a line begins; whether the braces that are open are those of hints; the tokens of this statement.
    let (mut fresh, mut hints, mut statement) = (true, 0usize, Vec::<&str>::new());
    for (place, token) in tokens.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| tokens[place]);
        let closes = token.text == "}" && token.kind == Kind::Mark;
        if token.kind == Kind::Comment && before.is_some() && token.breaks == 0 {
            trim(&mut out);
            out.push_str(if before.is_some_and(|before| before.text == "{") { " " } else { "  " });
            out.push_str(token.text);
            out.push('\n');
            fresh = true;
            continue;
        }
        if closes && hints == 0 {
            level = level.saturating_sub(1);
            if !fresh {
                out.push('\n');
            }
            fresh = true;
        }
        let follows_block = token.text == "else" && before.is_some_and(|before| before.text == "}");
        if follows_block {
            trim(&mut out);
            out.push(' ');
        } else if fresh || token.kind == Kind::Comment {
            if !fresh {
                out.push('\n');
            }
            let opened = before.is_none_or(|before| before.text == "{");
            if token.breaks > 1 && !opened && !closes {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n("    ", level));
        } else if before.is_some_and(|before| spaced(before, *token, &statement)) {
            out.push(' ');
        }
        fresh = false;
        out.push_str(token.text);
        statement.push(token.text);
        let opens = token.text == "{" && token.kind == Kind::Mark;
        let hint = opens && before.is_some_and(|before| before.text == "@");
        if opens && (hint || hints > 0) {
            hints += 1;
        } else if closes && hints > 0 {
            hints -= 1;
        } else if opens || closes || (token.text == ";" && token.kind == Kind::Mark) || token.kind == Kind::Comment {
            level += usize::from(opens);
            out.push('\n');
            fresh = true;
            statement.clear();
        }
    }
    trim(&mut out);
    out.push('\n');
    out
}

fn trim(out: &mut String) {
    out.truncate(out.trim_end().len());
}

/// Whether a space stands between two tokens of a line; `statement` is the line so far.
fn spaced(a: Token, b: Token, statement: &[&str]) -> bool {
    let word = |token: Token| token.kind == Kind::Word;
    let open = |text: &str| matches!(text, "(" | "[");
    let operator = |text: &str| matches!(text, "+" | "-" | "*" | "/" | "%");
    if word(a) && word(b) {
        return true;
    }
    if open(a.text) || matches!(b.text, ")" | "]" | "," | ";" | ":") {
        return false;
    }
    if matches!(a.text, ".." | "." | "=") || matches!(b.text, ".." | "." | "=") {
        return false;
    }
    if operator(a.text) && !word(a) {
        // A sign stands close to what it belongs to.
        let earlier = statement.len().checked_sub(2).map(|place| statement[place]);
        let sign = earlier.is_none_or(|earlier| {
            open(earlier) || operator(earlier) || matches!(earlier, "," | "=" | ".." | ">>" | ":" | "in")
        });
        return !sign || b.text == "..";
    }
    match (a.text, b.text) {
        ("@", "{") => true,
        ("@", _) => false,
        (_, "(") => {
            word(a) && statement.first() == Some(&"loop") && statement.len() == 2
                || operator(a.text)
                || matches!(a.text, "," | ">>" | "in" | ":" | "}")
        }
        (_, "[") => !word(a),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_formatted_with_their_comments() {
        let text = "// first\n\n\ndynamic{x:f32[ B,2*D ];n : i64;}\npersistent { K(l,t):f16[H] @table@fixed( l = 2 ) @init(-0.5e-3); // cells\n}\nblock entry{\nassign y:f32[B,?];\n op relu( x ,clamp_max=-inf)>>y@{fuse:true};/* in\n between */ loop outer(i in -1..n-1){cache.read K[ ..-3,i+(1-n)]>>y;if c{return;}else{barrier;}}\n op constant(value=f32[2] [1,-2])>>y,_;\n\n\n // last\n}";
        let wanted = "// first\n\ndynamic {\n    x: f32[B, 2 * D];\n    n: i64;\n}\npersistent {\n    K(l, t): f16[H] @table @fixed(l=2) @init(-0.5e-3);  // cells\n}\nblock entry {\n    assign y: f32[B, ?];\n    op relu(x, clamp_max=-inf) >> y @ { fuse: true };  /* in\n between */\n    loop outer (i in -1..n - 1) {\n        cache.read K[..-3, i + (1 - n)] >> y;\n        if c {\n            return;\n        } else {\n            barrier;\n        }\n    }\n    op constant(value=f32[2] [1, -2]) >> y, _;\n\n    // last\n}\n";
        let formatted = format("test.gbp", text).unwrap_or_else(|error| error.to_string());
        assert_eq!(formatted, wanted);
        assert_eq!(format("test.gbp", &formatted).as_deref(), Ok(wanted), "a second time changes nothing");
    }
}
