//! Programs that are wrong in a way that only lowering with a package can see.
//!
//! Each file of `tests/wrong` begins with `// wrong: ` and the exact message, then with what the package has, an entry a
//! line: `// package: W.0: f32[2, 3]`, `// package: size B = 3`, `// package: meta n = 4`. With `BLESS=1` the messages
//! are written into the files: read the difference.

use std::path::Path;

use glassbox_dsl::check::{check, check_values};
use glassbox_dsl::{Lower, Program};
use glassbox_ir::Attr;
use glassbox_tensor::{DType, Tensor};

use crate::model::Model;

/// An entry of the package that a line describes.
pub(crate) fn add(model: Model, line: &str) -> Model {
    if let Some(size) = line.strip_prefix("size ") {
        let (name, value) = size.split_once(" = ").unwrap();
        return model.with_size(name, value.parse().unwrap());
    }
    if let Some(meta) = line.strip_prefix("meta ") {
        let (name, value) = meta.split_once(" = ").unwrap();
        return model.with_metadata(name, attr(value));
    }
    let (name, ty) = line.split_once(": ").unwrap();
    let (dtype, dims) = ty.split_once('[').unwrap_or((ty, "]"));
    let dims = dims.trim_end_matches(']').split(", ").filter(|dim| !dim.is_empty());
    let shape: Vec<usize> = dims.map(|dim| dim.parse().unwrap()).collect();
    model.param(name, Tensor::zeros(dtype.parse::<DType>().unwrap(), &shape).unwrap())
}

/// The value of an entry of the metadata.
fn attr(text: &str) -> Attr {
    if let Some(list) = text.strip_prefix('[') {
        return Attr::Ints(list.trim_end_matches(']').split(", ").map(|item| item.parse().unwrap()).collect());
    }
    match text.parse::<i64>() {
        Ok(value) => Attr::Int(value),
        Err(_) => match text.parse::<f64>() {
            Ok(value) => Attr::Float(value),
            Err(_) => match text.parse::<bool>() {
                Ok(value) => Attr::Bool(value),
                Err(_) => Attr::Str(text.trim_matches('"').to_owned()),
            },
        },
    }
}

/// What is wrong with the program of a file.
fn message(file: &str, text: &str) -> Option<String> {
    let entries = text.lines().filter_map(|line| line.strip_prefix("// package: "));
    let model = entries.fold(Model::new(), add);
    match Program::parse(file, text) {
        Ok(program) => program.lower(&model).err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn wrong_programs_are_told_with_their_line_and_block() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 60, "{} files", files.len());
    let mut differing = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        let wanted = first.strip_prefix("// wrong: ").unwrap();
        let got = message(file, &text).unwrap_or_else(|| "nothing".to_owned());
        if got == wanted {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, format!("// wrong: {}\n{rest}", got.replace('\n', " "))).unwrap();
        } else {
            differing.push(format!("{file}\n  wanted {wanted}\n  got    {got}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// What needs no package is told without one, in the same words; nothing else is.
#[test]
fn what_no_package_can_make_good_is_told_without_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let mut told = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        let Ok(program) = Program::parse(file, &text) else { continue };
        if check(&program).is_err() {
            continue;
        }
        if let Err(error) = check_values(&program) {
            assert_eq!(text.lines().next().unwrap(), format!("// wrong: {error}").replace('\n', " "));
            told.push(file.to_owned());
        }
    }
    for file in [
        "copy_of_other_dims.gbp",
        "no_value.gbp",
        "no_value_after_a_branch.gbp",
        "no_value_after_a_loop.gbp",
        "no_value_after_assign.gbp",
        "no_value_in_a_called_block.gbp",
        "no_value_of_a_bound.gbp",
        "no_value_of_a_condition.gbp",
        "no_value_on_one_way.gbp",
        "no_value_to_yield.gbp",
        "operands_that_do_not_broadcast.gbp",
        "operands_that_do_not_fit.gbp",
        "place_read_to_other_dims.gbp",
        "result_of_other_dims.gbp",
        "result_of_other_dtype.gbp",
        "result_of_other_rank.gbp",
    ] {
        assert!(told.iter().any(|told| told == file), "{file}; told are {told:?}");
    }
}

/// Programs that fail only in a step are no mistakes before it.
#[test]
fn what_only_a_step_shows_is_no_mistake_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failing");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let program = Program::parse("failing.gbp", &std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(check_values(&program), Ok(()), "{}", path.display());
    }
}
