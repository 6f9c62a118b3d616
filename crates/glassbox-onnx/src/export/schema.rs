//! What the ONNX standard says of each version of its ops: how many operands and results, of which dtypes, and which
//! attributes. The table is [`schemas.txt`](../../src/export/schemas.txt), which `scripts/onnx_schemas.py` writes.
//!
//! Every node that is written is held against it, so that a file of an old opset has nothing of a newer one.

use std::collections::HashMap;
use std::sync::OnceLock;

use glassbox_ir::Type;
use glassbox_tensor::DType;

use crate::dtype::to_onnx;

/// One op of the standard, from one version of its domain on.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The version in which it is so for the first time.
    pub(crate) since: i64,
    /// Whether the op is gone.
    gone: bool,
    inputs: Vec<Parameter>,
    outputs: Vec<Parameter>,
    attributes: Vec<&'static str>,
}

/// An operand or result.
#[derive(Debug)]
struct Parameter {
    kinds: Kinds,
    count: Count,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    One,
    Optional,
    AtLeast(usize),
}

/// The types that one may have.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    /// A bit for each number that ONNX gives a dtype.
    dtypes: u64,
    sequences: bool,
    optionals: bool,
}

impl Kinds {
    fn parse(text: &str) -> Option<Kinds> {
        let digits = text.trim_end_matches(['s', 'o']);
        let marks = &text[digits.len()..];
        let dtypes = u64::from_str_radix(digits, 16).ok()?;
        Some(Kinds { dtypes, sequences: marks.contains('s'), optionals: marks.contains('o') })
    }

    fn has(self, ty: &Type) -> bool {
        match ty {
            Type::Tensor(tensor) => {
                let number = to_onnx(written(tensor.dtype)).and_then(|number| u32::try_from(number).ok());
                number.is_some_and(|number| self.dtypes >> number & 1 == 1)
            }
            Type::Sequence(_) => self.sequences,
            Type::Optional(_) => self.optionals,
        }
    }
}

/// The dtype that a value has in the file: of a block format the f32 that its blocks stand for.
pub(crate) fn written(dtype: DType) -> DType {
    if matches!(dtype, DType::Block(_)) { DType::F32 } else { dtype }
}

impl Schema {
    fn parse(line: &'static str) -> Option<(&'static str, Schema)> {
        let fields: Vec<&'static str> = line.split('\t').collect();
        let &[name, since, inputs, outputs, attributes, sets] = fields.as_slice() else { return None };
        let listed = |text: &'static str, separator: char| text.split(separator).filter(|part| !part.is_empty());
        let sets: Option<HashMap<&str, Kinds>> = listed(sets, ' ')
            .map(|set| set.split_once('=').and_then(|(key, kinds)| Some((key, Kinds::parse(kinds)?))))
            .collect();
        let sets = sets?;
        let parameters = |text: &'static str| -> Option<Vec<Parameter>> {
            listed(text, ',')
                .map(|part| {
                    let (letter, count) =
                        match (part.strip_suffix('?'), part.strip_suffix("*0"), part.strip_suffix('*')) {
                            (Some(letter), ..) => (letter, Count::Optional),
                            (_, Some(letter), _) => (letter, Count::AtLeast(0)),
                            (.., Some(letter)) => (letter, Count::AtLeast(1)),
                            _ => (part, Count::One),
                        };
                    Some(Parameter { kinds: *sets.get(letter)?, count })
                })
                .collect()
        };
        let gone = inputs == "-";
        let schema = Schema {
            since: since.parse().ok()?,
            gone,
            inputs: if gone { Vec::new() } else { parameters(inputs)? },
            outputs: parameters(outputs)?,
            attributes: listed(attributes, ',').collect(),
        };
        Some((name, schema))
    }

    /// Whether it has an attribute of this name.
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        self.attributes.contains(&name)
    }

    /// Why a node can't have these operands and results.
    pub(crate) fn misfit(&self, operands: &[Slot], results: &[Slot]) -> Option<String> {
        let operands = misfit(&self.inputs, operands, "operand");
        operands.or_else(|| misfit(&self.outputs, results, "result"))
    }
}

/// What stands in the place of an operand or result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot<'t> {
    /// Nothing.
    Empty,
    /// Something that the exporter made, whose type isn't looked at.
    Made,
    /// A value of this type.
    Value(&'t Type),
}

fn misfit(parameters: &[Parameter], given: &[Slot], what: &str) -> Option<String> {
    let repeated = parameters.last().filter(|last| matches!(last.count, Count::AtLeast(_)));
    for (index, slot) in given.iter().enumerate() {
        let Some(parameter) = parameters.get(index).or(repeated) else {
            return Some(format!("it has {} {what}s there, not {}", parameters.len(), given.len()));
        };
        match slot {
            Slot::Value(ty) if !parameter.kinds.has(ty) => return Some(format!("{what} {index} can't be {ty} there")),
            Slot::Empty if parameter.count == Count::One && what == "operand" => {
                return Some(format!("{what} {index} is needed there"));
            }
            _ => {}
        }
    }
    let least = parameters.iter().take_while(|parameter| matches!(parameter.count, Count::One)).count()
        + repeated.map_or(0, |last| usize::from(last.count == Count::AtLeast(1)));
    (given.len() < least).then(|| format!("it has at least {least} {what}s there, not {}", given.len()))
}

/// What the standard says of an op (with its domain where that isn't the default) in a version of its domain.
pub(crate) fn find(name: &str, version: i64) -> Option<&'static Schema> {
    let versions = table().get(name)?;
    versions.iter().rev().find(|schema| schema.since <= version).filter(|schema| !schema.gone)
}

/// The first version that has the op.
pub(crate) fn first(name: &str) -> Option<i64> {
    table().get(name)?.iter().find(|schema| !schema.gone).map(|schema| schema.since)
}

fn table() -> &'static HashMap<&'static str, Vec<Schema>> {
    static TABLE: OnceLock<HashMap<&'static str, Vec<Schema>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: HashMap<&str, Vec<Schema>> = HashMap::new();
        for (name, schema) in include_str!("schemas.txt").lines().filter_map(Schema::parse) {
            table.entry(name).or_default().push(schema);
        }
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        assert_eq!(include_str!("schemas.txt").lines().count(), table().values().map(Vec::len).sum::<usize>());
        for versions in table().values() {
            assert!(versions.windows(2).all(|pair| pair[0].since < pair[1].since));
        }
    }

    #[test]
    fn versions_differ_in_dtypes_operands_and_attributes() {
        let (float, int, sizes) = (Type::scalar(DType::F32), Type::scalar(DType::I8), Type::scalar(DType::I64));
        let relu = |version| find("Relu", version).expect("it is there");
        let [float, int, sizes] = [&float, &int, &sizes].map(Slot::Value);
        assert_eq!(relu(7).misfit(&[float], &[float]), None);
        assert_eq!(relu(7).misfit(&[int], &[]).as_deref(), Some("operand 0 can't be i8[] there"));
        assert_eq!(relu(14).misfit(&[int], &[int]), None);
        let pad = find("Pad", 13).expect("it is there");
        let message = pad.misfit(&[float, sizes, Slot::Empty, sizes], &[float]);
        assert_eq!(message.as_deref(), Some("it has 3 operands there, not 4"));
        assert!(find("Softmax", 7).is_some_and(|softmax| softmax.has_attribute("axis")));
        assert!(find("Upsample", 10).is_none() && find("Attention", 22).is_none());
        assert_eq!(first("Attention"), Some(23));
    }
}
