//! Layout of one level: items of known size, and wires that all lead downwards.
//!
//! Parts that aren't connected are laid out one by one and put beside each other, in rows. A level that lies in the
//! frame of a cluster has pinned items: the places in its upper and lower side where wires go through. Its parts are
//! laid out together, since all of them have the same sides.

use std::collections::HashMap;

use crate::diagram::{Options, Point, Rect};
use crate::proper::Proper;
use crate::{coords, layers, order, route};

/// Where an item must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    /// In any layer.
    Free,
    /// Above all free items.
    First,
    /// Below all free items.
    Last,
}

/// What has a place in a level: a node, a cluster, or the place where a wire goes through a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// How wide its upper side is, where wires end: its width, without the room that is kept beside it.
    pub(crate) side: f64,
    pub(crate) pin: Pin,
}

/// An edge within a level, from an upper item to a lower one.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Wires of one bundle begin at the same point and run together. Bundles are numbered from 0.
    pub(crate) bundle: usize,
    /// Where it leaves the lower side of its item, from the middle; anywhere where nothing is said.
    pub(crate) from_at: Option<f64>,
    /// Where it meets the upper side of its item, from the middle; anywhere where nothing is said.
    pub(crate) to_at: Option<f64>,
}

/// The distances within a layer.
pub(crate) struct Spacing {
    node: f64,
    edge: f64,
}

impl Spacing {
    /// How far the middles of two neighbours must be apart.
    pub(crate) fn between(&self, graph: &Proper, left: usize, right: usize) -> f64 {
        let line = graph.is_bend(left) || graph.is_bend(right);
        (graph.widths[left] + graph.widths[right]) / 2.0 + if line { self.edge } else { self.node }
    }
}

/// A level that is laid out, from (0, 0).
#[derive(Debug, Default)]
pub(crate) struct Flat {
    pub(crate) rects: Vec<Rect>,
    /// For each wire its points, downwards.
    pub(crate) lines: Vec<Vec<Point>>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Lays a level out.
pub(crate) fn lay_out(items: &[Item], wires: &[Wire], options: &Options) -> Flat {
    if items.iter().any(|item| item.pin != Pin::Free) {
        return part(items, wires, options);
    }
    let parts = layers::parts(items.len(), wires);
    let mut flat =
        Flat { rects: vec![Rect::default(); items.len()], lines: vec![Vec::new(); wires.len()], ..Flat::default() };
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); items.len()];
    let mut wires_of: Vec<Vec<usize>> = vec![Vec::new(); items.len()];
    for (item, part) in parts.iter().enumerate() {
        members[*part].push(item);
    }
    for (number, wire) in wires.iter().enumerate() {
        wires_of[parts[wire.from]].push(number);
    }
    let mut local = vec![0; items.len()];
    let mut placed = Vec::new();
    for (members, numbers) in members.iter().zip(&wires_of).filter(|(members, _)| !members.is_empty()) {
        for (index, item) in members.iter().enumerate() {
            local[*item] = index;
        }
        let its_items: Vec<Item> = members.iter().map(|item| items[*item]).collect();
        let mut bundles = HashMap::new();
        let its_wires: Vec<Wire> = numbers
            .iter()
            .map(|number| {
                let wire = &wires[*number];
                let next = bundles.len();
                let bundle = *bundles.entry(wire.bundle).or_insert(next);
                Wire { from: local[wire.from], to: local[wire.to], bundle, ..wire.clone() }
            })
            .collect();
        placed.push((members, numbers, part(&its_items, &its_wires, options)));
    }
    let sizes: Vec<(f64, f64)> = placed.iter().map(|(_, _, part)| (part.width, part.height)).collect();
    for ((members, numbers, part), by) in placed.into_iter().zip(rows(&sizes, options)) {
        for (item, rect) in members.iter().zip(part.rects) {
            flat.rects[*item] = rect.moved(by);
        }
        for (number, mut line) in numbers.iter().zip(part.lines) {
            line.iter_mut().for_each(|point| *point = Point { x: point.x + by.x, y: point.y + by.y });
            flat.lines[*number] = line;
        }
        flat.width = flat.width.max(by.x + part.width);
        flat.height = flat.height.max(by.y + part.height);
    }
    flat
}

/// Where boxes of these sizes stand, in rows that together are about one and a half times as wide as high.
fn rows(sizes: &[(f64, f64)], options: &Options) -> Vec<Point> {
    let widest = sizes.iter().map(|size| size.0).fold(0.0, f64::max);
    let area: f64 = sizes.iter().map(|size| (size.0 + options.node_gap) * (size.1 + options.layer_gap)).sum();
    let wanted = widest.max((1.5 * area).sqrt());
    let (mut x, mut y, mut height) = (0.0, 0.0, 0.0f64);
    let mut places = Vec::with_capacity(sizes.len());
    for size in sizes {
        if x > 0.0 && x + size.0 > wanted {
            (x, y, height) = (0.0, y + height + options.layer_gap, 0.0);
        }
        places.push(Point { x, y });
        x += size.0 + options.node_gap;
        height = height.max(size.1);
    }
    places
}

/// Lays out what is connected.
fn part(items: &[Item], wires: &[Wire], options: &Options) -> Flat {
    if items.is_empty() {
        return Flat::default();
    }
    let mut graph = Proper::new(items, wires, layers::assign(items, wires));
    order::reduce_crossings(&mut graph);
    let mut xs = coords::place(&graph, &Spacing { node: options.node_gap, edge: options.edge_gap });
    let left = xs.iter().zip(&graph.widths).map(|(x, width)| x - width / 2.0).fold(f64::INFINITY, f64::min);
    xs.iter_mut().for_each(|x| *x -= left);
    let width = xs.iter().zip(&graph.widths).map(|(x, width)| x + width / 2.0).fold(0.0, f64::max);
    let bands = Bands::new(items, &graph, options);
    let rects: Vec<Rect> = items
        .iter()
        .enumerate()
        .map(|(item, size)| {
            let y = bands.middle(graph.layer[item]);
            Rect::around(Point { x: xs[item], y }, size.width, size.height)
        })
        .collect();
    let mut lines = Lines { items, graph: &graph, xs: &xs, rects: &rects, bands: &bands, width, options };
    let (lines, width) = lines.draw(wires);
    Flat { rects, lines, width, height: bands.bottom.last().copied().unwrap_or(0.0) }
}

/// The upper and lower side of each layer.
struct Bands {
    top: Vec<f64>,
    bottom: Vec<f64>,
}

impl Bands {
    fn new(items: &[Item], graph: &Proper, options: &Options) -> Bands {
        let mut heights = vec![0.0f64; graph.layers.len()];
        for (item, layer) in items.iter().zip(&graph.layer) {
            heights[*layer] = heights[*layer].max(item.height);
        }
        let (mut top, mut bottom) = (Vec::with_capacity(heights.len()), Vec::with_capacity(heights.len()));
        let mut y = 0.0;
        for height in heights {
            top.push(y);
            bottom.push(y + height);
            y += height + options.layer_gap;
        }
        Bands { top, bottom }
    }

    fn middle(&self, layer: usize) -> f64 {
        (self.top[layer] + self.bottom[layer]) / 2.0
    }
}

/// What the lines of wires are drawn through.
struct Lines<'a> {
    items: &'a [Item],
    graph: &'a Proper,
    xs: &'a [f64],
    rects: &'a [Rect],
    bands: &'a Bands,
    width: f64,
    options: &'a Options,
}

impl Lines<'_> {
    /// The line of each wire, and the width of the level with the lanes at its right side.
    fn draw(&mut self, wires: &[Wire]) -> (Vec<Vec<Point>>, f64) {
        let ends = self.ends(wires);
        let mut lanes = HashMap::new();
        let mut lines = Vec::with_capacity(wires.len());
        for ((wire, way), end) in wires.iter().zip(&self.graph.ways).zip(ends) {
            let (from, to) = (self.rects[wire.from], self.rects[wire.to]);
            let (first, last) = (self.graph.layer[wire.from], self.graph.layer[wire.to]);
            let start = from.centre().x + wire.from_at.unwrap_or(0.0);
            let end = to.centre().x + end;
            let below_first = self.bands.bottom[first];
            let above_last = self.bands.top[last];
            let mut points = vec![Point { x: start, y: from.bottom() }, Point { x: start, y: below_first }];
            match way {
                Some(bends) => {
                    for (layer, bend) in (first + 1..).zip(bends.clone()) {
                        let x = self.xs[bend];
                        points.push(Point { x, y: self.bands.top[layer] });
                        points.push(Point { x, y: self.bands.bottom[layer] });
                    }
                }
                None => {
                    let next = lanes.len();
                    let lane = *lanes.entry(wire.bundle).or_insert(next) % LANES;
                    let x = self.width + (lane + 1) as f64 * self.options.edge_gap;
                    // Within the gaps below the first layer and above the last one, a little apart for each lane.
                    let part = self.options.layer_gap * (lane + 1) as f64 / (2 * LANES + 2) as f64;
                    points.push(Point { x: start, y: below_first + part });
                    points.push(Point { x, y: below_first + part });
                    points.push(Point { x, y: above_last - part });
                    points.push(Point { x: end, y: above_last - part });
                }
            }
            points.push(Point { x: end, y: above_last });
            points.push(Point { x: end, y: to.y });
            lines.push(route::simplify(points));
        }
        let width = self.width + lanes.len().min(LANES) as f64 * self.options.edge_gap;
        (lines, width)
    }

    /// Where each wire meets its lower item, from the item's middle.
    fn ends(&self, wires: &[Wire]) -> Vec<f64> {
        let comes_from = |number: usize| {
            let wire = &wires[number];
            match &self.graph.ways[number] {
                Some(bends) if !bends.is_empty() => self.xs[bends.end - 1],
                Some(_) => self.xs[wire.from] + wire.from_at.unwrap_or(0.0),
                None => f64::INFINITY,
            }
        };
        let mut arriving = vec![Vec::new(); self.rects.len()];
        let mut ends: Vec<f64> = wires.iter().map(|wire| wire.to_at.unwrap_or(0.0)).collect();
        for (number, wire) in wires.iter().enumerate().filter(|(_, wire)| wire.to_at.is_none()) {
            arriving[wire.to].push((comes_from(number) - self.xs[wire.to], number));
        }
        for (item, arriving) in arriving.iter_mut().enumerate() {
            arriving.sort_by(|a, b| a.0.total_cmp(&b.0));
            let from: Vec<f64> = arriving.iter().map(|(x, _)| *x).collect();
            // The corners are left free.
            for ((_, number), end) in arriving.iter().zip(route::spread(&from, self.items[item].side * 0.4)) {
                ends[*number] = end;
            }
        }
        ends
    }
}

/// How many lanes there are for wires that run beside the layers.
const LANES: usize = 16;
