//! Documents in Markdown, as far as their links go.
//!
//! In: the text of a page. Out: where it links to, the names of the places in it that can be linked to, and what it
//! names in code type, each with its line. What stands in a block of code is none of these.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What a page says at a line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct At {
    /// The line, from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A page, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// Where links and images lead to.
    pub(crate) links: Vec<At>,
    /// What a link can name after `#`.
    pub(crate) anchors: HashSet<String>,
    /// What stands in code type within a line.
    pub(crate) spans: Vec<At>,
}

impl Document {
    /// Takes a page apart.
    pub(crate) fn read(text: &str) -> Document {
        let mut document = Document::default();
        let mut seen = HashMap::new();
        let mut heading: Option<String> = None;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let at = |what: &str| At { line: line_of(text, range.start), text: what.to_owned() };
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push(at(&dest_url))
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let name = anchor(&heading.take().unwrap_or_default());
                    let count = seen.entry(name.clone()).or_insert(0usize);
                    document.anchors.insert(if *count == 0 { name } else { format!("{name}-{count}") });
                    *count += 1;
                }
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&code);
                    }
                    document.spans.push(at(&code));
                }
                Event::Text(words) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&words);
                    }
                }
                _ => {}
            }
        }
        document
    }
}

/// The line of a place in a text.
fn line_of(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}

/// The name of a heading in a link: small letters, digits, `-` and `_`, and `-` for a space.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_headings_and_code_are_found_at_their_lines() {
        let text = "# The `graph!` page, 2\n\nSee [a\n](b.md#c) and `d [no](link)`.\n\n```text\n[e](f.md) # g\n```\n\n![h](i.png)\n";
        let document = Document::read(text);
        let at = |line, text: &str| At { line, text: text.to_owned() };
        assert_eq!(document.links, [at(3, "b.md#c"), at(10, "i.png")]);
        assert_eq!(document.spans, [at(1, "graph!"), at(4, "d [no](link)")]);
        assert_eq!(document.anchors, HashSet::from(["the-graph-page-2".to_owned()]));
    }

    #[test]
    fn headings_of_one_name_are_told_apart() {
        let document = Document::read("# A\n\n## A\n\n## Ä_b-c d: e\n");
        let wanted = ["a", "a-1", "ä_b-c-d-e"].map(str::to_owned);
        assert_eq!(document.anchors, HashSet::from(wanted));
    }
}
