//! A report as one page: it needs nothing but itself, works from a file, is read without scripts, and can be printed.
//!
//! In the order in which one asks: the answer, the summary, the culprits with their numbers, the graph around the first,
//! the table of values, births, pairing. A script sorts and filters the table and opens rows; all else is there without
//! it. The page says itself that it loads nothing. Names are escaped, and get into the script as data only.

use std::collections::HashSet;
use std::fmt::{Display, Write};

use serde_json::{Value, json};

use super::fit::{number, visible};
use super::heat::Heat;
use super::rows::chosen;
use super::{histogram, svg, words};
use crate::report::{Apart, Culprit, Place, Report, Row, Stats, Status};

/// The most rows that a page has: browsers are slow with more.
const MAX_ROWS: usize = 5000;

const CSS: &str = include_str!("page.css");
const JS: &str = include_str!("page.js");

/// A text as a page has it, inside of elements and of quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A name from a file.
fn name(text: &str) -> String {
    escape(&visible(text))
}

/// Words as the beginning of a sentence.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A paragraph: what stands between backticks is a name.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // An odd one belongs to a name.
    if parts.len().is_multiple_of(2) {
        return name(text);
    }
    let part =
        |(at, part): (usize, &&str)| if at % 2 == 0 { name(part) } else { format!("<code>{}</code>", name(part)) };
    parts.iter().enumerate().map(part).collect()
}

/// A report as one page.
pub fn html(report: &Report) -> String {
    let rows = chosen(report, MAX_ROWS);
    let outputs = report.outputs.iter().copied().collect();
    let mut page = Page { html: String::new(), report, rows, outputs };
    page.opening();
    page.culprits();
    page.graph();
    page.table();
    page.births();
    page.pairing();
    page.closing();
    page.html
}

struct Page<'a> {
    html: String,
    report: &'a Report,
    /// The rows that the table has.
    rows: Vec<usize>,
    /// The rows that are outputs.
    outputs: HashSet<usize>,
}

impl Page<'_> {
    fn put(&mut self, html: impl Display) {
        // Writing to a string can't fail.
        let _ = writeln!(self.html, "{html}");
    }

    fn opening(&mut self) {
        let report = self.report;
        let sign = if report.verdict.is_good() { "✓" } else { "✗" };
        let at = match report.culprits.first() {
            Some(culprit) if !report.verdict.is_good() => format!(": <code>{}</code>", name(&culprit.node)),
            _ => String::new(),
        };
        let answer = words::verdict_words(report);
        self.put(format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             script-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{sign} {model} against {against}</title>\n<style>\n{CSS}</style>\n</head>\n<body>\n\
             <header class=\"{class}\">\n<h1><span class=\"sign\">{sign} {answer}</span>{at}</h1>\n\
             <p class=\"soft\"><code>{model}</code> against <code>{against}</code>, {count} values compared</p>\n</header>\n\
             <main>",
            model = name(&report.model),
            against = name(&report.against),
            class = report.verdict.name(),
            count = report.rows.len(),
        ));
        if !report.summary.is_empty() {
            self.put(format_args!("<p class=\"summary\">{}</p>", prose(&report.summary)));
        }
    }

    fn culprits(&mut self) {
        let report = self.report;
        if report.culprits.is_empty() {
            return;
        }
        self.put("<section id=\"culprits\">\n<h2>Who is at fault</h2>");
        for (number, culprit) in report.culprits.iter().filter(|culprit| culprit.beside.is_none()).enumerate() {
            self.culprit(number + 1, culprit);
        }
        self.put("</section>");
    }

    fn culprit(&mut self, number: usize, culprit: &Culprit) {
        let row = culprit.row.and_then(|row| self.report.rows.get(row));
        self.put(format_args!(
            "<article class=\"card\">\n<h3>{number}. <code>{node}</code> <span class=\"tag\">{kind}</span></h3>",
            node = name(&culprit.node),
            kind = culprit.kind.name().replace('_', " "),
        ));
        let mut about = vec![name(&culprit.op)];
        let mut say = |what: &str, text: &str| {
            if !text.is_empty() {
                about.push(format!("{what} <code>{}</code>", name(text)));
            }
        };
        say("in", &culprit.layer);
        say("at", &culprit.path);
        say("theirs is", culprit.theirs.as_deref().unwrap_or_default());
        if let Some(row) = row {
            say("seen in", &row.value);
            say("of type", &row.ty);
        }
        self.put(format_args!("<p class=\"soft\">{}</p>", about.join(" · ")));
        // The lines of the first ones stand in the summary.
        let line = match culprit.line.trim_end_matches('.') {
            line if line.is_empty() || self.report.summary.contains(line) => words::kind_words(culprit),
            line => line,
        };
        let wrong = words::wrong_words(culprit.wrong);
        let wrong = if wrong.is_empty() { String::new() } else { format!(" <strong>{}.</strong>", sentence(wrong)) };
        self.put(format_args!("<p>{}.{wrong}</p>", sentence(&prose(line))));
        self.causes(culprit);
        self.put("<div class=\"parts\">");
        if let Some(place) = &culprit.place {
            self.put(place_table(place));
        }
        if let Some(row) = row {
            for (caption, apart) in [("the node alone, on their operands", &row.alone), ("in the run", &row.apart)] {
                if let Some(apart) = apart {
                    self.put(apart_table(caption, apart));
                }
            }
            self.put(stats_table(row));
            if let Some(apart) = row.alone.as_ref().or(row.apart.as_ref()) {
                self.put(histogram::svg(&apart.spread));
            }
        }
        self.put("</div>");
        if !culprit.among.is_empty() {
            let names: Vec<String> = culprit.among.iter().map(|one| format!("<code>{}</code>", name(one))).collect();
            self.put(format_args!(
                "<details><summary>or one of the {} nodes that lead to it</summary><p>{}</p></details>",
                names.len(),
                names.join(", ")
            ));
        }
        self.put("</article>");
    }

    fn causes(&mut self, culprit: &Culprit) {
        if culprit.causes.is_empty() {
            return;
        }
        let mut table = String::from(
            "<table><thead><tr><th>differs in</th><th>ours</th><th>theirs</th><th></th></tr></thead><tbody>",
        );
        for cause in &culprit.causes {
            let words::Difference { what, ours, theirs, note } = words::difference(cause);
            let _ = write!(
                table,
                "<tr><th>{}</th><td><code>{}</code></td><td><code>{}</code></td><td class=\"soft\">{}</td></tr>",
                name(&what),
                name(&ours),
                name(&theirs),
                name(&note)
            );
        }
        self.put(format_args!("{table}</tbody></table>"));
    }

    fn graph(&mut self) {
        let shown: HashSet<usize> = self.rows.iter().copied().collect();
        let drawing = svg::draw(self.report, |row| shown.contains(&row).then(|| format!("#v{row}")));
        if drawing.is_empty() {
            return;
        }
        self.put("<section id=\"graph\">\n<h2>Around the first</h2>");
        self.put(format_args!("<div class=\"scroll\">{drawing}</div>"));
        self.scale();
        self.put("</section>");
    }

    fn scale(&mut self) {
        let steps: String = Heat::all()
            .map(|heat| format!("<span class=\"heat\" style=\"background:{}\">{}</span>", heat.css(), heat.words()))
            .collect();
        self.put(format_args!("<p class=\"scale\"><span class=\"soft\">relative difference</span>{steps}</p>"));
    }

    fn table(&mut self) {
        if self.report.rows.is_empty() {
            return;
        }
        self.put("<section id=\"values\">\n<h2>Values, in the order of the run</h2>");
        if self.rows.len() < self.report.rows.len() {
            self.put(format_args!(
                "<p>{} of {} values: those of culprits, the outputs and those that differ most. <code>--json</code> has \
                 all of them.</p>",
                self.rows.len(),
                self.report.rows.len()
            ));
        }
        let kinds: String = words::STATUSES
            .iter()
            .rev()
            .map(|status| {
                let (sign, words) = words::mark(*status);
                let class = status.name();
                format!("<label><input type=\"checkbox\" value=\"{class}\" checked> {sign} {words}</label>")
            })
            .collect();
        self.put(format_args!(
            "<div class=\"controls\"><input type=\"search\" id=\"filter\" placeholder=\"value, op or layer\" \
             aria-label=\"Filter by value, op or layer\">{kinds}<span class=\"soft\" id=\"shown\"></span></div>"
        ));
        let heads: String = HEADS
            .iter()
            .map(|(words, class)| format!("<th class=\"{class}\"><button type=\"button\">{words}</button></th>"))
            .collect();
        self.put(format_args!("<div class=\"scroll\"><table id=\"rows\"><thead><tr>{heads}</tr></thead><tbody>"));
        for at in self.rows.clone() {
            let row = self.row(at);
            self.put(row);
        }
        self.put("</tbody></table></div>");
        if self.report.neighbourhood.nodes.is_empty() {
            self.scale();
        }
        self.put("</section>");
        let data = self.data();
        self.put(format_args!("<script type=\"application/json\" id=\"data\">{data}</script>"));
    }

    fn row(&self, at: usize) -> String {
        let row = &self.report.rows[at];
        let (sign, status) = words::mark(row.status);
        let output = if self.outputs.contains(&at) { " <span class=\"soft\">output</span>" } else { "" };
        let path = if row.path.is_empty() { String::new() } else { format!(" <code>{}</code>", name(&row.path)) };
        let heat = Heat::of_row(row).css();
        let apart = row.apart.as_ref();
        format!(
            "<tr class=\"{class}\" id=\"v{at}\"><td title=\"{status}\">{sign} {status}</td><td><code>{value}</code>{path}\
             {output}</td><td>{op}</td><td>{layer}</td><td class=\"r\" data-number=\"{sort}\"><span class=\"heat\" \
             style=\"background:{heat}\">{measure}</span></td>{max_abs}{ulp}{alone}{differing}</tr>",
            class = row.status.name(),
            value = name(&row.value),
            op = name(&row.op),
            layer = name(&row.layer),
            sort = sort_key(apart, row.status),
            measure = words::measure_of_row(row),
            max_abs = cell(apart.map(|apart| apart.max_abs), words::short),
            ulp = cell(apart.map(|apart| apart.max_ulp as f64), |ulp| words::ulp_words(ulp as u64)),
            alone = cell(row.alone.as_ref().map(|alone| alone.rms_rel), |_| {
                row.alone.as_ref().map(words::measure).unwrap_or_default()
            }),
            differing = cell(apart.map(|apart| apart.differing as f64), |count| format!("{count}")),
        )
    }

    /// What the script shows of a row that is opened.
    fn data(&self) -> String {
        let mut rows = serde_json::Map::new();
        for &at in &self.rows {
            rows.insert(at.to_string(), row_data(&self.report.rows[at]));
        }
        let bins = self.report.rows.iter().filter_map(|row| Some(row.apart.as_ref()?.spread.len())).max().unwrap_or(0);
        let bins: Vec<String> = (0..bins).map(|bin| histogram::bin_words(bin, bins)).collect();
        // Without `<` no text ends the element.
        json!({ "rows": rows, "bins": bins }).to_string().replace('<', "\\u003c")
    }

    fn births(&mut self) {
        if self.report.births.is_empty() {
            return;
        }
        self.put("<section id=\"births\">\n<h2>Born on one side only</h2>\n<ul>");
        for birth in &self.report.births {
            let path =
                if birth.path.is_empty() { String::new() } else { format!(" at <code>{}</code>", name(&birth.path)) };
            self.put(format_args!(
                "<li>{words}: <code>{value}</code>, by <code>{node}</code> ({op}){path}</li>",
                words = escape(&words::birth_words(birth)),
                value = name(&birth.value),
                node = name(&birth.node),
                op = name(&birth.op),
            ));
        }
        self.put("</ul>\n</section>");
    }

    fn pairing(&mut self) {
        let pairing = &self.report.pairing;
        self.put(format_args!(
            "<section id=\"pairing\">\n<h2>How values were paired</h2>\n<p>{}</p>",
            words::pairing_words(pairing)
        ));
        for (whose, names) in [("Ours", &pairing.unpaired_ours), ("Theirs", &pairing.unpaired_theirs)] {
            if !names.is_empty() {
                let all: Vec<String> = names.iter().map(|one| format!("<code>{}</code>", name(one))).collect();
                self.put(format_args!("<p>{whose} without a partner: {}</p>", all.join(", ")));
            }
        }
        self.put("</section>");
    }

    fn closing(&mut self) {
        self.put(format_args!(
            "</main>\n<footer><p>Glassbox {}. Ours is the model that is checked, theirs what it is held against.</p>\
             </footer>\n<script>\n{JS}</script>\n</body>\n</html>",
            env!("CARGO_PKG_VERSION")
        ));
    }
}

/// The heads of the table, with the class of those that stand over numbers.
const HEADS: [(&str, &str); 9] = [
    ("status", ""),
    ("value", ""),
    ("op", ""),
    ("layer", ""),
    ("rms rel", "r"),
    ("max abs", "r"),
    ("max ulp", "r"),
    ("alone", "r"),
    ("differing", "r"),
];

/// A cell with a number, or an empty one.
fn cell(value: Option<f64>, words: impl Fn(f64) -> String) -> String {
    match value {
        Some(value) => format!("<td class=\"r\" data-number=\"{}\">{}</td>", sortable(value), words(value)),
        None => "<td class=\"r\" data-number=\"\"></td>".to_owned(),
    }
}

/// What a row is sorted by in its first column of numbers: those that have none differ most.
fn sort_key(apart: Option<&Apart>, status: Status) -> String {
    match apart {
        Some(apart) if apart.special > 0 => sortable(f64::INFINITY),
        Some(apart) => sortable(apart.rms_rel),
        None if status == Status::Agrees => String::new(),
        None => sortable(f64::INFINITY),
    }
}

/// A number as the script reads it.
fn sortable(value: f64) -> String {
    if value.is_finite() { format!("{value:e}") } else { "Infinity".to_owned() }
}

fn place_table(place: &Place) -> String {
    let mut table =
        format!("<table><caption>the element that differs most, {}</caption><tbody>", words::index_words(&place.index));
    for (side, number) in words::place_words(place).iter().filter(|(_, number)| !number.is_empty()) {
        let _ = write!(table, "<tr><th>{side}</th><td class=\"r\">{number}</td></tr>");
    }
    table + "</tbody></table>"
}

fn apart_table(caption: &str, apart: &Apart) -> String {
    let mut table = format!("<table><caption>{caption}</caption><tbody>");
    let mut line = |what: &str, text: String| {
        let _ = write!(table, "<tr><th>{what}</th><td class=\"r\">{text}</td></tr>");
    };
    line("differing", format!("{} of {}", apart.differing, apart.count));
    if apart.differing > apart.special {
        line("largest", words::short(apart.max_abs));
        line("largest, relative", words::short(apart.max_rel));
        line("largest, in ulp", words::ulp_words(apart.max_ulp));
        line("rms, relative", words::short(apart.rms_rel));
    }
    if apart.special > 0 {
        line("not finite on one side", apart.special.to_string());
    }
    table + "</tbody></table>"
}

/// The names and numbers of statistics, ours and theirs; empty where a side has none.
fn stats_lines(row: &Row) -> Vec<[String; 3]> {
    let count = row.apart.as_ref().map(|apart| apart.count);
    let lines = |stats: &Option<Stats>| {
        stats.map_or(Default::default(), |stats| {
            // Where no element is finite there is nothing to be said of those that are.
            let none = Some(stats.nan + stats.inf) == count;
            let numbers = [stats.min, stats.max, stats.mean, stats.rms];
            let [min, max, mean, rms] = numbers.map(|value| if none { "–".to_owned() } else { number(value) });
            [min, max, mean, rms, stats.nan.to_string(), stats.inf.to_string()]
        })
    };
    if row.ours_stats.is_none() && row.their_stats.is_none() {
        return Vec::new();
    }
    let names = ["least", "greatest", "mean", "rms", "NaN", "infinite"];
    let sides = lines(&row.ours_stats).into_iter().zip(lines(&row.their_stats));
    names.into_iter().zip(sides).map(|(name, (ours, theirs))| [name.to_owned(), ours, theirs]).collect()
}

fn stats_table(row: &Row) -> String {
    let lines = stats_lines(row);
    if lines.is_empty() {
        return String::new();
    }
    let mut table = String::from(
        "<table><caption>all elements</caption><thead><tr><th></th><th class=\"r\">ours</th><th class=\"r\">theirs</th>\
         </tr></thead><tbody>",
    );
    for [name, ours, theirs] in lines {
        let _ = write!(table, "<tr><th>{name}</th><td class=\"r\">{ours}</td><td class=\"r\">{theirs}</td></tr>");
    }
    table + "</tbody></table>"
}

fn row_data(row: &Row) -> Value {
    let mut about = vec![("node", visible(&row.node)), ("type", visible(&row.ty))];
    about.extend(row.theirs.as_ref().map(|theirs| ("theirs is", visible(theirs))));
    about.extend(row.their_ty.as_ref().map(|ty| ("their type", visible(ty))));
    let worst = row.apart.as_ref().and_then(|apart| apart.worst.as_ref());
    let numbers: Vec<(&str, String)> = worst
        .map(|place| words::place_words(place).into_iter().filter(|(_, number)| !number.is_empty()).collect())
        .unwrap_or_default();
    json!({
        "about": about,
        "at": worst.map(|place| words::index_words(&place.index)),
        "worst": numbers,
        "stats": stats_lines(row),
        "spread": row.apart.as_ref().map(|apart| &apart.spread),
    })
}
