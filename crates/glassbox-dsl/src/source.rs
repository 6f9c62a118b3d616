//! What a program is lowered against, and what can be lowered.

use std::sync::Arc;

use glassbox_ir::{Attr, Graph};
use glassbox_tensor::{NoParams, ParamSource};

use crate::error::DslError;

/// A model package, as programs see it: parameters, sizes and metadata by name.
pub trait ModelSource {
    /// The parameters.
    fn params(&self) -> &dyn ParamSource;

    /// The size that the package names so.
    fn size(&self, name: &str) -> Option<u64>;

    /// The entry of the package's metadata: a truth value, a number, text, or a list of numbers or of text.
    fn metadata(&self, name: &str) -> Option<Attr>;

    /// The names of the sizes and of the metadata, as far as they are known: for messages that guess what is meant.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The package that has nothing.
pub struct NoModel;

impl ModelSource for NoModel {
    fn params(&self) -> &dyn ParamSource {
        &NoParams
    }

    fn size(&self, _: &str) -> Option<u64> {
        None
    }

    fn metadata(&self, _: &str) -> Option<Attr> {
        None
    }
}

/// What becomes a graph, given a model: a program in block form, formulas, or a graph itself.
pub trait Lower {
    /// The graph. Its outputs are named as the variables that can be fetched after a step; its inputs are the ones that
    /// are inserted before, its states the ones that live from step to step.
    fn lower(&self, model: &dyn ModelSource) -> Result<Arc<Graph>, DslError>;
}

impl Lower for Graph {
    fn lower(&self, _: &dyn ModelSource) -> Result<Arc<Graph>, DslError> {
        Ok(Arc::new(self.clone()))
    }
}

impl Lower for Arc<Graph> {
    fn lower(&self, _: &dyn ModelSource) -> Result<Arc<Graph>, DslError> {
        Ok(self.clone())
    }
}

/// A result of a program: the name that it is fetched by after a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Output(Arc<str>);

impl Output {
    /// The result that is named `name`.
    pub fn new(name: &str) -> Output {
        Output(name.into())
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl<M: ModelSource + ?Sized> ModelSource for &M {
    fn params(&self) -> &dyn ParamSource {
        (**self).params()
    }

    fn size(&self, name: &str) -> Option<u64> {
        (**self).size(name)
    }

    fn metadata(&self, name: &str) -> Option<Attr> {
        (**self).metadata(name)
    }

    fn names(&self) -> Vec<String> {
        (**self).names()
    }
}
