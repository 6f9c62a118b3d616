//! The examples of docs/language.md: each does what the comments at its end say.

use std::collections::BTreeMap;

use glassbox_dsl::check::check_values;
use glassbox_dsl::{Lower, Program};
use glassbox_ir::{Attr, Type};
use glassbox_tensor::{Class, DType, Overflow, Tensor};

use crate::model::{Model, Run};

#[test]
fn the_examples_of_the_reference_do_what_they_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/language.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut examples = 0;
    for (place, part) in page.split("```graph\n").enumerate().skip(1) {
        let text = part.split("```").next().unwrap();
        let line = page.split("```graph\n").take(place).map(|part| part.lines().count()).sum::<usize>() + place;
        check(text)
            .unwrap_or_else(|message| panic!("docs/language.md, the example at about line {line}: {message}\n{text}"));
        examples += 1;
    }
    assert!(examples >= 10, "only {examples} examples");
}

/// Runs an example, step by step.
fn check(text: &str) -> Result<(), String> {
    let program = Program::parse("example.gbp", text).map_err(|error| error.to_string())?;
    let notes: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//")).collect();
    let model = match notes.iter().find_map(|note| note.trim().strip_prefix("package:")) {
        Some(parts) => package(parts),
        None => Model::new(),
    };
    check_values(&program).map_err(|error| format!("without the package: {error}"))?;
    let types = declared(&program, &model)?;
    let mut run = model.try_session(&program)?;
    let mut steps = 0;
    for note in notes {
        let (given, wanted) = match (note.split_once(" gives "), note.split_once(" fails: ")) {
            (Some(gives), _) => (gives.0, Ok(gives.1)),
            (None, Some(fails)) => (fails.0, Err(fails.1)),
            _ => continue,
        };
        steps += 1;
        let inputs = inputs(&run, given, &types);
        match (run.try_step(&inputs), wanted) {
            (Ok(outputs), Ok(wanted)) => compare(&run, &outputs, wanted)?,
            (Err(error), Err(part)) if error.contains(part.trim()) => {}
            (result, wanted) => return Err(format!("{note}: {result:?}, not {wanted:?}")),
        }
    }
    if steps > 0 { Ok(()) } else { Err("it says nothing of a step".to_owned()) }
}

/// The types of the inputs.
fn declared(program: &Program, model: &Model) -> Result<BTreeMap<String, Type>, String> {
    let graph = program.lower(model).map_err(|error| error.to_string())?;
    Ok(graph.inputs().iter().map(|id| (graph.value_label(*id), graph.value(*id).ty.clone())).collect())
}

/// `parameter W.0 = f32 [1, 2]; metadata n = 3; size B = 2`
fn package(parts: &str) -> Model {
    parts.split(';').fold(Model::new(), |model, part| {
        let (name, value) = part.split_once('=').unwrap();
        let (kind, name) = name.trim().split_once(' ').unwrap();
        let value = value.trim();
        match kind {
            "parameter" => {
                let (dtype, list) = value.split_once(' ').unwrap();
                model.param(name, tensor(list, dtype.parse().unwrap()))
            }
            "size" => model.with_size(name, value.parse().unwrap()),
            "metadata" => match value.parse::<i64>() {
                Ok(value) => model.with_metadata(name, value),
                Err(_) => model.with_metadata(name, Attr::Float(value.parse().unwrap())),
            },
            other => panic!("{other}"),
        }
    })
}

/// `a = …, b = …`, where commas stand in lists, too.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let mut depth = 0i32;
        let end = after.find(|c| {
            depth += i32::from(c == '[') - i32::from(c == ']');
            c == ',' && depth == 0
        });
        let end = end.unwrap_or(after.len());
        found.push((name.trim().to_owned(), after[..end].trim().to_owned()));
        rest = after[end..].trim_start_matches(',').trim();
    }
    found
}

fn inputs(run: &Run, given: &str, types: &BTreeMap<String, Type>) -> Vec<Tensor> {
    let given: BTreeMap<String, String> = pairs(given).into_iter().collect();
    let graph = run.session.graph();
    let names = graph.inputs().iter().map(|id| graph.value_label(*id));
    names.map(|name| tensor(&given[&name], types[&name].dtype())).collect()
}

/// A tensor from nested lists, or from one value.
fn tensor(text: &str, dtype: DType) -> Tensor {
    let json: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (mut dims, mut level) = (Vec::new(), &json);
    while let Some(list) = level.as_array() {
        dims.push(list.len());
        match list.first() {
            Some(first) => level = first,
            None => break,
        }
    }
    fn flat(json: &serde_json::Value, values: &mut Vec<f64>) {
        match json {
            serde_json::Value::Array(list) => list.iter().for_each(|item| flat(item, values)),
            serde_json::Value::Bool(value) => values.push(f64::from(u8::from(*value))),
            number => values.push(number.as_f64().unwrap()),
        }
    }
    let mut values = Vec::new();
    flat(&json, &mut values);
    if dtype.class() == Class::Bool {
        return Tensor::from_vec(&dims, values.iter().map(|value| *value != 0.0).collect::<Vec<bool>>()).unwrap();
    }
    Tensor::from_vec(&dims, values).unwrap().cast(dtype, Overflow::Saturate).unwrap()
}

fn compare(run: &Run, outputs: &BTreeMap<String, Tensor>, wanted: &str) -> Result<(), String> {
    for (name, text) in pairs(wanted) {
        let held = run.session.states().read(&name).ok();
        let Some(got) = outputs.get(&name).or(held.as_ref()) else { return Err(format!("`{name}` can't be fetched")) };
        let wanted = tensor(&text, got.dtype());
        let empty = wanted.is_empty() && got.is_empty();
        if !empty && !got.bit_eq(&wanted) {
            return Err(format!("`{name}` is {got:?}, not {text}"));
        }
    }
    Ok(())
}
