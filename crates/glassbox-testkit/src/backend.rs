//! What can run a graph.

use glassbox_ir::Graph;
use glassbox_reference::{Options, Session, Value};

/// What can run a graph.
pub trait Backend: Sync {
    /// The name, as the command line has it.
    fn name(&self) -> &'static str;

    /// The outputs for these inputs, or what went wrong.
    fn run(&self, graph: &Graph, inputs: &[Value]) -> Result<Vec<Value>, String>;
}

/// The reference interpreter.
#[derive(Default)]
pub struct Reference {
    /// How its sessions run.
    pub options: Options,
}

impl Backend for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn run(&self, graph: &Graph, inputs: &[Value]) -> Result<Vec<Value>, String> {
        let mut session = Session::new(graph.clone(), self.options.clone()).map_err(|error| error.to_string())?;
        session.run(inputs).map_err(|error| error.to_string())
    }
}
