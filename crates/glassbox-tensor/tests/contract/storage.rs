//! Owned, adopted, shared and mapped data: who copies and who does not.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use glassbox_tensor::{DType, F8E5M2, Overflow, SharedBytes, Tensor, TensorError, f16};

#[test]
fn vectors_are_adopted_without_copying() {
    let values = vec![1.0f32, 2.0, 3.0];
    let address = values.as_ptr();
    let tensor = Tensor::store(DType::F32, &[3], values, Overflow::Wrap).expect("store");
    assert_eq!(tensor.as_slice::<f32>().map(<[f32]>::as_ptr), Some(address));
    let loaded = tensor.load::<f32>().expect("load");
    assert!(matches!(loaded, Cow::Borrowed(slice) if slice.as_ptr() == address));
    let view = tensor.slice_axis(0, 1, 2, 1).expect("slice");
    assert_eq!(view.as_slice::<f32>(), Some(&[2.0, 3.0][..]));
    drop(tensor);
    assert_eq!(view.to_vec::<f32>().expect("vec"), [2.0, 3.0]);
}

#[test]
fn slices_are_lent_only_as_their_own_type() {
    let tensor = Tensor::from_vec(&[2], vec![f16::ONE, f16::NAN]).expect("vec");
    assert!(tensor.as_slice::<f16>().is_some());
    assert!(tensor.as_slice::<u16>().is_none());
    let narrow = tensor.cast(DType::F8E5M2, Overflow::Wrap).expect("cast");
    assert_eq!(narrow.as_slice::<F8E5M2>(), Some(&[F8E5M2(0x3c), F8E5M2(0x7e)][..]));
}

#[test]
fn zeros_are_aligned_for_vectors() {
    for dtype in DType::ALL.iter().copied().filter(|dtype| *dtype != DType::String) {
        let tensor = Tensor::zeros(dtype, &[5]).expect("zeros");
        let bytes = tensor.as_bytes().expect("contiguous");
        assert_eq!(bytes.as_ptr().addr() % 64, 0);
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_mapped_file_is_read_in_place_at_any_alignment() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("data");
    let values: Vec<f32> = (0..100).map(|v| v as f32 * 0.5).collect();
    let mut file = std::fs::File::create_new(&path).expect("a temporary file");
    for start in [64, 101] {
        let mut bytes = vec![0u8; start];
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        std::io::Seek::rewind(&mut file).expect("rewind");
        file.write_all(&bytes).expect("write");
        let reading = std::fs::File::open(&path).expect("open");
        // SAFETY: nobody else knows the file, and it is not changed while mapped.
        let map = unsafe { memmap2::Mmap::map(&reading) }.expect("map");
        let first = map.as_ptr().wrapping_add(start);
        let tensor = Tensor::from_shared(DType::F32, &[10, 10], Arc::new(map), start).expect("shared");
        assert_eq!(tensor.as_slice::<f32>().is_some(), start % 4 == 0);
        assert_eq!(tensor.as_bytes().map(<[u8]>::as_ptr), Some(first));
        assert_eq!(*tensor.load::<f32>().expect("load"), values[..]);
        let turned = tensor.permute(&[1, 0]).expect("permute");
        assert_eq!(turned.load::<f64>().expect("load")[1], 5.0);
        assert_eq!(tensor.to_vec::<f32>().expect("vec"), values);
        assert!(matches!(
            Tensor::from_shared(DType::F32, &[101], shared(&tensor), 0),
            Err(TensorError::RangeOutsideStorage { .. })
        ));
    }
}

/// A tensor's bytes as an owner that others can share.
fn shared(tensor: &Tensor) -> SharedBytes {
    Arc::new(tensor.to_bytes().expect("bytes"))
}

#[test]
fn an_owner_that_shrinks_is_an_error_and_no_panic() {
    struct Shrinking(AtomicUsize);
    impl AsRef<[u8]> for Shrinking {
        fn as_ref(&self) -> &[u8] {
            &[0; 16][..self.0.load(Ordering::Relaxed)]
        }
    }
    let owner = Arc::new(Shrinking(AtomicUsize::new(16)));
    let tensor = Tensor::from_shared(DType::F32, &[2, 2], owner.clone(), 0).expect("shared");
    owner.0.store(8, Ordering::Relaxed);
    let expected = TensorError::SharedStorageShrank { start: 0, end: 16, available: 8 };
    assert_eq!(tensor.as_slice::<f32>(), None);
    assert_eq!(tensor.to_bytes().err(), Some(expected.clone()));
    assert_eq!(tensor.to_vec::<f32>().err(), Some(expected.clone()));
    assert_eq!(tensor.load::<f64>().err(), Some(expected.clone()));
    let turned = tensor.permute(&[1, 0]).expect("permute");
    assert_eq!(turned.contiguous().err(), Some(expected));
    assert!(!tensor.bit_eq(&tensor));
}

#[test]
fn padding_bits_are_never_seen() {
    let tensor = Tensor::from_bytes(DType::U4, &[3], vec![0x21, 0xf3]).expect("bytes");
    assert_eq!(tensor.as_bytes(), Some(&[0x21, 0x03][..]));
    let mapped = Tensor::from_shared(DType::U4, &[3], Arc::new([0x21u8, 0xf3]), 0).expect("shared");
    assert_eq!(mapped.as_bytes(), None);
    assert_eq!(mapped.to_bytes().expect("bytes"), [0x21, 0x03]);
    assert!(mapped.bit_eq(&tensor));
}

#[test]
fn bit_eq_compares_bits() {
    let tensor = |values: Vec<f32>| Tensor::from_vec(&[values.len()], values).expect("vec");
    assert!(tensor(vec![f32::NAN]).bit_eq(&tensor(vec![f32::NAN])));
    assert!(!tensor(vec![0.0]).bit_eq(&tensor(vec![-0.0])));
    assert!(!tensor(vec![0.0]).bit_eq(&tensor(vec![0.0, 0.0])));
    let zeros = |dtype| Tensor::zeros(dtype, &[1]).expect("zeros");
    assert!(!zeros(DType::I32).bit_eq(&zeros(DType::F32)));
}

#[test]
fn full_repeats_one_element_in_the_dtype_asked_for() {
    let value = Tensor::from_vec(&[1], vec![3.0f32]).expect("vec");
    let full = Tensor::full(DType::I4, &[3, 1], &value).expect("full");
    assert_eq!((full.dtype(), full.shape()), (DType::I4, &[3, 1][..]));
    assert_eq!(full.to_bytes().expect("bytes"), [0x33, 0x03]);
    let text = Tensor::from_strings(&[], vec!["a".to_owned()]).expect("strings");
    let full = Tensor::full(DType::String, &[2], &text).expect("full");
    assert_eq!(full.to_strings(), Some(vec!["a".to_owned(); 2]));
}

#[test]
fn strings_have_views_too() {
    let text: Vec<String> = "a b c d e f".split(' ').map(str::to_owned).collect();
    let tensor = Tensor::from_strings(&[2, 3], text.clone()).expect("strings");
    assert_eq!(tensor.as_strings(), Some(&text[..]));
    let turned = tensor.permute(&[1, 0]).expect("permute");
    assert_eq!(turned.as_strings(), None);
    let expected: Vec<String> = "a d b e c f".split(' ').map(str::to_owned).collect();
    assert_eq!(turned.to_strings(), Some(expected));
    assert!(turned.permute(&[1, 0]).expect("permute").bit_eq(&tensor));
    let row = tensor.slice_axis(0, 1, 1, 1).expect("slice");
    assert_eq!(row.as_strings(), Some(&text[3..]));
}
