//! Single elements of tensors as text, and back, to the bit.
//!
//! An element is handled as its bits, so that nothing is lost on the way: `-0` stays, and a NaN that is
//! not the plain one is written `bits(0x7fc00001)`. Decimals are the shortest that read back to the same
//! bits. Refuses numbers beyond the range of the dtype, rather than making them infinite or wrapping.

use glassbox_tensor::{
    CastOptions, Class, DType, E8M0Round, FloatFormat, NanEncoding, Overflow, Tensor, Unpacked, decode_e8m0,
    encode_e8m0,
};

/// The elements of a tensor as bits, one `u64` each. The dtype is neither string nor a block format.
pub(super) fn element_bits(tensor: &Tensor) -> Result<Vec<u64>, String> {
    let dtype = tensor.dtype();
    let bytes = tensor.to_bytes().map_err(|error| error.to_string())?;
    match dtype.bits() {
        None => Err(format!("elements of {dtype} have no bits of their own")),
        Some(bits) if bits < 8 => {
            let per_byte = 8 / bits;
            let mask = (1u64 << bits) - 1;
            let element = |index: usize| (u64::from(bytes[index / per_byte]) >> (index % per_byte * bits)) & mask;
            Ok((0..tensor.len()).map(element).collect())
        }
        Some(bits) => Ok(bytes.chunks_exact(bits / 8).map(little_endian).collect()),
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// The bytes of a tensor whose elements have these bits.
pub(super) fn pack(dtype: DType, elements: &[u64]) -> Result<Vec<u8>, String> {
    match dtype.bits() {
        None => Err(format!("elements of {dtype} can't be written one by one")),
        Some(bits) if bits < 8 => {
            let pack = |group: &[u64]| {
                let shifted = group.iter().enumerate().map(|(place, element)| element << (place * bits));
                shifted.fold(0, |byte, element| byte | element as u8)
            };
            Ok(elements.chunks(8 / bits).map(pack).collect())
        }
        Some(bits) => {
            Ok(elements.iter().flat_map(|element| element.to_le_bytes().into_iter().take(bits / 8)).collect())
        }
    }
}

/// The text of one element. Fails for bits that are no value of the dtype.
pub(super) fn format_element(dtype: DType, bits: u64) -> Result<String, String> {
    let invalid = || format!("the bits {bits:#x} are no value of {dtype}");
    match dtype.class() {
        Class::Float => Ok(format_float(dtype, bits)),
        Class::Bool => match bits {
            0 => Ok("false".to_owned()),
            1 => Ok("true".to_owned()),
            _ => Err(invalid()),
        },
        Class::Unsigned => Ok(bits.to_string()),
        Class::Signed => match (dtype, bits) {
            (DType::T1, _) => Ok(if bits == 0 { "-1" } else { "1" }.to_owned()),
            (DType::T2, 0b10) => Err(invalid()),
            _ => Ok(sign_extend(bits, dtype.bits().unwrap_or(64)).to_string()),
        },
        Class::String | Class::Block => Err(invalid()),
    }
}

fn sign_extend(bits: u64, width: usize) -> i64 {
    let unused = 64 - width.clamp(1, 64) as u32;
    (bits << unused).cast_signed() >> unused
}

/// The bits of the plain NaN of a float dtype, where it has one.
fn plain_nan(dtype: DType) -> Option<u64> {
    match dtype {
        DType::F64 => Some(0x7ff8 << 48),
        DType::F32 => Some(0x7fc0_0000),
        DType::F8E8M0 => Some(0xff),
        _ => {
            let format = FloatFormat::of(dtype).filter(|format| format.nan != NanEncoding::None)?;
            let nan = Unpacked::Nan { negative: false, payload: 1 << 63 };
            Some(format.encode(nan, Overflow::Wrap).into())
        }
    }
}

/// The value of the bits of a float dtype, exactly but for the payload of a NaN.
fn float_value(dtype: DType, bits: u64) -> f64 {
    match dtype {
        DType::F64 => f64::from_bits(bits),
        DType::F32 => f32::from_bits(bits as u32).into(),
        DType::F8E8M0 => decode_e8m0(bits as u8).into(),
        _ => FloatFormat::of(dtype).map_or(f64::NAN, |format| format.decode(bits as u32)),
    }
}

/// The text of a float.
pub(crate) fn format_float(dtype: DType, bits: u64) -> String {
    let value = float_value(dtype, bits);
    if value.is_nan() {
        return if plain_nan(dtype) == Some(bits) { "nan".to_owned() } else { format!("bits({bits:#x})") };
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    match dtype {
        DType::F64 => plain_decimal(format!("{value:?}")),
        DType::F32 | DType::F8E8M0 => plain_decimal(format!("{:?}", value as f32)),
        _ => shortest_decimal(dtype, bits, value),
    }
}

/// The shortest decimal that reads back as the bits of a narrow float.
fn shortest_decimal(dtype: DType, bits: u64, value: f64) -> String {
    let candidates = (0..17).map(|digits| format!("{value:.digits$e}"));
    let found = candidates.into_iter().find(|decimal| parse_decimal(dtype, decimal) == Ok(bits));
    // Such a decimal has few digits, and is therefore the shortest of the f64 nearest to it.
    match found.and_then(|decimal| decimal.parse::<f64>().ok()) {
        Some(value) => plain_decimal(format!("{value:?}")),
        None => format!("bits({bits:#x})"),
    }
}

fn plain_decimal(text: String) -> String {
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// The bits of an element that is spelled `text`: an optional sign and digits, `inf`, `nan`, `true`.
pub(super) fn parse_element(dtype: DType, text: &str) -> Result<u64, String> {
    let wrong = || Err(format!("`{text}` is no value of {dtype}"));
    match dtype.class() {
        Class::Bool => match text {
            "false" => Ok(0),
            "true" => Ok(1),
            _ => wrong(),
        },
        Class::Signed | Class::Unsigned => parse_integer(dtype, text),
        Class::Float => parse_float(dtype, text),
        Class::String | Class::Block => wrong(),
    }
}

fn parse_integer(dtype: DType, text: &str) -> Result<u64, String> {
    let is_integer = text.strip_prefix('-').unwrap_or(text).chars().all(|digit| digit.is_ascii_digit());
    if !is_integer {
        return Err(format!("`{text}` is not an integer, but a {dtype} is"));
    }
    let outside = || format!("{text} is outside the range of {dtype}");
    let value: i128 = text.parse().map_err(|_| outside())?;
    let bits = dtype.bits().unwrap_or(64) as u32;
    let (least, most) = match dtype {
        DType::T1 | DType::T2 => (-1, 1),
        _ if dtype.is_signed_integer() => (-(1i128 << (bits - 1)), (1 << (bits - 1)) - 1),
        _ => (0, (1i128 << bits) - 1),
    };
    if value < least || value > most || (dtype == DType::T1 && value == 0) {
        return Err(outside());
    }
    if dtype == DType::T1 {
        return Ok(u64::from(value > 0));
    }
    Ok(value as u64 & (u64::MAX >> (64 - bits)))
}

/// The bits of the float of `dtype` that `text` spells.
pub(crate) fn parse_float(dtype: DType, text: &str) -> Result<u64, String> {
    let lacks = |what| Err(format!("{dtype} has no {what}"));
    match text {
        "nan" => plain_nan(dtype).map_or_else(|| lacks("NaN"), Ok),
        "inf" | "-inf" => {
            let value = if text == "inf" { f64::INFINITY } else { f64::NEG_INFINITY };
            match dtype {
                DType::F64 => Ok(value.to_bits()),
                DType::F32 => Ok((value as f32).to_bits().into()),
                _ => match FloatFormat::of(dtype) {
                    Some(format) if format.nan == NanEncoding::Ieee => {
                        Ok(format.encode(Unpacked::from_f64(value), Overflow::Wrap).into())
                    }
                    _ => lacks("infinity"),
                },
            }
        }
        _ => parse_decimal(dtype, text),
    }
}

/// The bits of the float of `dtype` nearest to a decimal.
fn parse_decimal(dtype: DType, text: &str) -> Result<u64, String> {
    let unreadable = || format!("`{text}` is not a number");
    let outside = || format!("{text} is outside the range of {dtype}");
    let value: f64 = text.parse().map_err(|_| unreadable())?;
    let bits = match dtype {
        DType::F64 => value.to_bits(),
        DType::F32 => text.parse::<f32>().map_err(|_| unreadable())?.to_bits().into(),
        DType::F8E8M0 => {
            let nearest = CastOptions { overflow: Overflow::Wrap, e8m0_round: E8M0Round::Nearest };
            let exact: f32 = text.parse().map_err(|_| unreadable())?;
            let bits = encode_e8m0(Unpacked::from_f32(exact), nearest);
            if decode_e8m0(bits) != exact {
                return Err(format!("{text} is not a power of two that {dtype} has"));
            }
            bits.into()
        }
        _ => match FloatFormat::of(dtype) {
            Some(format) => encode_narrow(format, text, value, dtype)?,
            None => return Err(unreadable()),
        },
    };
    let read = float_value(dtype, bits);
    if !read.is_finite() {
        return Err(outside());
    }
    if value == 0.0 && value.is_sign_negative() && read.is_sign_positive() {
        return Err(format!("{dtype} has no negative zero"));
    }
    Ok(bits)
}

/// `value`, which is the f64 nearest to the decimal `text`, rounded to a narrow format.
///
/// Rounding twice differs from rounding once only where the f64 lies half way between two values of the
/// narrow format and the decimal itself doesn't; there the decimal decides.
fn encode_narrow(format: &FloatFormat, text: &str, value: f64, dtype: DType) -> Result<u64, String> {
    let outside = || format!("{text} is outside the range of {dtype}");
    if !value.is_finite() {
        return Err(outside());
    }
    let encode = |value: f64| format.encode(Unpacked::from_f64(value), Overflow::Wrap);
    let bits = if encode(value.next_down()) == encode(value.next_up()) {
        encode(value)
    } else {
        match compare_decimal(text, value) {
            std::cmp::Ordering::Less => encode(value.next_down()),
            std::cmp::Ordering::Equal => encode(value),
            std::cmp::Ordering::Greater => encode(value.next_up()),
        }
    };
    // f4e2m1 saturates: what is larger than its largest value by more than rounding explains is refused.
    let largest = format.decode(format.max_finite());
    if format.nan == NanEncoding::None && value.abs() > largest {
        return Err(outside());
    }
    Ok(bits.into())
}

/// How a decimal compares with the f64 nearest to it, exactly.
fn compare_decimal(text: &str, value: f64) -> std::cmp::Ordering {
    // Every f64 has at most 767 significant digits, so this is its exact decimal.
    let exact = format!("{value:.780e}");
    let (negative, left) = decimal_parts(text);
    let (_, right) = decimal_parts(&exact);
    let magnitudes = left.cmp(&right);
    if negative { magnitudes.reverse() } else { magnitudes }
}

/// Whether a decimal is negative, and its magnitude as the exponent of its first digit that isn't zero
/// and its digits from there on, without zeros at the end: these compare as the magnitudes do.
fn decimal_parts(text: &str) -> (bool, (i64, String)) {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return (negative, (i64::MIN, String::new()));
    }
    let skipped = (digits.len() - significant.len()) as i64;
    let exponent = exponent.parse::<i64>().unwrap_or(0);
    let first = exponent.saturating_add(whole.len() as i64 - skipped);
    (negative, (first, significant.trim_end_matches('0').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pattern of the dtypes of up to 16 bits reads back.
    #[test]
    fn narrow_elements_read_back() {
        for dtype in DType::ALL.iter().copied() {
            let Some(width) = dtype.bits().filter(|bits| *bits <= 16) else { continue };
            for bits in 0..1u64 << width {
                let Ok(text) = format_element(dtype, bits) else {
                    let unused = matches!(dtype, DType::Bool | DType::T2);
                    assert!(unused, "{dtype} {bits:#x} can't be written");
                    continue;
                };
                if let Some(inside) = text.strip_prefix("bits(0x") {
                    assert!(float_value(dtype, bits).is_nan());
                    assert_eq!(u64::from_str_radix(inside.trim_end_matches(')'), 16), Ok(bits));
                } else {
                    assert_eq!(parse_element(dtype, &text), Ok(bits), "{dtype} {text}");
                }
            }
        }
    }

    #[test]
    fn decimals_are_short() {
        assert_eq!(format_float(DType::F16, 0x2e66), "0.1");
        assert_eq!(format_float(DType::BF16, 0x3dcd), "0.1");
        assert_eq!(format_float(DType::F32, 0.1f32.to_bits().into()), "0.1");
        assert_eq!(format_float(DType::F64, (-0.0f64).to_bits()), "-0");
        assert_eq!(format_float(DType::F64, 1e300f64.to_bits()), "1e300");
        assert_eq!(format_float(DType::F8E5M2, 0x7b), "60000");
    }

    #[test]
    fn decimals_round_once() {
        // 1 + 2^-11 is half way between 1 and the next f16; a little more must round up.
        let tie = "1.00048828125";
        assert_eq!(parse_float(DType::F16, tie), Ok(0x3c00));
        assert_eq!(parse_float(DType::F16, &format!("{tie}00000000000000000000000001")), Ok(0x3c01));
        assert_eq!(parse_float(DType::F16, "1.0004882812499999999999999999999"), Ok(0x3c00));
        assert_eq!(parse_float(DType::F16, "-1.000488281250000000000000000001"), Ok(0xbc01));
    }

    #[test]
    fn what_a_dtype_lacks_is_refused() {
        for (dtype, text) in [
            (DType::F16, "1e6"),
            (DType::F32, "1e39"),
            (DType::F64, "1e999"),
            (DType::F8E4M3FN, "inf"),
            (DType::F8E4M3FN, "1000"),
            (DType::F8E5M2FNUZ, "-0"),
            (DType::F4E2M1, "nan"),
            (DType::F4E2M1, "7"),
            (DType::F8E8M0, "0"),
            (DType::F8E8M0, "3"),
            (DType::T1, "0"),
            (DType::T2, "-2"),
            (DType::I1, "1"),
            (DType::U4, "16"),
            (DType::I8, "-129"),
            (DType::I64, "9223372036854775808"),
            (DType::I32, "1.5"),
            (DType::Bool, "1"),
        ] {
            assert!(parse_element(dtype, text).is_err(), "{dtype} {text}");
        }
    }
}
