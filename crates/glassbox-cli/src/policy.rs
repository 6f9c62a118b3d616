//! A backend with a policy of precision, in every graph that it prepares.

use std::path::Path;
use std::sync::Arc;

use glassbox_exec::{Executable, Options, Policy, PolicyError, RunError, Runtime};
use glassbox_ir::Graph;
use glassbox_tensor::ParamSource;

/// The policy of a name or in a file.
pub(crate) fn read(text: &str) -> Result<Arc<Policy>, String> {
    if let Some(policy) = Policy::named(text) {
        return Ok(Arc::new(policy));
    }
    let names = Policy::NAMES.join(", ");
    let read = std::fs::read_to_string(Path::new(text));
    let read = read.map_err(|error| format!("{error}; without a file there are {names}"))?;
    read.parse().map(Arc::new).map_err(|error: PolicyError| error.to_string())
}

/// A policy that says of registered kernels what `overrides` do.
pub(crate) fn with_overrides(
    policy: Option<&Arc<Policy>>,
    overrides: &[String],
) -> anyhow::Result<Option<Arc<Policy>>> {
    if overrides.is_empty() {
        return Ok(policy.cloned());
    }
    let mut made = policy.map(|policy| Policy::clone(policy)).unwrap_or_default();
    for text in overrides {
        made = made.overridden(text).map_err(|error| anyhow::anyhow!("--override {text}: {error}"))?;
    }
    Ok(Some(Arc::new(made)))
}

/// A backend under a policy; as it is, where the policy says what is done without one.
pub(crate) fn under(policy: Option<&Arc<Policy>>, runtime: Arc<dyn Runtime>) -> Arc<dyn Runtime> {
    match policy.filter(|policy| ***policy != Policy::default()) {
        Some(policy) => Arc::new(Under { runtime, policy: policy.clone() }),
        None => runtime,
    }
}

struct Under {
    runtime: Arc<dyn Runtime>,
    policy: Arc<Policy>,
}

impl Runtime for Under {
    fn name(&self) -> &str {
        self.runtime.name()
    }

    fn prepare(
        &self,
        graph: Arc<Graph>,
        params: Arc<dyn ParamSource>,
        options: &Options,
    ) -> Result<Arc<dyn Executable>, RunError> {
        let options = Options { policy: Some(self.policy.clone()), ..options.clone() };
        self.runtime.prepare(graph, params, &options)
    }
}
