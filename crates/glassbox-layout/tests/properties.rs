//! What holds of every layout, for diagrams that are drawn at random and for those at the edges.

use glassbox_layout::{Diagram, Layout, LayoutError, Options, Rect, lay_out};
use proptest::prelude::*;

/// Sums of lengths are exact to this.
const EXACT: f64 = 1e-6;

#[derive(Clone, Debug)]
struct Drawn {
    diagram: Diagram,
    edges: Vec<(usize, usize)>,
    cluster_of: Vec<Option<usize>>,
    parents: Vec<Option<usize>>,
    folded: Vec<bool>,
}

impl Drawn {
    /// Whether a cluster is `inner`, or around it.
    fn is_around(&self, outer: usize, inner: Option<usize>) -> bool {
        let mut at = inner;
        while let Some(cluster) = at {
            if cluster == outer {
                return true;
            }
            at = self.parents[cluster];
        }
        false
    }
}

fn drawn(acyclic: bool, clusters: usize) -> impl Strategy<Value = Drawn> {
    (1usize..24, 0..=clusters).prop_flat_map(move |(count, clusters)| {
        let sizes = prop::collection::vec((0u32..80, 0u32..40), count);
        let homes = prop::collection::vec(prop::option::of(0..clusters.max(1)), count);
        let parents = prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 0u32..4), clusters);
        let edges = prop::collection::vec((0..count, 0..count), 0..50);
        (sizes, homes, parents, edges).prop_map(move |(sizes, homes, clusters, edges)| {
            let mut diagram = Diagram::new();
            let (mut parents, mut folded) = (Vec::new(), Vec::new());
            for (number, (inside, parent, fold)) in clusters.iter().enumerate() {
                let parent = (*inside && number > 0).then(|| parent.index(number));
                parents.push(parent);
                diagram.cluster(parent);
                diagram.title(number, 15.0);
                folded.push(*fold == 0);
                if *fold == 0 {
                    diagram.fold(number, 70.0, 20.0);
                }
            }
            let mut cluster_of = Vec::new();
            for ((width, height), home) in sizes.iter().zip(homes) {
                let home = home.filter(|_| !parents.is_empty());
                cluster_of.push(home);
                match home {
                    Some(home) => diagram.node_in(home, f64::from(*width), f64::from(*height)),
                    None => diagram.node(f64::from(*width), f64::from(*height)),
                };
            }
            let mut kept = Vec::new();
            for (a, b) in edges {
                let (a, b) = if acyclic { (a.min(b), a.max(b)) } else { (a, b) };
                diagram.edge(a, b);
                kept.push((a, b));
            }
            Drawn { diagram, edges: kept, cluster_of, parents, folded }
        })
    })
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    let apart = |a_low: f64, a_high: f64, b_low: f64, b_high: f64| a_high <= b_low + EXACT || b_high <= a_low + EXACT;
    // What has no area covers nothing.
    let empty = |rect: &Rect| rect.width == 0.0 || rect.height == 0.0;
    !empty(a) && !empty(b) && !apart(a.x, a.right(), b.x, b.right()) && !apart(a.y, a.bottom(), b.y, b.bottom())
}

fn contains(outer: &Rect, inner: &Rect) -> bool {
    inner.x >= outer.x - EXACT
        && inner.y >= outer.y - EXACT
        && inner.right() <= outer.right() + EXACT
        && inner.bottom() <= outer.bottom() + EXACT
}

/// Whether a piece of a line goes through the inside of a rectangle.
fn goes_through(a: (f64, f64), b: (f64, f64), rect: &Rect) -> bool {
    // Liang and Barsky: the part of the piece that is inside all four sides.
    let (mut low, mut high) = (0.0f64, 1.0f64);
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let margin = 1e-3;
    let sides = [
        (-dx, a.0 - rect.x - margin),
        (dx, rect.right() - margin - a.0),
        (-dy, a.1 - rect.y - margin),
        (dy, rect.bottom() - margin - a.1),
    ];
    for (p, q) in sides {
        if p == 0.0 {
            if q < 0.0 {
                return false;
            }
        } else if p < 0.0 {
            low = low.max(q / p);
        } else {
            high = high.min(q / p);
        }
    }
    low < high
}

/// All that is promised of any layout.
fn check(drawn: &Drawn, layout: &Layout) -> Result<(), TestCaseError> {
    let whole = Rect { x: 0.0, y: 0.0, width: layout.width, height: layout.height };
    let nodes: Vec<(usize, Rect)> =
        layout.nodes.iter().enumerate().filter_map(|(number, rect)| Some((number, (*rect)?))).collect();
    let clusters: Vec<(usize, Rect)> =
        layout.clusters.iter().enumerate().filter_map(|(number, rect)| Some((number, (*rect)?))).collect();
    for (index, (a, one)) in nodes.iter().enumerate() {
        prop_assert!(contains(&whole, one), "node {a} is outside: {one:?}");
        for (b, other) in &nodes[..index] {
            prop_assert!(!overlap(one, other), "nodes {a} and {b} overlap: {one:?} {other:?}");
        }
    }
    for (c, frame) in &clusters {
        for (n, rect) in &nodes {
            if drawn.is_around(*c, drawn.cluster_of[*n]) {
                prop_assert!(contains(frame, rect), "node {n} is outside of its cluster {c}");
            } else {
                prop_assert!(!overlap(frame, rect), "node {n} is in cluster {c}, which isn't its own");
            }
        }
        for (d, other) in clusters.iter().filter(|(d, _)| d < c) {
            let nested = drawn.is_around(*d, Some(*c));
            let fine = if nested { contains(other, frame) } else { !overlap(other, frame) };
            prop_assert!(fine, "clusters {d} and {c}");
        }
    }
    for (number, (line, &(from, to))) in layout.edges.iter().zip(&drawn.edges).enumerate() {
        let (Some(first), Some(last)) = (line.first(), line.last()) else {
            let folded = layout.nodes[from].is_none() && layout.nodes[to].is_none();
            prop_assert!(folded, "edge {number} has no line");
            continue;
        };
        for (end, point) in [(from, first), (to, last)] {
            let rect = layout.nodes[end].or_else(|| {
                let outermost = (0..drawn.parents.len()).find(|c| {
                    drawn.folded[*c] && layout.clusters[*c].is_some() && drawn.is_around(*c, drawn.cluster_of[end])
                });
                layout.clusters[outermost?]
            });
            let Some(rect) = rect else {
                return Err(TestCaseError::fail(format!("edge {number} ends at what isn't drawn")));
            };
            let at_side = |a: f64, b: f64| (a - b).abs() < EXACT;
            let on = if from == to {
                at_side(point.x, rect.right())
            } else {
                (at_side(point.y, rect.y) || at_side(point.y, rect.bottom()))
                    && point.x >= rect.x - EXACT
                    && point.x <= rect.right() + EXACT
            };
            prop_assert!(on, "edge {number} ends at {point:?}, which isn't a side of {rect:?}");
        }
        for pair in line.windows(2) {
            let (a, b) = ((pair[0].x, pair[0].y), (pair[1].x, pair[1].y));
            for point in pair {
                let dot = Rect { x: point.x, y: point.y, width: 0.0, height: 0.0 };
                prop_assert!(contains(&whole, &dot), "edge {number} leaves the drawing");
            }
            for (n, rect) in &nodes {
                prop_assert!(!goes_through(a, b, rect), "edge {number} goes through node {n}: {line:?} {rect:?}");
            }
            for (c, rect) in clusters.iter().filter(|(c, _)| drawn.folded[*c]) {
                prop_assert!(!goes_through(a, b, rect), "edge {number} goes through folded cluster {c}");
            }
        }
        if from != to {
            let steps: Vec<f64> = line.windows(2).map(|pair| pair[1].y - pair[0].y).collect();
            let one_way = steps.iter().all(|dy| *dy >= -EXACT) || steps.iter().all(|dy| *dy <= EXACT);
            prop_assert!(one_way, "edge {number} turns: {line:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn edges_of_a_graph_without_cycles_go_downwards(drawn in drawn(true, 0)) {
        let layout = lay_out(&drawn.diagram, &Options::default()).unwrap();
        check(&drawn, &layout)?;
        for (line, &(from, to)) in layout.edges.iter().zip(&drawn.edges) {
            if from != to {
                prop_assert!(line.windows(2).all(|pair| pair[1].y >= pair[0].y));
                prop_assert!(layout.nodes[from].unwrap().bottom() < layout.nodes[to].unwrap().y);
            }
        }
    }

    #[test]
    fn any_graph_with_any_clusters_is_laid_out_without_overlaps(drawn in drawn(false, 6)) {
        let layout = lay_out(&drawn.diagram, &Options::default()).unwrap();
        check(&drawn, &layout)?;
        prop_assert_eq!(lay_out(&drawn.diagram.clone(), &Options::default()).unwrap(), layout);
    }

    #[test]
    fn gaps_of_zero_are_possible(drawn in drawn(false, 3)) {
        let options = Options { node_gap: 0.0, edge_gap: 0.0, layer_gap: 0.0, padding: 0.0 };
        let layout = lay_out(&drawn.diagram, &options).unwrap();
        let all = layout.nodes.iter().flatten().flat_map(|rect| [rect.x, rect.y, rect.right(), rect.bottom()]);
        prop_assert!(all.chain([layout.width, layout.height]).all(f64::is_finite));
    }
}

#[test]
fn nothing_takes_no_room() {
    let layout = lay_out(&Diagram::new(), &Options::default()).unwrap();
    assert_eq!(layout, Layout::default());
}

#[test]
fn one_node_stands_at_the_corner() {
    let mut diagram = Diagram::new();
    diagram.node(30.0, 10.0);
    let layout = lay_out(&diagram, &Options::default()).unwrap();
    assert_eq!(layout.nodes, [Some(Rect { x: 0.0, y: 0.0, width: 30.0, height: 10.0 })]);
    assert_eq!((layout.width, layout.height), (30.0, 10.0));
}

#[test]
fn parts_that_are_not_joined_stand_beside_each_other() {
    let mut diagram = Diagram::new();
    for _ in 0..9 {
        diagram.node(30.0, 10.0);
    }
    let layout = lay_out(&diagram, &Options::default()).unwrap();
    assert!(layout.width < 9.0 * 30.0, "they are in rows");
    assert!(layout.height < 9.0 * 10.0 + 8.0 * 32.0, "and not all upon each other");
}

#[test]
fn a_long_edge_past_a_chain_is_straight_where_it_passes() {
    let mut diagram = Diagram::new();
    let first = diagram.node(40.0, 10.0);
    let mut at = first;
    for _ in 0..10 {
        let next = diagram.node(40.0, 10.0);
        diagram.edge(at, next);
        at = next;
    }
    let skip = diagram.edge(first, at);
    let layout = lay_out(&diagram, &Options::default()).unwrap();
    // From the node to the side, down past nine layers, and to the node at once, since it is wide.
    let [_, from, to] = layout.edges[skip][..] else { panic!("{:?}", layout.edges[skip]) };
    assert_eq!(from.x, to.x);
    let middles: Vec<f64> = layout.nodes.iter().flatten().map(|rect| rect.centre().x).collect();
    // The two nodes that both join stand between them.
    assert!(middles[1..10].iter().all(|x| *x == middles[1]), "the chain is straight: {middles:?}");
}

#[test]
fn a_weight_stands_one_layer_above_its_reader() {
    let mut diagram = Diagram::new();
    let mut at = diagram.node(40.0, 10.0);
    for _ in 0..10 {
        let next = diagram.node(40.0, 10.0);
        diagram.edge(at, next);
        at = next;
    }
    let weight = diagram.node(40.0, 10.0);
    let turned = diagram.node(40.0, 10.0);
    diagram.edge(weight, turned);
    diagram.edge(turned, at);
    let layout = lay_out(&diagram, &Options::default()).unwrap();
    let y = |node: usize| layout.nodes[node].unwrap().y;
    assert_eq!(y(turned), y(at) - 42.0);
    assert_eq!(y(weight), y(at) - 84.0);
}

#[test]
fn edges_between_the_same_nodes_end_apart() {
    let mut diagram = Diagram::new();
    let (a, b) = (diagram.node(60.0, 10.0), diagram.node(60.0, 10.0));
    let edges = [diagram.edge(a, b), diagram.edge(a, b), diagram.edge(a, b)];
    let layout = lay_out(&diagram, &Options::default()).unwrap();
    let mut ends: Vec<f64> = edges.iter().map(|edge| layout.edges[*edge].last().unwrap().x).collect();
    ends.sort_by(f64::total_cmp);
    assert!(ends.windows(2).all(|pair| pair[1] - pair[0] >= 7.0), "{ends:?}");
}

#[test]
fn many_long_edges_take_memory_in_proportion_only() {
    // A chain whose every node also feeds the last ones: bends for all would be some 2,000,000.
    let count = 2_000;
    let mut diagram = Diagram::new();
    for node in 0..count {
        diagram.node(20.0, 10.0);
        if node > 0 {
            diagram.edge(node - 1, node);
        }
    }
    for node in 0..count - 1 {
        diagram.edge(node, count - 1);
    }
    let layout = lay_out(&diagram, &Options::default()).unwrap();
    let points: usize = layout.edges.iter().map(Vec::len).sum();
    assert!(points < 100_000, "{points}");
    let nodes: Vec<Rect> = layout.nodes.iter().flatten().copied().collect();
    for line in &layout.edges {
        for pair in line.windows(2) {
            assert!(pair[1].y >= pair[0].y);
        }
    }
    let longest = &layout.edges[count - 1];
    let through = |rect: &&Rect| {
        longest.windows(2).any(|pair| goes_through((pair[0].x, pair[0].y), (pair[1].x, pair[1].y), rect))
    };
    assert_eq!(nodes.iter().filter(through).count(), 0);
}

#[test]
fn clusters_may_be_nested_as_deeply_as_one_likes() {
    let mut diagram = Diagram::new();
    let mut cluster = diagram.cluster(None);
    for _ in 0..5_000 {
        cluster = diagram.cluster(Some(cluster));
    }
    let (outside, inside) = (diagram.node(10.0, 10.0), diagram.node_in(cluster, 10.0, 10.0));
    diagram.edge(outside, inside);
    let layout = lay_out(&diagram, &Options::default()).unwrap();
    assert!(layout.nodes[inside].is_some());
    assert!(layout.edges[0].windows(2).all(|pair| pair[1].y >= pair[0].y));
}

#[test]
fn what_is_not_there_and_lengths_that_are_none_are_named() {
    let mut diagram = Diagram::new();
    diagram.node(10.0, 10.0);
    diagram.edge(0, 3);
    assert_eq!(lay_out(&diagram, &Options::default()), Err(LayoutError::UnknownNode { edge: 0, node: 3 }));

    let mut diagram = Diagram::new();
    diagram.node_in(2, 10.0, 10.0);
    let error = lay_out(&diagram, &Options::default()).unwrap_err();
    assert_eq!(error, LayoutError::NodeInUnknownCluster { node: 0, cluster: 2 });

    let mut diagram = Diagram::new();
    diagram.cluster(Some(0));
    let error = lay_out(&diagram, &Options::default()).unwrap_err();
    assert_eq!(error, LayoutError::UnknownParent { cluster: 0, parent: 0 });

    for width in [f64::NAN, f64::INFINITY, -1.0, 2e6] {
        let mut diagram = Diagram::new();
        diagram.node(width, 10.0);
        let error = lay_out(&diagram, &Options::default()).unwrap_err();
        assert!(error.to_string().starts_with("the width of node 0 is"), "{error}");
        let options = Options { layer_gap: width, ..Options::default() };
        assert!(lay_out(&Diagram::new(), &options).unwrap_err().to_string().starts_with("layer_gap is"));
    }
}
