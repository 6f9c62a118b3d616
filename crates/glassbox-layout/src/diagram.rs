//! What is laid out, and what comes of it.
//!
//! Nodes, edges and clusters are numbered from zero as they are added, and results are found under the same numbers.

/// A graph that is to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagram {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<(usize, usize)>,
    pub(crate) clusters: Vec<Cluster>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) cluster: Option<usize>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cluster {
    pub(crate) parent: Option<usize>,
    /// The size of its box, where it is folded.
    pub(crate) folded: Option<(f64, f64)>,
    /// The height of the strip for a title above its nodes, where it is open.
    pub(crate) title: f64,
}

impl Diagram {
    /// A diagram of nothing.
    pub fn new() -> Diagram {
        Diagram::default()
    }

    /// Adds a node of this size and returns its number.
    pub fn node(&mut self, width: f64, height: f64) -> usize {
        self.nodes.push(Node { width, height, cluster: None });
        self.nodes.len() - 1
    }

    /// Adds a node that is in a cluster and returns its number.
    pub fn node_in(&mut self, cluster: usize, width: f64, height: f64) -> usize {
        self.nodes.push(Node { width, height, cluster: Some(cluster) });
        self.nodes.len() - 1
    }

    /// Adds an edge from one node to another and returns its number. Several edges may join the same two nodes.
    pub fn edge(&mut self, from: usize, to: usize) -> usize {
        self.edges.push((from, to));
        self.edges.len() - 1
    }

    /// Adds a cluster, which may be in another, and returns its number. It is open: a frame around its nodes.
    pub fn cluster(&mut self, parent: Option<usize>) -> usize {
        self.clusters.push(Cluster { parent, ..Cluster::default() });
        self.clusters.len() - 1
    }

    /// Draws a cluster as a box of this size, without what is in it. Without effect on a cluster that isn't there.
    pub fn fold(&mut self, cluster: usize, width: f64, height: f64) {
        if let Some(cluster) = self.clusters.get_mut(cluster) {
            cluster.folded = Some((width, height));
        }
    }

    /// Leaves room for a title of this height at the top of an open cluster. Without effect on one that isn't there.
    pub fn title(&mut self, cluster: usize, height: f64) {
        if let Some(cluster) = self.clusters.get_mut(cluster) {
            cluster.title = height;
        }
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many edges there are.
    pub fn edge_count(&self) -> usize {
        self.edges.len()
    }

    pub(crate) fn check(&self) -> Result<(), LayoutError> {
        for (number, node) in self.nodes.iter().enumerate() {
            check_length(node.width, || format!("the width of node {number}"))?;
            check_length(node.height, || format!("the height of node {number}"))?;
            match node.cluster {
                Some(cluster) if cluster >= self.clusters.len() => {
                    return Err(LayoutError::NodeInUnknownCluster { node: number, cluster });
                }
                _ => {}
            }
        }
        for (number, &(from, to)) in self.edges.iter().enumerate() {
            if let Some(node) = [from, to].into_iter().find(|node| *node >= self.nodes.len()) {
                return Err(LayoutError::UnknownNode { edge: number, node });
            }
        }
        for (number, cluster) in self.clusters.iter().enumerate() {
            match cluster.parent {
                // A parent comes first, so that no cluster is in itself.
                Some(parent) if parent >= number => {
                    return Err(LayoutError::UnknownParent { cluster: number, parent });
                }
                _ => {}
            }
            check_length(cluster.title, || format!("the title of cluster {number}"))?;
            if let Some((width, height)) = cluster.folded {
                check_length(width, || format!("the width of cluster {number}"))?;
                check_length(height, || format!("the height of cluster {number}"))?;
            }
        }
        Ok(())
    }
}

fn check_length(length: f64, what: impl Fn() -> String) -> Result<(), LayoutError> {
    if (0.0..=Options::MAX_LENGTH).contains(&length) {
        return Ok(());
    }
    Err(LayoutError::Length { what: what(), length })
}

/// The distances that a drawing keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Between neighbours in a layer.
    pub node_gap: f64,
    /// Between an edge that passes a layer and its neighbours.
    pub edge_gap: f64,
    /// Between layers.
    pub layer_gap: f64,
    /// Between the frame of an open cluster and what is in it.
    pub padding: f64,
}

impl Default for Options {
    fn default() -> Options {
        Options { node_gap: 24.0, edge_gap: 10.0, layer_gap: 32.0, padding: 12.0 }
    }
}

impl Options {
    /// The longest length that a size or distance may have: sums of very many stay exact to a fraction of a unit.
    pub const MAX_LENGTH: f64 = 1e6;

    fn lengths(&self) -> [(f64, &'static str); 4] {
        [
            (self.node_gap, "node_gap"),
            (self.edge_gap, "edge_gap"),
            (self.layer_gap, "layer_gap"),
            (self.padding, "padding"),
        ]
    }

    pub(crate) fn check(&self) -> Result<(), LayoutError> {
        self.lengths().into_iter().try_for_each(|(length, what)| check_length(length, || what.to_string()))
    }
}

/// A place in the drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// From the left side.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// A rectangle in the drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Its left side.
    pub x: f64,
    /// Its top.
    pub y: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

impl Rect {
    /// Its right side.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Its lower side.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// Its middle.
    pub fn centre(&self) -> Point {
        Point { x: self.x + self.width / 2.0, y: self.y + self.height / 2.0 }
    }

    pub(crate) fn around(centre: Point, width: f64, height: f64) -> Rect {
        Rect { x: centre.x - width / 2.0, y: centre.y - height / 2.0, width, height }
    }

    pub(crate) fn moved(self, by: Point) -> Rect {
        Rect { x: self.x + by.x, y: self.y + by.y, ..self }
    }
}

/// Where everything is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The nodes; `None` for those in a folded cluster.
    pub nodes: Vec<Option<Rect>>,
    /// The clusters; `None` for those in a folded cluster, and for those that are nested too deeply to have a frame.
    pub clusters: Vec<Option<Rect>>,
    /// The edges, from the side of the first node to that of the second; empty for those within a folded cluster.
    pub edges: Vec<Vec<Point>>,
    /// The width of the whole.
    pub width: f64,
    /// The height of the whole.
    pub height: f64,
}

/// Why a diagram can't be laid out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// An edge names a node that isn't there.
    #[error("edge {edge} joins node {node}, which isn't there: add nodes before edges")]
    UnknownNode {
        /// The edge.
        edge: usize,
        /// The node.
        node: usize,
    },
    /// A node names a cluster that isn't there.
    #[error("node {node} is in cluster {cluster}, which isn't there: add clusters before their nodes")]
    NodeInUnknownCluster {
        /// The node.
        node: usize,
        /// The cluster.
        cluster: usize,
    },
    /// A cluster names a parent that doesn't come before it.
    #[error("cluster {cluster} is in cluster {parent}, which doesn't come before it: add outer clusters first")]
    UnknownParent {
        /// The cluster.
        cluster: usize,
        /// Its parent.
        parent: usize,
    },
    /// A length that none can be.
    #[error("{what} is {length}; a length is a finite number from 0 to {max}", max = Options::MAX_LENGTH)]
    Length {
        /// Whose it is.
        what: String,
        /// The length.
        length: f64,
    },
}
