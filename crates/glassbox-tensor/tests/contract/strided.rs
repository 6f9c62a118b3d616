//! Views with strides of their own, against index arithmetic.

use glassbox_tensor::{Tensor, TensorError};

fn numbers(count: usize) -> Tensor {
    Tensor::from_vec(&[count], (0..count as i64).collect()).expect("numbers")
}

#[test]
fn strides_reach_what_they_say() {
    let all = numbers(24);
    for (shape, strides, offset) in [
        (&[4usize, 3][..], &[3isize, 1][..], 0usize),
        (&[3, 4], &[1, 3], 0),
        (&[2, 5], &[0, 2], 3),
        (&[3], &[-4], 20),
        (&[2, 2, 2], &[12, -6, 1], 7),
        (&[], &[], 23),
        (&[0, 7], &[100, 1], 24),
        (&[1, 2], &[9999, 23], 0),
    ] {
        let view = all.as_strided(shape, strides, offset).expect("inside");
        let mut expected = vec![offset as i64];
        for (dim, stride) in shape.iter().zip(strides) {
            let step = |at: &i64| (0..*dim as i64).map(|index| at + index * *stride as i64).collect::<Vec<_>>();
            expected = expected.iter().flat_map(step).collect();
        }
        assert_eq!(view.to_vec::<i64>().expect("i64"), expected, "{shape:?} {strides:?}");
        assert_eq!(view.shape(), shape);
    }
}

#[test]
fn strides_that_leave_the_elements_are_refused() {
    let all = numbers(24);
    for (shape, strides, offset) in [
        (&[4usize, 7][..], &[7isize, 1][..], 0usize),
        (&[25], &[1], 0),
        (&[2], &[1], 23),
        (&[], &[], 24),
        (&[2], &[-1], 0),
        (&[2, 2], &[isize::MAX, isize::MAX], 0),
        (&[2, 2], &[isize::MIN, isize::MAX], 5),
        (&[2], &[1, 1], 0),
        (&[0], &[1], 25),
        (&[1], &[1], usize::MAX),
    ] {
        let error = all.as_strided(shape, strides, offset);
        assert!(matches!(error, Err(TensorError::InvalidStrides { .. })), "{shape:?} {strides:?}: {error:?}");
    }
    let huge = all.as_strided(&[usize::MAX, 2], &[0, 0], 0);
    assert!(matches!(huge, Err(TensorError::InvalidSize { .. })), "{huge:?}");
    let view = all.as_strided(&[3], &[2], 0).expect("inside");
    assert!(matches!(view.as_strided(&[1], &[1], 0), Err(TensorError::NotContiguous { .. })));
}

#[test]
fn a_view_of_a_part_begins_where_the_part_does() {
    let part = numbers(24).slice_axis(0, 8, 8, 1).expect("a part");
    let view = part.as_strided(&[2, 2], &[1, 4], 1).expect("inside");
    assert_eq!(view.to_vec::<i64>().expect("i64"), [9, 13, 10, 14]);
    assert!(part.as_strided(&[9], &[1], 0).is_err());
}
