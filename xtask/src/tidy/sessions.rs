//! Who may name the reference as a runtime, or its session: its own crate, a backend that leaves to it what it doesn't compute,
//! and the crate that holds the table of backends.
//!
//! Everything else runs graphs through the seam that all backends have, or a new backend would be missing there. In:
//! the text of a Rust source. Out: the lines that name `Reference` or `Session` of `glassbox_reference`, by path or in a `use`,
//! in code or in the examples of doc comments. A glob and a new name for the crate count too, because what they bring
//! in can't be seen in the text. Strings and plain comments don't.

use std::iter::Peekable;
use std::str::Chars;

/// The crates that may.
pub(super) const MAY: &[&str] = &["glassbox-reference", "glassbox-cpu", "glassbox-backends"];

/// The library whose session it is, as Rust spells it.
const LIBRARY: &str = "glassbox_reference";

/// A word or a mark, and its line.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

/// What is wrong in a source: a line and what stands there.
pub(super) fn check_source(text: &str) -> Vec<(usize, String)> {
    let (code, docs) = tokens(text);
    let mut found: Vec<_> = [code, docs].iter().flat_map(|tokens| check_tokens(tokens)).collect();
    found.sort();
    found
}

/// Whether a manifest gives the library another name, under which no source could be checked.
pub(super) fn renames_in_manifest(manifest: &str) -> bool {
    let package = LIBRARY.replace('_', "-");
    manifest.lines().any(|line| {
        let line: String = line.chars().filter(|letter| !letter.is_whitespace()).collect();
        line.contains(&format!("package=\"{package}\""))
    })
}

fn check_tokens(tokens: &[Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (place, token) in tokens.iter().enumerate() {
        if token.text == LIBRARY {
            check_path(tokens, place + 1, &mut found);
        }
    }
    found
}

/// Checks the path or tree of paths that goes on at `at`, after a part of it. Gives the place after it.
fn check_path(tokens: &[Token], mut at: usize, found: &mut Vec<(usize, String)>) -> usize {
    match text_at(tokens, at) {
        "as" => {
            found.push((tokens[at].line, "gives the library another name".to_owned()));
            at + 2
        }
        "::" if text_at(tokens, at + 1) == "{" => {
            at += 2;
            while !matches!(text_at(tokens, at), "}" | "") {
                at = check_part(tokens, at, found);
                at += usize::from(text_at(tokens, at) == ",");
            }
            at + 1
        }
        "::" => check_part(tokens, at + 1, found),
        _ => at,
    }
}

/// The text of a token; empty past the end.
fn text_at(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.text.as_str())
}

/// Checks a path without what stands before it. Gives the place after it, which is at least the next one.
fn check_part(tokens: &[Token], at: usize, found: &mut Vec<(usize, String)>) -> usize {
    let Some(token) = tokens.get(at) else { return at + 1 };
    match token.text.as_str() {
        "Session" => found.push((token.line, "names the reference's session".to_owned())),
        "Reference" => found.push((token.line, "names the reference itself".to_owned())),
        "*" => found.push((token.line, "brings in everything of the reference, its session too".to_owned())),
        // `self as name` renames the library; what is renamed deeper down is no session.
        "self" => return check_path(tokens, at + 1, found),
        _ => {}
    }
    match text_at(tokens, at + 1) {
        "as" => at + 3,
        "::" => check_path(tokens, at + 1, found),
        _ => at + 1,
    }
}

/// The tokens of the code and those of the doc comments.
fn tokens(text: &str) -> (Vec<Token>, Vec<Token>) {
    let (mut code, mut docs) = (Vec::new(), Vec::new());
    let mut letters = text.chars().peekable();
    let mut line = 1;
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => line += 1,
            '/' if letters.peek() == Some(&'/') => {
                let comment: String = std::iter::from_fn(|| letters.next_if(|letter| *letter != '\n')).collect();
                if let Some(doc) = comment.strip_prefix("//").or(comment.strip_prefix("/!")) {
                    words_of(doc, line, &mut docs);
                }
            }
            '/' if letters.peek() == Some(&'*') => line += skip_block_comment(&mut letters),
            '"' => line += skip_string(&mut letters),
            '\'' => skip_character(&mut letters),
            'r' if matches!(letters.peek(), Some('"' | '#')) => line += skip_raw(&mut letters, &mut code, line),
            _ if letter.is_alphanumeric() || letter == '_' => {
                let mut word = letter.to_string();
                word.extend(std::iter::from_fn(|| letters.next_if(|letter| is_word(*letter))));
                // `br"…"` and `cr"…"` are raw strings with a letter before.
                let raw = matches!(word.as_str(), "br" | "cr") && matches!(letters.peek(), Some('"' | '#'));
                if raw {
                    line += skip_raw(&mut letters, &mut code, line);
                } else {
                    code.push(Token { text: word, line });
                }
            }
            _ => push_mark(letter, &mut letters, line, &mut code),
        }
    }
    (code, docs)
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The words and marks of one line of a doc comment, where quotes mean nothing.
fn words_of(doc: &str, line: usize, found: &mut Vec<Token>) {
    let mut letters = doc.chars().peekable();
    while let Some(letter) = letters.next() {
        if is_word(letter) {
            let mut text = letter.to_string();
            text.extend(std::iter::from_fn(|| letters.next_if(|letter| is_word(*letter))));
            found.push(Token { text, line });
        } else {
            push_mark(letter, &mut letters, line, found);
        }
    }
}

/// A mark; two colons are one. Spaces are none, nor is the `#` that hides a line of an example.
fn push_mark(letter: char, letters: &mut Peekable<Chars<'_>>, line: usize, found: &mut Vec<Token>) {
    if letter == ':' && letters.next_if_eq(&':').is_some() {
        found.push(Token { text: "::".to_owned(), line });
    } else if !letter.is_whitespace() && letter != '#' {
        found.push(Token { text: letter.to_string(), line });
    }
}

/// Goes past a block comment, which may hold others. Gives the number of line ends in it.
fn skip_block_comment(letters: &mut Peekable<Chars<'_>>) -> usize {
    letters.next();
    let (mut depth, mut lines) = (1, 0);
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => lines += 1,
            '*' if letters.next_if_eq(&'/').is_some() => depth -= 1,
            '/' if letters.next_if_eq(&'*').is_some() => depth += 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    lines
}

/// Goes past a string, of which the first quote is gone already. Gives the number of line ends in it.
fn skip_string(letters: &mut Peekable<Chars<'_>>) -> usize {
    let mut lines = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => lines += 1,
            '\\' => lines += usize::from(letters.next() == Some('\n')),
            '"' => break,
            _ => {}
        }
    }
    lines
}

/// Goes past a character, or past the quote of a lifetime.
fn skip_character(letters: &mut Peekable<Chars<'_>>) {
    let mut ahead = letters.clone();
    match (ahead.next(), ahead.next()) {
        (Some('\\'), _) => {
            letters.next();
            letters.next();
            while letters.next().is_some_and(|letter| letter != '\'') {}
        }
        (Some(_), Some('\'')) => {
            letters.next();
            letters.next();
        }
        _ => {}
    }
}

/// Goes past a raw string, or takes a raw name, whose `r` is gone already. Gives the number of line ends in it.
fn skip_raw(letters: &mut Peekable<Chars<'_>>, code: &mut Vec<Token>, line: usize) -> usize {
    let hashes = std::iter::from_fn(|| letters.next_if_eq(&'#')).count();
    if letters.next_if_eq(&'"').is_none() {
        let text: String = std::iter::from_fn(|| letters.next_if(|letter| is_word(*letter))).collect();
        code.push(Token { text, line });
        return 0;
    }
    let mut lines = 0;
    while let Some(letter) = letters.next() {
        lines += usize::from(letter == '\n');
        if letter == '"' {
            let mut ahead = letters.clone();
            if (0..hashes).all(|_| ahead.next() == Some('#')) {
                *letters = ahead;
                break;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a source in which the session is named.
    fn lines(text: &str) -> Vec<usize> {
        check_source(text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn the_session_of_the_reference_is_found_however_it_is_named() {
        for text in [
            "use glassbox_reference::Session;",
            "use glassbox_reference::Reference;",
            "use glassbox_reference::{evaluate, Reference};",
            "pub(crate) use ::glassbox_reference::Session as Runner;",
            "use glassbox_reference::{Options, Session};",
            "use glassbox_reference::{Options as RunOptions, Session as Runner};",
            "use glassbox_reference::{interpreter::{Limits, Session}, Options};",
            "use glassbox_reference::interpreter::Session;",
            "use glassbox_reference::*;",
            "use glassbox_reference as reference;",
            "use glassbox_reference::{self as reference};",
            "use {glassbox_reference::Session, std::fmt};",
            "extern crate glassbox_reference as reference;",
            "fn run() { let s = glassbox_reference::Session::new(graph); }",
            "type Runs = Vec<glassbox_reference :: Session>;",
            "use r#glassbox_reference::Session;",
            "let a = b'\"'; let b = '\\''; let c: &'static str = r#\"\"\"#; use glassbox_reference::Session;",
            "/* a \" /* nested */ */ use glassbox_reference::Session;",
            "/// ```\n/// # use glassbox_reference::Session;\n/// ```".split_once('\n').map_or("", |(_, rest)| rest),
        ] {
            assert_eq!(lines(text), [1], "{text}");
        }
        let long =
            "use std::fmt;\n\nuse glassbox_reference::{\n    Limits,\n    Options, // of a run\n    Session,\n};\n";
        assert_eq!(lines(long), [6]);
        let after_a_string =
            "const A: &str = \"two\nlines\";\nconst B: &str = r#\"three\n\"\n\"#;\nuse glassbox_reference::Session;";
        assert_eq!(lines(after_a_string), [6]);
    }

    #[test]
    fn other_sessions_and_other_items_may_be_named() {
        for text in [
            "use glassbox_exec::Session;",
            "use glassbox_reference::{Options, Precision, SessionOptions}; use glassbox_exec::Session;",
            "use glassbox_reference::References; fn f(s: Session, r: Reference) {}",
            "use glassbox_reference::{kernels::{Kernel, find}, Value as Given}; struct Session;",
            "// glassbox_reference::Session is gone",
            "/* use glassbox_reference::Session; */",
            "const TEXT: &str = \"use glassbox_reference::Session;\";",
            "const TEXT: &str = r##\"use \"# glassbox_reference::Session;\"##;",
            "let a = my_glassbox_reference::Session;",
            "use glassbox_reference::Options;\nlet all = a * Session;",
        ] {
            assert_eq!(lines(text), [0; 0], "{text}");
        }
    }

    #[test]
    fn a_manifest_may_not_rename_the_library() {
        assert!(renames_in_manifest("[dependencies]\nr = { package = \"glassbox-reference\", path = \"x\" }"));
        assert!(!renames_in_manifest("[dependencies]\nglassbox-reference.workspace = true"));
    }
}
