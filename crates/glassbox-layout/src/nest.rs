//! Clusters: each is laid out as a level of its own, and is one item of the level around it.
//!
//! An edge belongs to the innermost level that has both of its ends. Where an end lies in an open cluster of that level,
//! the edge goes through the frame at a place which the cluster's own level chooses, and comes to the node in pieces, one
//! for each level. Whether an edge is turned is decided in the level that it belongs to, before what is in the clusters
//! is laid out.

use std::collections::HashMap;

use crate::cycles;
use crate::diagram::{Diagram, Layout, Options, Point, Rect};
use crate::flat::{self, Item, Pin, Wire};
use crate::route;

/// How deeply frames may be nested. Clusters further inside have no frame of their own.
const MAX_DEPTH: usize = 64;
/// How far the loop of an edge from a node to itself goes out at the right side.
const LOOP: f64 = 12.0;

/// The level of everything that is in no cluster; that of cluster `c` is `c + 1`.
const ROOT: usize = 0;

/// What has a place in a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entity {
    Node(usize),
    Cluster(usize),
}

/// The diagram as a tree of levels.
struct Tree<'a> {
    diagram: &'a Diagram,
    /// The level that each cluster is an item of; `None` for those that aren't drawn.
    level_of_cluster: Vec<Option<usize>>,
    /// How deep each level is.
    depth: Vec<usize>,
    /// What each node is drawn as.
    drawn: Vec<Entity>,
    /// The level that each node is an item of, where it is drawn as itself.
    level_of_node: Vec<usize>,
    /// What is in each level.
    entities: Vec<Vec<Entity>>,
    /// The edges of each level.
    edges: Vec<Vec<usize>>,
    /// Whether a node has an edge to itself.
    has_loop: Vec<bool>,
}

/// An edge that goes through the frame of a level.
#[derive(Clone, Copy)]
struct Crossing {
    edge: usize,
    /// The node inside.
    inside: Entity,
    /// Whether it comes in at the upper side; else it leaves at the lower one.
    comes_in: bool,
    /// Crossings of one bundle and direction share a place.
    bundle: usize,
}

/// A level that is laid out, from (0, 0).
#[derive(Default)]
struct Level {
    width: f64,
    height: f64,
    items: Vec<(Entity, Rect)>,
    lines: Vec<(usize, Vec<Point>)>,
}

pub(crate) fn lay_out(diagram: &Diagram, options: &Options) -> Layout {
    let tree = Tree::new(diagram);
    let mut levels: Vec<Level> = (0..=diagram.clusters.len()).map(|_| Level::default()).collect();
    let mut turned = vec![false; diagram.edges.len()];
    tree.level(ROOT, &[], options, &mut levels, &mut turned);
    tree.assemble(&levels, &turned)
}

impl<'a> Tree<'a> {
    fn new(diagram: &'a Diagram) -> Tree<'a> {
        let count = diagram.clusters.len();
        let mut depth = vec![0; count + 1];
        // What a node in each cluster is drawn in: a level, or a folded cluster.
        let mut place: Vec<Result<usize, usize>> = vec![Ok(ROOT); count + 1];
        let mut level_of_cluster = vec![None; count];
        let mut entities = vec![Vec::new(); count + 1];
        for (number, cluster) in diagram.clusters.iter().enumerate() {
            let around = place[cluster.parent.map_or(ROOT, |parent| parent + 1)];
            place[number + 1] = around;
            let Ok(level) = around else {
                continue;
            };
            if cluster.folded.is_none() && depth[level] == MAX_DEPTH {
                continue;
            }
            level_of_cluster[number] = Some(level);
            entities[level].push(Entity::Cluster(number));
            depth[number + 1] = depth[level] + 1;
            place[number + 1] = if cluster.folded.is_some() { Err(number) } else { Ok(number + 1) };
        }
        let (mut drawn, mut level_of_node) = (Vec::new(), Vec::new());
        for (number, node) in diagram.nodes.iter().enumerate() {
            match place[node.cluster.map_or(ROOT, |cluster| cluster + 1)] {
                Ok(level) => {
                    drawn.push(Entity::Node(number));
                    level_of_node.push(level);
                    entities[level].push(Entity::Node(number));
                }
                Err(folded) => {
                    drawn.push(Entity::Cluster(folded));
                    level_of_node.push(ROOT);
                }
            }
        }
        in_order_of_nodes(diagram, &mut entities);
        let (edges, has_loop) = (vec![Vec::new(); count + 1], vec![false; diagram.nodes.len()]);
        let mut tree = Tree { diagram, level_of_cluster, depth, drawn, level_of_node, entities, edges, has_loop };
        for (number, &(from, to)) in diagram.edges.iter().enumerate() {
            let (a, b) = (tree.drawn[from], tree.drawn[to]);
            if a != b {
                let level = tree.common(a, b);
                tree.edges[level].push(number);
            } else if let Entity::Node(node) = a {
                tree.has_loop[node] = true;
            }
        }
        tree
    }

    /// The level that a thing is an item of.
    fn level_of(&self, entity: Entity) -> usize {
        match entity {
            Entity::Node(node) => self.level_of_node[node],
            Entity::Cluster(cluster) => self.level_of_cluster[cluster].unwrap_or(ROOT),
        }
    }

    /// The innermost level that has both.
    fn common(&self, a: Entity, b: Entity) -> usize {
        let (mut a, mut b) = (self.level_of(a), self.level_of(b));
        while a != b {
            if self.depth[a] >= self.depth[b] {
                a = self.around(a);
            } else {
                b = self.around(b);
            }
        }
        a
    }

    fn around(&self, level: usize) -> usize {
        level.checked_sub(1).and_then(|cluster| self.level_of_cluster[cluster]).unwrap_or(ROOT)
    }

    /// The item of a level that a thing is, or is in.
    fn item_at(&self, level: usize, mut entity: Entity) -> Entity {
        loop {
            let at = self.level_of(entity);
            if at == level || at == ROOT {
                return entity;
            }
            entity = Entity::Cluster(at - 1);
        }
    }

    fn is_open(&self, cluster: usize) -> bool {
        self.diagram.clusters[cluster].folded.is_none()
    }

    /// Lays out a level and what is in it, and returns where each crossing goes through its frame, from the left side.
    fn level(
        &self,
        level: usize,
        crossings: &[Crossing],
        options: &Options,
        levels: &mut [Level],
        turned: &mut [bool],
    ) -> Vec<f64> {
        let entities = &self.entities[level];
        let index: HashMap<Key, usize> = entities.iter().enumerate().map(|(at, entity)| (key(*entity), at)).collect();
        let find = |entity| index.get(&key(self.item_at(level, entity))).copied().unwrap_or(0);
        let ends = self.ends(level, &find, turned);

        // What goes through the frames of the clusters in this level.
        let mut through: HashMap<usize, Vec<Crossing>> = HashMap::new();
        let mut go_through = |at: usize, crossing: Crossing| match entities[at] {
            Entity::Cluster(cluster) if self.is_open(cluster) => {
                let all = through.entry(cluster).or_default();
                all.push(crossing);
                Some((cluster, all.len() - 1))
            }
            _ => None,
        };
        let mut wires: Vec<(usize, Wire, [Passage; 2])> = Vec::new();
        for &(edge, upper, lower) in &ends {
            let bundle = self.upper_node(edge, turned);
            let (from, to) = (find(upper), find(lower));
            let passages = [
                go_through(from, Crossing { edge, inside: upper, comes_in: false, bundle }),
                go_through(to, Crossing { edge, inside: lower, comes_in: true, bundle }),
            ];
            wires.push((edge, Wire { from, to, bundle, from_at: None, to_at: None }, passages));
        }
        // The places in the frame of this level itself.
        let mut ports: HashMap<(usize, bool), usize> = HashMap::new();
        let mut pins = Vec::new();
        for crossing in crossings {
            let next = entities.len() + ports.len();
            let port = *ports.entry((crossing.bundle, crossing.comes_in)).or_insert(next);
            if port == entities.len() + pins.len() {
                pins.push(if crossing.comes_in { Pin::First } else { Pin::Last });
            }
            let at = find(crossing.inside);
            let passage = go_through(at, *crossing);
            let (from, to) = if crossing.comes_in { (port, at) } else { (at, port) };
            let passages = if crossing.comes_in { [None, passage] } else { [passage, None] };
            wires.push((
                crossing.edge,
                Wire { from, to, bundle: crossing.bundle, from_at: None, to_at: None },
                passages,
            ));
        }

        let mut places: HashMap<usize, Vec<f64>> = HashMap::new();
        for entity in entities {
            if let Entity::Cluster(cluster) = *entity
                && self.is_open(cluster)
            {
                let crossings = through.remove(&cluster).unwrap_or_default();
                let xs = self.level(cluster + 1, &crossings, options, levels, turned);
                places.insert(cluster, xs);
            }
        }
        let mut items: Vec<Item> = entities.iter().map(|entity| self.item(*entity, levels)).collect();
        items.extend(pins.iter().map(|pin| Item { width: 0.0, height: 0.0, side: 0.0, pin: *pin }));
        let at = |passage: Passage, item: usize| {
            let (cluster, number) = passage?;
            Some(places.get(&cluster)?.get(number)? - items[item].width / 2.0)
        };
        let mut bundles: HashMap<(usize, usize), usize> = HashMap::new();
        for (_, wire, passages) in &mut wires {
            (wire.from_at, wire.to_at) = (at(passages[0], wire.from), at(passages[1], wire.to));
            let next = bundles.len();
            wire.bundle = *bundles.entry((wire.bundle, wire.from)).or_insert(next);
        }
        let flat_wires: Vec<Wire> = wires.iter().map(|(_, wire, _)| wire.clone()).collect();
        let flat = flat::lay_out(&items, &flat_wires, options);
        let xs: Vec<f64> = crossings
            .iter()
            .filter_map(|crossing| ports.get(&(crossing.bundle, crossing.comes_in)))
            .map(|port| flat.rects[*port].x)
            .collect();
        let lines = wires.iter().map(|(edge, _, _)| *edge).zip(flat.lines).collect();
        let own = entities.iter().copied().zip(flat.rects).collect();
        let mut done = Level { width: flat.width, height: flat.height, items: own, lines };
        let xs = self.frame(level, &mut done, xs, crossings, options);
        levels[level] = done;
        xs
    }

    /// The edges of a level with their upper and lower ends; notes which of them are turned.
    fn ends(&self, level: usize, find: &impl Fn(Entity) -> usize, turned: &mut [bool]) -> Vec<(usize, Entity, Entity)> {
        let drawn = |edge: usize| {
            let (from, to) = self.diagram.edges[edge];
            (self.drawn[from], self.drawn[to])
        };
        let pairs: Vec<(usize, usize)> = self.edges[level]
            .iter()
            .map(|edge| {
                let (from, to) = drawn(*edge);
                (find(from), find(to))
            })
            .collect();
        let mut ends = Vec::with_capacity(pairs.len());
        for (&edge, turn) in self.edges[level].iter().zip(cycles::turned(self.entities[level].len(), &pairs)) {
            let (from, to) = drawn(edge);
            turned[edge] = turn;
            ends.push(if turn { (edge, to, from) } else { (edge, from, to) });
        }
        ends
    }

    /// The node at the upper end of an edge.
    fn upper_node(&self, edge: usize, turned: &[bool]) -> usize {
        let (from, to) = self.diagram.edges[edge];
        if turned[edge] { to } else { from }
    }

    /// What an entity takes up in its level. Room for a loop is at both sides, so that the node stays in the middle.
    fn item(&self, entity: Entity, levels: &[Level]) -> Item {
        let (side, height) = match entity {
            Entity::Node(node) => (self.diagram.nodes[node].width, self.diagram.nodes[node].height),
            Entity::Cluster(cluster) => {
                let inside = &levels[cluster + 1];
                self.diagram.clusters[cluster].folded.unwrap_or((inside.width, inside.height))
            }
        };
        let has_loop = matches!(entity, Entity::Node(node) if self.has_loop[node]);
        let width = if has_loop { side + 2.0 * LOOP } else { side };
        Item { width, height, side, pin: Pin::Free }
    }

    /// Puts padding and the title around a level that is a cluster, and lets the lines of crossings reach the frame.
    fn frame(
        &self,
        level: usize,
        done: &mut Level,
        mut xs: Vec<f64>,
        crossings: &[Crossing],
        options: &Options,
    ) -> Vec<f64> {
        let Some(cluster) = level.checked_sub(1).map(|cluster| &self.diagram.clusters[cluster]) else {
            return xs;
        };
        let by = Point { x: options.padding, y: options.padding + cluster.title };
        done.width += 2.0 * by.x;
        done.height += by.y + options.padding;
        xs.iter_mut().for_each(|x| *x += by.x);
        done.items.iter_mut().for_each(|(_, rect)| *rect = rect.moved(by));
        for (_, line) in &mut done.lines {
            line.iter_mut().for_each(|point| *point = Point { x: point.x + by.x, y: point.y + by.y });
        }
        // The lines of crossings are the last ones.
        let own = done.lines.len() - crossings.len();
        for ((_, line), crossing) in done.lines[own..].iter_mut().zip(crossings) {
            let end = if crossing.comes_in { line.first() } else { line.last() };
            let Some(&Point { x, .. }) = end else {
                continue;
            };
            if crossing.comes_in {
                line.insert(0, Point { x, y: 0.0 });
            } else {
                line.push(Point { x, y: done.height });
            }
        }
        xs
    }

    /// Puts the levels into one another.
    fn assemble(&self, levels: &[Level], turned: &[bool]) -> Layout {
        let mut layout = Layout {
            nodes: vec![None; self.diagram.nodes.len()],
            clusters: vec![None; self.diagram.clusters.len()],
            edges: vec![Vec::new(); self.diagram.edges.len()],
            width: levels[ROOT].width,
            height: levels[ROOT].height,
        };
        let mut pieces: Vec<Vec<Vec<Point>>> = vec![Vec::new(); self.diagram.edges.len()];
        let mut open = vec![(ROOT, Point::default())];
        while let Some((level, by)) = open.pop() {
            for (entity, rect) in &levels[level].items {
                let rect = rect.moved(by);
                match *entity {
                    Entity::Node(node) => {
                        let width = self.diagram.nodes[node].width;
                        layout.nodes[node] = Some(Rect::around(rect.centre(), width, rect.height));
                    }
                    Entity::Cluster(cluster) => {
                        layout.clusters[cluster] = Some(rect);
                        if self.is_open(cluster) {
                            open.push((cluster + 1, Point { x: rect.x, y: rect.y }));
                        }
                    }
                }
            }
            for (edge, line) in &levels[level].lines {
                pieces[*edge].push(line.iter().map(|point| Point { x: point.x + by.x, y: point.y + by.y }).collect());
            }
        }
        for (edge, mut pieces) in pieces.into_iter().enumerate() {
            // Every piece goes down, and begins where the one above it ends.
            let top = |piece: &Vec<Point>| piece.first().map_or(0.0, |point| point.y);
            let bottom = |piece: &Vec<Point>| piece.last().map_or(0.0, |point| point.y);
            pieces.sort_by(|a, b| top(a).total_cmp(&top(b)).then(bottom(a).total_cmp(&bottom(b))));
            let mut line = route::simplify(pieces.concat());
            if turned[edge] {
                line.reverse();
            }
            let (from, to) = self.diagram.edges[edge];
            if from == to
                && let Some(rect) = layout.nodes[from]
            {
                line = self_loop(rect);
            }
            layout.edges[edge] = line;
        }
        layout
    }
}

/// Sorts what is in each level by the first node that it has, so that clusters stand among nodes as they were added.
fn in_order_of_nodes(diagram: &Diagram, entities: &mut [Vec<Entity>]) {
    let mut first = vec![usize::MAX; diagram.clusters.len()];
    for (number, node) in diagram.nodes.iter().enumerate().rev() {
        if let Some(cluster) = node.cluster {
            first[cluster] = number;
        }
    }
    // Parents come before what is in them.
    for (number, cluster) in diagram.clusters.iter().enumerate().rev() {
        if let Some(parent) = cluster.parent {
            first[parent] = first[parent].min(first[number]);
        }
    }
    for level in entities {
        level.sort_by_key(|entity| match *entity {
            Entity::Node(node) => (node, 0),
            Entity::Cluster(cluster) => (first[cluster], cluster),
        });
    }
}

/// The way from a node to itself.
fn self_loop(rect: Rect) -> Vec<Point> {
    let (right, middle, by) = (rect.right(), rect.centre().y, rect.height / 4.0);
    [(right, middle - by), (right + LOOP, middle - by), (right + LOOP, middle + by), (right, middle + by)]
        .map(|(x, y)| Point { x, y })
        .to_vec()
}

/// The cluster whose frame a wire goes through, and the number of the crossing there.
type Passage = Option<(usize, usize)>;

/// An entity as a key: whether it is a cluster, and its number.
type Key = (bool, usize);

fn key(entity: Entity) -> Key {
    match entity {
        Entity::Node(node) => (false, node),
        Entity::Cluster(cluster) => (true, cluster),
    }
}
