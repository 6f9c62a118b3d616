//! Integers: wrapping and saturating, from floats and from each other, whole and packed.

use glassbox_tensor::{DType, Overflow, Tensor};
use proptest::prelude::*;

const INTEGERS: [DType; 14] = [
    DType::I64,
    DType::I32,
    DType::I16,
    DType::I8,
    DType::U64,
    DType::U32,
    DType::U16,
    DType::U8,
    DType::I4,
    DType::U4,
    DType::I2,
    DType::U2,
    DType::I1,
    DType::U1,
];

/// The smallest and the largest value of an integer dtype.
fn range(dtype: DType) -> (i128, i128) {
    let bits = dtype.bits().expect("fixed size");
    if dtype.is_signed_integer() {
        (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        (0, (1i128 << bits) - 1)
    }
}

fn expected(value: i128, dtype: DType, overflow: Overflow) -> i128 {
    let (min, max) = range(dtype);
    match overflow {
        Overflow::Saturate => value.clamp(min, max),
        Overflow::Wrap => {
            let wrapped = value.rem_euclid(1i128 << dtype.bits().expect("fixed size"));
            if wrapped > max { wrapped - (1i128 << dtype.bits().expect("fixed size")) } else { wrapped }
        }
    }
}

/// The elements of an integer tensor of any dtype.
fn values(tensor: &Tensor) -> Vec<i128> {
    if tensor.dtype() == DType::U64 {
        tensor.load::<u64>().expect("u64").iter().map(|v| i128::from(*v)).collect()
    } else {
        tensor.load::<i64>().expect("i64").iter().map(|v| i128::from(*v)).collect()
    }
}

fn check(source: &Tensor, exact: &[i128]) -> Result<(), TestCaseError> {
    for dtype in INTEGERS {
        for overflow in [Overflow::Wrap, Overflow::Saturate] {
            let cast = source.cast(dtype, overflow).expect("cast");
            let wanted: Vec<i128> = exact.iter().map(|v| expected(*v, dtype, overflow)).collect();
            prop_assert_eq!(values(&cast), wanted, "{} to {} {:?}", source.dtype(), dtype, overflow);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn integers_convert_as_arithmetic_says(numbers in proptest::collection::vec(any::<i64>(), 0..20), shift in 0u32..64) {
        let numbers: Vec<i64> = numbers.into_iter().map(|v| v >> shift).collect();
        let exact: Vec<i128> = numbers.iter().map(|v| i128::from(*v)).collect();
        check(&Tensor::from_vec(&[numbers.len()], numbers.clone()).expect("vec"), &exact)?;
        let unsigned: Vec<u64> = numbers.iter().map(|v| v.cast_unsigned()).collect();
        let exact: Vec<i128> = unsigned.iter().map(|v| i128::from(*v)).collect();
        check(&Tensor::from_vec(&[unsigned.len()], unsigned).expect("vec"), &exact)?;
    }

    #[test]
    fn floats_truncate_then_wrap_or_saturate(numbers in proptest::collection::vec(-1e36f64..1e36, 1..20), scale in 0i32..120) {
        let numbers: Vec<f64> = numbers.into_iter().map(|v| v * 2f64.powi(-scale)).collect();
        let exact: Vec<i128> = numbers.iter().map(|v| *v as i128).collect();
        check(&Tensor::from_vec(&[numbers.len()], numbers.clone()).expect("vec"), &exact)?;
        let singles: Vec<f32> = numbers.iter().map(|v| *v as f32).collect();
        let exact: Vec<i128> = singles.iter().map(|v| *v as i128).collect();
        check(&Tensor::from_vec(&[singles.len()], singles).expect("vec"), &exact)?;
    }
}

#[test]
fn every_byte_pattern_of_every_packed_dtype_survives_a_round_trip() {
    for dtype in INTEGERS.into_iter().filter(|dtype| dtype.is_sub_byte()).chain([DType::T1]) {
        let per_byte = 8 / dtype.bits().expect("fixed size");
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        let tensor = Tensor::from_bytes(dtype, &[256 * per_byte], bytes.clone()).expect("bytes");
        let numbers = tensor.load::<i64>().expect("load").into_owned();
        for overflow in [Overflow::Wrap, Overflow::Saturate] {
            let back = Tensor::store(dtype, &[numbers.len()], numbers.clone(), overflow);
            assert_eq!(back.and_then(|t| t.to_bytes()).expect("store"), bytes, "{dtype}");
        }
    }
}

#[test]
fn special_floats_become_the_documented_integers() {
    let source = Tensor::from_vec(&[4], vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.9]);
    let source = source.expect("vec");
    for dtype in INTEGERS {
        let (min, max) = range(dtype);
        let wrapped = source.cast(dtype, Overflow::Wrap).expect("cast");
        assert_eq!(values(&wrapped), [0; 4], "{dtype}");
        let saturated = source.cast(dtype, Overflow::Saturate).expect("cast");
        assert_eq!(values(&saturated), [0, max, min, 0], "{dtype}");
    }
}

#[test]
fn ternary_dtypes_take_the_sign() {
    let source = Tensor::from_vec(&[7], vec![-300i64, -1, 0, 1, 300, i64::MIN, i64::MAX]).expect("vec");
    for overflow in [Overflow::Wrap, Overflow::Saturate] {
        let ternary = source.cast(DType::T2, overflow).expect("cast");
        assert_eq!(values(&ternary), [-1, -1, 0, 1, 1, -1, 1]);
        assert_eq!(ternary.to_bytes().expect("bytes"), [0b01_00_11_11, 0b01_11_01]);
        let binary = source.cast(DType::T1, overflow).expect("cast");
        assert_eq!(values(&binary), [-1, -1, 1, 1, 1, -1, 1]);
        assert_eq!(binary.to_bytes().expect("bytes"), [0b101_1100]);
    }
    let halves = Tensor::from_vec(&[3], vec![-0.5f32, f32::NAN, -1.5]).expect("vec");
    let ternary = halves.cast(DType::T2, Overflow::Wrap).expect("cast");
    assert_eq!(values(&ternary), [0, 0, -1]);
}

#[test]
fn low_nibbles_come_first() {
    let tensor = Tensor::store(DType::I4, &[3], vec![1i64, -2, 3], Overflow::Wrap).expect("store");
    assert_eq!(tensor.to_bytes().expect("bytes"), [0xe1, 0x03]);
}
