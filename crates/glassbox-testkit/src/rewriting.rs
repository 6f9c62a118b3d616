//! What the compiler must keep of every graph that a suite has: what it computes, to the bit, and what became of each
//! value.

use std::sync::Arc;

use glassbox_compiler::{CompileOptions, compile};
use glassbox_ir::Graph;

use crate::conformance::round_trip;

/// The graph as all passes leave it, which verifies, reads back from text and JSON, and of which a lineage accounts for
/// every value of the source.
///
/// # Errors
///
/// What of that isn't so.
pub fn rewritten(source: &Arc<Graph>) -> Result<Arc<Graph>, String> {
    let mut options = CompileOptions::default();
    options.verify = true;
    let compiled = compile(source, &options).map_err(|error| error.to_string())?;
    compiled.lineage().check(source, compiled.graph()).map_err(|error| format!("lineage: {error}"))?;
    for stage in &compiled.stages {
        if let glassbox_compiler::Outcome::Refused(error) = &stage.outcome {
            return Err(format!("the pass `{}` refused: {error}", stage.name));
        }
    }
    round_trip(compiled.graph())?;
    Ok(compiled.graph().clone())
}
