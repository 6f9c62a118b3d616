//! `cast`.

use glassbox_tensor::{CastOptions, Class, DType, E8M0Round, Overflow, Tensor};

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

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
    let shape = x.shape();
    Ok(match to.class() {
        Class::Bool => Tensor::from_vec(shape, read_all(call, &strings, to, read_bool)?)?,
        Class::Signed => {
            let values = read_all(call, &strings, to, |text| i64::try_from(read_integer(text, to)?).ok())?;
            Tensor::store(to, shape, values, Overflow::Wrap)?
        }
        Class::Unsigned => {
            let values = read_all(call, &strings, to, |text| u64::try_from(read_integer(text, to)?).ok())?;
            Tensor::store(to, shape, values, Overflow::Wrap)?
        }
        // Read as f32 where that is wanted: by way of f64 it would be rounded twice.
        _ if to == DType::F32 => Tensor::from_vec(shape, read_all(call, &strings, to, |text| text.parse::<f32>().ok())?)?,
        _ => {
            let values = read_all(call, &strings, to, |text| text.parse::<f64>().ok())?;
            Tensor::from_vec(shape, values)?.cast_with(to, options(call, to))?
        }
    })
}

fn read_all<T>(
    call: &Call,
    strings: &[String],
    to: DType,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, KernelError> {
    let one = |text: &String| {
        read(text.trim()).ok_or_else(|| call.invalid("number", format!("{text:?} doesn't spell a number of {to}")))
    };
    strings.iter().map(one).collect()
}

/// `true`, `false`, or a number that isn't 0.
fn read_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        number => number.parse::<f64>().ok().map(|value| value != 0.0),
    }
}

/// A number truncated toward zero, where that is in the range of `to`.
fn read_integer(text: &str, to: DType) -> Option<i128> {
    let decimal = || text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value as i128);
    let value = text.parse::<i128>().ok().or_else(decimal)?;
    let bits = to.bits()?;
    let range = match to {
        DType::T1 | DType::T2 => -1..=1,
        _ if to.is_unsigned_integer() => 0..=(1 << bits) - 1,
        _ => -(1 << (bits - 1))..=(1 << (bits - 1)) - 1,
    };
    range.contains(&value).then_some(value)
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
