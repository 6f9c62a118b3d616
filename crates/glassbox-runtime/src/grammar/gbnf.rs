//! GBNF, the grammars of llama.cpp, as Lark grammars.
//!
//! A grammar is rules `name ::= alternatives`; `root` is what a text is. A sequence is made of literals
//! `"a\n"`, classes `[a-z]` and `[^"\\]`, `.`, rules and groups, each perhaps with `*`, `+`, `?`, `{2}`,
//! `{2,}` or `{2,5}`. `#` begins a comment. A line goes on where a group is open or after `|` and `::=`.

use std::collections::HashSet;
use std::fmt::Write;

use crate::error::RuntimeError;

/// How deep groups may stand in each other.
const DEEPEST: usize = 100;

/// The same grammar in Lark.
pub(super) fn to_lark(text: &str) -> Result<String, RuntimeError> {
    let mut parser = Parser { text, place: 0, used: Vec::new() };
    let (mut rules, mut names) = (String::new(), HashSet::new());
    parser.skip(true);
    while parser.place < text.len() {
        let name = parser.name()?;
        if !names.insert(name.clone()) {
            return Err(parser.wrong(&format!("the rule `{name}` is already there")));
        }
        parser.skip(false);
        parser.expect("::=")?;
        parser.skip(true);
        let alternatives = parser.alternatives(0)?;
        // A rule of Lark can't fail to be written: the text grows in memory.
        let _ = writeln!(rules, "{}: {alternatives}", lark_name(&name));
        parser.skip(true);
    }
    if !names.contains("root") {
        return Err(RuntimeError::Grammar("GBNF: there is no rule `root`".to_owned()));
    }
    if let Some((name, place)) = parser.used.iter().find(|(name, _)| !names.contains(name)) {
        return Err(parser.wrong_at(*place, &format!("there is no rule `{name}`")));
    }
    Ok(format!("start: {}\n{rules}", lark_name("root")))
}

/// Names of Lark's rules have no hyphens, and are lower case.
fn lark_name(name: &str) -> String {
    let mut lark = "r_".to_owned();
    for character in name.chars() {
        match character {
            'a'..='z' | '0'..='9' => lark.push(character),
            other => lark.push_str(&format!("_{:x}_", u32::from(other))),
        }
    }
    lark
}

struct Parser<'a> {
    text: &'a str,
    place: usize,
    /// The rules that are used, and where.
    used: Vec<(String, usize)>,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.place..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.place += next.len_utf8();
        Some(next)
    }

    fn wrong(&self, rule: &str) -> RuntimeError {
        self.wrong_at(self.place, rule)
    }

    fn wrong_at(&self, place: usize, rule: &str) -> RuntimeError {
        let before = &self.text[..place.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        RuntimeError::Grammar(format!("GBNF, {line}:{column}: {rule}"))
    }

    /// Passes blanks and comments, and ends of lines where `lines`.
    fn skip(&mut self, lines: bool) {
        while let Some(next) = self.peek() {
            match next {
                ' ' | '\t' => {}
                '\r' | '\n' if lines => {}
                '#' => {
                    let length = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.place += length;
                    continue;
                }
                _ => return,
            }
            self.place += 1;
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), RuntimeError> {
        if !self.rest().starts_with(token) {
            return Err(self.wrong(&format!("`{token}` was expected")));
        }
        self.place += token.len();
        Ok(())
    }

    fn name(&mut self) -> Result<String, RuntimeError> {
        let length = self.rest().find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        let name = self.rest()[..length.unwrap_or(self.rest().len())].to_owned();
        if name.is_empty() {
            return Err(self.wrong("the name of a rule was expected"));
        }
        self.place += name.len();
        Ok(name)
    }

    fn alternatives(&mut self, depth: usize) -> Result<String, RuntimeError> {
        if depth > DEEPEST {
            return Err(self.wrong(&format!("groups stand deeper in each other than {DEEPEST}")));
        }
        let mut alternatives = vec![self.sequence(depth)?];
        while self.peek() == Some('|') {
            self.place += 1;
            self.skip(true);
            alternatives.push(self.sequence(depth)?);
        }
        Ok(alternatives.join(" | "))
    }

    fn sequence(&mut self, depth: usize) -> Result<String, RuntimeError> {
        let mut parts = Vec::new();
        loop {
            self.skip(depth > 0);
            let part = match self.peek() {
                Some('"') => self.literal()?,
                Some('[') => self.class()?,
                Some('.') => {
                    self.place += 1;
                    "/(?s:.)/".to_owned()
                }
                Some('(') => {
                    self.place += 1;
                    let inner = self.alternatives(depth + 1)?;
                    self.skip(true);
                    self.expect(")")?;
                    format!("({inner})")
                }
                Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                    let place = self.place;
                    let name = self.name()?;
                    let lark = lark_name(&name);
                    self.used.push((name, place));
                    lark
                }
                _ => break,
            };
            parts.push(self.repeated(part)?);
        }
        // Lark has no empty sequence but the empty text.
        Ok(if parts.is_empty() { "\"\"".to_owned() } else { parts.join(" ") })
    }

    /// What follows a part: how often it may come.
    fn repeated(&mut self, part: String) -> Result<String, RuntimeError> {
        match self.peek() {
            Some(sign @ ('*' | '+' | '?')) => {
                self.place += 1;
                Ok(format!("({part}){sign}"))
            }
            Some('{') => {
                let place = self.place;
                let Some(length) = self.rest().find('}') else { return Err(self.wrong("`{` is never closed")) };
                let inside = self.rest()[1..length].to_owned();
                self.place += length + 1;
                let number = |text: &str| text.trim().parse::<u32>().ok();
                let (least, most) = match inside.split_once(',') {
                    Some((least, "")) => (number(least), None),
                    Some((least, most)) => (number(least), number(most)),
                    None => (number(&inside), number(&inside)),
                };
                let open = inside.trim_end().ends_with(',');
                match (least, most) {
                    (Some(least), Some(most)) if least <= most => Ok(format!("({part}){{{least},{most}}}")),
                    (Some(least), None) if open => Ok(format!("({part}){{{least},}}")),
                    _ => Err(self.wrong_at(place, "`{` is followed by one or two numbers, the smaller first")),
                }
            }
            _ => Ok(part),
        }
    }

    /// `"…"` as a JSON string, which Lark reads.
    fn literal(&mut self) -> Result<String, RuntimeError> {
        let start = self.place;
        self.place += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                Some('"') => break,
                Some('\\') => text.push(self.escaped()?),
                Some(other) => text.push(other),
                None => return Err(self.wrong_at(start, "the literal is never closed")),
            }
        }
        serde_json::to_string(&text).map_err(|error| self.wrong_at(start, &error.to_string()))
    }

    /// `[…]` as a regular expression.
    fn class(&mut self) -> Result<String, RuntimeError> {
        let start = self.place;
        self.place += 1;
        let mut class = "/[".to_owned();
        if self.peek() == Some('^') {
            self.place += 1;
            class.push('^');
        }
        let mut before: Option<char> = None;
        loop {
            let character = match self.next() {
                Some(']') => break,
                Some('\\') => self.escaped()?,
                Some('-') if before.is_some() && self.peek() != Some(']') => {
                    let end = match self.next() {
                        Some('\\') => self.escaped()?,
                        Some(end) => end,
                        None => return Err(self.wrong_at(start, "the class is never closed")),
                    };
                    if before.is_some_and(|before| before > end) {
                        return Err(self.wrong_at(start, "a range goes from the smaller to the larger character"));
                    }
                    class.push_str(&format!("-\\x{{{:x}}}", u32::from(end)));
                    before = None;
                    continue;
                }
                Some(other) => other,
                None => return Err(self.wrong_at(start, "the class is never closed")),
            };
            class.push_str(&format!("\\x{{{:x}}}", u32::from(character)));
            before = Some(character);
        }
        if class.ends_with('[') || class.ends_with("[^") {
            return Err(self.wrong_at(start, "the class is empty"));
        }
        Ok(class + "]/")
    }

    fn escaped(&mut self) -> Result<char, RuntimeError> {
        let start = self.place;
        let digits = match self.next() {
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some(plain @ ('"' | '\\' | '[' | ']' | '-' | '^' | '/')) => return Ok(plain),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => return Err(self.wrong_at(start, "there is no such escape")),
        };
        let code = self.rest().get(..digits).and_then(|code| u32::from_str_radix(code, 16).ok());
        let character = code.and_then(char::from_u32);
        let character = character.ok_or_else(|| self.wrong_at(start, "the escape is no character"))?;
        self.place += digits;
        Ok(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gbnf_means_in_lark() {
        for (gbnf, lark) in [
            ("root ::= \"a\" | \"b\\n\"", "start: r_root\nr_root: \"a\" | \"b\\n\"\n"),
            (
                "root ::= [a-z]+ x-y?\nx-y ::= [^\"\\\\]",
                "start: r_root\nr_root: (/[\\x{61}-\\x{7a}]/)+ (r_x_2d_y)?\nr_x_2d_y: /[^\\x{22}\\x{5c}]/\n",
            ),
            ("# yes\nroot ::= (\n  \"a\" |\n  .\n){2,5} # no\n", "start: r_root\nr_root: ((\"a\" | /(?s:.)/)){2,5}\n"),
            ("root ::= \"\\x41\\u00e9\"{3} | ", "start: r_root\nr_root: (\"Aé\"){3,3} | \"\"\n"),
        ] {
            assert_eq!(to_lark(gbnf).unwrap_or_else(|error| panic!("{gbnf}: {error}")), lark, "{gbnf}");
        }
    }

    #[test]
    fn what_is_no_gbnf_is_refused_with_its_place() {
        for (gbnf, message) in [
            ("", "there is no rule `root`"),
            ("root = \"a\"", "1:6: `::=` was expected"),
            ("root ::= x", "1:10: there is no rule `x`"),
            ("root ::= \"a\nroot ::= \"b\"", "never closed"),
            ("root ::= \"a", "1:10: the literal is never closed"),
            ("root ::= [a", "1:10: the class is never closed"),
            ("root ::= []", "1:10: the class is empty"),
            ("root ::= [z-a]", "1:10: a range goes"),
            ("root ::= (\"a\"", "`)` was expected"),
            ("root ::= \"a\"{5,2}", "1:13: `{` is followed by"),
            ("root ::= \"a\"{,2}", "1:13: `{` is followed by"),
            ("root ::= \"\\q\"", "no such escape"),
            ("root ::= \"\\ud800\"", "no character"),
            ("root ::= \"a\"\nroot ::= \"b\"", "`root` is already there"),
        ] {
            let error = to_lark(gbnf).expect_err(gbnf).to_string();
            assert!(error.contains(message), "{gbnf}: {error}");
        }
        let deep = format!("root ::= {}\"a\"{}", "(".repeat(5000), ")".repeat(5000));
        assert!(to_lark(&deep).expect_err("too deep").to_string().contains("deeper"));
    }
}
