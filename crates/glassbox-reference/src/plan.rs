//! Which values are no longer needed after which node.

use std::collections::HashMap;

use glassbox_ir::{Graph, RegionId, ValueId};

/// For each node of each region, the values that die with it.
pub(crate) struct Plan {
    dead: Vec<Vec<Vec<ValueId>>>,
    own: Vec<Vec<ValueId>>,
}

impl Plan {
    /// The plan of a graph. A value that is defined in a region dies after the last node of that
    /// region that uses it, itself or in its bodies; the results of the region live on.
    pub(crate) fn new(graph: &Graph, region_count: usize) -> Plan {
        let mut plan = Plan { dead: vec![Vec::new(); region_count], own: vec![Vec::new(); region_count] };
        plan.region(graph, graph.body());
        plan
    }

    /// The values that die with the node in place `place` of `region`.
    pub(crate) fn dead(&self, region: RegionId, place: usize) -> &[ValueId] {
        self.dead.get(region.index()).and_then(|nodes| nodes.get(place)).map_or(&[], Vec::as_slice)
    }

    /// The parameters and those results of `region` that are defined in it: they die when it ends.
    pub(crate) fn own(&self, region: RegionId) -> &[ValueId] {
        self.own.get(region.index()).map_or(&[], Vec::as_slice)
    }

    /// Plans a region; gives every value that is used in it.
    fn region(&mut self, graph: &Graph, id: RegionId) -> Vec<ValueId> {
        let region = graph.region(id);
        let mut last: HashMap<ValueId, usize> = HashMap::new();
        // What is never used dies where it is made; parameters die with the first node.
        last.extend(region.parameters.iter().map(|value| (*value, 0)));
        let mut used = Vec::new();
        for (place, node) in region.nodes.iter().enumerate() {
            let node = graph.node(*node);
            last.extend(node.results.iter().map(|result| (*result, place)));
            let mut uses: Vec<ValueId> = node.operands.iter().flatten().copied().collect();
            for body in &node.regions {
                uses.extend(self.region(graph, *body));
            }
            for value in &uses {
                // Values of regions around this one aren't in the table, and die there.
                last.entry(*value).and_modify(|end| *end = place);
            }
            used.extend(uses);
        }
        let defined: Vec<ValueId> =
            region.results.iter().filter(|result| last.remove(result).is_some()).copied().collect();
        self.own[id.index()] = region.parameters.iter().copied().chain(defined).collect();
        used.extend(region.results.iter().copied());
        let mut dead = vec![Vec::new(); region.nodes.len()];
        for (value, place) in last {
            if let Some(list) = dead.get_mut(place) {
                list.push(value);
            }
        }
        self.dead[id.index()] = dead;
        used
    }
}
