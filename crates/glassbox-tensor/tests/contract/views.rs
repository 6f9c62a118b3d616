//! Chains of views against naive index arithmetic, on whole and packed dtypes.

use glassbox_tensor::{DType, Overflow, Tensor, layout};
use proptest::prelude::*;

/// An array that copies at every step.
#[derive(Clone, Debug)]
struct Naive {
    shape: Vec<usize>,
    values: Vec<u64>,
}

impl Naive {
    fn get(&self, index: &[usize]) -> u64 {
        let mut at = 0;
        for (position, dim) in index.iter().zip(&self.shape) {
            at = at * dim + position;
        }
        self.values[at]
    }

    /// The array of `shape` whose element at an index is this array's at `source(index)`.
    fn pick(&self, shape: Vec<usize>, source: impl Fn(&[usize]) -> Vec<usize>) -> Naive {
        let count = shape.iter().product();
        let values = (0..count).map(|flat: usize| {
            let mut rest = flat;
            let mut index = vec![0; shape.len()];
            for (position, dim) in index.iter_mut().zip(&shape).rev() {
                *position = rest % dim;
                rest /= dim;
            }
            self.get(&source(&index))
        });
        Naive { values: values.collect(), shape: shape.clone() }
    }
}

#[derive(Clone, Debug)]
enum View {
    Permute(usize),
    Slice { axis: usize, start: usize, count: usize, step: isize },
    Broadcast { leading: usize, size: usize },
    Reshape(usize),
    Expand(usize),
    Squeeze(usize),
}

fn any_view() -> impl Strategy<Value = View> {
    prop_oneof![
        any::<usize>().prop_map(View::Permute),
        (any::<usize>(), any::<usize>(), 0..6usize, -3..4isize).prop_map(|(axis, start, count, step)| View::Slice {
            axis,
            start,
            count,
            step
        }),
        (0..2usize, 1..4usize).prop_map(|(leading, size)| View::Broadcast { leading, size }),
        any::<usize>().prop_map(View::Reshape),
        any::<usize>().prop_map(View::Expand),
        any::<usize>().prop_map(View::Squeeze),
    ]
}

/// Some factorisation of `count`, chosen by `seed`.
fn factors(mut count: usize, mut seed: usize) -> Vec<usize> {
    if count == 0 {
        return vec![seed % 3, 0];
    }
    let mut shape = Vec::new();
    while count > 1 {
        let divisors: Vec<usize> = (1..=count).filter(|d| count.is_multiple_of(*d)).collect();
        let divisor = divisors[seed % divisors.len()];
        shape.push(divisor);
        count /= divisor;
        seed = seed / 7 + 1;
    }
    shape
}

/// The view applied to both, or `None` where it does not fit and the tensor must refuse it.
fn apply(view: &View, tensor: &Tensor, naive: &Naive) -> Option<(Tensor, Naive)> {
    let rank = naive.shape.len();
    match *view {
        View::Permute(seed) => {
            let mut axes: Vec<usize> = (0..rank).collect();
            axes.rotate_left(if rank == 0 { 0 } else { seed % rank });
            if rank > 1 && seed % 2 == 1 {
                axes.swap(0, rank - 1);
            }
            let shape = axes.iter().map(|axis| naive.shape[*axis]).collect();
            let picked = naive.pick(shape, |index| {
                let mut source = vec![0; rank];
                for (axis, position) in axes.iter().zip(index) {
                    source[*axis] = *position;
                }
                source
            });
            Some((tensor.permute(&axes).expect("permute"), picked))
        }
        View::Slice { axis, start, count, step } => {
            if rank == 0 {
                assert!(tensor.slice_axis(0, 0, 0, 1).is_err());
                return None;
            }
            let axis = axis % rank;
            let dim = naive.shape[axis];
            let start = start % (dim + 1);
            let position = |at: usize| start as isize + at as isize * step;
            let inside = |at: usize| (0..dim as isize).contains(&position(at));
            let sliced = tensor.slice_axis(axis, start, count, step);
            if step == 0 || !(0..count).all(inside) {
                assert!(sliced.is_err(), "{view:?} of {:?}", naive.shape);
                return None;
            }
            let mut shape = naive.shape.clone();
            shape[axis] = count;
            let picked = naive.pick(shape, |index| {
                let mut source = index.to_vec();
                source[axis] = position(index[axis]) as usize;
                source
            });
            Some((sliced.expect("slice"), picked))
        }
        View::Broadcast { leading, size } => {
            let mut shape = vec![size; leading];
            shape.extend(naive.shape.iter().map(|dim| if *dim == 1 { size } else { *dim }));
            if shape.iter().product::<usize>() > 4000 {
                return None;
            }
            assert_eq!(layout::broadcast_shapes(&naive.shape, &shape), Some(shape.clone()));
            let picked = naive.pick(shape.clone(), |index| {
                let own = index[leading..].iter().zip(&naive.shape);
                own.map(|(position, dim)| if *dim == 1 { 0 } else { *position }).collect()
            });
            Some((tensor.broadcast_to(&shape).expect("broadcast"), picked))
        }
        View::Reshape(seed) => {
            let shape = factors(naive.values.len(), seed);
            let reshaped = tensor.reshape(&shape).expect("reshape");
            Some((reshaped, Naive { shape, values: naive.values.clone() }))
        }
        View::Expand(axis) => {
            let axis = axis % (rank + 1);
            let mut shape = naive.shape.clone();
            shape.insert(axis, 1);
            let expanded = tensor.expand_dims(axis).expect("expand");
            Some((expanded, Naive { shape, values: naive.values.clone() }))
        }
        View::Squeeze(axis) => {
            let axis = axis % rank.max(1);
            let squeezed = tensor.squeeze_axis(axis);
            if naive.shape.get(axis) != Some(&1) {
                assert!(squeezed.is_err());
                return None;
            }
            let mut shape = naive.shape.clone();
            shape.remove(axis);
            Some((squeezed.expect("squeeze"), Naive { shape, values: naive.values.clone() }))
        }
    }
}

fn agree(tensor: &Tensor, naive: &Naive) -> Result<(), TestCaseError> {
    prop_assert_eq!(tensor.shape(), &naive.shape[..]);
    prop_assert_eq!(tensor.len(), naive.values.len());
    prop_assert_eq!(&*tensor.load::<u64>().expect("load"), &naive.values[..]);
    let dense = tensor.contiguous().expect("contiguous");
    prop_assert!(dense.is_contiguous() && dense.bit_eq(tensor));
    let shape = naive.shape.clone();
    let stored = Tensor::store(tensor.dtype(), &shape, naive.values.clone(), Overflow::Wrap);
    let stored = stored.expect("store");
    prop_assert!(stored.bit_eq(tensor));
    prop_assert_eq!(tensor.to_bytes().expect("bytes"), stored.to_bytes().expect("bytes"));
    if let Some(bytes) = tensor.as_bytes() {
        prop_assert_eq!(bytes, &stored.to_bytes().expect("bytes")[..]);
    }
    if tensor.is_contiguous() {
        let mut tail = vec![0u64; naive.values.len() / 2];
        let start = naive.values.len() - tail.len();
        tensor.load_range(start, &mut tail).expect("load_range");
        prop_assert_eq!(&tail[..], &naive.values[start..]);
    }
    let single: Vec<f32> = naive.values.iter().map(|v| *v as f32).collect();
    prop_assert_eq!(&*tensor.load::<f32>().expect("load"), &single[..]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn chains_of_views_agree_with_index_arithmetic(
        shape in proptest::collection::vec(0..5usize, 0..4),
        dtype in prop_oneof![
            Just(DType::U64), Just(DType::F32), Just(DType::U16), Just(DType::I8), Just(DType::F8E4M3FN),
            Just(DType::U4), Just(DType::F4E2M1), Just(DType::U2), Just(DType::T2), Just(DType::U1),
        ],
        views in proptest::collection::vec(any_view(), 0..7),
    ) {
        let modulus = match dtype {
            DType::F8E4M3FN => 17,
            DType::U4 => 16,
            DType::F4E2M1 => 5,
            DType::U2 => 4,
            DType::T2 | DType::U1 => 2,
            _ => 127,
        };
        let count: usize = shape.iter().product();
        let values: Vec<u64> = (0..count as u64).map(|v| (v * v + 3 * v) / 2 % modulus).collect();
        let mut tensor = Tensor::store(dtype, &shape, values.clone(), Overflow::Wrap).expect("store");
        let mut naive = Naive { shape, values };
        agree(&tensor, &naive)?;
        for view in &views {
            if let Some(next) = apply(view, &tensor, &naive) {
                (tensor, naive) = next;
                agree(&tensor, &naive)?;
            }
        }
    }
}

#[test]
fn views_share_and_reshapes_of_views_copy_only_when_they_must() {
    let tensor = Tensor::from_vec(&[4, 6], (0..24u32).collect()).expect("vec");
    let address = |t: &Tensor| t.slice_axis(0, 0, 1, 1).and_then(|t| t.reshape(&[t.len()]));
    let first = tensor.as_slice::<u32>().expect("slice").as_ptr();
    // The left half of each row, its rows split: strides can say that.
    let half = tensor.slice_axis(1, 0, 3, 1).expect("slice").reshape(&[2, 2, 3]).expect("reshape");
    assert_eq!(half.strides(), [12, 6, 1]);
    let row = half.slice_axis(1, 0, 1, 1).expect("slice").slice_axis(0, 0, 1, 1).expect("slice");
    assert_eq!(row.as_slice::<u32>().map(<[u32]>::as_ptr), Some(first));
    // Flattened, they cannot.
    let flat = tensor.slice_axis(1, 0, 3, 1).expect("slice").reshape(&[12]).expect("reshape");
    assert!(flat.is_contiguous());
    let flat = address(&flat).expect("a first element");
    assert_ne!(flat.as_slice::<u32>().map(<[u32]>::as_ptr), Some(first));
}

#[test]
fn packed_views_may_begin_inside_a_byte() {
    let tensor = Tensor::store(DType::I4, &[7], (-3..4i64).collect(), Overflow::Wrap).expect("store");
    let odd = tensor.slice_axis(0, 1, 5, 1).expect("slice");
    assert!(odd.is_contiguous());
    assert_eq!(odd.as_bytes(), None);
    assert_eq!(*odd.load::<i64>().expect("load"), [-2, -1, 0, 1, 2]);
    assert_eq!(odd.to_bytes().expect("bytes"), [0xfe, 0x10, 0x02]);
    let odd = tensor.slice_axis(0, 1, 6, 1).expect("slice");
    assert_eq!(odd.as_bytes(), None);
    assert_eq!(odd.to_bytes().expect("bytes"), [0xfe, 0x10, 0x32]);
    let even = tensor.slice_axis(0, 2, 3, 1).expect("slice");
    // Its last byte holds a neighbour too.
    assert_eq!(even.as_bytes(), None);
    let even = tensor.slice_axis(0, 2, 4, 1).expect("slice");
    assert_eq!(even.as_bytes(), Some(&[0x0f, 0x21][..]));
    let backwards = tensor.slice_axis(0, 6, 4, -2).expect("slice");
    assert_eq!(*backwards.load::<i64>().expect("load"), [3, 1, -1, -3]);
}

#[test]
fn large_transpositions_agree_with_index_arithmetic() {
    let (batch, rows, columns) = (3, 77, 130);
    let values: Vec<u32> = (0..(batch * rows * columns) as u32).collect();
    let tensor = Tensor::from_vec(&[batch, rows, columns], values.clone()).expect("vec");
    let at = |b: usize, r: usize, c: usize| values[(b * rows + r) * columns + c];
    let turned = tensor.permute(&[0, 2, 1]).expect("permute").to_vec::<u32>().expect("vec");
    let mut turned = turned.into_iter();
    for b in 0..batch {
        for c in 0..columns {
            assert!((0..rows).all(|r| turned.next() == Some(at(b, r, c))), "{b} {c}");
        }
    }
    // Reversed along one axis and batch last, which no tiling helps.
    let backwards = tensor.slice_axis(1, rows - 1, rows, -1).and_then(|t| t.permute(&[1, 2, 0]));
    let backwards = backwards.and_then(|t| t.to_vec::<u32>()).expect("vec");
    let mut backwards = backwards.into_iter();
    for r in (0..rows).rev() {
        for c in 0..columns {
            assert!((0..batch).all(|b| backwards.next() == Some(at(b, r, c))), "{r} {c}");
        }
    }
}

#[test]
fn a_transposed_matrix_lends_its_columns() {
    let tensor = Tensor::from_vec(&[2, 3], (0..6u32).collect()).expect("vec");
    let columns = tensor.permute(&[1, 0]).expect("permute");
    assert_eq!(columns.as_transposed_slice::<u32>(), tensor.as_slice::<u32>());
    let part = tensor.slice_axis(0, 1, 1, 1).and_then(|row| row.permute(&[1, 0])).expect("a column");
    assert_eq!(part.as_transposed_slice::<u32>(), Some(&[3, 4, 5][..]));
    // Another dtype, rows, other ranks and gaps between the columns lend nothing.
    assert_eq!(columns.as_transposed_slice::<i32>(), None);
    assert_eq!(tensor.as_transposed_slice::<u32>(), None);
    assert_eq!(columns.expand_dims(0).expect("expand").as_transposed_slice::<u32>(), None);
    let gaps = tensor.slice_axis(1, 0, 2, 1).and_then(|half| half.permute(&[1, 0])).expect("permute");
    assert_eq!(gaps.as_transposed_slice::<u32>(), None);
}
