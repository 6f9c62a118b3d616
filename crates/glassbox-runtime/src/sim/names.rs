//! Making the tables of a [`SymbolTable`](super::symbols::SymbolTable): which values are versions of which variable, which
//! statement stands where.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use glassbox_ir::{Effects, Graph, NodeId, Origin, RegionId, ValueId};

use super::symbols::{Input, Source, Statement, Variable};

/// The tables while they are made.
#[derive(Default)]
pub(super) struct Names {
    /// Whether `h#2` is another version of `h`.
    pub(super) versions: bool,
    pub(super) variables: Vec<Arc<str>>,
    pub(super) by_name: HashMap<Arc<str>, Variable>,
    pub(super) of_value: Vec<Option<Variable>>,
}

impl Names {
    pub(super) fn variable(&mut self, name: Arc<str>) -> Variable {
        if let Some(variable) = self.by_name.get(&name) {
            return *variable;
        }
        self.variables.push(name.clone());
        self.by_name.insert(name, self.variables.len() - 1);
        self.variables.len() - 1
    }

    /// The variable of a value; one without a name is its own.
    pub(super) fn value(&mut self, graph: &Graph, id: ValueId) -> Variable {
        if let Some(variable) = self.of_value.get(id.index()).copied().flatten() {
            return variable;
        }
        let label = graph.value_label(id);
        let variable = self.variable(self.base(&label).into());
        if self.of_value.len() <= id.index() {
            self.of_value.resize(id.index() + 1, None);
        }
        self.of_value[id.index()] = Some(variable);
        variable
    }

    /// The name of the variable that a value is a version of.
    fn base<'l>(&self, label: &'l str) -> &'l str {
        match label.rsplit_once('#') {
            Some((base, version))
                if self.versions && !base.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                base
            }
            _ => label,
        }
    }

    /// Describes the nodes of a region and of those in it; gives the variables that they write.
    pub(super) fn region(
        &mut self,
        graph: &Graph,
        id: RegionId,
        around: &[NodeId],
        statements: &mut [Option<Statement>],
    ) -> HashSet<Variable> {
        let region = graph.region(id);
        for parameter in &region.parameters {
            self.value(graph, *parameter);
        }
        let shared: Arc<[NodeId]> = around.into();
        let mut written = HashSet::new();
        for id in &region.nodes {
            let mut inside = HashSet::new();
            let nested: Vec<NodeId> = around.iter().copied().chain([*id]).collect();
            for body in &graph.node(*id).regions {
                inside.extend(self.region(graph, *body, &nested, statements));
            }
            let statement = self.statement(graph, *id, shared.clone(), &inside);
            written.extend(statement.writes.iter().map(|(variable, _)| *variable));
            written.extend(inside);
            statements[id.index()] = Some(statement);
        }
        join_parts(graph, id, statements);
        written
    }

    fn statement(&mut self, graph: &Graph, id: NodeId, around: Arc<[NodeId]>, inside: &HashSet<Variable>) -> Statement {
        let node = graph.node(id);
        let mut statements = node.provenance.origins().filter_map(|origin| match origin {
            Origin::Statement { file, line, block, .. } => Some((file.as_str(), *line, block.as_str())),
            _ => None,
        });
        // A node that stands for several is shown at the first statement that it completes.
        let completed = node.provenance.completed().next();
        let found = completed.or_else(|| statements.next());
        let ends = found.is_none() || completed.is_some();
        let parts: Vec<Arc<str>> = match found {
            Some((_, _, "")) => Vec::new(),
            Some((_, _, block)) => block.split('/').map(Arc::from).collect(),
            None => around.iter().map(|id| graph.node_label(*id).into()).collect(),
        };
        let name = |names: &Names, id: ValueId| -> Arc<str> { names.base(&graph.value_label(id)).into() };
        let inputs = node.operands.iter().flatten().map(|id| name(self, *id)).collect();
        let variables: Vec<Variable> = node.results.iter().map(|id| self.value(graph, *id)).collect();
        let named = |place: usize| graph.value(node.results[place]).name.is_some();
        let mut writes: Vec<(Variable, Source)> = variables
            .iter()
            .copied()
            .enumerate()
            .filter(|(place, variable)| named(*place) && !inside.contains(variable))
            .map(|(place, variable)| (variable, Source::Result(place)))
            .collect();
        let state = written_state(graph, id);
        if let Some(state) = &state {
            let state = self.variable(state.as_str().into());
            writes.retain(|(variable, _)| *variable != state);
            writes.push((state, Source::State));
        }
        let result = |place: usize| match &state {
            Some(state) if !named(place) => state.as_str().into(),
            _ => name(self, node.results[place]),
        };
        Statement {
            ends,
            follows: false,
            block: parts.join("/").into(),
            parts,
            label: graph.node_label(id).into(),
            op: node.op.name.into(),
            file: found.map(|(file, _, _)| file.into()),
            line: found.map(|(_, line, _)| line),
            inputs,
            results: (0..node.results.len()).map(result).collect(),
            variables: variables.iter().copied().enumerate().map(|(place, it)| named(place).then_some(it)).collect(),
            writes,
            around,
            fixed: matches!(node.op.name, "constant" | "parameter"),
        }
    }

    pub(super) fn constants(&mut self, graph: &Graph) -> HashMap<Variable, NodeId> {
        let mut constants = HashMap::new();
        for id in &graph.region(graph.body()).nodes {
            let node = graph.node(*id);
            if let ("constant" | "parameter", [result]) = (node.op.name, node.results.as_slice())
                && graph.value(*result).name.is_some()
            {
                constants.insert(self.value(graph, *result), *id);
            }
        }
        // What is written again is no constant.
        let mut values = vec![0usize; self.variables.len()];
        self.of_value.iter().flatten().for_each(|variable| values[*variable] += 1);
        constants.retain(|variable, _| values[*variable] == 1);
        constants
    }
}

/// The state that a node writes.
fn written_state(graph: &Graph, id: NodeId) -> Option<String> {
    let node = graph.node(id);
    node.state().filter(|_| node.op.effects.contains(Effects::WRITES)).map(str::to_owned)
}

/// Describes an input.
pub(super) fn input(graph: &Graph, names: &mut Names, id: ValueId) -> Input {
    Input { name: graph.value_label(id).into(), variable: names.value(graph, id), ty: graph.value(id).ty.clone() }
}

/// Where several nodes of a region come from one statement and none only helps, one of them ends it: the last; but of
/// an op whose dims are checked afterwards the op itself, which has given the variable its value by then.
fn join_parts(graph: &Graph, id: RegionId, statements: &mut [Option<Statement>]) {
    // The node that ends each statement, of those that come after the node that is looked at.
    let mut next: HashMap<(&str, u32, &str), NodeId> = HashMap::new();
    for id in graph.region(id).nodes.iter().rev() {
        let node = graph.node(*id);
        let Some(key) = node.provenance.completed().next() else { continue };
        let nameless = node.results.iter().all(|result| graph.value(*result).name.is_none());
        let inner =
            !node.results.is_empty() && node.regions.is_empty() && nameless && written_state(graph, *id).is_none();
        let last = next.get(&key).copied().filter(|_| inner);
        let Some(last) = last else {
            next.insert(key, *id);
            continue;
        };
        let check = graph.node(last);
        let checks = check.op.effects.contains(Effects::MAY_FAIL);
        let checked = check.operands.first().copied().flatten().filter(|_| checks);
        let checked = checked.and_then(|value| node.results.iter().position(|result| *result == value));
        let Ok([Some(part), Some(after)]) = statements.get_disjoint_mut([id.index(), last.index()]) else { continue };
        let Some(result) = checked else {
            part.ends = false;
            continue;
        };
        (after.ends, after.follows) = (false, true);
        if let (Some(name), variable @ Some(_)) = (after.results.first(), after.variables.first().copied().flatten()) {
            part.results[result] = name.clone();
            part.variables[result] = variable;
        }
        part.writes.extend(after.writes.drain(..).map(|(variable, _)| (variable, Source::Result(result))));
        next.insert(key, *id);
    }
}
