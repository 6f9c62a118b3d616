//! Compiling a graph: the passes in order, each with what it made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use glassbox_ir::{Graph, Lineage, NodeId, VerifyError, verify};
use thiserror::Error;

use crate::backend::{AnyBackend, Backend};
use crate::passes::{PASSES, Pass};
use crate::rebuild::Attempts;
use crate::rewrite::{RewriteError, Rewritten};

/// How a graph is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompileOptions {
    /// The last pass that runs: its name, or how many run. All, if there is none.
    pub stop_after: Option<String>,
    /// Whether the whole graph is verified after each pass: by default, where the compiler was built with debug assertions.
    pub verify: bool,
}

impl Default for CompileOptions {
    fn default() -> CompileOptions {
        CompileOptions { stop_after: None, verify: cfg!(debug_assertions) }
    }
}

/// What one pass made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stage {
    /// The name of the pass.
    pub name: &'static str,
    /// The graph after it.
    pub graph: Arc<Graph>,
    /// What became of the values of the graph before it.
    pub lineage: Lineage,
    /// How long it took.
    pub time: Duration,
    /// Whether it changed the graph.
    pub outcome: Outcome,
    /// How often each rule was applied, and why it wasn't.
    pub attempts: Vec<(&'static str, Attempts)>,
    /// The calls in the graph that one kernel of the backend is to compute.
    pub calls: Vec<NodeId>,
}

/// Whether a pass could do its work.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It ran; the graph may be the same all the same.
    Done,
    /// It couldn't, and the graph is as it was before.
    Refused(RewriteError),
}

/// A graph with all stages that it went through.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Compiled {
    /// The graph that was compiled.
    pub source: Arc<Graph>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
}

/// Why a graph can't be compiled.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// No pass is named so.
    #[error("there is no pass `{name}`; the passes are, in order: {}", .passes.join(", "))]
    UnknownPass {
        /// What was asked for.
        name: String,
        /// The names of all passes, in order.
        passes: Vec<&'static str>,
    },
    /// The graph breaks rules.
    #[error("the graph breaks {} rules, the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Invalid(Vec<VerifyError>),
    /// A pass made a graph that breaks rules: a bug of Glassbox.
    #[error("internal error (please report it): after the pass `{pass}` the graph breaks {} rules, the first: {}", .errors.len(), .errors.first().map(ToString::to_string).unwrap_or_default())]
    Internal {
        /// The pass.
        pass: &'static str,
        /// The rules.
        errors: Vec<VerifyError>,
    },
}

impl Compiled {
    /// The graph at the end.
    pub fn graph(&self) -> &Arc<Graph> {
        self.stages.last().map_or(&self.source, |stage| &stage.graph)
    }

    /// The calls of the graph at the end that one kernel of the backend is to compute. Other calls are the source's own.
    pub fn calls(&self) -> &[NodeId] {
        self.stages.last().map_or(&[], |stage| &stage.calls)
    }

    /// What became of the values of the source, through all stages.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use glassbox_compiler::{CompileOptions, compile};
    /// use glassbox_ir::Fate;
    /// use glassbox_ir::text::{ParseOptions, parse};
    ///
    /// let text = "graph \"g\" { input %x: f32[A, B] %y = transpose(%x) %z = transpose(%y) %w = abs(%z) output %w }";
    /// let source = Arc::new(parse(text, &ParseOptions::default())?);
    /// let compiled = compile(&source, &CompileOptions::default())?;
    /// let y = source.find_value("y").unwrap();
    /// assert_eq!(compiled.lineage().of(y), Fate::Dead);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lineage(&self) -> Lineage {
        let start = Lineage::unchanged(&self.source);
        self.stages.iter().fold(start, |lineage, stage| lineage.then(&stage.lineage))
    }
}

/// The passes that run, by the name of the last or their number.
///
/// # Errors
///
/// There is no such pass, or there aren't as many.
pub(crate) fn passes_until(stop_after: Option<&str>) -> Result<&'static [Pass], CompileError> {
    let Some(last) = stop_after else { return Ok(PASSES) };
    let count = match last.parse::<usize>() {
        Ok(count) => Some(count),
        Err(_) => PASSES.iter().position(|pass| pass.name == last).map(|place| place + 1),
    };
    count.and_then(|count| PASSES.get(..count)).ok_or_else(|| CompileError::UnknownPass {
        name: last.to_owned(),
        passes: PASSES.iter().map(|pass| pass.name).collect(),
    })
}

/// Compiles a graph: runs the passes in order.
///
/// A pass that can't do its work, because what became known makes a node wrong that perhaps never runs, leaves the graph as
/// it was; its stage says so.
///
/// # Errors
///
/// An unknown pass is asked for; the graph breaks rules, before the first pass or, which is a bug, after one.
///
/// ```
/// use std::sync::Arc;
///
/// use glassbox_compiler::{CompileOptions, compile};
/// use glassbox_ir::text::{ParseOptions, parse};
///
/// let text = r#"graph "g" {
///   input %x: f32[2, 3]
///   %s = shape(%x)
///   %r = reshape(%x, %s)
///   %y = tanh(%r)
///   output %y
/// }"#;
/// let source = Arc::new(parse(text, &ParseOptions::default())?);
/// let compiled = compile(&source, &CompileOptions::default())?;
/// assert_eq!(compiled.graph().node_count(), 1);
/// assert!(compiled.lineage().check(&source, compiled.graph()).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compile(source: &Arc<Graph>, options: &CompileOptions) -> Result<Compiled, CompileError> {
    compile_for(source, &AnyBackend, options)
}

/// Compiles a graph for a backend. See [`compile`](compile()).
///
/// # Errors
///
/// Those of [`compile`](compile()).
pub fn compile_for(
    source: &Arc<Graph>,
    backend: &dyn Backend,
    options: &CompileOptions,
) -> Result<Compiled, CompileError> {
    let passes = passes_until(options.stop_after.as_deref())?;
    if options.verify {
        verify(source).map_err(CompileError::Invalid)?;
    }
    let mut compiled = Compiled { source: source.clone(), stages: Vec::with_capacity(passes.len()) };
    for pass in passes {
        let before = compiled.graph().clone();
        let started = Instant::now();
        let made = (pass.run)(&before, backend);
        let time = started.elapsed();
        let stage = match made {
            Ok(Rewritten { graph, lineage, attempts, calls }) => {
                let attempts = attempts.into_iter().collect();
                let outcome = Outcome::Done;
                Stage { name: pass.name, graph: Arc::new(graph), lineage, time, outcome, attempts, calls }
            }
            Err(why) => {
                let (lineage, outcome) = (Lineage::unchanged(&before), Outcome::Refused(why));
                let (attempts, calls) = (Vec::new(), Vec::new());
                Stage { name: pass.name, graph: before, lineage, time, outcome, attempts, calls }
            }
        };
        if options.verify {
            verify(&stage.graph).map_err(|errors| CompileError::Internal { pass: pass.name, errors })?;
        }
        compiled.stages.push(stage);
    }
    Ok(compiled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_found_by_name_and_number() {
        let count = |last: &str| passes_until(Some(last)).map(<[Pass]>::len);
        assert_eq!(count("0"), Ok(0));
        assert_eq!(count("2"), Ok(2));
        assert_eq!(count("simplify"), Ok(3));
        assert_eq!(passes_until(None).map(<[Pass]>::len), Ok(PASSES.len()));
        for wrong in ["simplfy", "99", ""] {
            let message = count(wrong).expect_err("there is none").to_string();
            let list = "the passes are, in order: drop_dead, fold_constants, simplify, move_movers, share_common, decompose, group";
            assert_eq!(message, format!("there is no pass `{wrong}`; {list}"));
        }
    }
}
