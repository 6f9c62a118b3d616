//! `cast`.

use glassbox_tensor::{CastOptions, DType, E8M0Round, Overflow, Tensor};

use crate::call::{Call, Outcome, one};
use crate::error::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, to) = (call.tensor(0)?, call.dtype(0));
    one(match (x.dtype(), to) {
        (from, to) if from == to => x.clone(),
        (DType::String, to) => from_strings(call, x, to)?,
        (_, DType::String) => Tensor::from_strings(x.shape(), spell(x)?)?,
        _ => x.cast_with(to, options(call, to))?,
    })
}

/// How the attributes say to convert to `to`.
pub(super) fn options(call: &Call, to: DType) -> CastOptions {
    // `saturate` is about the floats of eight bits and fewer; integers always wrap.
    let overflow = if call.attr.bool("saturate") && to.is_float() { Overflow::Saturate } else { Overflow::Wrap };
    let e8m0_round = match call.attr.str("round_mode") {
        "down" => E8M0Round::Down,
        "nearest" => E8M0Round::Nearest,
        _ => E8M0Round::Up,
    };
    CastOptions { overflow, e8m0_round }
}

/// The numbers that strings spell.
fn from_strings(call: &Call, x: &Tensor, to: DType) -> Result<Tensor, KernelError> {
    let strings = x.to_strings().unwrap_or_default();
    let wrong = |text: &String| call.invalid("number", format!("{text:?} doesn't spell a number of {to}"));
    if to.is_integer() {
        let parse = |text: &String| text.trim().parse::<i64>().map_err(|_| wrong(text));
        let values = strings.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        return Ok(Tensor::store(to, x.shape(), values, Overflow::Wrap)?);
    }
    let parse = |text: &String| text.trim().parse::<f64>().map_err(|_| wrong(text));
    let values = strings.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let tensor = Tensor::store(DType::F64, x.shape(), values, Overflow::Wrap)?;
    Ok(tensor.cast_with(to, options(call, to))?)
}

/// Each number in the shortest decimals that read back as it.
fn spell(x: &Tensor) -> Result<Vec<String>, KernelError> {
    Ok(match x.dtype() {
        DType::Bool => x.load::<bool>()?.iter().map(|value| if *value { "True" } else { "False" }.to_owned()).collect(),
        DType::F64 => x.load::<f64>()?.iter().map(|value| spell_float(*value, value.to_string())).collect(),
        dtype if dtype.is_float() => {
            x.load::<f32>()?.iter().map(|value| spell_float(f64::from(*value), value.to_string())).collect()
        }
        dtype if dtype.is_unsigned_integer() => x.load::<u64>()?.iter().map(u64::to_string).collect(),
        _ => x.load::<i64>()?.iter().map(i64::to_string).collect(),
    })
}

/// As ONNX spells them: `NaN`, `INF`, `-INF`.
fn spell_float(value: f64, digits: String) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "INF".to_owned(),
        f64::NEG_INFINITY => "-INF".to_owned(),
        _ => digits,
    }
}
