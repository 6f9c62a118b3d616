//! Random programs, run by the executor and by a naive evaluator that follows docs/language.md.
//!
//! `scripts/language/generate.py` makes the programs, with packages, inputs, and what must come out (its head says how
//! they are kept); `scripts/setup.py` runs it. Values are equal to the bit, but where a transcendental function went in:
//! there each element has its bound. A step that must fail fails where it must, and leaves the states as they were.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox_ir::{Graph, json, text, verify};
use glassbox_runtime::dsl::Program;
use glassbox_runtime::{Device, Executor, ModelPackage, ModelParts, RuntimeError, Simulator};
use glassbox_tensor::{Class, DType, Tensor};
use glassbox_testkit::rewriting::rewritten;
use glassbox_weights::{Array, Metadata, MetadataValue};
use serde_json::Value as Json;
use zip::ZipArchive;

/// How many programs there must be.
const PROGRAMS: usize = 2000;

/// What is said of a step that should have failed.
const DID_NOT_FAIL: &str = "didn't fail, though it must";

/// Where the programs are: in the folder that `GLASSBOX_PROGRAMS` names, or where `scripts/setup.py` has put them.
fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("GLASSBOX_PROGRAMS") {
        return PathBuf::from(folder);
    }
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache").join("glassbox");
    std::env::var_os("GLASSBOX_CACHE").map_or_else(home, PathBuf::from).join("language")
}

#[test]
fn random_programs_do_what_the_language_reference_says() {
    let folder = folder();
    if !folder.join("batch-00.npz").is_file() {
        println!("skipped: no programs in {}; scripts/setup.py makes them", folder.display());
        return;
    }
    let mut batches: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    batches.retain(|path| path.extension().is_some_and(|ending| ending == "npz"));
    batches.sort();
    let (mut programs, mut wrong) = (0, Vec::new());
    for batch in &batches {
        let mut batch = Batch::open(batch);
        for name in batch.programs() {
            programs += 1;
            if let Err(message) = batch.run(&name) {
                wrong.push(format!("── {name}: {message}"));
            }
        }
    }
    println!("{programs} programs, {} wrong", wrong.len());
    for message in &wrong {
        println!("{}", message.lines().next().unwrap_or_default());
    }
    assert!(
        wrong.is_empty(),
        "{} of {programs} programs differ; the first:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    assert!(programs >= PROGRAMS, "only {programs} programs");
}

/// A file of programs.
struct Batch(ZipArchive<File>);

impl Batch {
    fn open(path: &Path) -> Batch {
        Batch(ZipArchive::new(File::open(path).unwrap()).unwrap())
    }

    fn programs(&self) -> Vec<String> {
        let names =
            self.0.file_names().filter_map(|name| name.unwrap().strip_suffix("/program.gbp").map(str::to_owned));
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn bytes(&mut self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.by_name(name).unwrap_or_else(|error| panic!("{name}: {error}")).read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// An array, of the dtype and dims that its entry tells.
    fn tensor(&mut self, name: &str, ty: &Json) -> Tensor {
        let dtype: DType = ty["dtype"].as_str().unwrap().parse().unwrap();
        let dims: Vec<usize> =
            ty["dims"].as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap() as usize).collect();
        let bytes = self.bytes(name);
        Tensor::from_bytes(dtype, &dims, data_of(&bytes).to_vec()).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs a program: what is wrong, if anything.
    fn run(&mut self, name: &str) -> Result<(), String> {
        let text = String::from_utf8(self.bytes(&format!("{name}/program.gbp"))).unwrap();
        let about: Json = serde_json::from_slice(&self.bytes(&format!("{name}/program.json"))).unwrap();
        let shown = |message: String| format!("{message}\n{text}");
        let package = self.package(name, &about["package"]);
        let program = Program::parse("program.gbp", &text).map_err(|error| shown(error.to_string()))?;
        glassbox_runtime::dsl::check::check_values(&program)
            .map_err(|error| shown(format!("without the package: {error}")))?;
        let simulator =
            Simulator::new(&package, &program, crate::device()).map_err(|error| shown(error.to_string()))?;
        let again = Simulator::new(&package, &program, crate::device()).map_err(|error| shown(error.to_string()))?;
        check_graph(simulator.graph(), again.graph()).map_err(shown)?;
        let mut executor = simulator.make_executor().map_err(|error| shown(error.to_string()))?;
        let steps = about["steps"].as_array().unwrap();
        for (place, step) in steps.iter().enumerate() {
            let done = self.step(&mut executor, name, place, step);
            // From here on what is kept may be something else than after a step that failed.
            if done == Err(DID_NOT_FAIL.to_owned())
                && self.may_not_fail(&simulator, &package, name, &steps[..=place])?
            {
                break;
            }
            done.map_err(|message| shown(format!("step {place}: {message}")))?;
        }
        self.check_rewritten(&simulator, &package, name, steps)
            .map_err(|message| shown(format!("rewritten: {message}")))
    }

    /// Whether the last step, which has to fail, need not fail on a backend that compiles, because nothing that it gives
    /// hangs on what fails: as the compiler rewrites the graph, it doesn't fail on the reference either.
    fn may_not_fail(
        &mut self,
        simulator: &Simulator,
        package: &ModelPackage,
        name: &str,
        steps: &[Json],
    ) -> Result<bool, String> {
        let reference: Device = "reference".parse().expect("it is in the table");
        if crate::device() == reference {
            return Ok(false);
        }
        let made = rewritten(&Arc::new(simulator.graph().clone()))?;
        let other = Simulator::new(package, made.as_ref(), reference).map_err(|error| error.to_string())?;
        let mut executor = other.make_executor().map_err(|error| error.to_string())?;
        let outcomes = steps.iter().enumerate().map(|(place, step)| self.try_step(&mut executor, name, place, step));
        Ok(outcomes.last().is_some_and(|last| last.is_ok()))
    }

    /// As the compiler rewrites it, the graph of a program gives the same in every step, to the bit: outputs and what is
    /// kept. A step that fails may not fail then, where nothing that it gives hangs on what failed.
    fn check_rewritten(
        &mut self,
        simulator: &Simulator,
        package: &ModelPackage,
        name: &str,
        steps: &[Json],
    ) -> Result<(), String> {
        let made = rewritten(&Arc::new(simulator.graph().clone()))?;
        let other = Simulator::new(package, made.as_ref(), crate::device()).map_err(|error| error.to_string())?;
        let other = other.make_executor().map_err(|error| error.to_string())?;
        let mut pair = [simulator.make_executor().map_err(|error| error.to_string())?, other];
        for (place, step) in steps.iter().enumerate() {
            let outcomes = pair.each_mut().map(|executor| self.try_step(executor, name, place, step));
            match outcomes {
                [Ok(()), Ok(())] => {}
                // What was inserted stays, until the next step inserts others.
                [Err(_), Err(_)] => continue,
                [Err(_), Ok(())] => return Ok(()),
                [Ok(()), Err(error)] => return Err(format!("step {place} failed: {error}")),
            }
            for output in simulator.outputs() {
                let [want, got] = pair.each_ref().map(|executor| executor.fetch::<Tensor>(output));
                let got = got.map_err(|error| format!("step {place}: `{output}`: {error}"))?;
                if want.is_ok_and(|want| !want.bit_eq(&got)) {
                    return Err(format!("step {place}: `{output}` has other bits"));
                }
            }
        }
        let [want, got] = pair.each_ref().map(states);
        match want.iter().find(|(name, state)| !got[*name].bit_eq(state)) {
            Some((name, _)) => Err(format!("the state `{name}` has other bits")),
            None => Ok(()),
        }
    }

    fn package(&mut self, name: &str, about: &Json) -> ModelPackage {
        let mut parts = ModelParts::default();
        for (parameter, ty) in about["parameters"].as_object().unwrap() {
            let tensor = self.tensor(&format!("{name}/package/{parameter}.npy"), ty);
            parts.tensors.push((parameter.clone(), tensor));
        }
        for (size, value) in about["sizes"].as_object().unwrap() {
            parts.sizes.push((size.clone(), value.as_u64().unwrap()));
        }
        let mut metadata = Metadata::default();
        for (key, value) in about["metadata"].as_object().unwrap() {
            metadata.set(key, metadata_of(value));
        }
        parts.metadata = metadata;
        ModelPackage::of("package", parts).unwrap()
    }

    fn step(&mut self, executor: &mut Executor, name: &str, place: usize, step: &Json) -> Result<(), String> {
        let before = states(executor);
        let done = self.try_step(executor, name, place, step);
        match (done, step.get("error")) {
            (Err(error), None) => Err(format!("failed: {error}")),
            (Ok(()), Some(_)) => Err(DID_NOT_FAIL.to_owned()),
            (Err(error), Some(wanted)) => {
                executor.stop();
                check_error(&error.to_string(), wanted)?;
                let after = states(executor);
                let changed = before.iter().find(|(name, old)| !after[*name].bit_eq(old));
                changed.map_or(Ok(()), |(name, _)| Err(format!("failed, and the state `{name}` has changed")))
            }
            (Ok(()), None) => self.check(executor, name, place, step),
        }
    }

    fn try_step(&mut self, executor: &mut Executor, name: &str, place: usize, step: &Json) -> Result<(), RuntimeError> {
        for (input, ty) in step["inputs"].as_object().unwrap() {
            executor.insert(input, self.tensor(&format!("{name}/step{place}.in/{input}.npy"), ty))?;
        }
        executor.run_step().map(|_| ())
    }

    /// What can be fetched is what must be.
    fn check(&mut self, executor: &mut Executor, name: &str, place: usize, step: &Json) -> Result<(), String> {
        for (output, ty) in step["outputs"].as_object().unwrap() {
            let wanted = self.tensor(&format!("{name}/step{place}.out/{output}.npy"), ty);
            let got: Tensor = executor.fetch(output).map_err(|error| format!("`{output}`: {error}"))?;
            let bounded = step["bounded"].as_array().is_some_and(|names| names.iter().any(|name| name == output));
            let bounds = bounded.then(|| self.bounds(&format!("{name}/step{place}.bound/{output}.npy")));
            compare(&got, &wanted, bounds.as_deref()).map_err(|message| format!("`{output}`: {message}"))?;
        }
        Ok(())
    }

    fn bounds(&mut self, name: &str) -> Vec<f64> {
        let bytes = self.bytes(name);
        data_of(&bytes).chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
    }
}

/// The graph of a program is one that verifies, prints the same each time that it is built, and reads back from text and JSON.
fn check_graph(graph: &Graph, again: &Graph) -> Result<(), String> {
    verify(graph).map_err(|error| format!("the graph doesn't verify: {error:?}"))?;
    let print = |graph: &Graph| text::print(graph, &text::PrintOptions::with_data());
    let printed = print(graph);
    if printed != print(again) {
        return Err(format!("built twice, the graph prints differently:\n{printed}"));
    }
    let parsed =
        text::parse(&printed, &text::ParseOptions::default()).map_err(|error| format!("{error}\n{printed}"))?;
    let json = json::to_string(graph).map_err(|error| error.to_string())?;
    let read = json::from_str(&json).map_err(|error| error.to_string())?;
    let twice = json::to_string(&read).map_err(|error| error.to_string())?;
    let same = print(&parsed) == printed && print(&read) == printed && twice == json;
    if same { Ok(()) } else { Err(format!("the graph doesn't read back:\n{printed}")) }
}

/// The elements in a `.npy` file of version 1.
fn data_of(npy: &[u8]) -> &[u8] {
    assert_eq!(&npy[..8], b"\x93NUMPY\x01\x00");
    &npy[10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]))..]
}

fn metadata_of(value: &Json) -> MetadataValue {
    match value {
        Json::Bool(value) => MetadataValue::Bool(*value),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| MetadataValue::F64(number.as_f64().unwrap()), MetadataValue::I64)
        }
        Json::String(text) => MetadataValue::String(text.clone()),
        Json::Array(list) => MetadataValue::Array(match list.first() {
            Some(Json::Bool(_)) => Array::Bool(list.iter().map(|value| value.as_bool().unwrap()).collect()),
            Some(Json::String(_)) => {
                Array::String(list.iter().map(|value| value.as_str().unwrap().to_owned()).collect())
            }
            _ if list.iter().all(Json::is_i64) => {
                Array::I64(list.iter().map(|value| value.as_i64().unwrap()).collect())
            }
            _ => Array::F64(list.iter().map(|value| value.as_f64().unwrap()).collect()),
        }),
        other => panic!("{other} is no metadata"),
    }
}

fn states(executor: &Executor) -> BTreeMap<String, Tensor> {
    let names = executor.graph().states().iter().map(|state| state.name.clone());
    names.map(|name| (name.clone(), executor.state(&name).unwrap())).collect()
}

/// An error tells the line and the block, where a statement fails.
fn check_error(message: &str, wanted: &Json) -> Result<(), String> {
    let (Some(line), Some(block)) = (wanted["line"].as_u64(), wanted["block"].as_str()) else { return Ok(()) };
    if message.contains(&format!("program.gbp:{line}, block {block}")) {
        return Ok(());
    }
    Err(format!("failed in another place than {wanted}: {message}"))
}

/// Equal to the bit, but NaN equals NaN; or within the bound of each element.
fn compare(got: &Tensor, wanted: &Tensor, bounds: Option<&[f64]>) -> Result<(), String> {
    if got.dtype() != wanted.dtype() || got.shape() != wanted.shape() {
        return Err(format!("{}{:?} instead of {}{:?}", got.dtype(), got.shape(), wanted.dtype(), wanted.shape()));
    }
    if got.bit_eq(wanted) {
        return Ok(());
    }
    if wanted.dtype().class() != Class::Float {
        return Err(format!("{got:?} instead of {wanted:?}"));
    }
    let (a, b) = (got.load::<f64>().unwrap(), wanted.load::<f64>().unwrap());
    for (place, (a, b)) in a.iter().zip(b.iter()).enumerate() {
        let exact = a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        let near = bounds.is_some_and(|bounds| b.is_finite() && (a - b).abs() <= bounds[place]);
        if !exact && !near {
            let bound = bounds.map_or(String::new(), |bounds| format!(", more than {:e} apart", bounds[place]));
            return Err(format!("element {place} is {a:e} instead of {b:e}{bound}"));
        }
    }
    Ok(())
}
