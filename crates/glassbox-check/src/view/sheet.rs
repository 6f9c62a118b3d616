//! Lines of a text for a terminal, none of which is wider than it was asked for.

use anstyle::{AnsiColor, Style};

use super::TextOptions;
use super::fit::{visible, wrap};

/// The narrowest text that there is.
const NARROWEST: usize = 30;
/// Longer lines of prose are hard to read.
const WIDEST_PROSE: usize = 100;

pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// See the [module](self).
pub(crate) struct Sheet {
    /// What was written.
    pub(crate) text: String,
    /// How many columns a line may take.
    pub(crate) width: usize,
    color: bool,
}

impl Sheet {
    /// An empty one.
    pub(crate) fn new(options: &TextOptions) -> Sheet {
        Sheet { text: String::new(), width: options.width.max(NARROWEST), color: options.color }
    }

    /// How many columns prose may take.
    pub(crate) fn prose_width(&self) -> usize {
        self.width.min(WIDEST_PROSE)
    }

    /// A text in a style, where colours are asked for; blanks at its end are none of it.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        let text = text.trim_end();
        match self.color && !text.is_empty() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Writes a paragraph in one style, each line behind `indent` blanks.
    pub(crate) fn prose(&mut self, indent: usize, style: Style, text: &str) {
        self.lines(indent, indent, style, text);
    }

    /// Writes a paragraph in one style, whose lines begin with `indent` blanks, and those after the first with two more.
    pub(crate) fn hanging(&mut self, indent: usize, style: Style, text: &str) {
        self.lines(indent, indent + 2, style, text);
    }

    fn lines(&mut self, first: usize, others: usize, style: Style, text: &str) {
        let room = self.prose_width() - others;
        for (place, line) in wrap(&visible(text), room).iter().enumerate() {
            let indent = if place == 0 { first } else { others };
            let line = format!("{}{}", " ".repeat(indent), self.paint(style, line));
            self.line(&line);
        }
    }
}
