//! The table of dtypes tests itself.

use std::collections::BTreeSet;

use glassbox_tensor::{BlockFormat, Class, DType, TensorError};

fn everything() -> impl Iterator<Item = DType> {
    DType::ALL.iter().copied().chain(BlockFormat::ALL.iter().copied().map(DType::Block))
}

#[test]
fn names_are_unique_and_read_back() {
    let names: BTreeSet<&str> = everything().map(DType::name).collect();
    assert_eq!(names.len(), everything().count());
    for dtype in everything() {
        assert_eq!(dtype.to_string().parse(), Ok(dtype));
    }
    for wrong in ["", "F32", "f32 ", "float", "block"] {
        let expected = TensorError::UnknownDtype { name: wrong.to_owned() };
        assert_eq!(wrong.parse::<DType>(), Err(expected));
    }
}

#[test]
fn all_is_in_order_and_complete() {
    assert!(DType::ALL.is_sorted());
    assert_eq!(DType::ALL.len(), 28);
    assert_eq!(DType::ALL.iter().filter(|dtype| dtype.is_float()).count(), 10);
    assert_eq!(DType::ALL.iter().filter(|dtype| dtype.is_signed_integer()).count(), 9);
    assert_eq!(DType::ALL.iter().filter(|dtype| dtype.is_unsigned_integer()).count(), 7);
}

#[test]
fn classes_are_consistent() {
    for dtype in everything() {
        let class = dtype.class();
        assert_eq!(dtype.is_float(), class == Class::Float);
        assert_eq!(dtype.is_numeric(), dtype.is_float() || dtype.is_integer());
        assert_eq!(dtype.bits().is_none(), matches!(class, Class::String | Class::Block));
        assert_eq!(dtype.is_sub_byte(), dtype.bits().is_some_and(|bits| bits < 8));
    }
    assert!(!DType::Bool.is_integer());
}

#[test]
fn byte_lengths_round_up_and_never_overflow() {
    for (dtype, elements, bytes) in [
        (DType::F64, 3, Some(24)),
        (DType::I4, 0, Some(0)),
        (DType::I4, 3, Some(2)),
        (DType::T2, 5, Some(2)),
        (DType::U1, 9, Some(2)),
        (DType::T1, usize::MAX, Some(1 << 61)),
        (DType::F16, usize::MAX / 2 + 1, None),
        (DType::String, 1, None),
        (DType::Block(BlockFormat::Q4_0), 64, Some(36)),
        (DType::Block(BlockFormat::Q6K), 256, Some(210)),
        (DType::Block(BlockFormat::Q6K), 255, None),
        (DType::Block(BlockFormat::Q8K), usize::MAX / 256 * 256, None),
    ] {
        assert_eq!(dtype.byte_len(elements), bytes, "{dtype} x {elements}");
    }
}
