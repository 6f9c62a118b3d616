//! Putting a graph into another.
//!
//! Every node goes through the builder's own checks and inference, as if it were written there: types may become more
//! precise, and bodies are widened anew. The states that the graph uses are those of the graph it is put into.

use std::collections::HashMap;

use crate::attr::Attr;
use crate::builder::GraphBuilder;
use crate::draws::{DRAW, draw_within};
use crate::error::{BuildError, Violation};
use crate::graph::{Graph, NodeId, RegionId, ValueId};
use crate::provenance::{Origin, Provenance};

/// How a graph is put into another. The default changes nothing but the places of its parts.
#[derive(Clone, Debug, Default)]
pub struct Splice {
    /// What is said of its nodes, between the builder's own provenance and theirs.
    pub origin: Option<Origin>,
    /// The number from which those of its draws follow, by [`draw_within`]. Without it they keep their numbers: right for a
    /// decomposition, whose draws have numbers of their own, and for a copy that shall draw the same.
    pub draws_within: Option<i64>,
}

impl From<Origin> for Splice {
    fn from(origin: Origin) -> Splice {
        Splice { origin: Some(origin), ..Splice::default() }
    }
}

impl GraphBuilder {
    /// Adds the nodes of `graph` to the open region, with `arguments` for its inputs: the values that stand for its outputs.
    ///
    /// Names of values, hints and attributes are kept; a name that is taken has a number added to it.
    ///
    /// # Errors
    ///
    /// There are more or fewer arguments than inputs, or one has a type that the input doesn't admit (rule `splice`); a node
    /// is refused here, as [`GraphBuilder::node_with_regions`] says, because a state isn't declared or because more is known.
    ///
    /// ```
    /// use glassbox_ir::text::{ParseOptions, parse};
    /// use glassbox_ir::{GraphBuilder, Origin, Type};
    /// use glassbox_tensor::DType;
    ///
    /// let text = r#"graph "twice" { input %x: f32[N] %y = add(%x, %x) output %y }"#;
    /// let twice = parse(text, &ParseOptions::default())?;
    /// let mut builder = GraphBuilder::new("g");
    /// let x = builder.input("in", Type::tensor(DType::F32, [3i64]));
    /// let y = builder.splice(&twice, &[x], Origin::Layer("double".into()))?;
    /// assert_eq!(builder.type_of(y[0]).to_string(), "f32[3]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn splice(
        &mut self,
        graph: &Graph,
        arguments: &[ValueId],
        how: impl Into<Splice>,
    ) -> Result<Vec<ValueId>, BuildError> {
        let wrong = |message| Err(BuildError::Graph(Violation::new("splice", message)));
        if arguments.len() != graph.inputs().len() {
            return wrong(format!("{} arguments for {} inputs", arguments.len(), graph.inputs().len()));
        }
        for (input, argument) in graph.inputs().iter().zip(arguments) {
            self.check_operands(&[Some(*argument)]).map_err(BuildError::Graph)?;
            let (declared, given) = (&graph.value(*input).ty, self.type_of(*argument));
            if !declared.admits(given) {
                return wrong(format!("the input `{}` is {declared}, not {given}", graph.value_label(*input)));
            }
        }
        let around = self.provenance.clone();
        let mut values = vec![None; graph.value_count()];
        for (input, argument) in graph.inputs().iter().zip(arguments) {
            values[input.index()] = Some(*argument);
        }
        let mut copy = Copy { from: graph, values, how: how.into(), around: around.clone(), composed: HashMap::new() };
        let copied = copy.nodes(self, graph.body());
        self.provenance = around;
        copied?;
        copy.all(graph.outputs())
    }
}

/// A graph while it is copied.
struct Copy<'g> {
    from: &'g Graph,
    /// By the index of the value: that of the builder.
    values: Vec<Option<ValueId>>,
    how: Splice,
    /// The builder's provenance.
    around: Provenance,
    /// Provenances that were put together, so that nodes that shared one still do.
    composed: HashMap<Provenance, Provenance>,
}

impl Copy<'_> {
    /// The nodes of a region, added to the open one. Regions of a graph nest to a limit, so that recursion is safe.
    fn nodes(&mut self, builder: &mut GraphBuilder, region: RegionId) -> Result<(), BuildError> {
        self.from.region(region).nodes.iter().try_for_each(|id| self.node(builder, *id))
    }

    fn node(&mut self, builder: &mut GraphBuilder, id: NodeId) -> Result<(), BuildError> {
        let node = self.from.node(id);
        let operands = node.operands.iter().map(|operand| operand.map(|id| self.value(id)).transpose());
        let operands = operands.collect::<Result<Vec<_>, _>>()?;
        let mut attrs = node.attrs.clone();
        if let (Some(outer), Some(draw)) = (self.how.draws_within, node.draw()) {
            attrs.insert(DRAW, Attr::Int(draw_within(outer, draw)));
        }
        let mut regions = Vec::with_capacity(node.regions.len());
        if !node.regions.is_empty() {
            let types = builder.region_parameters(node.op, &operands, &attrs)?;
            for (region, types) in node.regions.iter().zip(types) {
                let (made, parameters) = builder.begin_body(node.op, &types);
                let old = &self.from.region(*region).parameters;
                self.define(builder, old, &parameters);
                self.nodes(builder, *region)?;
                builder.end_region(self.all(&self.from.region(*region).results)?);
                regions.push(made);
            }
        }
        builder.provenance = self.provenance(&node.provenance);
        let results = builder.node_with_regions(node.op, &operands, attrs, regions, node.results.len())?;
        builder.hint_last(node.hints.clone());
        self.define(builder, &node.results, &results);
        Ok(())
    }

    fn provenance(&mut self, own: &Provenance) -> Provenance {
        if let Some(composed) = self.composed.get(own) {
            return composed.clone();
        }
        let around = match &self.how.origin {
            Some(origin) => self.around.then(origin.clone()),
            None => self.around.clone(),
        };
        let composed = around.around(own);
        self.composed.insert(own.clone(), composed.clone());
        composed
    }

    fn define(&mut self, builder: &mut GraphBuilder, old: &[ValueId], new: &[ValueId]) {
        for (old, new) in old.iter().zip(new) {
            if let Some(name) = &self.from.value(*old).name {
                builder.set_name(*new, name);
            }
            self.values[old.index()] = Some(*new);
        }
    }

    fn value(&self, id: ValueId) -> Result<ValueId, BuildError> {
        self.values[id.index()].ok_or_else(|| {
            let message = format!("`{}` is used before it is defined", self.from.value_label(id));
            BuildError::Graph(Violation::new("visible", message))
        })
    }

    fn all(&self, ids: &[ValueId]) -> Result<Vec<ValueId>, BuildError> {
        ids.iter().map(|id| self.value(*id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use glassbox_tensor::DType;

    use super::*;
    use crate::text::{ParseOptions, parse};
    use crate::types::Type;
    use crate::{State, TensorType, verify};

    fn graph(text: &str) -> Graph {
        parse(text, &ParseOptions::default()).expect("the text is sound")
    }

    const LOOP: &str = r#"graph "inner" {
        state @s: f32[2]
        input %x: f32[N]
        %n = constant() {value = i64[] 3}
        %r = loop(%n, _, %x) (%i: i64[], %go: bool[], %v: f32[N]) {
          %w = mul(%v, %x) @{fuse = true}
          yield %go, %w
        } @ layer("turns")
        %d = random_normal_like(%x)
        %u = state_write(%d) {state = "s"} @ layer("turns")
        output %r, %u
    }"#;

    fn outer() -> GraphBuilder {
        let mut builder = GraphBuilder::new("outer");
        let ty = TensorType::new(DType::F32, [2i64]);
        builder.state(State { name: "s".into(), ty, capacity: None, initial: None }).expect("a state");
        builder
    }

    #[test]
    fn bodies_states_hints_and_draws_come_along() {
        let inner = graph(LOOP);
        let mut builder = outer();
        let x = builder.input("x", Type::tensor(DType::F32, [2i64]));
        builder.set_provenance(Provenance::new(Origin::Layer("block".into())));
        let first = builder.splice(&inner, &[x], Splice::default()).expect("it fits");
        let how = Splice { origin: Some(Origin::Decomposed("again".into())), draws_within: Some(7) };
        let second = builder.splice(&inner, &[first[0]], how).expect("it fits");
        let graph = builder.finish(vec![first[1], second[0], second[1]]).expect("a graph");
        assert_eq!(verify(&graph), Ok(()));
        let text = graph.to_string();
        for line in [
            "%w = mul(%v, %x) @{fuse = true} : f32[2]  @ layer(\"block\")",
            "} : f32[2]  @ layer(\"block\") > layer(\"turns\")",
            "random_normal_like(%x) {draw = 0}",
            "%w#2 = mul(%v#2, %r)",
            "  @ layer(\"block\") > decomposed(\"again\") > layer(\"turns\")",
            &format!("random_normal_like(%r) {{draw = {}}}", draw_within(7, 0)),
        ] {
            assert!(text.contains(line), "{line} isn't in\n{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let inner = graph(LOOP);
        let mut builder = outer();
        let x = builder.input("x", Type::tensor(DType::F32, [2i64]));
        let y = builder.input("y", Type::tensor(DType::F64, [2i64]));
        let message = |builder: &mut GraphBuilder, arguments: &[ValueId]| {
            builder.splice(&inner, arguments, Splice::default()).expect_err("it doesn't fit").to_string()
        };
        assert_eq!(message(&mut builder, &[]), "graph: splice: 0 arguments for 1 inputs");
        assert_eq!(message(&mut builder, &[y]), "graph: splice: the input `x` is f32[N], not f64[2]");
        let foreign = ValueId(77);
        assert!(message(&mut builder, &[foreign]).contains("visible: the operand #77 is no value of this graph"));
        let mut stateless = GraphBuilder::new("g");
        let z = stateless.input("z", builder.type_of(x).clone());
        assert!(message(&mut stateless, &[z]).contains("no state is named `s`"));
    }
}
