//! Formatting: a text as the printer writes it, with its comments and blank lines.
//!
//! The graph is parsed and printed. A comment belongs to a line of the graph: one that stands alone to the next
//! line, one behind something to the line of that, one in the middle of a node to the node, before which it goes.
//! The printed text has the same lines in the same order, but for those before the first node, which are sorted by
//! kind; so each comment finds its place again. Of blank lines one after the other one is kept.

use super::ParseOptions;
use super::error::ParseError;
use super::lex::{Lexer, Token};
use super::parse::{GraphParser, Line};
use super::parser::{Parsed, Parser};
use super::print::{PrintOptions, print};

/// The text as the printer writes it, its comments included, with the bytes of all tensors. Formatting it again
/// changes nothing.
///
/// # Errors
///
/// Where the text is no graph, with the place.
///
/// ```
/// use glassbox_ir::text;
/// let formatted = text::format("graph \"g\" { input %x: f32[2] output %x } // the same")?;
/// assert_eq!(text::format(&formatted)?, formatted);
/// # Ok::<(), glassbox_ir::text::ParseError>(())
/// ```
pub fn format(text: &str) -> Result<String, ParseError> {
    let mut source = GraphParser::new(Parser::new(text, ParseOptions::default())?);
    let graph = source.graph()?;
    let printed = print(&graph, &PrintOptions::with_data());
    let notes = notes(text, &source.lines)?;
    if notes.is_empty() {
        return Ok(printed);
    }
    let mut target = GraphParser::new(Parser::new(&printed, ParseOptions::default())?);
    target.graph()?;
    let mut order: Vec<usize> = (0..source.lines.len()).collect();
    order.sort_by_key(|line| source.lines[*line].kind);
    Ok(write(&printed, &target.lines, &order, notes))
}

/// What stands in a text besides its tokens.
#[derive(Debug, PartialEq)]
enum Note<'a> {
    /// A comment or a blank line before a line of the graph; after all lines, where there is no such line.
    Before(usize, Option<&'a str>),
    /// A comment behind a line of the graph.
    Behind(usize, &'a str),
}

/// The comments and blank lines, in the order of the text.
fn notes<'a>(text: &'a str, lines: &[Line]) -> Parsed<Vec<Note<'a>>> {
    let mut notes = Vec::new();
    let mut lexer = Lexer::new(text);
    let mut end = 0;
    // How many lines of the graph have begun.
    let mut begun = 0;
    loop {
        let (start, token) = lexer.next()?;
        let begins = lines.get(begun).is_none_or(|line| line.start <= start);
        let between: Vec<&str> = text.get(end..start).unwrap_or_default().split('\n').map(str::trim).collect();
        let last = between.len() - 1;
        for (place, comment) in between.into_iter().enumerate() {
            match (comment.is_empty(), begun.checked_sub(1)) {
                (true, _) if begins && place > 0 && place < last => notes.push(Note::Before(begun, None)),
                (true, _) => {}
                (false, Some(line)) if place == 0 => notes.push(Note::Behind(line, comment)),
                (false, Some(line)) if !begins => notes.push(Note::Before(line, Some(comment))),
                (false, _) => notes.push(Note::Before(begun, Some(comment))),
            }
        }
        if token == Token::End {
            return Ok(notes);
        }
        begun += usize::from(begins && begun < lines.len());
        end = lexer.offset();
    }
}

/// The printed text with the notes. The printed line in place `k` is the line `order[k]` of the source.
fn write(printed: &str, lines: &[Line], order: &[usize], notes: Vec<Note>) -> String {
    let mut before: Vec<Vec<Option<&str>>> = vec![Vec::new(); order.len() + 1];
    let mut behind: Vec<Vec<&str>> = vec![Vec::new(); order.len()];
    for note in &notes {
        match note {
            Note::Before(line, note) => before[*line].push(*note),
            Note::Behind(line, comment) => behind[*line].push(comment),
        }
    }
    let mut out = Writer { text: String::with_capacity(printed.len() * 2), blank: false, opened: true };
    let (mut offset, mut place) = (0, 0);
    for line in printed.lines() {
        let content = line.trim_start();
        let indent = &line[..line.len() - content.len()];
        let begins = lines.get(place).filter(|found| found.start == offset + indent.len());
        match begins.and_then(|_| order.get(place)) {
            Some(source) => {
                out.notes(indent, &std::mem::take(&mut before[*source]));
                out.line(indent, content, &std::mem::take(&mut behind[*source]));
                place += 1;
            }
            None => out.line(indent, content, &[]),
        }
        offset += line.len() + 1;
    }
    // Also those of lines that aren't printed, such as a `data` section that nothing needs.
    for (before, behind) in before.into_iter().zip(behind.into_iter().chain([Vec::new()])) {
        out.notes("", &before);
        behind.iter().for_each(|comment| out.notes("", &[Some(comment)]));
    }
    out.text
}

/// Lines, with at most one blank one between.
struct Writer {
    text: String,
    /// Whether a blank line is to come before what is next.
    blank: bool,
    /// Whether a block has just begun.
    opened: bool,
}

impl Writer {
    fn notes(&mut self, indent: &str, notes: &[Option<&str>]) {
        for note in notes {
            match note {
                None => self.blank = true,
                Some(comment) => self.line(indent, comment, &[]),
            }
        }
    }

    fn line(&mut self, indent: &str, content: &str, behind: &[&str]) {
        // Blocks neither begin nor end with a blank line.
        if std::mem::take(&mut self.blank) && !self.opened && !content.starts_with('}') {
            self.text.push('\n');
        }
        self.opened = content.ends_with('{') && !content.starts_with("//");
        self.text.push_str(indent);
        self.text.push_str(content);
        for comment in behind {
            self.text.push_str("  ");
            self.text.push_str(comment);
        }
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse;

    const WILD: &str = r#"// At the top.

// Again.
graph "wild"   {   // begins
    input %x : f32[ N ]   // the input


  // About the state.
  state @s: i64[] // a state
  meta "a" = "// no comment"

  %n = constant() { // inside
     value = i64[] 2
     // and here
  }
  %y = loop(%n, _, %x) // before the body
    (%i: i64[], %go: bool[], %h: f32[N]) { // the body

    // One turn.
    %1 = neg(%h)   // minus

    yield %go, %1 // what goes on
    // before the end
  } // after the loop
  output %y   // out

} // closed
// At the end."#;

    const TIDY: &str = r#"// At the top.

// Again.
graph "wild" {  // begins
  meta "a" = "// no comment"

  // About the state.
  state @s: i64[]  // a state
  input %x: f32[N]  // the input

  // and here
  %n = constant() {value = i64[] 2} : i64[]  // inside
  %y = loop(%n, _, %x) (%i: i64[], %go: bool[], %h: f32[N]) {  // before the body  // the body
    // One turn.
    %0 = neg(%h) : f32[N]  // minus

    yield %go, %0  // what goes on
  // before the end
  } : f32[N]  // after the loop
  output %y  // out
}  // closed
// At the end.
"#;

    #[test]
    fn comments_and_blank_lines_stay_where_they_belong() {
        assert_eq!(format(WILD).unwrap(), TIDY);
        assert_eq!(format(TIDY).unwrap(), TIDY);
        let (wild, tidy) = (parse(WILD, &ParseOptions::default()), parse(TIDY, &ParseOptions::default()));
        wild.unwrap().same_as(&tidy.unwrap()).unwrap();
    }

    #[test]
    fn without_comments_a_text_is_as_it_is_printed() {
        let text = "graph \"g\" { input %x: f32[2] %y = neg(%x) output %y }";
        let printed = parse(text, &ParseOptions::default()).unwrap().to_string();
        assert_eq!(format(text).unwrap(), printed);
        assert!(format("graph \"g\" { // no end").is_err());
    }

    #[test]
    fn the_bytes_of_long_tensors_stay_in_the_text() {
        let elements: Vec<String> = (0..20).map(|element| element.to_string()).collect();
        let text =
            format!("graph \"g\" {{ %c = constant() {{value = u8[20] [{}]}} output %c }} // end", elements.join(", "));
        let tidy = format(&text).unwrap();
        assert!(tidy.contains("}  // end\ndata {\n"), "{tidy}");
        assert_eq!(format(&tidy).unwrap(), tidy);
        let unused = tidy.replacen("data {", "// more\ndata { // here", 1);
        let again = format(&unused).unwrap();
        assert_eq!(again, tidy.replacen("data {", "// more\ndata {  // here", 1));
    }
}
