//! The other side of a check, from what `--against` says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use glassbox_check::skeleton;
use glassbox_check::{Engine, Meaning, Model, Other, Source};
use glassbox_exec::{Executable, Nodes, Options, Precision, RunError, Runtime, Value};
use glassbox_ir::{Graph, Type};
use glassbox_onnx::{ImportOptions, Maps};
use glassbox_runtime::LoadOptions;
use glassbox_tensor::{NoParams, Overflow, ParamSource};

use super::stored::{self, Of};
use crate::args::Check;
use crate::{model, policy};

/// The other side, and whether not a bit may differ from it.
pub(super) struct Opened {
    pub(super) side: Other,
    pub(super) exact: bool,
}

/// Opens what `--against` names: a name that is known, else a file or folder.
pub(super) fn open(arguments: &Check, loaded: &glassbox_runtime::Model, ours: &Model, quiet: bool) -> Result<Opened> {
    let against = arguments.against.as_str();
    let inexact = |side| Ok(Opened { side, exact: false });
    if against == "precise" {
        let options = Options { precision: Precision::Precise, ..ours.options.clone() };
        let name = "the same in f64".to_owned();
        return inexact(Other::Itself {
            name,
            runtime: glassbox_backends::reference(),
            options,
            precise: true,
            nodes: Nodes::Given,
        });
    }
    if let Ok(runtime) = glassbox_backends::find(against) {
        let itself = runtime.name() == ours.runtime.name();
        if itself && !quiet {
            let threads = glassbox_tensor::threads();
            note!("note: {against} itself is what runs: on {threads} threads, held to the bit against one thread");
        }
        let runs = &arguments.model.runs;
        let policy = runs.policy()?.filter(|_| itself || runs.backend.is_none());
        let runtime = policy::under(policy.as_ref(), runtime);
        let runtime: Arc<dyn Runtime> = if itself { Arc::new(OneThread(runtime)) } else { runtime };
        let nodes = if itself { Nodes::Given } else { Nodes::Surviving };
        let (name, options) = (against.to_owned(), ours.options.clone());
        let side = Other::Itself { name, runtime, options, precise: false, nodes };
        return Ok(Opened { side, exact: itself });
    }
    if against == "onnxruntime" || against.starts_with("onnxruntime:") {
        return inexact(onnxruntime(arguments, loaded, ours)?);
    }
    if against == "torch" {
        return inexact(super::torch::open(arguments, loaded, ours)?);
    }
    let path = Path::new(against);
    if !path.exists() && !model::comes_along(against) {
        let known: Vec<&str> = glassbox_backends::BACKENDS.iter().map(|backend| backend.name).collect();
        bail!(
            "--against {against}: there is no such file or folder, and it is none of precise, onnxruntime, torch, {}",
            known.join(", ")
        );
    }
    if let Some(side) = stored::open(path, against)? {
        return inexact(side);
    }
    let other = model::open(against, LoadOptions::default())?;
    let graph = other.graph()?.clone();
    let inputs = inputs(&loaded.graph()?.clone(), &ours.inputs, &graph, against)?;
    let engine = Engine { runtime: glassbox_backends::reference(), options: ours.options.clone() };
    let source = Source { graph, params: other.params(), outputs: other.outputs(), onnx: other.onnx() };
    let side = Model::new(against, engine, source, inputs);
    inexact(Other::Model(Box::new(side)))
}

/// What onnxruntime computes inside the file that is checked, or inside another one.
fn onnxruntime(arguments: &Check, loaded: &glassbox_runtime::Model, ours: &Model) -> Result<Other> {
    let against = arguments.against.as_str();
    let named = against.strip_prefix("onnxruntime:").map(PathBuf::from);
    let own = loaded.onnx().and_then(|model| model.file.clone());
    let file = match (&named, own) {
        (Some(file), _) => file.clone(),
        (None, Some(file)) => file,
        (None, None) => bail!(
            "--against onnxruntime: {} is no ONNX file; name the file that onnxruntime is to run, as onnxruntime:FILE",
            arguments.model.model
        ),
    };
    let model = glassbox_onnx::load(&file)?;
    let graph = &ours.graph;
    let labels: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    // Inputs with an initializer are constants here and there.
    let given = |name: &str| model.graph.initializers.iter().any(|(known, _)| known == name);
    let theirs: Vec<String> =
        model.graph.inputs.iter().map(|input| input.name.clone()).filter(|name| !given(name)).collect();
    // A map is two inputs here.
    let maps = Maps::of(graph).inputs;
    let of_map = |label: &String| {
        maps.iter().any(|map| theirs.contains(&map.name) && (map.keys == *label || map.values == *label))
    };
    let all_named = labels.iter().all(|label| theirs.contains(label) || of_map(label));
    if !all_named && labels.len() != theirs.len() {
        bail!("{against}: it takes {}, and the model that is checked {}", theirs.join(", "), labels.join(", "));
    }
    let names = if all_named { labels } else { theirs };
    let maps = if all_named { maps } else { Vec::new() };
    let taken = super::python::onnxruntime(arguments, &file, ours, &names, &maps)?;
    let entries = stored::folder(&taken.folder())?;
    let entries = stored::keeping(entries, taken);
    let of = match &named {
        None => Of::ThisModel(ours.skeleton.clone()),
        Some(_) => skeleton_of(&model),
    };
    Ok(stored::side(against, entries, Some(of)))
}

/// The skeleton of a file: of its graph where it can be imported, else with the nodes as the file has them.
fn skeleton_of(model: &glassbox_onnx::Model) -> Of {
    let params: Arc<dyn ParamSource> = Arc::new(NoParams);
    match glassbox_onnx::import(model, &ImportOptions::default()) {
        Ok(import) => {
            let skeleton = skeleton::of_graph(&import.graph, &params, &import.outputs, Some(model));
            Of::Another(Arc::new(skeleton), Some(Meaning { graph: Arc::new(import.graph), params }))
        }
        Err(_) => Of::Another(Arc::new(skeleton::of_onnx(model)), None),
    }
}

/// The values of our inputs as the other model takes them: by name, else, where both take as many, by their place.
fn inputs(ours: &Graph, values: &[Value], theirs: &Graph, name: &str) -> Result<Vec<Value>> {
    let by_name = |wanted: &str| ours.inputs().iter().position(|id| ours.value_label(*id) == wanted);
    let all_named = theirs.inputs().iter().all(|id| by_name(&theirs.value_label(*id)).is_some());
    if !all_named && ours.inputs().len() != theirs.inputs().len() {
        let names =
            |graph: &Graph| graph.inputs().iter().map(|id| graph.value_label(*id)).collect::<Vec<_>>().join(", ");
        bail!(
            "{name}: it takes {}, and the model that is checked {}; neither names nor number are the same",
            names(theirs),
            names(ours)
        );
    }
    let mut given = Vec::with_capacity(theirs.inputs().len());
    for (place, id) in theirs.inputs().iter().enumerate() {
        let label = theirs.value_label(*id);
        let place = if all_named { by_name(&label).unwrap_or(place) } else { place };
        let value = values.get(place).with_context(|| format!("{name}: nothing is given for its input `{label}`"))?;
        given.push(fitting(value, &theirs.value(*id).ty).with_context(|| format!("{name}: input `{label}`"))?);
    }
    Ok(given)
}

/// A value in the dtype that an input takes, where both are of floats or both of integers.
fn fitting(value: &Value, ty: &Type) -> Result<Value> {
    let (Value::Tensor(tensor), Type::Tensor(wanted)) = (value, ty) else { return Ok(value.clone()) };
    let floats = tensor.dtype().is_float() && wanted.dtype.is_float();
    let integers = tensor.dtype().is_integer() && wanted.dtype.is_integer();
    if tensor.dtype() == wanted.dtype || !(floats || integers) {
        return Ok(value.clone());
    }
    Ok(tensor.cast(wanted.dtype, Overflow::Saturate)?.into())
}

/// A runtime on one thread.
struct OneThread(Arc<dyn Runtime>);

impl Runtime for OneThread {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn prepare(
        &self,
        graph: Arc<Graph>,
        params: Arc<dyn ParamSource>,
        options: &Options,
    ) -> Result<Arc<dyn Executable>, RunError> {
        Ok(Arc::new(one_thread::Executable(self.0.prepare(graph, params, options)?)))
    }
}

mod one_thread {
    //! An executable whose sessions compute on one thread.

    use std::sync::Arc;

    use glassbox_exec::{Progress, Report, RunContext, RunError, Session, StateStore, Value};
    use glassbox_ir::Graph;

    pub(super) struct Executable(pub(super) Arc<dyn glassbox_exec::Executable>);

    impl glassbox_exec::Executable for Executable {
        fn graph(&self) -> &Arc<Graph> {
            self.0.graph()
        }

        fn session(&self) -> Result<Box<dyn Session>, RunError> {
            Ok(Box::new(Alone(self.0.session()?)))
        }

        fn report(&self) -> Report {
            self.0.report()
        }
    }

    struct Alone(Box<dyn Session>);

    impl Session for Alone {
        fn graph(&self) -> &Arc<Graph> {
            self.0.graph()
        }

        fn start(&mut self, inputs: &[Value]) -> Result<(), RunError> {
            self.0.start(inputs)
        }

        fn resume(&mut self, context: RunContext) -> Result<Progress, RunError> {
            glassbox_tensor::on_one_thread(|| self.0.resume(context))
        }

        fn is_under_way(&self) -> bool {
            self.0.is_under_way()
        }

        fn cancel(&mut self) {
            self.0.cancel();
        }

        fn states(&self) -> &dyn StateStore {
            self.0.states()
        }

        fn states_mut(&mut self) -> &mut dyn StateStore {
            self.0.states_mut()
        }

        fn fork(&self) -> Result<Box<dyn Session>, RunError> {
            Ok(Box::new(Alone(self.0.fork()?)))
        }
    }
}
