//! Shapes and strides as arithmetic: element counts, contiguity, broadcasting, and walking in runs.
//!
//! Counts are checked. Strides are in elements and may be zero (broadcast) or negative (reversed).

/// The number of elements of `shape`. `None` when the product of the dims that aren't 0 exceeds
/// `isize::MAX`: also of an empty shape, so that the product of any of its dims can be formed.
pub fn element_count(shape: &[usize]) -> Option<usize> {
    let taken = shape.iter().filter(|dim| **dim != 0).try_fold(1usize, |count, dim| count.checked_mul(*dim))?;
    isize::try_from(taken).ok()?;
    Some(if shape.contains(&0) { 0 } else { taken })
}

/// The row-major strides of `shape`, whose element count must be valid. All zero when it is empty.
pub fn contiguous_strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![0isize; shape.len()];
    if shape.contains(&0) {
        return strides;
    }
    let mut next = 1isize;
    for (stride, dim) in strides.iter_mut().zip(shape).rev() {
        *stride = next;
        next = next.saturating_mul(isize::try_from(*dim).unwrap_or(isize::MAX));
    }
    strides
}

/// Whether `strides` visit the elements of `shape` one after the other. Dims of size 1 do not matter.
pub fn is_contiguous(shape: &[usize], strides: &[isize]) -> bool {
    let expected = contiguous_strides(shape);
    let mut dims = shape.iter().zip(strides.iter().zip(&expected));
    shape.contains(&0) || dims.all(|(dim, (stride, expected))| *dim == 1 || stride == expected)
}

/// The shape that `left` and `right` broadcast to by the rules of ONNX and NumPy, if they do.
pub fn broadcast_shapes(left: &[usize], right: &[usize]) -> Option<Vec<usize>> {
    let rank = left.len().max(right.len());
    let dim = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    (0..rank)
        .map(|axis| match (dim(left, axis), dim(right, axis)) {
            (a, b) if a == b => Some(a),
            (1, b) => Some(b),
            (a, 1) => Some(a),
            _ => None,
        })
        .collect()
}

/// Dims of size 1 dropped, and neighbours merged where they can be walked as one: the fewest dims that visit
/// the same elements in the same order.
pub(crate) fn coalesce(shape: &[usize], strides: &[isize]) -> Vec<(usize, isize)> {
    let mut dims: Vec<(usize, isize)> = Vec::with_capacity(shape.len());
    for (&dim, &stride) in shape.iter().zip(strides) {
        if dim == 1 {
            continue;
        }
        if let Some(last) = dims.last_mut() {
            let span = isize::try_from(dim).ok().and_then(|dim| dim.checked_mul(stride));
            if let (true, Some(merged)) = (span == Some(last.1), last.0.checked_mul(dim)) {
                *last = (merged, stride);
                continue;
            }
        }
        dims.push((dim, stride));
    }
    dims
}

/// Calls `visit(first element, stride, count)` for the innermost runs of a view, in logical order.
/// The offset and strides must keep every element inside the storage, which tensors guarantee.
pub(crate) fn for_each_run<E>(
    shape: &[usize],
    strides: &[isize],
    offset: usize,
    mut visit: impl FnMut(usize, isize, usize) -> Result<(), E>,
) -> Result<(), E> {
    if shape.contains(&0) {
        return Ok(());
    }
    let mut dims = coalesce(shape, strides);
    let (count, stride) = dims.pop().unwrap_or((1, 1));
    let mut index = vec![0usize; dims.len()];
    let mut at = offset;
    loop {
        visit(at, stride, count)?;
        let mut axis = dims.len();
        loop {
            let Some(next) = axis.checked_sub(1) else { return Ok(()) };
            axis = next;
            let (dim, stride) = dims[axis];
            index[axis] += 1;
            if index[axis] < dim {
                at = at.wrapping_add_signed(stride);
                break;
            }
            // Back to the start of this axis: dim - 1 steps were taken.
            at = at.wrapping_sub(stride.cast_unsigned().wrapping_mul(dim - 1));
            index[axis] = 0;
        }
    }
}
