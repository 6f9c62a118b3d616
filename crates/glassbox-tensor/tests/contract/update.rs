//! Regions overwritten and tensors made larger, against naive index arithmetic, on whole and packed dtypes.

use glassbox_tensor::{DType, Overflow, Tensor};
use proptest::prelude::*;

const DTYPES: &[DType] =
    &[DType::U1, DType::U2, DType::U4, DType::U8, DType::U16, DType::U32, DType::U64, DType::F16, DType::String];

/// A tensor of these numbers, as far as the dtype has them.
fn tensor(dtype: DType, shape: &[usize], values: Vec<u64>) -> Tensor {
    match dtype {
        DType::String => {
            let texts = values.iter().map(|value| if *value == 0 { String::new() } else { value.to_string() });
            Tensor::from_strings(shape, texts.collect()).expect("strings")
        }
        _ => Tensor::store(dtype, shape, values, Overflow::Wrap).expect("store"),
    }
}

fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Numbers that differ from place to place, and from one `seed` to another.
fn numbers(shape: &[usize], seed: u64) -> Vec<u64> {
    (0..count(shape) as u64).map(|place| (place * 7 + seed * 13 + 1) % 97).collect()
}

/// The index that stands at a place of the logical order.
fn index(shape: &[usize], place: usize) -> Vec<usize> {
    let mut rest = place;
    let mut index = vec![0; shape.len()];
    for (position, dim) in index.iter_mut().zip(shape).rev() {
        *position = rest % dim;
        rest /= dim;
    }
    index
}

fn place(shape: &[usize], index: &[usize]) -> usize {
    index.iter().zip(shape).fold(0, |place, (position, dim)| place * dim + position)
}

/// Writes `part`, of dims `region`, into `whole`, of dims `shape`.
fn write(whole: &mut [u64], shape: &[usize], starts: &[usize], part: &[u64], region: &[usize]) {
    for (at, value) in part.iter().enumerate() {
        let target: Vec<usize> =
            index(region, at).iter().zip(starts).map(|(position, start)| position + start).collect();
        whole[place(shape, &target)] = *value;
    }
}

fn assert_same(got: &Tensor, want: &Tensor) {
    assert!(got.bit_eq(want), "{got:?} {:?} {:?}", got.to_bytes(), want.to_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn regions_are_overwritten_and_nothing_else(
        dtype in prop::sample::select(DTYPES),
        shape in prop::collection::vec(0usize..5, 0..4),
        before in 0usize..4,
        writes in prop::collection::vec((any::<[usize; 4]>(), any::<[usize; 4]>(), any::<bool>(), any::<bool>()), 1..5),
    ) {
        // Part of a larger tensor, so that it needn't begin on a byte.
        let larger: Vec<usize> = [before + 1].into_iter().chain(shape.iter().copied()).collect();
        let mut values = numbers(&larger, 0).split_off(before * count(&shape));
        let whole = tensor(dtype, &larger, numbers(&larger, 0));
        let mut state = whole.slice_axis(0, before, 1, 1).unwrap().squeeze_axis(0).unwrap();
        drop(whole);
        for (turn, (starts, sizes, held, strided)) in writes.into_iter().enumerate() {
            let pick = |from: usize, most: usize| from % (most + 1);
            let starts: Vec<usize> = shape.iter().zip(starts).map(|(dim, start)| pick(start, *dim)).collect();
            let region: Vec<usize> =
                shape.iter().zip(&starts).zip(sizes).map(|((dim, start), size)| pick(size, dim - start)).collect();
            let part = numbers(&region, turn as u64 + 1);
            let mut source = tensor(dtype, &region, part.clone());
            if strided && region.len() == 2 {
                let swapped = [region[1], region[0]];
                let turned: Vec<u64> =
                    (0..part.len()).map(|at| { let i = index(&swapped, at); part[place(&region, &[i[1], i[0]])] }).collect();
                source = tensor(dtype, &swapped, turned).permute(&[1, 0]).unwrap();
            }
            let other = held.then(|| state.clone());
            let old = tensor(dtype, &shape, values.clone());
            assert_same(&state.region(&starts, &region).unwrap().copied().unwrap(), &tensor(dtype, &region, {
                (0..count(&region)).map(|at| {
                    let source: Vec<usize> = index(&region, at).iter().zip(&starts).map(|(p, s)| p + s).collect();
                    values[place(&shape, &source)]
                }).collect()
            }));
            state.overwrite(&starts, &source).unwrap();
            write(&mut values, &shape, &starts, &part, &region);
            assert_same(&state, &tensor(dtype, &shape, values.clone()));
            if let Some(other) = other {
                assert_same(&other, &old);
            }
        }
    }

    #[test]
    fn what_is_added_is_the_fill(
        dtype in prop::sample::select(DTYPES),
        shape in prop::collection::vec((0usize..4, 0usize..3), 0..4),
        fill in prop::option::of(0u64..2),
    ) {
        let old: Vec<usize> = shape.iter().map(|(dim, _)| *dim).collect();
        let new: Vec<usize> = shape.iter().map(|(dim, more)| dim + more).collect();
        let fill_tensor = fill.map(|fill| tensor(dtype, &[], vec![fill]));
        let extended = tensor(dtype, &old, numbers(&old, 5)).extended(&new, fill_tensor.as_ref()).unwrap();
        let mut want = vec![fill.unwrap_or(0); count(&new)];
        write(&mut want, &new, &vec![0; new.len()], &numbers(&old, 5), &old);
        assert_same(&extended, &tensor(dtype, &new, want));
    }
}

#[test]
fn a_tensor_that_is_alone_is_written_in_place() {
    let mut tensor = Tensor::zeros(DType::F32, &[4, 3]).unwrap();
    let address = tensor.as_bytes().unwrap().as_ptr();
    assert!(tensor.is_sole_owner());
    tensor.overwrite(&[2, 1], &Tensor::from_vec(&[1, 2], vec![1.5f32, 2.5]).unwrap()).unwrap();
    assert_eq!(tensor.as_bytes().unwrap().as_ptr(), address);
    assert_eq!(tensor.to_vec::<f32>().unwrap()[6..9], [0.0, 1.5, 2.5]);
    let view = tensor.region(&[2, 1], &[1, 2]).unwrap();
    assert!(!tensor.is_sole_owner());
    tensor.overwrite(&[2, 1], &Tensor::zeros(DType::F32, &[1, 1]).unwrap()).unwrap();
    assert_ne!(tensor.as_bytes().unwrap().as_ptr(), address);
    assert_eq!(view.to_vec::<f32>().unwrap(), [1.5, 2.5]);
    assert!(view.copied().unwrap().is_sole_owner());
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut tensor = Tensor::from_vec(&[2, 2], vec![1i32, 2, 3, 4]).unwrap();
    let one = |dtype| Tensor::zeros(dtype, &[1, 1]).unwrap();
    assert!(tensor.overwrite(&[2, 0], &one(DType::I32)).is_err());
    assert!(tensor.overwrite(&[usize::MAX, 0], &one(DType::I32)).is_err());
    assert!(tensor.overwrite(&[0], &one(DType::I32)).is_err());
    assert!(tensor.overwrite(&[0, 0], &one(DType::U32)).is_err());
    assert!(tensor.overwrite(&[0, 0], &Tensor::scalar(1i32)).is_err());
    assert!(tensor.extended(&[1, 2], None).is_err());
    assert!(tensor.extended(&[2], None).is_err());
    assert!(tensor.extended(&[usize::MAX, 2], None).is_err());
    assert!(tensor.region(&[0, 1], &[2, 2]).is_err());
    let mut blocks = Tensor::zeros("q4_0".parse().unwrap(), &[2, 32]).unwrap();
    let row = Tensor::zeros("q4_0".parse().unwrap(), &[1, 32]).unwrap();
    assert!(blocks.overwrite(&[1, 0], &row).is_err());
    assert!(blocks.clone().overwrite(&[0, 0], &blocks.clone()).is_ok());
    assert!(blocks.extended(&[3, 32], None).is_err());
    assert!(blocks.region(&[0, 0], &[2, 32]).is_ok());
    assert_eq!(tensor.to_vec::<i32>().unwrap(), [1, 2, 3, 4]);
}
