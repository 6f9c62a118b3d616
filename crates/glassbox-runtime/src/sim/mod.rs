//! Programs that run step by step: a simulator, its executors, and what there is to see of a run.
//!
//! A [`Simulator`] lowers a program against a [`ModelPackage`], once; the [`Executor`]s that it makes share the graph,
//! its plan and the weights, and each has states of its own. Before a step its inputs are inserted, after it
//! variables are fetched, and in between it can be stopped at any statement, watched and traced. Whatever isn't
//! there, or doesn't fit, is an error that names it and says what to do; no error changes a state.
//!
//! ```
//! use glassbox_runtime::{Device, ModelPackage, Simulator, fetch_executor, insert_executor};
//! use glassbox_ir::text::{ParseOptions, parse};
//!
//! let program = parse(
//!     r#"graph "count" {
//!       state @total: i64[]
//!       input %x: i64[N]
//!       %axis = constant() {value = i64[1] [0]} : i64[1]
//!       %sum = reduce_sum(%x, %axis) {keepdims = false} : i64[]
//!       %before = state_read() {state = "total"} : i64[]
//!       %after = add(%before, %sum) : i64[]
//!       %written = state_write(%after) {state = "total"} : i64[]
//!       output %sum
//!     }"#,
//!     &ParseOptions::default(),
//! )?;
//! let simulator = Simulator::new(&ModelPackage::empty(), &program, Device::Cpu)?;
//! let mut executor = simulator.make_executor()?;
//! for last in [3, 4] {
//!     insert_executor!(executor, { x: vec![1, 2, last] });
//!     executor.run_step()?;
//! }
//! fetch_executor!(executor, { sum: i64, total: i64 });
//! assert_eq!((sum, total), (7, 13));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chrome;
mod device;
mod error;
mod executor;
mod inputs;
mod ledger;
mod macros;
mod metadata;
mod names;
mod package;
mod random;
mod seeing;
mod session;
mod source;
mod states;
mod symbols;
mod trace;
mod values;
mod variables;

use std::sync::{Arc, Mutex};

use glassbox_dsl::Lower;
use glassbox_exec::{Executable, Options};
use glassbox_ir::Graph;
use glassbox_tensor::ParamSource;

pub use chrome::{ChromeWriter, write_chrome};
pub use device::Device;
pub use error::SimError;
pub use executor::{Executor, Statements, StepOutcome};
pub use ledger::View;
pub use metadata::{FromMetadata, Mismatch};
pub use package::{ModelLoader, ModelPackage, ModelParts};
pub use random::{Random, RandomElement};
pub use session::{Inputs, OutputName, SimBackend, SimSession, StepResult};
pub use source::{format_program, format_text, read_program};
pub use trace::{Statistics, TraceEvent, TraceOutput, write_jsonl};
pub use values::{Fetched, Inserted};

use crate::error::RuntimeError;
use ledger::Settings;
use symbols::SymbolTable;

/// How many events of a trace an executor keeps, unless the simulator is told otherwise.
pub const TRACE_KEPT: usize = 65_536;

/// A program that is lowered, checked and planned: what makes executors. See the [module](self).
///
/// ```
/// use glassbox_runtime::dsl::Program;
/// use glassbox_runtime::{Device, ModelPackage, Simulator};
/// let text = "dynamic { x: f32[2]; } persistent { n: i32; }
///     block entry { assign y: f32[2]; op relu(x) >> y; cache.increment n; }";
/// let program = Program::parse("example", text)?;
/// let simulator = Simulator::new(&ModelPackage::empty(), &program, Device::Reference)?;
/// let mut executor = simulator.make_executor()?;
/// for step in 1..=2 {
///     executor.insert("x", vec![-1.0f32, 2.0])?;
///     executor.run_step()?;
///     assert_eq!(executor.fetch::<Vec<f32>>("y")?, [0.0, 2.0]);
///     assert_eq!(executor.fetch::<i32>("n")?, step);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Simulator {
    executable: Arc<dyn Executable>,
    program: Arc<SymbolTable>,
    params: Arc<dyn ParamSource>,
    device: Device,
    settings: Settings,
}

impl Simulator {
    /// Lowers a program against a package. A parameter that the package doesn't have as the program says is an error.
    ///
    /// # Errors
    ///
    /// Where the program has a mistake, the package lacks what it names, or the graph can't be prepared.
    pub fn new(
        model: &ModelPackage,
        program: &(impl Lower + ?Sized),
        device: Device,
    ) -> Result<Simulator, RuntimeError> {
        let graph = program.lower(model)?;
        Simulator::of_graph(&graph, model.params(), device, glassbox_backends::options())
    }

    fn of_graph(
        graph: &Arc<Graph>,
        params: Arc<dyn ParamSource>,
        device: Device,
        options: Options,
    ) -> Result<Simulator, RuntimeError> {
        let executable = device.runtime()?.prepare(graph.clone(), params.clone(), &options)?;
        let program = Arc::new(SymbolTable::new(graph));
        let settings = Settings { statistics: false, timer: false, bound: TRACE_KEPT, sink: None };
        Ok(Simulator { executable, program, params, device, settings })
    }

    /// Executors keep an event of every statement, with statistics of what it gives.
    pub fn with_trace(mut self) -> Simulator {
        self.settings.statistics = true;
        self
    }

    /// Executors keep an event of every statement, with its time.
    pub fn with_timer(mut self) -> Simulator {
        self.settings.timer = true;
        self
    }

    /// Executors keep the last `events` of a trace, at least one, instead of [`TRACE_KEPT`]. For a short while they
    /// have up to twice as many in memory.
    pub fn keep_trace(mut self, events: usize) -> Simulator {
        self.settings.bound = events;
        self
    }

    /// Tells `tell` of every statement of every executor, as soon as it has been run.
    pub fn trace_to(mut self, tell: impl FnMut(&TraceEvent) + Send + 'static) -> Simulator {
        self.settings.sink = Some(Arc::new(Mutex::new(tell)));
        self
    }

    /// With another precision, seed, or other limits.
    ///
    /// # Errors
    ///
    /// Where the graph can't be prepared with these options.
    pub fn with_options(self, options: Options) -> Result<Simulator, RuntimeError> {
        let other = Simulator::of_graph(self.executable.graph(), self.params.clone(), self.device, options)?;
        Ok(Simulator { settings: self.settings, ..other })
    }

    /// The graph that the program became.
    pub fn graph(&self) -> &Graph {
        self.executable.graph()
    }

    /// The variables that every step gives, by the names that they can be fetched by. Persistent ones come besides.
    pub fn outputs(&self) -> Vec<&str> {
        let named = self.program.outputs.iter().enumerate().map(|(place, (label, variable))| {
            let variable = &*self.program.variables[*variable];
            if self.program.output(variable) == Some(place) { variable } else { label }
        });
        named.collect()
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// An executor, with states as at the start.
    ///
    /// # Errors
    ///
    /// Where no session can be made, as for want of memory for the states.
    pub fn make_executor(&self) -> Result<Executor, RuntimeError> {
        Executor::new(self.executable.as_ref(), self.program.clone(), self.params.clone(), self.settings.clone())
    }
}
