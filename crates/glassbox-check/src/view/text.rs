//! A report for a terminal: the answer in the first line, then who is at fault, then the table.
//!
//! No line is wider than it was asked for. What is left out is said where it is missing, and how it is seen.

use std::collections::HashSet;
use std::fmt::Write;

use anstyle::Style;

use super::fit::{Names, columns, left, right, shorten, visible, wrap};
use super::heat::Heat;
use super::rows::{Fold, Line, chosen, lines};
use super::sheet::{BAD, BOLD, DIM, GOOD, NAME, Sheet, WARNING};
use super::{histogram, words};
use crate::report::{Culprit, Report, Row, Status, Verdict};

/// How many culprits, births and names are shown, where not all are asked for.
const FEW: usize = 5;

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
    let mut page = Page { sheet: Sheet::new(options), options, report };
    page.headline();
    page.summary();
    page.culprits();
    page.table();
    page.births();
    page.pairing();
    page.next();
    page.sheet.text
}

struct Page<'a> {
    sheet: Sheet,
    options: &'a TextOptions,
    report: &'a Report,
}

impl Page<'_> {
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
                // The name stands whole below: here it comes before the op.
                let left = self.sheet.width.saturating_sub(columns(&answer) + 2);
                let (node, op) = (visible(&culprit.node), format!(" ({})", visible(&culprit.op)));
                let both = columns(&node) + columns(&op) <= left && !culprit.op.is_empty();
                if left < 8 {
                    String::new()
                } else {
                    format!(": {}{}", shorten(&node, left), if both { &op } else { "" })
                }
            }
            _ => {
                let values = if report.rows.len() == 1 { "value" } else { "values" };
                let count = format!(": {} {values}", report.rows.len());
                let left = self.sheet.width.saturating_sub(columns(&answer));
                match (format!("{count} compared"), count) {
                    (whole, _) if columns(&whole) <= left => whole,
                    (_, count) if columns(&count) <= left => count,
                    _ => String::new(),
                }
            }
        };
        let line = format!("{}{}", self.sheet.paint(style, &answer), self.sheet.paint(BOLD, &rest));
        self.sheet.line(&line);
        let each = (self.sheet.width - " against ".len()) / 2;
        let (model, against) = (visible(&report.model), visible(&report.against));
        let ours = shorten(&model, each.max(self.sheet.width.saturating_sub(9 + columns(&against))));
        let theirs = shorten(&against, self.sheet.width.saturating_sub(9 + columns(&ours)));
        let line = self.sheet.paint(DIM, &format!("{ours} against {theirs}"));
        self.sheet.line(&line);
    }

    fn summary(&mut self) {
        if !self.report.summary.is_empty() {
            self.sheet.line("");
            self.sheet.prose(0, Style::new(), &self.report.summary);
        }
    }

    fn culprits(&mut self) {
        let report = self.report;
        // Those that are named beside another one stand in its lines.
        let culprits: Vec<&Culprit> = report.culprits.iter().filter(|culprit| culprit.beside.is_none()).collect();
        for (number, culprit) in culprits.iter().take(self.few()).enumerate() {
            self.sheet.line("");
            self.culprit(number + 1, culprit);
        }
        let more = culprits.len().saturating_sub(self.few());
        if more > 0 {
            self.sheet.line("");
            self.sheet.prose(0, DIM, &format!("and {more} more, which --all shows"));
        }
    }

    fn culprit(&mut self, number: usize, culprit: &Culprit) {
        let sign = format!("{number}.");
        let indent = columns(&sign) + 1;
        for (at, line) in wrap(&visible(&culprit.node), self.sheet.width - indent).iter().enumerate() {
            let before = if at == 0 { left(&sign, indent) } else { " ".repeat(indent) };
            let line = format!("{before}{}", self.sheet.paint(NAME.bold(), line));
            self.sheet.line(&line);
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
        self.sheet.prose(indent, DIM, &about);
        // What the culprit's own line says stands in the summary, and part by part below.
        self.sheet.prose(indent, Style::new(), words::kind_words(culprit));
        let wrong = words::wrong_words(culprit.wrong);
        match &culprit.place {
            Some(place) => {
                let numbers: Vec<String> = words::place_words(place)
                    .iter()
                    .filter(|(_, number)| !number.is_empty())
                    .map(|(side, number)| format!("{side} {number}"))
                    .collect();
                let wrong = if wrong.is_empty() { String::new() } else { format!(": {wrong}") };
                let at = match place.index.is_empty() {
                    true => String::new(),
                    false => format!("at {} ", words::index_words(&place.index)),
                };
                self.sheet.prose(indent, Style::new(), &format!("{at}{}{wrong}", numbers.join(", ")));
            }
            None if !wrong.is_empty() => self.sheet.prose(indent, Style::new(), wrong),
            None => {}
        }
        for cause in &culprit.causes {
            let words::Difference { what, ours, theirs, note } = words::difference(cause);
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            self.sheet.prose(indent, WARNING, &format!("{what}: ours {ours}, theirs {theirs}{note}"));
        }
        let row = culprit.row.and_then(|row| self.report.rows.get(row));
        // The node alone is what it is at fault for; the run has what it was given as well.
        let (apart, whence) = match row {
            // A value that no node computes has no operands.
            Some(Row { alone: Some(alone), node, .. }) if !node.is_empty() => (Some(alone), " from the same operands"),
            Some(row) => (row.apart.as_ref(), ""),
            None => (None, ""),
        };
        if let Some(apart) = apart.filter(|apart| apart.differing > 0) {
            let by = match histogram::line(&apart.spread) {
                _ if apart.special >= apart.differing => ", finite on one side only".to_owned(),
                Some(line) => format!(", by {line}"),
                None => String::new(),
            };
            let counts = format!("{} of {} elements differ{whence}{by}", apart.differing, apart.count);
            self.sheet.prose(indent, DIM, &counts);
        }
        if !culprit.among.is_empty() {
            let names = self.names(&culprit.among);
            self.sheet.prose(indent, Style::new(), &format!("or one of those that lead to it: {names}"));
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
        let columns = Columns::of(self.sheet.width);
        self.sheet.line("");
        let head = columns.line("", "value", "op", "rms rel", "max ulp", "alone");
        let head = self.sheet.paint(BOLD, &head);
        self.sheet.line(&head);
        let most = if self.options.all { usize::MAX } else { self.options.top };
        let lines = lines(report, &chosen(report, most));
        let shown = lines.iter().filter_map(|line| match line {
            Line::Row(at) => Some(name_of(&report.rows[*at])),
            Line::Folded(_) => None,
        });
        let names: Vec<String> = shown.collect();
        let fit = Names::new(names.iter().map(String::as_str), columns.name);
        let outputs: HashSet<usize> = report.outputs.iter().copied().collect();
        let mut names = names.iter();
        for line in lines {
            let line = match line {
                Line::Row(at) => {
                    let name = names.next().map(|name| fit.fit(name)).unwrap_or_default();
                    self.row(&columns, &report.rows[at], &name, outputs.contains(&at))
                }
                Line::Folded(fold) => self.sheet.paint(DIM, &folded(&fold, self.sheet.width)),
            };
            self.sheet.line(&line);
        }
        self.legend();
    }

    fn row(&self, columns: &Columns, row: &Row, name: &str, output: bool) -> String {
        let mark = words::mark(row.status).0;
        let sign = if output { format!("{mark}»") } else { mark.to_owned() };
        let ulp = row.apart.as_ref().map(|apart| words::ulp_words(apart.max_ulp)).unwrap_or_default();
        let alone = row.alone.as_ref().map(words::measure).unwrap_or_default();
        let line = columns.line(&sign, name, &visible(&row.op), &words::measure_of_row(row), &ulp, &alone);
        let style = match row.status {
            Status::Introduced => BAD,
            _ => Heat::of_row(row).style(),
        };
        self.sheet.paint(style, &line)
    }

    fn legend(&mut self) {
        let rows = &self.report.rows;
        let used = words::STATUSES.into_iter().rev().filter(|status| rows.iter().any(|row| row.status == *status)).map(
            |status| {
                let (sign, words) = words::mark(status);
                format!("{sign} {words}")
            },
        );
        let mut legend: Vec<String> = used.collect();
        if !self.report.outputs.is_empty() {
            legend.push("» output".to_owned());
        }
        self.sheet.prose(0, DIM, &legend.join(", "));
    }

    fn births(&mut self) {
        let births = &self.report.births;
        if births.is_empty() {
            return;
        }
        self.sheet.line("");
        for birth in births.iter().take(self.few()) {
            let path = if birth.path.is_empty() { String::new() } else { format!(", at {}", birth.path) };
            let words = words::birth_words(birth);
            self.sheet.prose(0, Style::new(), &format!("born: {words}, by {} ({}){path}", birth.node, birth.op));
        }
        let more = births.len().saturating_sub(self.few());
        if more > 0 {
            self.sheet.prose(0, DIM, &format!("and {more} more, which --all shows"));
        }
    }

    fn pairing(&mut self) {
        let pairing = &self.report.pairing;
        self.sheet.line("");
        self.sheet.prose(0, DIM, &words::pairing_words(pairing));
        for (whose, names) in [("ours", &pairing.unpaired_ours), ("theirs", &pairing.unpaired_theirs)] {
            if !names.is_empty() {
                let names = self.names(names);
                self.sheet.prose(0, DIM, &format!("of {whose} without a partner: {names}"));
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
        self.sheet.prose(0, DIM, &format!("next: {}", ways.join("; ")));
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

/// What a row is called: its value, and the turn that it was computed in.
fn name_of(row: &Row) -> String {
    match row.path.as_str() {
        "" => visible(&row.value),
        path => format!("{} {}", visible(&row.value), visible(path)),
    }
}

/// A line for rows that aren't shown: in words where there is room, else with the signs of the legend.
fn folded(fold: &Fold, width: usize) -> String {
    let count = fold.rows.len();
    let layers = match &fold.layers[..] {
        [] => String::new(),
        [only] => format!("{}  ", visible(only)),
        [first, .., last] => format!("{} … {}  ", visible(first), visible(last)),
    };
    let parts: Vec<(usize, Status)> =
        fold.counts.into_iter().zip(words::STATUSES).filter(|(count, _)| *count > 0).rev().collect();
    let (words, signs) = match parts[..] {
        [(_, Status::Agrees)] => (format!("{count} values agree"), format!("{count} agree")),
        [(_, one)] => (format!("{count} values: {}", one.name()), format!("{count} {}", words::mark(one).0)),
        _ => {
            let all = |each: &dyn Fn(Status) -> &'static str| {
                let parts: Vec<String> = parts.iter().map(|(count, one)| format!("{count} {}", each(*one))).collect();
                parts.join(", ")
            };
            let words = all(&|one| if one == Status::Agrees { "agreeing" } else { one.name() });
            (format!("{count} values: {words}"), format!("{count}: {}", all(&|one| words::mark(one).0)))
        }
    };
    let room = width - 3;
    let what = if columns(&layers) + columns(&words) <= room { words } else { shorten(&signs, room) };
    let left = room - columns(&what);
    let layers = match left {
        0..10 => String::new(),
        _ => format!("{}  ", shorten(layers.trim_end(), left - 2)),
    };
    let layers = if fold.layers.is_empty() { String::new() } else { layers };
    format!("▸  {layers}{what}")
}
