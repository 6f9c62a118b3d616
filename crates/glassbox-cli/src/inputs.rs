//! The values that go into a model, from what the command line says of them.

mod maps;
mod source;

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_exec::Value;
use glassbox_ir::text::nearest;
use glassbox_ir::{Bindings, Graph, Type};
use glassbox_onnx::Maps;
use glassbox_runtime::Model;
use glassbox_tensor::Tensor;

use crate::args::{Given, ModelAndInputs};
use crate::arrays::{self, Arrays};
use crate::standard_input::{self, DASH};
use crate::tokens;

pub(crate) use source::{Encode, of_pb};
use source::{Maker, RANDOM, STANDARD_INPUT, Source};

/// A value for every input of the model's graph, in order.
pub(crate) fn values(model: &Model, arguments: &ModelAndInputs, quiet: bool) -> Result<Vec<Value>> {
    let graph = model.graph()?;
    let given = given(graph, &arguments.given, &|text| encode(model, text), quiet)?;
    let missing = graph.inputs().iter().zip(&given).filter(|(_, value)| value.is_none());
    let missing: Vec<String> =
        missing.map(|(id, _)| format!("{}: {}", graph.value_label(*id), graph.value(*id).ty)).collect();
    if !missing.is_empty() {
        bail!(
            "no value is given for {}; give each with --input NAME=FILE, NAME=random, NAME=zeros, NAME=const:V or NAME=- for standard input",
            missing.join(", ")
        );
    }
    Ok(given.into_iter().flatten().collect())
}

/// A value for every input of the model's graph, in order; those that aren't given are random.
pub(crate) fn values_or_random(model: &Model, arguments: &Given, quiet: bool) -> Result<Vec<Value>> {
    let random = Source::Text(RANDOM.to_owned());
    let made = made(model.graph()?, arguments, &|text| encode(model, text), quiet, Some(&random))?;
    Ok(made.into_iter().flatten().collect())
}

/// A text as tokens, by the model's tokenizer.
#[cfg(feature = "text")]
fn encode(model: &Model, text: &str) -> Result<Vec<u32>> {
    let tokenizer = model.tokenizer().with_context(|| format!("{}: it has no tokenizer", model.name()))?;
    Ok(tokenizer.encode(text)?)
}

#[cfg(not(feature = "text"))]
fn encode(_: &Model, text: &str) -> Result<Vec<u32>> {
    no_tokenizers(text)
}

/// Says why no text becomes tokens.
#[cfg(not(feature = "text"))]
pub(crate) fn no_tokenizers(_: &str) -> Result<Vec<u32>> {
    bail!("this program was built without tokenizers; build it with the feature `text`, or give the tokens")
}

/// The values that are given for inputs of the graph, in the order of the inputs.
pub(crate) fn given(graph: &Graph, arguments: &Given, encode: Encode, quiet: bool) -> Result<Vec<Option<Value>>> {
    made(graph, arguments, encode, quiet, None)
}

/// The same, with what is made of an input that isn't given.
fn made(
    graph: &Graph,
    arguments: &Given,
    encode: Encode,
    quiet: bool,
    otherwise: Option<&Source>,
) -> Result<Vec<Option<Value>>> {
    let dims = bindings(graph, &arguments.dims)?;
    let mut given: Vec<(String, Source)> = Vec::new();
    for text in &arguments.inputs {
        add(graph, text, &mut given)?;
    }
    let known = with_first_extents(graph, &dims);
    let names: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    let mut inputs = Vec::new();
    for (index, (id, name)) in graph.inputs().iter().zip(&names).enumerate() {
        let source = given.iter().find(|(given, _)| given == name).map(|(_, source)| source);
        let seed = arguments.seed.wrapping_add(index as u64);
        let maker = Maker { graph, id: *id, dims: &known, seed, arguments, encode, quiet };
        // Lengths that aren't given are those of the tokens.
        let otherwise =
            otherwise.filter(|_| name != tokens::LENGTHS || !names.iter().any(|name| name == tokens::TOKENS));
        let value = source.or(otherwise).map(|source| maker.value(source)).transpose();
        inputs.push(value.with_context(|| format!("input `{name}`"))?);
    }
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
    if let (Some(read), Some(lengths)) = (place(tokens::TOKENS), place(tokens::LENGTHS))
        && let (Some(Value::Tensor(read)), None) = (&inputs[read], &inputs[lengths])
    {
        inputs[lengths] = tokens::all_lengths(read)?;
    }
    sizes_hold(graph, &inputs, &dims)?;
    Ok(inputs)
}

/// The sizes that are told, and those that the states say: how many rows there are at first.
fn with_first_extents(graph: &Graph, told: &Bindings) -> Bindings {
    let mut known = told.clone();
    for state in graph.states().iter() {
        let Some(initial) = &state.initial else { continue };
        for (dim, extent) in state.ty.dims().unwrap_or_default().iter().zip(initial.shape()) {
            if let Some(symbol) = dim.as_symbol().filter(|symbol| known.get(symbol).is_none()) {
                known.insert(symbol.to_owned(), *extent as i64);
            }
        }
    }
    known
}

/// That inputs from files don't have other sizes than `--dim` says.
fn sizes_hold(graph: &Graph, inputs: &[Option<Value>], dims: &Bindings) -> Result<()> {
    let present = || graph.inputs().iter().zip(inputs).filter_map(|(id, value)| Some((*id, value.as_ref()?)));
    let labels: Vec<String> = present().map(|(id, _)| graph.value_label(id)).collect();
    let declared: Vec<(&str, &Type)> =
        labels.iter().map(String::as_str).zip(present().map(|(id, _)| &graph.value(id).ty)).collect();
    let types: Vec<Type> = present().map(|(_, value)| value.ty()).collect();
    // Inputs that don't fit their types are refused when the run begins, with everything that is known then.
    let Ok(bound) = glassbox_ir::bind(&declared, &types) else { return Ok(()) };
    for (symbol, told) in dims.iter() {
        let told = told.as_int();
        match bound.size(symbol) {
            Some(size) if told.is_some_and(|told| told != size) => {
                bail!("--dim {symbol}={}: the inputs that are given have {symbol} = {size}", told.unwrap_or(0))
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the arguments give a value to the input `name`: one of its own, or an array of a `.npz`.
///
/// # Errors
///
/// Where a `.npz` can't be read.
pub(crate) fn names(arguments: &Given, name: &str) -> Result<bool> {
    for text in &arguments.inputs {
        let own = text.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        let archive = text.ends_with(".npz") && !text.contains('=') && Path::new(text).exists();
        if own || (archive && arrays::names_of_npz(Path::new(text))?.iter().any(|array| array == name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes one `--input` apart.
fn add(graph: &Graph, text: &str, given: &mut Vec<(String, Source)>) -> Result<()> {
    let names: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    // Names may hold `=`: the longest name that fits is meant.
    let fits = |name: &str| text.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
    let named = names.iter().filter(|name| fits(name)).max_by_key(|name| name.len());
    let all_maps = Maps::of(graph).inputs;
    let map = all_maps.iter().filter(|map| fits(&map.name)).max_by_key(|map| map.name.len());
    let alone = match all_maps.as_slice() {
        [map] if names.len() == 2 && !text.contains('=') && !text.ends_with(".npz") => Some((map, text)),
        _ => None,
    };
    let of_name = map.filter(|map| named.is_none_or(|name| name.len() < map.name.len()));
    if let Some((map, value)) = of_name.map(|map| (map, &text[map.name.len() + 1..])).or(alone) {
        let [keys, values] = maps::read(graph, map, value).with_context(|| format!("input `{}`", map.name))?;
        put(given, &map.keys, keys)?;
        return put(given, &map.values, values);
    }
    if let Some(name) = named {
        let value = &text[name.len() + 1..];
        let source = match value {
            DASH => Source::Bytes(standard_input::bytes(&format!("--input {text}"))?),
            value => Source::Text(value.to_owned()),
        };
        return put(given, name, source);
    }
    if text.ends_with(".npz") && !text.contains('=') {
        return put_all(given, &names, arrays::read_npz(Path::new(text))?, text);
    }
    if text == DASH {
        let bytes = standard_input::bytes("--input -")?;
        if let Some(Arrays::Named(arrays)) = arrays::read_bytes(&bytes, STANDARD_INPUT)? {
            return put_all(given, &names, arrays, STANDARD_INPUT);
        }
        let [only] = names.as_slice() else {
            bail!("--input -: the model has {} inputs: {}; say which with NAME=-", names.len(), names.join(", "))
        };
        return put(given, only, Source::Bytes(bytes));
    }
    match names.as_slice() {
        [only] if !text.contains('=') => put(given, only, Source::Text(text.to_owned())),
        [] => bail!("--input {text}: the model has no inputs"),
        _ => {
            let name = text.split('=').next().unwrap_or(text);
            let hint = nearest(name, names.iter().map(String::as_str));
            let hint = hint.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            bail!("--input {text}: the model has no such input; it has {}{hint}", names.join(", "))
        }
    }
}

/// Gives every array of a file to the input of its name.
fn put_all(
    given: &mut Vec<(String, Source)>,
    names: &[String],
    arrays: Vec<(String, Tensor)>,
    file: &str,
) -> Result<()> {
    for (name, tensor) in arrays {
        if !names.contains(&name) {
            bail!("{file}: the array `{name}` isn't an input of the model; these are {}", names.join(", "));
        }
        put(given, &name, Source::Array(tensor))?;
    }
    Ok(())
}

/// Gives an input its source, which it has only once.
fn put(given: &mut Vec<(String, Source)>, name: &str, source: Source) -> Result<()> {
    if given.iter().any(|(other, _)| other == name) {
        bail!("--input: `{name}` is given twice");
    }
    given.push((name.to_owned(), source));
    Ok(())
}

/// The sizes of symbolic dims, which the types of inputs have.
fn bindings(graph: &Graph, dims: &[String]) -> Result<Bindings> {
    let mut symbols = std::collections::BTreeSet::new();
    for id in graph.inputs() {
        if let Type::Tensor(tensor) = &graph.value(*id).ty {
            let mut add = |symbol: &str| {
                symbols.insert(symbol.to_owned());
            };
            tensor.dims().unwrap_or_default().iter().for_each(|dim| dim.for_each_symbol(&mut add));
        }
    }
    let mut bindings = Bindings::new();
    for text in dims {
        let (name, size) = text.split_once('=').with_context(|| format!("--dim {text}: it is NAME=SIZE"))?;
        let size: u32 = size.parse().with_context(|| format!("--dim {text}: the size is a number"))?;
        if !symbols.contains(name) {
            let known: Vec<&str> = symbols.iter().map(String::as_str).collect();
            match known.as_slice() {
                [] => bail!("--dim {text}: no input has a dim `{name}`; all dims of the inputs are numbers"),
                known => bail!("--dim {text}: no input has a dim `{name}`; there are {}", known.join(", ")),
            }
        }
        if bindings.insert(name, i64::from(size)).is_some() {
            bail!("--dim {text}: `{name}` is given twice");
        }
    }
    Ok(bindings)
}
