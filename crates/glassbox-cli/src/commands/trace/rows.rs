//! The rows of a trace: as they come, folded by layer, or only those that took longest.
//!
//! A row takes one line, however wide the terminal is: names and types are cut in the middle, and a narrow one shows less.
//! Where standard output is no terminal nothing is cut.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use glassbox_exec::{Event, Value};
use glassbox_ir::{AttrView, Node, Origin, Provenance, ops};
use glassbox_runtime::Statistics;
use serde_json::json;

use super::birth::Odd;
use super::costs::Work;
use crate::view::{self, DIM, ERROR, GOOD, NAME};

/// How many columns a number takes.
const NUMBER: usize = 8;

/// How many rows are looked at together where only some are kept.
const BATCH: usize = 1024;

/// A value that a node gave.
pub(super) struct Row {
    time: Duration,
    op: String,
    node: String,
    name: String,
    ty: String,
    /// The first elements, of what has no statistics.
    text: String,
    statistics: Option<Statistics>,
    layer: Option<String>,
    scope: Option<String>,
    provenance: String,
    depth: usize,
    /// Whether it is the first result of its node, which took the time.
    pub(super) first: bool,
    /// What was born in it.
    pub(super) born: Odd,
    /// The bodies around the node.
    pub(super) path: String,
    /// What the node took, where that is asked for and known.
    pub(super) work: Option<Work>,
    /// Where it is saved.
    pub(super) file: Option<PathBuf>,
}

impl Row {
    /// The row of a value; what the event doesn't say is filled in by the caller.
    pub(super) fn new(event: &Event, name: String, value: &Value, statistics: Option<Statistics>) -> Row {
        let node = event.node();
        Row {
            time: event.time,
            op: op(node),
            node: event.label(),
            name,
            ty: value.ty().to_string(),
            text: if statistics.is_none() { view::short(value) } else { String::new() },
            statistics,
            layer: layer(&node.provenance),
            scope: scope(&node.provenance),
            provenance: node.provenance.to_string(),
            depth: event.path.len(),
            first: true,
            born: Odd::default(),
            path: String::new(),
            work: None,
            file: None,
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "value": self.name,
            "node": self.node,
            "op": self.op,
            "provenance": self.provenance,
            "path": self.path,
            "type": self.ty,
            "micros": micros(self.time),
            "flops": self.work.map(|work| work.taken.flops),
            "bytes": self.work.map(|work| work.taken.bytes),
            "roofline": self.work.map(|work| work.share(self.time)),
            "statistics": self.statistics,
            "born": self.born.words(),
            "file": self.file.as_ref().map(|file| file.display().to_string()),
        })
    }

    /// NaN and infinities, in words; nothing where there are none.
    fn odd(&self) -> String {
        odd_words(self.statistics.map_or((0, 0), |s| (s.nan, s.inf)), self.born)
    }
}

/// The layer of the model that a node comes from.
fn layer(provenance: &Provenance) -> Option<String> {
    provenance.origins().find_map(|origin| match origin {
        Origin::Layer(path) => Some(path.clone()),
        _ => None,
    })
}

/// The op; of a call, what is called.
fn op(node: &Node) -> String {
    let is_call = *node.op == ops::call::OP;
    let called = is_call.then(|| AttrView::new(node.op, &node.attrs).opt_str("function")).flatten();
    called.unwrap_or(node.op.name).to_owned()
}

/// What a node is folded into. ONNX has no layers; torch's exporters name nodes by the modules around them, as in
/// `/encoder/layer.3/attention/MatMul`.
pub(crate) fn scope(provenance: &Provenance) -> Option<String> {
    layer(provenance).or_else(|| {
        provenance.origins().find_map(|origin| match origin {
            Origin::Onnx { node, .. } => Some(node.trim_start_matches('/').rsplit_once('/')?.0.to_owned()),
            _ => None,
        })
    })
}

/// Rows that are told together.
struct Fold {
    layer: String,
    nodes: usize,
    time: Duration,
    /// What the nodes took of which that is known, and their time.
    work: Option<(Work, Duration)>,
    /// The least and the largest finite element.
    range: Option<(f64, f64)>,
    odd: (u64, u64),
    born: Odd,
}

/// Prints rows as they come, or holds them back until all are there.
pub(super) struct Printer {
    json: bool,
    top: Option<usize>,
    fold: Option<usize>,
    /// Whether rows tell what nodes took, and not what their results hold.
    kernels: bool,
    columns: Columns,
    /// The layer whose rows are printed now.
    layer: String,
    kept: Vec<Row>,
    folds: Vec<Fold>,
}

impl Printer {
    /// A printer of JSON or text, of the `top` rows only, of layers `fold` parts deep; of what `kernels` took.
    pub(super) fn new(json: bool, top: Option<usize>, fold: Option<usize>, kernels: bool) -> Printer {
        let columns = Columns::new(view::columns(), fold.is_some());
        Printer { json, top, fold, kernels, columns, layer: String::new(), kept: Vec::new(), folds: Vec::new() }
    }

    /// The titles of the columns.
    pub(super) fn head(&self) -> Result<()> {
        if self.json {
            return Ok(());
        }
        let second = if self.fold.is_some() { "nodes" } else { "op" };
        let third = if self.fold.is_some() { "layer" } else { "value" };
        let mean = if self.fold.is_some() { "" } else { "mean" };
        let numbers = if self.kernels { ["flops", "bytes", "limit"] } else { ["min", "max", mean] };
        let line = self.columns.line("time", second, third, "type", numbers);
        say!("{DIM}{}{DIM:#}", line.trim_end())
    }

    /// Takes a row.
    pub(super) fn row(&mut self, row: Row) -> Result<()> {
        if let Some(depth) = self.fold {
            self.add(&row, depth);
            return Ok(());
        }
        if let Some(top) = self.top {
            self.kept.push(row);
            if self.kept.len() > top.saturating_add(BATCH) {
                self.keep(top);
            }
            return Ok(());
        }
        self.title(&row)?;
        self.print(&row)
    }

    /// Prints what was held back.
    pub(super) fn finish(&mut self) -> Result<()> {
        if let Some(top) = self.top {
            self.keep(top);
            self.folds.sort_by_key(|fold| std::cmp::Reverse(fold.time));
            let mut place = 0;
            self.folds.retain(|fold| {
                place += 1;
                place <= top || fold.born != Odd::default()
            });
        }
        std::mem::take(&mut self.kept).iter().try_for_each(|row| self.print(row))?;
        std::mem::take(&mut self.folds).iter().try_for_each(|fold| self.print_fold(fold))
    }

    /// Keeps the rows that took longest, and those in which something was born.
    fn keep(&mut self, top: usize) {
        self.kept.sort_by_key(|row| std::cmp::Reverse((row.first, row.time)));
        let mut place = 0;
        self.kept.retain(|row| {
            place += 1;
            place <= top || row.born != Odd::default()
        });
    }

    fn add(&mut self, row: &Row, depth: usize) {
        let scope = row.scope.as_deref().unwrap_or_default();
        let layer = scope.splitn(depth + 1, '/').take(depth).collect::<Vec<_>>().join("/");
        let place = self.folds.iter().position(|fold| fold.layer == layer).unwrap_or_else(|| {
            let new = Fold {
                layer,
                nodes: 0,
                time: Duration::ZERO,
                work: None,
                range: None,
                odd: (0, 0),
                born: Odd::default(),
            };
            self.folds.push(new);
            self.folds.len() - 1
        });
        let fold = &mut self.folds[place];
        // Bodies are told by the nodes in them, whose time the node around them has too.
        if row.first && row.depth == 0 {
            fold.time += row.time;
            if let Some(work) = &row.work {
                let (sum, time) = fold.work.get_or_insert_default();
                sum.add(work);
                *time += row.time;
            }
        }
        fold.nodes += usize::from(row.first);
        fold.born = fold.born.or(row.born);
        if let Some(statistics) = row.statistics {
            fold.odd = (fold.odd.0 + statistics.nan, fold.odd.1 + statistics.inf);
            if let (Some(min), Some(max)) = (statistics.min, statistics.max) {
                let (low, high) = fold.range.unwrap_or((min, max));
                fold.range = Some((low.min(min), high.max(max)));
            }
        }
    }

    /// A line with the name of the layer, where another one begins.
    fn title(&mut self, row: &Row) -> Result<()> {
        // What a decomposition is made of has no layer of its own.
        let Some(layer) = row.layer.as_ref().filter(|layer| **layer != self.layer) else { return Ok(()) };
        self.layer = layer.clone();
        if self.json {
            return Ok(());
        }
        say!("{GOOD}{}{GOOD:#}", self.columns.cut(layer))
    }

    fn print(&self, row: &Row) -> Result<()> {
        if self.json {
            return say!("{}", row.json());
        }
        let time = if row.first { duration(row.time) } else { String::new() };
        let op = if row.first { row.op.as_str() } else { "" };
        let name = format!("{}{}", "  ".repeat(row.depth), row.name);
        let numbers = match (row.statistics, row.work) {
            (_, Some(work)) if row.first => took(&work, row.time),
            _ if self.kernels => Default::default(),
            (Some(Statistics { min: Some(min), max: Some(max), mean: Some(mean), .. }), _) => {
                [min, max, mean].map(number)
            }
            _ => Default::default(),
        };
        let (odd, text) = (row.odd(), if self.kernels { "" } else { row.text.as_str() });
        self.line(&Cells { time: &time, second: op, name: &name, ty: &row.ty, numbers, text, odd: &odd })
    }

    fn print_fold(&self, fold: &Fold) -> Result<()> {
        if self.json {
            let (min, max) = fold.range.unzip();
            return say!(
                "{}",
                json!({
                    "layer": fold.layer, "nodes": fold.nodes, "micros": micros(fold.time), "min": min, "max": max,
                    "flops": fold.work.map(|(work, _)| work.taken.flops),
                    "bytes": fold.work.map(|(work, _)| work.taken.bytes),
                    "roofline": fold.work.map(|(work, time)| work.share(time)),
                    "nan": fold.odd.0, "inf": fold.odd.1, "born": fold.born.words(),
                })
            );
        }
        let layer = if fold.layer.is_empty() { "(no layer)" } else { &fold.layer };
        let numbers = match fold.range {
            _ if self.kernels => fold.work.map_or_else(Default::default, |(work, time)| took(&work, time)),
            Some((min, max)) => [number(min), number(max), String::new()],
            None => Default::default(),
        };
        let odd = odd_words(fold.odd, fold.born);
        let (time, nodes) = (duration(fold.time), fold.nodes.to_string());
        self.line(&Cells { time: &time, second: &nodes, name: layer, ty: "", numbers, text: "", odd: &odd })
    }

    fn line(&self, cells: &Cells) -> Result<()> {
        let columns = &self.columns;
        let front = columns.front(cells.time, cells.second);
        let (name, ty, odd) = (columns.name(cells.name), columns.ty(cells.ty), cells.odd);
        if columns.limit.is_some() && !odd.is_empty() {
            // There is no room for the numbers too.
            return say!("{front}{NAME}{name}{NAME:#}{ty} {ERROR}{}{ERROR:#}", columns.text(odd).trim_end());
        }
        let numbers = match cells.text {
            "" => columns.numbers(&cells.numbers.each_ref().map(String::as_str)),
            text => columns.text(text),
        };
        let numbers = numbers.trim_end();
        match (numbers, odd) {
            ("", "") => say!("{front}{NAME}{}{NAME:#}{}", name, ty.trim_end()),
            (numbers, "") => say!("{front}{NAME}{name}{NAME:#}{ty} {numbers}"),
            (numbers, odd) => say!("{front}{NAME}{name}{NAME:#}{ty} {numbers}  {ERROR}{odd}{ERROR:#}"),
        }
    }
}

/// What stands in a line.
struct Cells<'a> {
    time: &'a str,
    /// The op; of a layer, how many nodes it has.
    second: &'a str,
    name: &'a str,
    ty: &'a str,
    /// The least, the largest and the mean; empty where there are none.
    numbers: [String; 3],
    /// What stands instead of numbers.
    text: &'a str,
    /// NaN and infinities.
    odd: &'a str,
}

/// NaN and infinities, in words.
fn odd_words((nan, inf): (u64, u64), born: Odd) -> String {
    let word = |count: u64, word: &str, born: bool| {
        let mark = if born { " ← born" } else { "" };
        (count > 0).then(|| format!("{count} {word}{mark}"))
    };
    [word(nan, "NaN", born.nan), word(inf, "inf", born.inf)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// How wide the columns are.
struct Columns {
    /// How much a line may take.
    limit: Option<usize>,
    time: usize,
    second: usize,
    name: usize,
    /// Zero where types aren't shown.
    ty: usize,
    /// How many of the least, the largest and the mean are shown.
    numbers: usize,
}

impl Columns {
    fn new(limit: Option<usize>, folded: bool) -> Columns {
        let Some(width) = limit else {
            let ty = if folded { 0 } else { 28 };
            return Columns { limit, time: 7, second: 20, name: 40, ty, numbers: 3 };
        };
        let (time, second, numbers) = match width {
            0..60 => (0, 8, 2),
            60..72 => (7, 8, 2),
            72..100 => (7, 10, 3),
            _ => (7, 18, 3),
        };
        let taken = if time > 0 { time + 1 } else { 0 } + second + 1 + numbers * (NUMBER + 1);
        let rest = width.saturating_sub(taken);
        // A type is shown where a name of some length fits beside it.
        let ty = if folded || rest < 24 { 0 } else { (rest * 9 / 20).min(28) };
        let name = rest.saturating_sub(if ty > 0 { ty + 1 } else { 0 }).clamp(1, 60);
        Columns { limit, time, second, name, ty, numbers }
    }

    fn front(&self, time: &str, second: &str) -> String {
        let second = self.fit(second, self.second);
        if self.time == 0 { format!("{second} ") } else { format!("{time:>width$} {second} ", width = self.time) }
    }

    fn name(&self, name: &str) -> String {
        self.fit(name, self.name)
    }

    fn ty(&self, ty: &str) -> String {
        match self.limit {
            _ if self.ty == 0 => String::new(),
            None => format!(" {}", self.fit(ty, self.ty)),
            Some(_) => format!(" {}", self.fit(&ty.replace(", ", ","), self.ty)),
        }
    }

    fn numbers(&self, numbers: &[&str; 3]) -> String {
        numbers.iter().take(self.numbers).map(|number| format!("{number:>NUMBER$}")).collect::<Vec<_>>().join(" ")
    }

    /// A text in the place of the numbers.
    fn text(&self, text: &str) -> String {
        self.fit(text, self.numbers * (NUMBER + 1) - 1)
    }

    fn line(&self, time: &str, second: &str, name: &str, ty: &str, numbers: [&str; 3]) -> String {
        format!("{}{}{} {}", self.front(time, second), self.name(name), self.ty(ty), self.numbers(&numbers))
    }

    /// A line of its own, as long as there is room.
    fn cut(&self, text: &str) -> String {
        match self.limit {
            Some(limit) if view::text_width(text) > limit => view::fit(text, limit),
            _ => text.to_owned(),
        }
    }

    /// A text in a column: filled up, and cut where the width of the line is limited.
    fn fit(&self, text: &str, width: usize) -> String {
        if self.limit.is_none() && view::text_width(text) > width { text.to_owned() } else { view::fit(text, width) }
    }
}

/// What was taken in a time: operations, bytes, and the part of the machine's limit.
fn took(work: &Work, time: Duration) -> [String; 3] {
    let share = work.share(time);
    let share = if share >= 9999.5 { "".to_owned() } else { format!("{share:.0}%") };
    [quantity(work.taken.flops), quantity(work.taken.bytes), share]
}

/// A number with a letter for thousands, millions and so on.
fn quantity(number: u64) -> String {
    let mut value = number as f64;
    for letter in ["", "k", "M", "G", "T"] {
        if value < 999.5 {
            return if letter.is_empty() || value >= 99.5 {
                format!("{value:.0}{letter}")
            } else {
                format!("{value:.1}{letter}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.0}P")
}

/// A number in at most [`NUMBER`] columns.
fn number(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 && size < 1e7 {
        return format!("{value:.0}");
    }
    if (1e-3..1e6).contains(&size) {
        let decimals = match size {
            ..10.0 => 4,
            ..1e3 => 3,
            ..1e5 => 1,
            _ => 0,
        };
        let text = format!("{value:.decimals$}");
        if text.len() <= NUMBER {
            return text;
        }
    }
    (0..3)
        .rev()
        .map(|digits| format!("{value:.digits$e}"))
        .find(|text| text.len() <= NUMBER)
        .unwrap_or_else(|| format!("{value:e}"))
}

/// A time in at most 7 columns.
fn duration(time: Duration) -> String {
    match time.as_micros() {
        micros @ ..1_000 => format!("{micros}µs"),
        micros @ ..1_000_000 => format!("{:.1}ms", micros as f64 / 1e3),
        _ => format!("{:.2}s", time.as_secs_f64()),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_their_column() {
        for value in
            [0.0, 1.0, -1.0, 0.001, -0.001, 123456.7, -999_999.9, 1e-300, -1.2345e-300, 1e300, -9.87e299, 9.99996]
        {
            let text = number(value);
            assert!(text.len() <= NUMBER, "{text}");
            let read: f64 = text.parse().unwrap();
            // An exponent of three digits leaves room for one.
            let allowed = if (1e-99..1e99).contains(&value.abs()) { 0.005 } else { 0.5 };
            assert!((read - value).abs() <= value.abs() * allowed, "{value} is shown as {text}");
        }
    }

    #[test]
    fn quantities_are_short() {
        let cases =
            [(0, "0"), (999, "999"), (1000, "1.0k"), (99_499, "99.5k"), (151_000_000, "151M"), (2_500_000_000, "2.5G")];
        for (number, text) in cases {
            assert_eq!(quantity(number), text);
        }
        assert!(quantity(u64::MAX).len() <= NUMBER);
    }

    #[test]
    fn lines_take_what_there_is() {
        for width in [30, 40, 59, 60, 79, 80, 100, 200] {
            let columns = Columns::new(Some(width), false);
            let long = "a name that goes on and on ".repeat(9);
            let line = columns.line("999.9ms", &long, &long, &long, ["-1.23e-5"; 3]);
            assert!(view::text_width(&line) <= width, "{width}: {line}");
        }
    }
}
