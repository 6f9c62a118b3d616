//! Bool, infinities between the wide floats, and casts that do not exist.

use glassbox_tensor::{BlockFormat, DType, Overflow, Tensor, TensorError};

#[test]
fn anything_but_zero_is_true() {
    let floats = Tensor::from_vec(&[5], vec![0.0f32, -0.0, f32::NAN, 1e-45, -3.0]).expect("vec");
    let cast = floats.cast(DType::Bool, Overflow::Wrap).expect("cast");
    assert_eq!(cast.as_slice::<bool>(), Some(&[false, false, true, true, true][..]));
    let numbers = Tensor::from_vec(&[3], vec![0i64, 256, -1]).expect("vec");
    let cast = numbers.cast(DType::Bool, Overflow::Wrap).expect("cast");
    assert_eq!(cast.as_slice::<bool>(), Some(&[false, true, true][..]));
}

#[test]
fn bool_is_zero_or_one_in_every_numeric_dtype() {
    let bools = Tensor::from_vec(&[2], vec![false, true]).expect("vec");
    for dtype in DType::ALL.iter().copied().filter(|dtype| dtype.is_numeric()) {
        let cast = bools.cast(dtype, Overflow::Saturate).expect("cast");
        let expected = match dtype {
            // No zero: see the rules of each.
            DType::F8E8M0 => [2f64.powi(-127), 1.0],
            DType::T1 => [1.0, 1.0],
            // One is out of range.
            DType::I1 => [0.0, 0.0],
            _ => [0.0, 1.0],
        };
        assert_eq!(*cast.load::<f64>().expect("load"), expected, "{dtype}");
    }
}

#[test]
fn wide_floats_overflow_to_infinity_even_when_saturating() {
    let source = Tensor::from_vec(&[3], vec![1e300f64, -1e300, f64::INFINITY]).expect("vec");
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for overflow in [Overflow::Wrap, Overflow::Saturate] {
            let cast = source.cast(dtype, overflow).expect("cast");
            let values = cast.load::<f64>().expect("load").into_owned();
            assert_eq!(values, [f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY], "{dtype}");
        }
    }
}

#[test]
fn every_pair_of_number_dtypes_converts_zero_and_one() {
    let arithmetic = || DType::ALL.iter().copied().filter(|dtype| *dtype != DType::String);
    for from in arithmetic() {
        // 1 is a value of every dtype but i1.
        let one = if from == DType::I1 { -1i64 } else { 1 };
        let source = Tensor::store(from, &[3], vec![one; 3], Overflow::Wrap).expect("store");
        for to in arithmetic() {
            let cast = source.cast(to, Overflow::Saturate).expect("cast");
            let value = cast.load::<f64>().expect("load")[2];
            let expected = match (from, to) {
                (_, DType::Bool) => 1.0,
                (DType::I1, DType::F8E8M0) => f64::NAN,
                (DType::I1, _) if to.is_unsigned_integer() => 0.0,
                (DType::I1, _) => -1.0,
                (_, DType::I1) => 0.0,
                _ => 1.0,
            };
            assert_eq!(value.total_cmp(&expected), std::cmp::Ordering::Equal, "{from} to {to}");
        }
    }
}

#[test]
fn strings_and_blocks_have_no_numbers() {
    let text = Tensor::from_strings(&[1], vec!["1".to_owned()]).expect("strings");
    let block = Tensor::zeros(DType::Block(BlockFormat::Q4_0), &[2, 32]).expect("zeros");
    let number = Tensor::scalar(1.0f32);
    let results = [
        text.cast(DType::F32, Overflow::Wrap),
        number.cast(DType::String, Overflow::Wrap),
        block.cast(DType::F32, Overflow::Wrap),
        number.cast(DType::Block(BlockFormat::Q4_0), Overflow::Wrap),
        text.load::<f32>().map(|_| number.clone()),
        block.load::<f32>().map(|_| number.clone()),
    ];
    for result in results {
        assert!(matches!(result, Err(TensorError::UnsupportedDtype { .. })), "{result:?}");
    }
}

#[test]
fn a_cast_to_the_own_dtype_keeps_every_bit() {
    let source = Tensor::from_vec(&[2], vec![f32::from_bits(0x7f80_0001), f32::INFINITY]).expect("vec");
    let cast = source.cast(DType::F32, Overflow::Saturate).expect("cast");
    assert!(cast.bit_eq(&source));
    assert_eq!(cast.as_bytes().map(<[u8]>::as_ptr), source.as_bytes().map(<[u8]>::as_ptr));
}
