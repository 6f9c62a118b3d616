//! A report for a terminal: the answer in the first line, then who is at fault, then the table.
//!
//! No line is wider than it was asked for. What is left out is said where it is missing, and how it is seen.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::fit::{columns, left, right, shorten, visible, wrap};
use super::heat::Heat;
use super::rows::{Fold, Line, chosen, lines};
use super::{histogram, words};
use crate::report::{Culprit, Report, Status, Verdict};

/// The narrowest text that there is.
const NARROWEST: usize = 30;
/// Longer lines of prose are hard to read.
const WIDEST_PROSE: usize = 100;
/// How many culprits, births and names are shown, where not all are asked for.
const FEW: usize = 5;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const NAME: Style = AnsiColor::Cyan.on_default();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// How a report is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// How many columns a line may take; at least 30 are taken.
    pub width: usize,
    /// How many rows the table shows at most, beside those that sum up the others.
    pub top: usize,
    /// Shows every row, culprit, birth and name.
    pub all: bool,
    /// Writes colours, as ANSI escapes.
    pub color: bool,
}

impl Default for TextOptions {
    fn default() -> TextOptions {
        TextOptions { width: 80, top: 16, all: false, color: false }
    }
}

/// A report for a terminal.
pub fn text(report: &Report, options: &TextOptions) -> String {
    let width = options.width.max(NARROWEST);
    let mut page = Page { text: String::new(), width, options, report };
    page.headline();
    page.summary();
    page.culprits();
    page.table();
    page.births();
    page.pairing();
    page.next();
    page.text
}

struct Page<'a> {
    text: String,
    width: usize,
    options: &'a TextOptions,
    report: &'a Report,
}

impl Page<'_> {
    fn paint(&self, style: Style, text: &str) -> String {
        match self.options.color && !text.is_empty() {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// A paragraph in one style, each line behind `indent` spaces.
    fn prose(&mut self, indent: usize, style: Style, text: &str) {
        for line in wrap(&visible(text), self.width.min(WIDEST_PROSE) - indent) {
            let line = format!("{}{}", " ".repeat(indent), self.paint(style, &line));
            self.line(&line);
        }
    }

    fn few(&self) -> usize {
        if self.options.all { usize::MAX } else { FEW }
    }

    fn headline(&mut self) {
        let report = self.report;
        let (sign, style) = match report.verdict {
            Verdict::Agrees | Verdict::Rounding => ("✓", GOOD),
            Verdict::Structure => ("✗", WARNING),
            Verdict::Differs => ("✗", BAD),
        };
        let answer = format!("{sign} {}", words::verdict_words(report));
        let rest = match report.culprits.first() {
            Some(culprit) if !report.verdict.is_good() => {
                let op = match culprit.op.as_str() {
                    "" => String::new(),
                    op => format!(" ({})", shorten(&visible(op), 24)),
                };
                let left = self.width.saturating_sub(columns(&answer) + columns(&op) + 2);
                // The name stands whole below; here it may be short, but not so short that it says nothing.
                match left >= 8 {
                    true => format!(": {}{op}", shorten(&visible(&culprit.node), left)),
                    false => String::new(),
                }
            }
            _ => match report.rows.len() {
                1 => ": 1 value compared".to_owned(),
                count => format!(": {count} values compared"),
            },
        };
        let rest = shorten(&rest, self.width.saturating_sub(columns(&answer)));
        let line = format!("{}{}", self.paint(style, &answer), self.paint(BOLD, &rest));
        self.line(&line);
        let each = (self.width - " against ".len()) / 2;
        let (model, against) = (visible(&report.model), visible(&report.against));
        let ours = shorten(&model, each.max(self.width.saturating_sub(9 + columns(&against))));
        let theirs = shorten(&against, self.width.saturating_sub(9 + columns(&ours)));
        let line = self.paint(DIM, &format!("{ours} against {theirs}"));
        self.line(&line);
    }

    fn summary(&mut self) {
        if !self.report.summary.is_empty() {
            self.line("");
            self.prose(0, Style::new(), &self.report.summary);
        }
    }

    fn culprits(&mut self) {
        let report = self.report;
        for (number, culprit) in report.culprits.iter().take(self.few()).enumerate() {
            self.line("");
            self.culprit(number + 1, culprit);
        }
        let more = report.culprits.len().saturating_sub(self.few());
        if more > 0 {
            self.line("");
            self.prose(0, DIM, &format!("and {more} more, which --all shows"));
        }
    }

    fn culprit(&mut self, number: usize, culprit: &Culprit) {
        let sign = format!("{number}.");
        let indent = columns(&sign) + 1;
        for (at, line) in wrap(&visible(&culprit.node), self.width - indent).iter().enumerate() {
            let before = if at == 0 { left(&sign, indent) } else { " ".repeat(indent) };
            let line = format!("{before}{}", self.paint(NAME.bold(), line));
            self.line(&line);
        }
        let mut about = culprit.op.clone();
        if !culprit.layer.is_empty() {
            let _ = write!(about, " in {}", culprit.layer);
        }
        if !culprit.path.is_empty() {
            let _ = write!(about, ", at {}", culprit.path);
        }
        if let Some(theirs) = culprit.theirs.as_ref().filter(|theirs| **theirs != culprit.node) {
            let _ = write!(about, "; theirs is {theirs}");
        }
        self.prose(indent, DIM, &about);
        match culprit.line.as_str() {
            "" => self.prose(indent, Style::new(), words::kind_words(culprit.kind)),
            line => self.prose(indent, Style::new(), line),
        }
        let wrong = words::wrong_words(culprit.wrong);
        match &culprit.place {
            Some(place) => {
                let numbers: Vec<String> = words::place_words(place)
                    .iter()
                    .filter(|(_, number)| !number.is_empty())
                    .map(|(side, number)| format!("{side} {number}"))
                    .collect();
                let wrong = if wrong.is_empty() { String::new() } else { format!(": {wrong}") };
                let index = words::index_words(&place.index);
                self.prose(indent, Style::new(), &format!("at {index} {}{wrong}", numbers.join(", ")));
            }
            None if !wrong.is_empty() => self.prose(indent, Style::new(), wrong),
            None => {}
        }
        for cause in &culprit.causes {
            let words::Difference { what, ours, theirs, note } = words::difference(cause);
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            self.prose(indent, WARNING, &format!("{what}: ours {ours}, theirs {theirs}{note}"));
        }
        let apart = culprit.row.and_then(|row| self.report.rows.get(row)).and_then(|row| row.apart.as_ref());
        if let Some(apart) = apart.filter(|apart| apart.differing > 0) {
            let spread = histogram::line(&apart.spread).map(|line| format!("; relative {line}")).unwrap_or_default();
            let counts = format!("{} of {} elements differ{spread}", apart.differing, apart.count);
            self.prose(indent, DIM, &counts);
        }
        if !culprit.among.is_empty() {
            let names = self.names(&culprit.among);
            self.prose(indent, Style::new(), &format!("or one of those that lead to it: {names}"));
        }
    }

    /// Some names, with the number of the others.
    fn names(&self, names: &[String]) -> String {
        let mut text = names.iter().take(self.few()).cloned().collect::<Vec<_>>().join(", ");
        let more = names.len().saturating_sub(self.few());
        if more > 0 {
            let _ = write!(text, " and {more} more");
        }
        text
    }

    fn table(&mut self) {
        let report = self.report;
        if report.rows.is_empty() {
            return;
        }
        let columns = Columns::of(self.width);
        self.line("");
        let head = columns.line("", "value", "op", "rms rel", "max ulp", "alone");
        let head = self.paint(BOLD, head.trim_end());
        self.line(&head);
        let most = if self.options.all { usize::MAX } else { self.options.top };
        for line in lines(report, &chosen(report, most)) {
            let line = match line {
                Line::Row(at) => self.row(&columns, at),
                Line::Folded(fold) => self.paint(DIM, &folded(&fold, self.width)),
            };
            self.line(&line);
        }
        self.legend();
    }

    fn row(&self, columns: &Columns, at: usize) -> String {
        let row = &self.report.rows[at];
        let mut sign = words::mark(row.status).0.to_owned();
        if self.report.outputs.contains(&at) {
            sign.push('»');
        }
        let mut name = visible(&row.value);
        if !row.path.is_empty() {
            let _ = write!(name, " {}", visible(&row.path));
        }
        let ulp = row.apart.as_ref().map(|apart| words::ulp_words(apart.max_ulp)).unwrap_or_default();
        let alone = row.alone.as_ref().map(words::measure).unwrap_or_default();
        let line = columns.line(&sign, &name, &visible(&row.op), &words::measure_of_row(row), &ulp, &alone);
        let style = match row.status {
            Status::Introduced => BAD,
            _ => Heat::of_row(row).style(),
        };
        self.paint(style, line.trim_end())
    }

    fn legend(&mut self) {
        let rows = &self.report.rows;
        let used = [Status::Introduced, Status::Inherited, Status::Rounding, Status::Agrees]
            .into_iter()
            .filter(|status| rows.iter().any(|row| row.status == *status))
            .map(|status| {
                let (sign, words) = words::mark(status);
                format!("{sign} {words}")
            });
        let mut legend: Vec<String> = used.collect();
        if !self.report.outputs.is_empty() {
            legend.push("» output".to_owned());
        }
        self.prose(0, DIM, &legend.join("   "));
    }

    fn births(&mut self) {
        let births = &self.report.births;
        if births.is_empty() {
            return;
        }
        self.line("");
        for birth in births.iter().take(self.few()) {
            let path = if birth.path.is_empty() { String::new() } else { format!(", at {}", birth.path) };
            let words = words::birth_words(birth);
            self.prose(0, Style::new(), &format!("born: {words}, by {} ({}){path}", birth.node, birth.op));
        }
        let more = births.len().saturating_sub(self.few());
        if more > 0 {
            self.prose(0, DIM, &format!("and {more} more, which --all shows"));
        }
    }

    fn pairing(&mut self) {
        let pairing = &self.report.pairing;
        self.line("");
        self.prose(0, DIM, &words::pairing_words(pairing));
        for (whose, names) in [("ours", &pairing.unpaired_ours), ("theirs", &pairing.unpaired_theirs)] {
            if !names.is_empty() {
                let names = self.names(names);
                self.prose(0, DIM, &format!("of {whose} without a partner: {names}"));
            }
        }
    }

    fn next(&mut self) {
        let mut ways = vec!["--html FILE for all of it on one page"];
        if !self.options.all && self.report.rows.len() > self.options.top {
            ways.push("--all for every row");
        }
        if !self.report.verdict.is_good() {
            ways.push("`glassbox trace` for the values themselves");
        }
        self.prose(0, DIM, &format!("next: {}", ways.join("; ")));
    }
}

/// How wide the columns of the table are; those of no width are left out.
struct Columns {
    name: usize,
    op: usize,
    ulp: usize,
}

const SIGN: usize = 2;
const NUMBER: usize = 8;

impl Columns {
    fn of(width: usize) -> Columns {
        let op = if width >= 72 { (width / 5).min(24) } else { 0 };
        let ulp = if width >= 56 { NUMBER } else { 0 };
        let gaps = usize::from(op > 0) + usize::from(ulp > 0) + 3;
        Columns { name: width - SIGN - op - ulp - 2 * NUMBER - gaps, op, ulp }
    }

    fn line(&self, sign: &str, name: &str, op: &str, rms: &str, ulp: &str, alone: &str) -> String {
        let mut line = format!("{} {}", left(sign, SIGN), left(&shorten(name, self.name), self.name));
        if self.op > 0 {
            let _ = write!(line, " {}", left(&shorten(op, self.op), self.op));
        }
        let _ = write!(line, " {}", right(rms, NUMBER));
        if self.ulp > 0 {
            let _ = write!(line, " {}", right(ulp, self.ulp));
        }
        let _ = write!(line, " {}", right(alone, NUMBER));
        line
    }
}

/// A line for rows that aren't shown.
fn folded(fold: &Fold, width: usize) -> String {
    let [agreeing, rounding, inherited, introduced] = fold.counts;
    let count = fold.rows.len();
    let values = if count == 1 { "value" } else { "values" };
    let what = if agreeing == count {
        format!("{count} {values} {}", if count == 1 { "agrees" } else { "agree" })
    } else {
        let parts: Vec<String> =
            [(introduced, "introduced"), (inherited, "inherited"), (rounding, "rounding"), (agreeing, "agreeing")]
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
        match parts.len() {
            1 => parts.concat(),
            _ => format!("{count} {values}: {}", parts.join(", ")),
        }
    };
    let layers = match &fold.layers[..] {
        [] => String::new(),
        [only] => visible(only),
        [first, .., last] => format!("{} … {}", visible(first), visible(last)),
    };
    let what = shorten(&what, width - 3);
    let room = (width - 3).saturating_sub(columns(&what));
    let layers = if room < 8 { String::new() } else { shorten(&layers, room - 2) };
    let gap = if layers.is_empty() { "" } else { "  " };
    format!("▸  {layers}{gap}{what}")
}
