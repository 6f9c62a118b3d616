//! Kernels that the program registered, beside those that the backend has for the same nodes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use glassbox_exec::{Choice, KernelError};
use glassbox_ir::{Node, Type, ValueId};
use glassbox_tensor::Tensor;

use super::Kernel;
use crate::fragment::{Fragment, Sizes};
use crate::overrides::{Chosen, Surroundings};
use crate::slots::Call;

/// How often each of two kernels is tried.
const TRIES: usize = 3;

struct Custom {
    chosen: Chosen,
    /// The numbers of the pattern's inputs.
    inputs: Vec<usize>,
    /// The backend's own kernel for the same nodes, where the faster one is wanted and there is one.
    own: Option<Box<dyn Kernel>>,
    /// For sizes of the inputs, whether the registered kernel was faster.
    faster: Mutex<HashMap<Vec<Vec<usize>>, bool>>,
}

/// The kernel of a group that a pattern made. `own` builds the backend's own.
pub(super) fn build(
    fragment: &Fragment,
    chosen: &Chosen,
    own: impl FnOnce() -> Option<Box<dyn Kernel>>,
) -> Option<Box<dyn Kernel>> {
    let last = fragment.nodes().next_back()?;
    let found = chosen.registered.pattern.find(&Inside(fragment), *last.results.first()?)?;
    if found.places.len() != fragment.nodes().len() || fragment.outputs().len() != 1 {
        return None;
    }
    let inputs = found.inputs.iter().map(|value| fragment.number(*value)).collect();
    let own = if chosen.choice == Choice::Benchmark { own() } else { None };
    Some(Box::new(Custom { chosen: chosen.clone(), inputs, own, faster: Mutex::default() }))
}

/// The nodes of a fragment, in which a pattern is looked for.
struct Inside<'f>(&'f Fragment);

impl Surroundings for Inside<'_> {
    fn giver(&self, value: ValueId) -> Option<(usize, &Node)> {
        self.0.nodes().enumerate().find(|(_, node)| node.results.contains(&value))
    }

    fn constant(&self, value: ValueId) -> Option<Tensor> {
        self.0.content(self.0.number(value)).cloned()
    }

    fn ty(&self, value: ValueId) -> &Type {
        &self.0.graph().value(value).ty
    }
}

impl Custom {
    /// What the registered kernel gives, which must be of the types that inference says.
    fn custom(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let inputs: Vec<Tensor> = self.inputs.iter().map(|number| call.inputs[*number].clone()).collect();
        let types: Vec<_> = call.fragment.outputs().iter().map(|number| call.sizes.types[*number].clone()).collect();
        let made = self.chosen.registered.kernel.run(&inputs, &types)?;
        let fits = |(made, ty): (&Tensor, &glassbox_ir::TensorType)| {
            made.dtype() == ty.dtype && ty.shape.sizes().is_some_and(|sizes| sizes == made.shape())
        };
        if made.len() == types.len() && made.iter().zip(&types).all(fits) {
            return Ok(made);
        }
        let name = &self.chosen.registered.name;
        let found: Vec<String> = made.iter().map(|made| format!("{}{:?}", made.dtype(), made.shape())).collect();
        let wanted: Vec<String> = types.iter().map(ToString::to_string).collect();
        let message = format!("the kernel `{name}` gave {} where {} was wanted", found.join(", "), wanted.join(", "));
        Err(KernelError::Unsupported(message))
    }

    /// The results of the faster of both; which that is is found out now, and remembered for these sizes.
    fn compare(&self, call: &Call, own: &dyn Kernel) -> Result<Vec<Tensor>, KernelError> {
        let sizes: Vec<Vec<usize>> = call.inputs.iter().map(|input| input.shape().to_vec()).collect();
        let known = self.faster.lock().unwrap_or_else(PoisonError::into_inner).get(&sizes).copied();
        match known {
            Some(true) => return self.custom(call),
            Some(false) => return own.run(call),
            None => {}
        }
        let (mut times, mut results) = ([Duration::MAX; 2], [Vec::new(), Vec::new()]);
        for _ in 0..TRIES {
            for place in 0..2 {
                let began = Instant::now();
                results[place] = if place == 0 { self.custom(call)? } else { own.run(call)? };
                times[place] = times[place].min(began.elapsed());
            }
        }
        let is_faster = times[0] < times[1];
        self.faster.lock().unwrap_or_else(PoisonError::into_inner).insert(sizes, is_faster);
        let [custom, own] = results;
        Ok(if is_faster { custom } else { own })
    }
}

impl Kernel for Custom {
    fn takes(&self, fragment: &Fragment, sizes: &Sizes) -> bool {
        self.own.as_ref().is_none_or(|own| own.takes(fragment, sizes))
    }

    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        match &self.own {
            None => self.custom(call),
            Some(own) => self.compare(call, own.as_ref()),
        }
    }
}
