//! Holding a graph that was made of another against it, on the reference: outputs, and every value that was kept.

use std::collections::HashMap;

use glassbox_exec::{Event, Flow, Limits, Observer, Options, RunContext, RunError, Value};
use glassbox_ir::text::{ParseOptions, PrintOptions, parse, print};
use glassbox_ir::{Bindings, Dim, Fate, Graph, Lineage, Type, ValueId, json, verify};
use glassbox_tensor::{DType, Tensor};

/// What a run gave, and every value that it made, by the value, in order.
pub(crate) struct Record {
    pub(crate) outputs: Vec<Value>,
    made: HashMap<ValueId, Vec<Value>>,
}

struct Recorder(HashMap<ValueId, Vec<Value>>);

impl Observer for Recorder {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        for (id, value) in event.node().results.iter().zip(event.results()?) {
            self.0.entry(*id).or_default().push(value);
        }
        Ok(Flow::Continue)
    }
}

/// Runs a graph.
pub(crate) fn record(graph: &Graph, inputs: &[Value]) -> Result<Record, RunError> {
    let options = Options { limits: Limits { bytes: 64 << 20, turns: 100 }, ..glassbox_backends::options() };
    let mut session = glassbox_backends::testing::session(graph.clone(), &options)?;
    let mut recorder = Recorder(HashMap::new());
    let outputs = session.run(inputs, RunContext::new().observed(&mut recorder))?;
    Ok(Record { outputs, made: recorder.0 })
}

/// What everyone may rely on: it verifies, it reads back from text and JSON, and the lineage is total.
pub(crate) fn check_graph(source: &Graph, made: &Graph, lineage: &Lineage) {
    assert_eq!(verify(made), Ok(()), "{source}\n{made}");
    assert_eq!(lineage.check(source, made), Ok(()), "{source}\n{made}");
    let text = print(made, &PrintOptions::with_data());
    let parsed = parse(&text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(made.same_as(&parsed), Ok(()), "{text}");
    let written = json::to_string(made).expect("JSON");
    let read = json::from_str(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(made.same_as(&read), Ok(()), "{text}");
    let labels = |graph: &Graph, ids: &[ValueId]| -> Vec<Option<String>> {
        ids.iter().map(|id| graph.value(*id).name.as_deref().map(str::to_owned)).collect()
    };
    assert_eq!(labels(source, source.inputs()), labels(made, made.inputs()));
    for (old, new) in labels(source, source.outputs()).into_iter().zip(labels(made, made.outputs())) {
        assert!(old.is_none() || old == new, "the output {old:?} is called {new:?}\n{source}\n{made}");
    }
}

/// The runs of both give the same outputs, and the same for every value that was kept. How many of these there were.
pub(crate) fn check_runs(source: &Graph, made: &Graph, lineage: &Lineage, inputs: &[Value]) -> Option<usize> {
    let want = record(source, inputs).ok()?;
    let got = record(made, inputs).unwrap_or_else(|error| panic!("{error}\n{source}\n{made}"));
    for (place, (want, got)) in want.outputs.iter().zip(&got.outputs).enumerate() {
        assert!(want.bit_eq(got), "output {place}: {want:?}, not {got:?}\n{source}\n{made}");
    }
    let mut compared = 0;
    for (old, fate) in lineage.iter() {
        let (Fate::Kept(new), Some(want)) = (fate, want.made.get(&old)) else { continue };
        let Some(got) = got.made.get(&new) else { continue };
        let pairs: Vec<(&Value, &Value)> = match got.len() {
            // It is made once, in a region around.
            1 => want.iter().map(|want| (want, &got[0])).collect(),
            count if count == want.len() => want.iter().zip(got).collect(),
            _ => continue,
        };
        compared += 1;
        for (want, got) in pairs {
            let label = source.value_label(old);
            assert!(want.bit_eq(got), "`{label}`: {want:?}, not {got:?}\n{source}\n{made}");
        }
    }
    Some(compared)
}

/// Inputs of a graph whose symbols are bound by `size`, with bits of all kinds; `None` where there are none such.
pub(crate) fn inputs(graph: &Graph, size: &dyn Fn(&str) -> i64, salt: u64) -> Option<Vec<Value>> {
    graph.inputs().iter().map(|id| value(&graph.value(*id).ty, size, salt + id.index() as u64)).collect()
}

/// More elements than that make no better test.
const MAX_ELEMENTS: usize = 4096;

fn value(ty: &Type, size: &dyn Fn(&str) -> i64, salt: u64) -> Option<Value> {
    let tensor = ty.as_tensor()?;
    let mut bindings = Bindings::new();
    let dims = tensor.dims().unwrap_or_default();
    dims.iter().for_each(|dim| {
        dim.for_each_symbol(&mut |symbol| {
            bindings.insert(symbol.to_owned(), size(symbol));
        })
    });
    let sizes = dims.iter().map(|dim| match dim.substitute(&bindings) {
        Dim::Unknown => Some(2),
        known => known.as_size(),
    });
    let sizes = sizes.collect::<Option<Vec<usize>>>()?;
    let count =
        sizes.iter().try_fold(1usize, |count, size| count.checked_mul(*size)).filter(|it| *it <= MAX_ELEMENTS)?;
    odd_tensor(tensor.dtype, &sizes, count, salt).map(Value::Tensor)
}

/// A tensor of any bits that the dtype allows.
fn odd_tensor(dtype: DType, sizes: &[usize], count: usize, salt: u64) -> Option<Tensor> {
    if dtype == DType::String {
        return Tensor::from_strings(sizes, (0..count).map(|place| format!("{salt}.{place}")).collect()).ok();
    }
    let mut state = salt;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let byte = (state >> 56) as u8;
        if dtype == DType::Bool { byte & 1 } else { byte }
    });
    Tensor::from_bytes(dtype, sizes, bytes.take(dtype.byte_len(count)?).collect()).ok()
}
