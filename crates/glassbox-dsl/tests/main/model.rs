//! A package in memory, and a session that runs a program with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use glassbox_dsl::{Lower, ModelSource};
use glassbox_exec::{Limits, Options, RunContext, Session, Value};
use glassbox_ir::Attr;
use glassbox_tensor::{NoParams, ParamError, ParamId, ParamInfo, ParamSource, Tensor};

/// Messages name the limit on memory, so it isn't that of the machine.
const LIMITS: Limits = Limits { bytes: 1 << 30, turns: 100_000_000 };

/// Parameters, sizes and metadata.
#[derive(Default)]
pub(crate) struct Model {
    params: Arc<Params>,
    sizes: BTreeMap<String, u64>,
    metadata: BTreeMap<String, Attr>,
}

#[derive(Default)]
struct Params {
    infos: Vec<ParamInfo>,
    tensors: Vec<Tensor>,
}

impl ParamSource for Params {
    fn params(&self) -> &[ParamInfo] {
        &self.infos
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        match self.infos.iter().position(|info| info.name == name) {
            Some(place) => Ok(self.tensors[place].clone()),
            None => NoParams.load(name),
        }
    }
}

impl ModelSource for Model {
    fn params(&self) -> &dyn ParamSource {
        self.params.as_ref()
    }

    fn size(&self, name: &str) -> Option<u64> {
        self.sizes.get(name).copied()
    }

    fn metadata(&self, name: &str) -> Option<Attr> {
        self.metadata.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.sizes.keys().chain(self.metadata.keys()).cloned().collect()
    }
}

impl Model {
    pub(crate) fn new() -> Model {
        Model::default()
    }

    pub(crate) fn param(mut self, name: &str, tensor: Tensor) -> Model {
        let params = Arc::get_mut(&mut self.params).unwrap();
        let id = ParamId(params.infos.len() as u128);
        params.infos.push(ParamInfo { name: name.into(), dtype: tensor.dtype(), shape: tensor.shape().to_vec(), id });
        params.tensors.push(tensor);
        self
    }

    pub(crate) fn with_size(mut self, name: &str, size: u64) -> Model {
        self.sizes.insert(name.into(), size);
        self
    }

    pub(crate) fn with_metadata(mut self, name: &str, value: impl Into<Attr>) -> Model {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// A session of a program, or what is wrong with it.
    pub(crate) fn try_session(&self, program: &impl Lower) -> Result<Run, String> {
        let graph = program.lower(self).map_err(|error| error.to_string())?;
        let text = glassbox_ir::text::print(&graph, &glassbox_ir::text::PrintOptions::default());
        glassbox_ir::verify(&graph).map_err(|error| format!("{error:?}\n{text}"))?;
        let options = Options { limits: LIMITS, ..Options::default() };
        let session = glassbox_backends::testing::session_with(graph, self.params.clone(), &options);
        let session = session.map_err(|error| error.to_string())?;
        Ok(Run { session, text })
    }

    pub(crate) fn session(&self, program: &impl Lower) -> Run {
        self.try_session(program).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A program that runs.
pub(crate) struct Run {
    pub(crate) session: Box<dyn Session>,
    pub(crate) text: String,
}

impl Run {
    /// One step: the outputs by name.
    pub(crate) fn try_step(&mut self, inputs: &[Tensor]) -> Result<BTreeMap<String, Tensor>, String> {
        let inputs: Vec<Value> = inputs.iter().cloned().map(Value::from).collect();
        let results = self.session.run(&inputs, RunContext::new()).map_err(|error| format!("{error}"))?;
        let graph = self.session.graph();
        let names = graph.outputs().iter().map(|id| graph.value_label(*id));
        let tensors = results.into_iter().map(|value| value.as_tensor().unwrap().clone());
        Ok(names.map(|name| name.split('#').next().unwrap().to_owned()).zip(tensors).collect())
    }

    pub(crate) fn step(&mut self, inputs: &[Tensor]) -> BTreeMap<String, Tensor> {
        self.try_step(inputs).unwrap_or_else(|error| panic!("{error}\n{}", self.text))
    }

    pub(crate) fn state(&self, name: &str) -> Tensor {
        self.session.states().read(name).unwrap()
    }
}

pub(crate) fn f32s(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::from_vec(shape, values.to_vec()).unwrap()
}

pub(crate) fn i64s(shape: &[usize], values: &[i64]) -> Tensor {
    Tensor::from_vec(shape, values.to_vec()).unwrap()
}
