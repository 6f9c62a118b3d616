//! Groups become calls, and values cross their borders with their channels in blocks where a group wants that.

use glassbox_ir::{Attrs, BuildError, Provenance, ValueId, ops};

use super::Walk;
use crate::blocks::{from_blocks, image, to_blocks};
use crate::outline::Outline;

impl Walk<'_, '_> {
    /// A group, as a call.
    pub(super) fn outline(&mut self, outline: &Outline) -> Result<(), BuildError> {
        let (source, group) = (self.source, &outline.group);
        let size = group.blocks.size as i64;
        let mut inputs = Vec::with_capacity(group.blocks.inputs.len());
        for id in &group.blocks.inputs {
            inputs.push((*id, self.in_blocks(*id, size)?));
        }
        let current = self.rebuild.builder.current();
        let (region, _, mark) = self.rebuild.open(&ops::call::OP, &[]);
        let copied = group.copies.iter().flat_map(|node| source.node(*node).results.iter().copied());
        let inside = copied.chain(group.blocks.inputs.iter().copied());
        let outer: Vec<(ValueId, Option<ValueId>)> = inside.map(|value| (value, self.map[value.index()])).collect();
        for (id, blocked) in inputs {
            let channels = image(&self.rebuild.builder, self.value(id)?).map_or(0, |[channels, ..]| channels);
            self.map[id.index()] = Some(from_blocks(&mut self.rebuild.builder, blocked, channels)?);
        }
        group.copies.iter().chain(&group.nodes).try_for_each(|node| self.node(*node))?;
        let mut results = outline.results.iter().map(|id| self.value(*id)).collect::<Result<Vec<_>, _>>()?;
        let blocked = results.last_mut().filter(|_| group.blocks.result);
        let mut channels = None;
        if let Some(result) = blocked {
            channels = image(&self.rebuild.builder, *result).map(|[channels, ..]| channels);
            *result = to_blocks(&mut self.rebuild.builder, *result, size)?;
        }
        self.rebuild.close(current, results, mark);
        for (value, outside) in outer {
            self.map[value.index()] = outside;
        }
        let nodes = group.nodes.iter().map(|node| source.node(*node));
        let builder = &mut self.rebuild.builder;
        let from = Provenance::merge(nodes.clone().map(|node| &node.provenance));
        builder.set_provenance(from.clone());
        let attrs = Attrs::from([("function", group.name.clone().into())]);
        let mut made = builder.node_with_regions(&ops::call::OP, &[], attrs, vec![region], outline.results.len())?;
        self.calls.extend(builder.last_node());
        for value in nodes.flat_map(|node| &node.results) {
            self.inside[value.index()] = made.last().copied();
        }
        for value in &outline.results {
            self.inside[value.index()] = None;
        }
        if let (Some(channels), Some(result), Some(value)) = (channels, made.last_mut(), outline.results.last()) {
            let blocked = *result;
            self.blocked.insert(*value, blocked);
            // For whoever wants it as it was; dropped, where nobody does.
            *result =
                self.border("from_blocks", from, &|walk| from_blocks(&mut walk.rebuild.builder, blocked, channels))?;
            self.rebuild.set_instead(*result, blocked);
        }
        self.define(&outline.results, &made);
        Ok(())
    }

    /// What stands for a value of the source with its channels in blocks.
    fn in_blocks(&mut self, id: ValueId, size: i64) -> Result<ValueId, BuildError> {
        if let Some(blocked) = self.blocked.get(&id) {
            return Ok(*blocked);
        }
        let plain = self.value(id)?;
        let giver = self.rebuild.builder.def(plain).map(|(node, _)| node);
        let from = giver.map(|node| self.rebuild.builder.graph().node(node).provenance.clone()).unwrap_or_default();
        let made = self.border("to_blocks", from, &|walk| to_blocks(&mut walk.rebuild.builder, plain, size))?;
        self.blocked.insert(id, made);
        Ok(made)
    }

    /// A call of its own for a change of layout.
    fn border(
        &mut self,
        name: &str,
        from: Provenance,
        make: &dyn Fn(&mut Self) -> Result<ValueId, BuildError>,
    ) -> Result<ValueId, BuildError> {
        let current = self.rebuild.builder.current();
        let (region, _, mark) = self.rebuild.open(&ops::call::OP, &[]);
        let result = make(self)?;
        self.rebuild.close(current, vec![result], mark);
        let builder = &mut self.rebuild.builder;
        builder.set_provenance(from);
        let attrs = Attrs::from([("function", name.to_owned().into())]);
        let result = builder.node_with_regions(&ops::call::OP, &[], attrs, vec![region], 1)?[0];
        self.calls.extend(builder.last_node());
        Ok(result)
    }
}
