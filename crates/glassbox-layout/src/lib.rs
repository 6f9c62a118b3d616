//! Where the nodes of a directed graph stand, and which way its edges go, when it is drawn in layers.
//!
//! In: a [`Diagram`], which is sizes and edges, and clusters of nodes where there are any. Out: a [`Layout`], which is
//! a rectangle for each node and cluster, a polyline for each edge, and the size of the whole. Lengths are in the
//! caller's unit, `y` grows downwards, and the drawing begins at (0, 0). The crate knows of no graph but this one, and
//! draws nothing itself.
//!
//! What holds of every layout:
//!
//! - Nodes and clusters don't overlap, but for a cluster and what is in it.
//! - An edge goes downwards all the way. One that closes a cycle goes upwards all the way; one from a node to itself is
//!   a loop at its right side.
//! - An edge crosses no node's rectangle, and ends at the rectangles of its nodes, or of the folded clusters that they
//!   are in.
//! - Equal diagrams give equal layouts.
//! - Time and memory grow with `n log n`, for `n` nodes and edges: the number of bends is bounded, and edges that would
//!   need more run in lanes at the right side.
//!
//! The stages are those of Sugiyama, Tagawa and Toda (1981): cycles (`cycles`) are broken, nodes get
//! layers (`layers`), edges that pass a layer get bends (`proper`) in it, layers are ordered (`order`) so that
//! few edges cross, and vertices get their x (`coords`) (Brandes and Köpf, 2001). A cluster is laid out
//! by itself (`nest`) and is then one node of the level around it.
//!
//! ```
//! use glassbox_layout::{Diagram, Options, lay_out};
//!
//! let mut diagram = Diagram::new();
//! let weight = diagram.node(60.0, 20.0);
//! let input = diagram.node(60.0, 20.0);
//! let product = diagram.node(80.0, 20.0);
//! diagram.edge(input, product);
//! let edge = diagram.edge(weight, product);
//!
//! let layout = lay_out(&diagram, &Options::default())?;
//! let (from, to) = (layout.nodes[weight].unwrap(), layout.nodes[product].unwrap());
//! assert!(from.bottom() < to.y);
//! let line = &layout.edges[edge];
//! assert_eq!(line.first().unwrap().y, from.bottom());
//! assert_eq!(line.last().unwrap().y, to.y);
//! # Ok::<(), glassbox_layout::LayoutError>(())
//! ```
//!
//! A cluster that is folded is drawn as one box, and its nodes aren't drawn:
//!
//! ```
//! use glassbox_layout::{Diagram, Options, lay_out};
//!
//! let mut diagram = Diagram::new();
//! let layer = diagram.cluster(None);
//! let input = diagram.node(60.0, 20.0);
//! let inside = diagram.node_in(layer, 60.0, 20.0);
//! diagram.edge(input, inside);
//! diagram.fold(layer, 120.0, 30.0);
//!
//! let layout = lay_out(&diagram, &Options::default())?;
//! assert!(layout.nodes[inside].is_none());
//! assert_eq!(layout.clusters[layer].unwrap().width, 120.0);
//! # Ok::<(), glassbox_layout::LayoutError>(())
//! ```

mod adjacency;
mod coords;
mod cycles;
mod diagram;
mod flat;
mod layers;
mod nest;
mod order;
mod proper;
mod route;

pub use diagram::{Diagram, Layout, LayoutError, Options, Point, Rect};
pub use route::svg_path;

/// Lays a diagram out.
///
/// # Errors
///
/// Where an edge, a node or a cluster names one that isn't there, and where a size isn't a finite number of at least
/// zero or is above [`Options::MAX_LENGTH`].
pub fn lay_out(diagram: &Diagram, options: &Options) -> Result<Layout, LayoutError> {
    diagram.check()?;
    options.check()?;
    Ok(nest::lay_out(diagram, options))
}
