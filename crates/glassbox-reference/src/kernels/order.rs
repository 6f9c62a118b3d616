//! The order of elements of any dtype.

use glassbox_tensor::{Class, Tensor};

use glassbox_exec::KernelError;

/// For each element a number, such that the numbers are ordered as the elements: numbers by size, with
/// -0 as 0 and NaN as one value that is larger than all others; false before true; strings by their
/// characters.
pub(crate) fn keys(x: &Tensor) -> Result<Vec<u64>, KernelError> {
    Ok(match x.dtype().class() {
        Class::Float => x.load::<f64>()?.iter().map(|value| float_key(*value)).collect(),
        Class::Signed => x.load::<i64>()?.iter().map(|value| value.cast_unsigned() ^ (1 << 63)).collect(),
        Class::String => {
            let strings = x.to_strings().unwrap_or_default();
            let mut sorted: Vec<&String> = strings.iter().collect();
            sorted.sort_unstable();
            sorted.dedup();
            let place = |text: &String| sorted.partition_point(|other| *other < text) as u64;
            strings.iter().map(place).collect()
        }
        _ => x.load::<u64>()?.into_owned(),
    })
}

fn float_key(value: f64) -> u64 {
    if value.is_nan() {
        return u64::MAX;
    }
    // Adding 0 makes 0 of -0.
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_ordered_by_size() {
        let ordered = [f64::NEG_INFINITY, -2.0, -1e-300, 0.0, 1e-300, 3.0, f64::INFINITY, f64::NAN];
        assert!(ordered.windows(2).all(|pair| float_key(pair[0]) < float_key(pair[1])));
        assert_eq!(float_key(-0.0), float_key(0.0));
        assert_eq!(float_key(-f64::NAN), float_key(f64::NAN));
    }
}
