//! Where the values of a graph under construction are defined, and so where they may be read.
//!
//! A value may be read in the region that defines it, after its definition, and in the regions inside. The builder only
//! appends, so what is there is defined before what comes; a region is inside the one that was open when it was begun, and
//! from when it belongs to a node, inside the region of that node. A look-up takes as many steps as regions stand in
//! each other, of which there is a limit.

use crate::error::Violation;
use crate::graph::{Graph, Node, NodeId, RegionId, ValueId};
use crate::verify::MAX_NESTED_REGIONS;

/// Where the values and regions of a graph belong.
pub(super) struct Scopes {
    /// By the index of the value.
    values: Vec<Defined>,
    /// By the index of the region.
    regions: Vec<Place>,
}

/// Where a value is defined.
struct Defined {
    region: RegionId,
    /// The node that gives it, and which of its results it is.
    by: Option<(NodeId, u32)>,
}

/// Where a region stands.
struct Place {
    /// The region around.
    parent: Option<RegionId>,
    /// Whether it is the body of a node.
    owned: bool,
    /// How deep regions stand in it.
    height: usize,
}

impl Scopes {
    /// The scopes of a graph.
    pub(super) fn of(graph: &Graph) -> Scopes {
        let body = graph.body();
        let place = |_| Place { parent: Some(body), owned: false, height: 0 };
        let define = |_| Defined { region: body, by: None };
        let mut scopes = Scopes {
            values: (0..graph.value_count()).map(define).collect(),
            regions: (0..graph.region_count()).map(place).collect(),
        };
        let parents = scopes.regions.iter_mut().take(1);
        parents.for_each(|body| *body = Place { parent: None, owned: true, height: 0 });
        let mut stack = vec![body];
        let mut order = Vec::new();
        while let Some(id) = stack.pop() {
            order.push(id);
            let region = graph.region(id);
            for parameter in &region.parameters {
                scopes.values[parameter.index()].region = id;
            }
            for node_id in &region.nodes {
                let node = graph.node(*node_id);
                for (place, result) in node.results.iter().enumerate() {
                    scopes.values[result.index()] = Defined { region: id, by: Some((*node_id, place as u32)) };
                }
                for inner in &node.regions {
                    scopes.regions[inner.index()].parent = Some(id);
                    scopes.regions[inner.index()].owned = true;
                    stack.push(*inner);
                }
            }
        }
        // The regions inside come later in the order.
        for id in order.into_iter().rev() {
            let inner = scopes.regions[id.index()].height + 1;
            if let Some(parent) = scopes.regions[id.index()].parent {
                let height = &mut scopes.regions[parent.index()].height;
                *height = inner.max(*height);
            }
        }
        scopes
    }

    /// Notes a value, the next one, that is defined in `region`.
    pub(super) fn define(&mut self, region: RegionId) {
        self.values.push(Defined { region, by: None });
    }

    /// Notes a region, the next one, that is begun in `parent`.
    pub(super) fn begin(&mut self, parent: RegionId) {
        self.regions.push(Place { parent: Some(parent), owned: false, height: 0 });
    }

    /// Notes a node that is added to `region`, whose regions have passed [`Scopes::check_regions`].
    pub(super) fn add(&mut self, region: RegionId, id: NodeId, node: &Node) {
        for (place, result) in node.results.iter().enumerate() {
            self.values[result.index()].by = Some((id, place as u32));
        }
        let mut height = 0;
        for inner in &node.regions {
            let place = &mut self.regions[inner.index()];
            (place.owned, place.parent) = (true, Some(region));
            height = height.max(place.height + 1);
        }
        let outer = &mut self.regions[region.index()].height;
        *outer = height.max(*outer);
    }

    /// The node that gives a value, and which of its results it is.
    pub(super) fn def(&self, value: ValueId) -> Option<(NodeId, usize)> {
        let (node, place) = self.values.get(value.index())?.by?;
        Some((node, place as usize))
    }

    /// The region that defines a value.
    pub(super) fn region_of(&self, value: ValueId) -> Option<RegionId> {
        self.values.get(value.index()).map(|value| value.region)
    }

    /// Whether `value` may be read at the end of `region`.
    pub(super) fn is_visible(&self, value: ValueId, region: RegionId) -> bool {
        self.region_of(value).is_some_and(|defining| self.is_around(defining, region))
    }

    /// Whether `outer` is `region` or one around it.
    fn is_around(&self, outer: RegionId, region: RegionId) -> bool {
        let mut next = Some(region);
        while let Some(region) = next {
            if region == outer {
                return true;
            }
            next = self.regions.get(region.index()).and_then(|place| place.parent);
        }
        false
    }

    /// The values may be read at the end of `region`. `what` they are is for the message.
    pub(super) fn check_uses(
        &self,
        graph: &Graph,
        values: impl Iterator<Item = ValueId>,
        what: &str,
        region: RegionId,
    ) -> Result<(), Violation> {
        for value in values {
            let Some(defining) = self.region_of(value) else {
                let count = self.values.len();
                let message = format!("the {what} #{} is no value of this graph, which has {count}", value.index());
                return Err(Violation::new("visible", message));
            };
            if !self.is_around(defining, region) {
                let label = graph.value_label(value);
                let message = format!("the {what} `{label}` is defined in a region that doesn't hold this use");
                return Err(Violation::new("visible", message));
            }
        }
        Ok(())
    }

    /// Nodes may be added to `region`: it is the body of the graph, or doesn't belong to a node yet. What the region of that
    /// node has got since would not be there for them.
    pub(super) fn check_open(&self, region: RegionId) -> Result<(), Violation> {
        match self.regions.get(region.index()) {
            Some(Place { parent: Some(_), owned: true, .. }) => {
                let message = format!("region {} is the body of a node, and takes no more nodes", region.index());
                Err(Violation::new("regions", message))
            }
            _ => Ok(()),
        }
    }

    /// The regions may become bodies of a node that is added to `current`, and from here on stand in it.
    pub(super) fn check_regions(&mut self, regions: &[RegionId], current: RegionId) -> Result<(), Violation> {
        for id in regions {
            let wrong = |what: &str| Err(Violation::new("regions", format!("region {} {what}", id.index())));
            let Some(place) = self.regions.get(id.index()) else { return wrong("is not in the graph") };
            if place.owned {
                return wrong("is the body of more than one node");
            }
            if !place.parent.is_some_and(|parent| self.is_around(parent, current)) {
                return wrong("was begun in a region that doesn't hold this node");
            }
            if place.height >= MAX_NESTED_REGIONS {
                let message = format!("region {} holds {MAX_NESTED_REGIONS} others in each other", id.index());
                return Err(Violation::new("nesting", message));
            }
        }
        for id in regions {
            self.regions[id.index()].parent = Some(current);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use glassbox_tensor::DType;

    use crate::builder::GraphBuilder;
    use crate::error::BuildError;
    use crate::graph::{State, ValueId};
    use crate::types::{TensorType, Type};
    use crate::verify::MAX_NESTED_REGIONS;
    use crate::{Attrs, attrs, ops};

    fn begun() -> (GraphBuilder, ValueId) {
        let mut builder = GraphBuilder::new("g");
        let x = builder.input("x", Type::tensor(DType::F32, [2i64]));
        (builder, x)
    }

    fn abs(builder: &mut GraphBuilder, x: ValueId) -> Result<ValueId, BuildError> {
        Ok(builder.node(&ops::abs::OP, &[Some(x)], Attrs::new(), 1)?[0])
    }

    fn message<T>(result: Result<T, BuildError>) -> String {
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn values_are_seen_where_they_are_defined_and_inside() {
        let (mut builder, x) = begun();
        assert_eq!(
            message(abs(&mut builder, ValueId(9))),
            "abs `` breaks visible: the operand #9 is no value of this graph, which has 1"
        );
        let (outer, _) = builder.begin_region(&[]);
        let outside = abs(&mut builder, x).expect("an input is seen everywhere");
        let (inner, _) = builder.begin_region(&[]);
        assert!(builder.is_visible(outside));
        let inside = abs(&mut builder, outside).expect("a value of a region around is seen");
        assert_eq!(builder.region_of(inside), Some(inner));
        builder.end_region(vec![inside]);
        assert!(message(abs(&mut builder, inside)).contains("defined in a region that doesn't hold this use"));
        builder.end_region(vec![outside]);
        let misplaced = builder.node_with_regions(&ops::call::OP, &[], Attrs::new(), vec![inner], 1);
        assert!(message(misplaced).contains("regions: region 2 was begun in a region that doesn't hold this node"));
        let seen = builder.in_region(outer, |builder| abs(builder, outside)).expect("at the end of its own region");
        builder.set_results(outer, vec![inside]);
        let wrong = builder.node_with_regions(&ops::call::OP, &[], Attrs::new(), vec![outer], 1);
        assert!(message(wrong).contains("visible: the result `#2` is defined in a region"));
        builder.set_results(outer, vec![seen]);
        let call = builder.node_with_regions(&ops::call::OP, &[], Attrs::new(), vec![outer], 1).expect("a call")[0];
        assert_eq!(builder.def(call).map(|(_, result)| result), Some(0));
        let twice = builder.node_with_regions(&ops::call::OP, &[], Attrs::new(), vec![outer], 1);
        assert!(message(twice).contains("regions: region 1 is the body of more than one node"));
        builder.reopen_region(outer);
        assert!(message(abs(&mut builder, x)).contains("region 1 is the body of a node, and takes no more nodes"));
        builder.end_region(vec![seen]);
        assert!(message(builder.finish(vec![inside])).contains("visible: the output `#2`"));
    }

    #[test]
    fn regions_nest_to_the_limit_of_the_verifier() {
        let (mut builder, x) = begun();
        let nest = |builder: &mut GraphBuilder, depth: usize| {
            for _ in 0..depth {
                builder.begin_region(&[]);
            }
            let mut value = Ok(x);
            for _ in 0..depth {
                let region = builder.current();
                builder.end_region(value.iter().copied().collect());
                let node = builder.node_with_regions(&ops::call::OP, &[], Attrs::new(), vec![region], 1);
                value = value.and(node.map(|results| results[0]));
            }
            value
        };
        let deep = nest(&mut builder, MAX_NESTED_REGIONS).expect("as deep as the verifier allows");
        assert!(message(nest(&mut builder, MAX_NESTED_REGIONS + 1)).contains("breaks nesting: region"));
        let graph = builder.finish(vec![deep]).expect("a graph");
        assert_eq!(crate::verify(&graph), Ok(()));
    }

    #[test]
    fn a_state_is_declared_before_it_is_used() {
        let (mut builder, _) = begun();
        let read = |builder: &mut GraphBuilder| builder.node(&ops::state_read::OP, &[], attrs! { state: "s" }, 1);
        assert!(message(read(&mut builder)).contains("C1: no state is named `s`"));
        let state =
            |capacity| State { name: "s".to_owned(), ty: TensorType::new(DType::F32, [2i64]), capacity, initial: None };
        assert!(message(builder.state(state(Some(3)))).contains("has a capacity, but no dim of f32[2] grows"));
        builder.state(state(None)).expect("a state");
        assert!(message(builder.state(state(None))).contains("two states are named `s`"));
        read(&mut builder).expect("it is declared");
    }
}
