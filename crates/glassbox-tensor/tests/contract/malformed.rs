//! What must be refused, and with which error.

use std::sync::Arc;

use glassbox_tensor::{BlockFormat, DType, Overflow, Tensor, TensorError};

#[test]
fn lengths_must_match_exactly() {
    for (dtype, shape, len) in [
        (DType::F32, &[2, 3][..], 23),
        (DType::F32, &[2, 3], 25),
        (DType::I4, &[3], 1),
        (DType::I4, &[3], 3),
        (DType::T1, &[9], 1),
        (DType::F32, &[0, 3], 4),
        (DType::Block(BlockFormat::Q8_0), &[32], 33),
    ] {
        let result = Tensor::from_bytes(dtype, shape, vec![0; len]);
        assert!(
            matches!(result, Err(TensorError::LengthMismatch { got, unit: "bytes", .. }) if got == len),
            "{dtype} {shape:?} {len}: {result:?}"
        );
    }
    let result = Tensor::from_vec(&[2, 2], vec![1.0f32; 3]);
    assert!(matches!(result, Err(TensorError::LengthMismatch { expected: 4, got: 3, .. })));
    let result = Tensor::from_strings(&[2], vec![]);
    assert!(matches!(result, Err(TensorError::LengthMismatch { expected: 2, got: 0, .. })));
    let result = Tensor::store(DType::I8, &[2], vec![1.0f32; 3], Overflow::Wrap);
    assert!(matches!(result, Err(TensorError::LengthMismatch { expected: 2, got: 3, .. })));
}

#[test]
fn sizes_that_overflow_are_refused() {
    let huge = usize::MAX / 2;
    for dtype in DType::ALL.iter().copied() {
        for shape in [&[huge, 3][..], &[1 << 32, 1 << 32], &[usize::MAX], &[2, huge, 1 << 40], &[huge, 0, huge]] {
            let result = Tensor::zeros(dtype, shape);
            assert!(matches!(result, Err(TensorError::InvalidSize { .. })), "{dtype} {shape:?}");
        }
        // An empty tensor may have large dims too, as long as their product can be formed, as in NumPy.
        let empty = Tensor::zeros(dtype, &[1 << 30, 0, 1 << 30]).expect("an empty tensor");
        assert_eq!((empty.len(), empty.is_contiguous()), (0, true));
        assert!(empty.contiguous().is_ok());
    }
    let result = Tensor::zeros(DType::F64, &[usize::MAX / 16]);
    assert!(matches!(result, Err(TensorError::AllocationFailed { .. })), "{result:?}");
    let result = Tensor::zeros(DType::String, &[usize::MAX / 4]);
    assert!(matches!(result, Err(TensorError::AllocationFailed { .. })), "{result:?}");
    let one = Tensor::scalar(1u8);
    assert!(matches!(one.broadcast_to(&[huge, 4]), Err(TensorError::InvalidSize { .. })));
    let wide = one.broadcast_to(&[huge]).expect("a view takes no memory");
    assert!(matches!(wide.contiguous(), Err(TensorError::AllocationFailed { .. })));
    assert!(matches!(wide.load::<f32>(), Err(TensorError::AllocationFailed { .. })));
}

#[test]
fn shared_ranges_must_lie_inside_their_owner() {
    let owner: glassbox_tensor::SharedBytes = Arc::new(vec![0u8; 16]);
    for (dtype, shape, offset) in [
        (DType::F32, &[4][..], 1),
        (DType::F32, &[5], 0),
        (DType::F32, &[], usize::MAX),
        (DType::U8, &[0], 17),
        (DType::I4, &[33], 0),
    ] {
        let result = Tensor::from_shared(dtype, shape, owner.clone(), offset);
        assert!(matches!(result, Err(TensorError::RangeOutsideStorage { available: 16, .. })), "{result:?}");
    }
    assert!(Tensor::from_shared(DType::I4, &[32], owner.clone(), 0).is_ok());
    assert!(Tensor::from_shared(DType::U8, &[0], owner.clone(), 16).is_ok());
    let result = Tensor::from_shared(DType::String, &[0], owner, 0);
    assert!(matches!(result, Err(TensorError::UnsupportedDtype { .. })));
}

#[test]
fn patterns_that_are_no_value_are_refused() {
    let result = Tensor::from_bytes(DType::Bool, &[3], vec![0, 1, 2]);
    let expected = TensorError::InvalidEncoding { dtype: DType::Bool, index: 2, bits: 2 };
    assert_eq!(result.err(), Some(expected.clone()));
    let result = Tensor::from_bytes(DType::T2, &[3], vec![0b10_01_00]);
    assert_eq!(result.err(), Some(TensorError::InvalidEncoding { dtype: DType::T2, index: 2, bits: 2 }));
    // Padding is no element.
    assert!(Tensor::from_bytes(DType::T2, &[2], vec![0b10_01_00]).is_ok());
    // Shared bytes are checked when they are read.
    let shared = Tensor::from_shared(DType::Bool, &[3], Arc::new([0u8, 1, 2]), 0).expect("lazy");
    assert_eq!(shared.as_slice::<bool>(), None);
    assert_eq!(shared.to_vec::<bool>().err(), Some(expected.clone()));
    assert_eq!(shared.load::<f32>().err(), Some(expected.clone()));
    assert_eq!(shared.cast(DType::I64, Overflow::Wrap).err(), Some(expected));
    let shared = Tensor::from_shared(DType::T2, &[2], Arc::new([0b10_00u8]), 0).expect("lazy");
    let expected = TensorError::InvalidEncoding { dtype: DType::T2, index: 1, bits: 2 };
    assert_eq!(shared.load::<i64>().err(), Some(expected));
}

#[test]
fn views_refuse_what_they_cannot_do() {
    let tensor = Tensor::zeros(DType::F32, &[2, 3]).expect("zeros");
    for permutation in [&[0][..], &[0, 0], &[0, 2], &[0, 1, 2]] {
        let result = tensor.permute(permutation);
        assert!(matches!(result, Err(TensorError::InvalidPermutation { .. })), "{permutation:?}");
    }
    for shape in [&[3][..], &[4, 3], &[2, 2, 2], &[2, 0]] {
        let result = tensor.broadcast_to(shape);
        assert!(matches!(result, Err(TensorError::CannotBroadcast { .. })), "{shape:?}");
    }
    for (start, count, step) in [
        (0, 4, 1),
        (3, 1, 1),
        (4, 0, 1),
        (0, 2, 0),
        (0, 2, -1),
        (2, 2, 1),
        (0, usize::MAX, 1),
        (0, 2, isize::MAX),
        (2, 2, isize::MIN),
    ] {
        let result = tensor.slice_axis(1, start, count, step);
        assert!(matches!(result, Err(TensorError::InvalidSlice { .. })), "{start} {count} {step}");
    }
    for shape in [&[5][..], &[], &[0], &[usize::MAX, 7]] {
        let result = tensor.reshape(shape);
        assert!(matches!(result, Err(TensorError::CannotReshape { .. })), "{shape:?}");
    }
    assert!(matches!(tensor.slice_axis(2, 0, 0, 1), Err(TensorError::InvalidAxis { .. })));
    assert!(matches!(tensor.expand_dims(3), Err(TensorError::InvalidAxis { .. })));
    assert!(matches!(tensor.squeeze_axis(2), Err(TensorError::InvalidAxis { .. })));
    assert!(matches!(tensor.squeeze_axis(1), Err(TensorError::CannotSqueeze { .. })));
    assert!(matches!(tensor.item::<f32>(), Err(TensorError::NotOneElement { .. })));
    assert!(matches!(tensor.to_vec::<f64>(), Err(TensorError::DtypeMismatch { .. })));
    assert!(matches!(Tensor::full(DType::F32, &[2], &tensor), Err(TensorError::NotOneElement { .. })));
}

#[test]
fn block_formats_hold_rows_and_nothing_finer() {
    let dtype = DType::Block(BlockFormat::Q8_0);
    assert!(matches!(Tensor::zeros(dtype, &[32, 2]), Err(TensorError::InvalidSize { .. })));
    assert!(matches!(Tensor::zeros(dtype, &[]), Err(TensorError::InvalidSize { .. })));
    let bytes: Vec<u8> = (0..6 * 34).map(|at| at as u8).collect();
    let tensor = Tensor::from_bytes(dtype, &[3, 64], bytes.clone()).expect("bytes");
    let row = tensor.slice_axis(0, 1, 2, 1).expect("rows");
    assert_eq!(row.as_bytes(), Some(&bytes[68..]));
    assert_eq!(row.to_bytes().expect("bytes"), &bytes[68..]);
    assert!(tensor.reshape(&[6, 32]).is_ok());
    assert!(tensor.reshape(&[192, 1]).is_err());
    assert!(tensor.slice_axis(1, 0, 32, 1).is_err());
    assert!(tensor.slice_axis(0, 0, 2, 2).is_err());
    assert!(tensor.permute(&[1, 0]).is_err());
    assert!(tensor.broadcast_to(&[2, 3, 64]).is_err());
    assert!(tensor.expand_dims(2).is_err());
    assert!(tensor.expand_dims(0).is_ok());
}
