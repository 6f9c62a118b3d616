//! The nodes around the first culprit, drawn: the guilty one is marked, the others are as hot as their results differ.
//!
//! Positions are those of `glassbox-layout`. The drawing stands alone: its styles are its own, under names that begin with
//! `gb-`, so that it can be put into a page or a notebook.

use std::fmt::Write;

use glassbox_layout::{Diagram, Layout, Options, Point, svg_path};

use super::fit::{Names, columns, shorten, visible};
use super::heat::Heat;
use super::html::escape;
use super::words;
use crate::report::{Neighbour, Report};

/// The width of a character of the drawing's font, and the heights of boxes.
const CHARACTER: f64 = 6.7;
const HEIGHT: f64 = 36.0;
const HEIGHT_OF_SOURCE: f64 = 24.0;
/// How many columns of a name are shown.
const SHOWN: usize = 34;
/// The room around the drawing.
const MARGIN: f64 = 8.0;

const STYLE: &str = "\
.gb-graph text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#1b1b1b;text-anchor:middle}\
.gb-graph .gb-small{font-size:10px;fill:#3c3f45}\
.gb-graph .gb-edge{fill:none;stroke:#858b96;stroke-width:1.2}\
.gb-graph .gb-tip{fill:#858b96}\
.gb-graph rect{stroke:#7d828c;stroke-width:1}\
.gb-graph .gb-source rect{stroke-dasharray:4 3}\
.gb-graph .gb-guilty rect{stroke:#b3140a;stroke-width:3.5}\
.gb-graph .gb-guilty text{font-weight:bold}";

/// The neighbourhood of the first culprit as an SVG; empty where the report has none.
pub fn svg(report: &Report) -> String {
    draw(report, |_| None)
}

/// The drawing, with a link from each node whose row has one.
pub(super) fn draw(report: &Report, link: impl Fn(usize) -> Option<String>) -> String {
    let nodes = &report.neighbourhood.nodes;
    let labels: Vec<String> = nodes.iter().map(|node| visible(&node.label)).collect();
    let names = Names::new(labels.iter().map(String::as_str), SHOWN);
    let boxes: Vec<Box> = nodes.iter().map(|node| Box::of(report, node, &names)).collect();
    let mut diagram = Diagram::new();
    for one in &boxes {
        diagram.node(one.width, one.height);
    }
    let there = |&&(from, to): &&(usize, usize)| from < nodes.len() && to < nodes.len();
    for (from, to) in report.neighbourhood.edges.iter().filter(there) {
        diagram.edge(*from, *to);
    }
    let layout = match glassbox_layout::lay_out(&diagram, &Options::default()) {
        Ok(layout) if !nodes.is_empty() => layout,
        // Ends are checked and sizes are short: only an empty diagram comes here.
        _ => return String::new(),
    };
    let mut svg = opening(&layout);
    for line in &layout.edges {
        // The tip of the arrow takes the end of the line.
        let _ = write!(
            svg,
            "<path class=\"gb-edge\" marker-end=\"url(#gb-tip)\" d=\"{}\"/>",
            svg_path(&without_tip(line), 6.0)
        );
    }
    for ((node, shown), rect) in nodes.iter().zip(&boxes).zip(&layout.nodes) {
        let Some(rect) = rect else {
            continue;
        };
        let href = node.row.and_then(&link);
        if let Some(href) = &href {
            let _ = write!(svg, "<a href=\"{}\">", escape(href));
        }
        let class = match (node.guilty, shown.source) {
            (true, _) => "gb-guilty",
            (false, true) => "gb-source",
            (false, false) => "gb-node",
        };
        let _ = write!(
            svg,
            "<g class=\"{class}\"><title>{title}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\" rx=\"{round}\" fill=\"{fill}\"/>",
            title = escape(&shown.title),
            x = rect.x,
            y = rect.y,
            width = rect.width,
            height = rect.height,
            round = if shown.source { 12 } else { 5 },
            fill = shown.heat.map_or("#f1f2f5", Heat::css),
        );
        let middle = rect.centre();
        let at = |dy: f64| format!("x=\"{:.1}\" y=\"{:.1}\"", middle.x, middle.y + dy);
        if shown.source {
            let _ = write!(svg, "<text {}>{}</text>", at(4.0), escape(&shown.first));
        } else {
            let _ = write!(
                svg,
                "<text {}>{}</text><text class=\"gb-small\" {}>{}</text>",
                at(-3.0),
                escape(&shown.first),
                at(11.0),
                escape(&shown.second)
            );
        }
        svg.push_str(if href.is_some() { "</g></a>" } else { "</g>" });
    }
    svg.push_str("</g></svg>");
    svg
}

fn opening(layout: &Layout) -> String {
    let (width, height) = (layout.width + 2.0 * MARGIN, layout.height + 2.0 * MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"gb-graph\" viewBox=\"0 0 {width:.1} {height:.1}\" \
         width=\"{width:.1}\" height=\"{height:.1}\" role=\"img\" aria-label=\"The nodes around the first that is at \
         fault\"><style>{STYLE}</style><defs><marker id=\"gb-tip\" viewBox=\"0 0 8 8\" refX=\"2\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"gb-tip\" \
         d=\"M0 0L8 4L0 8z\"/></marker></defs><g transform=\"translate({MARGIN} {MARGIN})\">"
    )
}

/// A line that ends a little before its end.
fn without_tip(line: &[Point]) -> Vec<Point> {
    const TIP: f64 = 5.0;
    let mut line = line.to_vec();
    if let [.., before, end] = &mut line[..] {
        let long = (end.x - before.x).hypot(end.y - before.y);
        if long > TIP {
            let part = (long - TIP) / long;
            *end = Point { x: before.x + (end.x - before.x) * part, y: before.y + (end.y - before.y) * part };
        }
    }
    line
}

/// What stands in the box of a node.
struct Box {
    first: String,
    second: String,
    title: String,
    heat: Option<Heat>,
    /// Whether no node gives it.
    source: bool,
    width: f64,
    height: f64,
}

impl Box {
    fn of(report: &Report, node: &Neighbour, names: &Names) -> Box {
        let row = node.row.and_then(|row| report.rows.get(row));
        let source = matches!(node.op.as_str(), "input" | "weight");
        let (label, op) = (visible(&node.label), visible(&node.op));
        let sign = if node.guilty { "✗ " } else { "" };
        let first = format!("{sign}{}", names.fit(&label));
        let measure = row.map(words::measure_of_row).unwrap_or_default();
        let second = match measure.as_str() {
            "" => shorten(&op, SHOWN),
            measure => format!("{} · {measure}", shorten(&op, SHOWN - 10)),
        };
        let mut title = format!("{label} ({op})");
        if let Some(row) = row {
            let _ = write!(title, "\n{} {}: {}", visible(&row.value), visible(&row.ty), words::mark(row.status).1);
            if !measure.is_empty() {
                let _ = write!(title, ", {measure}");
            }
        }
        let wide = if source { columns(&first) } else { columns(&first).max(columns(&second)) };
        let width = wide as f64 * CHARACTER + 18.0;
        let height = if source { HEIGHT_OF_SOURCE } else { HEIGHT };
        Box { first, second, title, heat: row.map(Heat::of_row), source, width, height }
    }
}
