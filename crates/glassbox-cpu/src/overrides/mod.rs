//! Kernels that the program that runs a model brings along.
//!
//! In comes a pattern, written as a graph of ordinary ops, and what computes it; from then on the backend uses it wherever the
//! nodes of a model are those of the pattern, if the model's [policy](glassbox_exec::Policy) doesn't say otherwise. The pattern is
//! simplified and taken apart as a model is, so it may use composites. Operands are matched in the order in which the pattern
//! has them, constants by their contents, sizes that have names with any size. What computes it may be another graph,
//! which makes a rewrite of the two: [`Replacement`]. A run that is observed node by node goes over
//! the graph that was given, and uses none of them.

mod matching;
mod replacement;

use std::sync::{Arc, Mutex, PoisonError};

use glassbox_compiler::{CompileOptions, compile_for};
use glassbox_exec::{Choice, KernelError, Policy, RunError};
use glassbox_ir::text::nearest;
use glassbox_ir::{Graph, TensorType};
use glassbox_tensor::Tensor;
use thiserror::Error;

use crate::fuse::Fusion;
pub(crate) use matching::{Pattern, Surroundings};
pub use replacement::Replacement;

/// What computes a pattern.
pub trait CustomKernel: Send + Sync {
    /// The results, one for each output of the pattern, which have these types; `inputs` are those of the pattern, in its order.
    ///
    /// # Errors
    ///
    /// What it can't compute. The run fails then.
    fn run(&self, inputs: &[Tensor], results: &[TensorType]) -> Result<Vec<Tensor>, KernelError>;
}

impl<F> CustomKernel for F
where
    F: Fn(&[Tensor], &[TensorType]) -> Result<Vec<Tensor>, KernelError> + Send + Sync,
{
    fn run(&self, inputs: &[Tensor], results: &[TensorType]) -> Result<Vec<Tensor>, KernelError> {
        self(inputs, results)
    }
}

/// A kernel for a pattern.
///
/// ```
/// use std::sync::Arc;
/// use glassbox_cpu::{Cpu, Override};
/// use glassbox_exec::{Choice, KernelError, Options, RunContext, Runtime};
/// use glassbox_ir::text::{ParseOptions, parse};
/// use glassbox_tensor::{NoParams, Tensor};
///
/// let pattern = "graph \"square-sum\" { input %a: f32[N] input %b: f32[N] %s = mul(%a, %a) %y = add(%s, %b) output %y }";
/// let kernel = |inputs: &[Tensor], _: &[glassbox_ir::TensorType]| -> Result<Vec<Tensor>, KernelError> {
///     let (a, b) = (inputs[0].to_vec::<f32>()?, inputs[1].to_vec::<f32>()?);
///     let sums: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a.mul_add(*a, *b)).collect();
///     Ok(vec![Tensor::from_vec(&[sums.len()], sums)?])
/// };
/// Override {
///     name: "square-sum".to_owned(),
///     pattern: parse(pattern, &ParseOptions::default())?,
///     kernel: Arc::new(kernel),
///     choice: Choice::Force,
/// }
/// .register()?;
///
/// let model = "graph \"m\" { input %x: f32[3] input %z: f32[3] %t = tanh(%x) %m = mul(%t, %t) %w = add(%m, %z) output %w }";
/// let graph = Arc::new(parse(model, &ParseOptions::default())?);
/// let executable = Cpu.prepare(graph, Arc::new(NoParams), &Options::default())?;
/// assert!(executable.report().kernels.iter().any(|kernel| kernel.name == "square-sum"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Override {
    /// What it is called, by policies too.
    pub name: String,
    /// What it computes.
    pub pattern: Graph,
    /// What computes it.
    pub kernel: Arc<dyn CustomKernel>,
    /// When it is used, where a policy doesn't say.
    pub choice: Choice,
}

/// Why a kernel can't be registered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OverrideError {
    /// There is one of this name.
    #[error("a kernel `{0}` is registered already")]
    Taken(String),
    /// The pattern isn't one.
    #[error("the pattern of `{name}` {why}")]
    Pattern {
        /// The kernel.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A kernel that is registered.
pub(crate) struct Registered {
    pub(crate) name: String,
    pub(crate) pattern: Pattern,
    pub(crate) kernel: Arc<dyn CustomKernel>,
    choice: Choice,
}

static REGISTERED: Mutex<Vec<Arc<Registered>>> = Mutex::new(Vec::new());

impl Override {
    /// Makes it known to every graph that is prepared from now on in this process.
    ///
    /// # Errors
    ///
    /// There is one of its name, or the pattern has bodies, effects, no node, or more than one output.
    pub fn register(self) -> Result<(), OverrideError> {
        let wrong = |why: String| OverrideError::Pattern { name: self.name.clone(), why };
        let mut options = CompileOptions::default();
        options.stop_after = Some("decompose".to_owned());
        let compiled = compile_for(&Arc::new(self.pattern), &Fusion::default(), &options);
        let compiled = compiled.map_err(|error| wrong(format!("can't be compiled: {error}")))?;
        let pattern = Pattern::new(compiled.graph().clone()).map_err(wrong)?;
        let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
        if registered.iter().any(|known| known.name == self.name) {
            return Err(OverrideError::Taken(self.name));
        }
        let Override { name, kernel, choice, .. } = self;
        registered.push(Arc::new(Registered { name, pattern, kernel, choice }));
        Ok(())
    }
}

/// Forgets a registered kernel; whether there was one. Graphs that were prepared before go on using it.
pub fn unregister(name: &str) -> bool {
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    let before = registered.len();
    registered.retain(|known| known.name != name);
    registered.len() < before
}

/// A registered kernel that a graph may use, and when.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) registered: Arc<Registered>,
    pub(crate) choice: Choice,
}

/// The registered kernels that a policy doesn't switch off.
///
/// # Errors
///
/// The policy names one that there isn't.
pub(crate) fn chosen(policy: Option<&Policy>) -> Result<Vec<Chosen>, RunError> {
    let registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let said = policy.map(Policy::overrides).unwrap_or_default();
    for (name, _) in said {
        if !registered.iter().any(|known| known.name == *name) {
            let names: Vec<&str> = registered.iter().map(|known| known.name.as_str()).collect();
            let hint = match (nearest(name, names.iter().copied()), names.is_empty()) {
                (Some(meant), _) => format!("; did you mean `{meant}`?"),
                (None, true) => "; this program has registered none".to_owned(),
                (None, false) => format!("; there are {}", names.join(", ")),
            };
            return Err(RunError::Policy(format!("no kernel `{name}` is registered{hint}")));
        }
    }
    let choice = |known: &Arc<Registered>| {
        let found = said.iter().rev().find(|(name, _)| *name == known.name);
        found.map_or(known.choice, |(_, choice)| *choice)
    };
    let all = registered.iter().map(|known| Chosen { registered: known.clone(), choice: choice(known) });
    Ok(all.filter(|chosen| chosen.choice != Choice::Off).collect())
}
