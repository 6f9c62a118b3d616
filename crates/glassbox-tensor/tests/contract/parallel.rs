//! Chunked access: `build`, `load_range`, and the parallel paths of `load` and `store`.

use glassbox_tensor::{BUILD_CHUNK, DType, Overflow, Tensor, TensorError};

/// Long enough for many chunks, and not a whole number of them or of bytes.
const LONG: usize = 17 * BUILD_CHUNK + 3;

fn value(index: usize) -> f32 {
    ((index * 7919) % 1013) as f32 / 16.0 - 30.0
}

#[test]
fn build_is_store_of_the_same_values_in_every_dtype() {
    for count in [0, 1, 5, BUILD_CHUNK, LONG] {
        let values: Vec<f32> = (0..count).map(value).collect();
        for dtype in DType::ALL.iter().copied().filter(|dtype| *dtype != DType::String) {
            let built = Tensor::build::<f32>(dtype, &[count], Overflow::Saturate, |start, out| {
                for (offset, out) in out.iter_mut().enumerate() {
                    *out = value(start + offset);
                }
            });
            let stored = Tensor::store(dtype, &[count], values.clone(), Overflow::Saturate);
            let (built, stored) = (built.expect("build"), stored.expect("store"));
            assert!(built.bit_eq(&stored), "{dtype} {count}");
            let whole = built.load::<f32>().expect("load");
            let mut part = vec![0f32; count / 2];
            built.load_range(count - part.len(), &mut part).expect("load_range");
            let same = part.iter().zip(&whole[count - part.len()..]);
            assert!(same.into_iter().all(|(a, b)| a.to_bits() == b.to_bits()), "{dtype} {count}");
        }
    }
}

#[test]
fn build_reports_the_first_error() {
    let result = Tensor::try_build::<f32, TensorError>(DType::I4, &[LONG], Overflow::Wrap, |start, _| {
        if start < 5 * BUILD_CHUNK {
            return Ok(());
        }
        Err(TensorError::RangeOutsideTensor { start, count: 0, len: 0 })
    });
    let expected = TensorError::RangeOutsideTensor { start: 5 * BUILD_CHUNK, count: 0, len: 0 };
    assert_eq!(result.err(), Some(expected));
}

#[test]
fn load_range_refuses_what_is_not_there() {
    let tensor = Tensor::zeros(DType::I4, &[3, 3]).expect("zeros");
    let mut out = [0f32; 4];
    for start in [6, usize::MAX] {
        let error = tensor.load_range(start, &mut out).err();
        assert_eq!(error, Some(TensorError::RangeOutsideTensor { start, count: 4, len: 9 }));
    }
    let turned = tensor.permute(&[1, 0]).expect("permute");
    assert!(matches!(turned.load_range(0, &mut out), Err(TensorError::NotContiguous { .. })));
}
