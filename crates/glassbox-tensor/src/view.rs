//! Views: other shapes and orders over the same data, without copying.
//!
//! Every view checks its arguments and keeps all elements inside the storage. Block formats, whose elements
//! cannot be addressed one by one, can be reshaped, and sliced in whole rows; other views of them are refused.

use crate::layout;
use crate::{DType, Tensor, TensorError};

impl Tensor {
    pub(crate) fn with_layout(&self, shape: Vec<usize>, strides: Vec<isize>, offset: usize) -> Tensor {
        Tensor { dtype: self.dtype, shape, strides, offset, storage: self.storage.clone() }
    }

    pub(crate) fn refuse_block(&self, operation: &'static str) -> Result<(), TensorError> {
        match self.dtype {
            DType::Block(_) => Err(TensorError::UnsupportedDtype {
                operation,
                dtype: self.dtype,
                rule: "elements of a block format cannot be addressed one by one; dequantise it first",
            }),
            _ => Ok(()),
        }
    }

    fn check_axis(&self, operation: &'static str, axis: usize) -> Result<(), TensorError> {
        if axis < self.rank() {
            return Ok(());
        }
        Err(TensorError::InvalidAxis { operation, axis, rank: self.rank() })
    }

    /// Axis `i` of the view is axis `permutation[i]` of this tensor.
    ///
    /// # Errors
    ///
    /// Where `permutation` doesn't name each axis once, or would move the axis of a tensor of blocks.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// let x = Tensor::from_vec(&[2, 2], vec![1u8, 2, 3, 4])?;
    /// assert_eq!(x.permute(&[1, 0])?.to_vec::<u8>()?, [1, 3, 2, 4]);
    /// assert!(x.permute(&[0, 0]).is_err());
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn permute(&self, permutation: &[usize]) -> Result<Tensor, TensorError> {
        let mut seen = vec![false; self.rank()];
        let is_new = |axis: &usize| seen.get_mut(*axis).is_some_and(|seen| !std::mem::replace(seen, true));
        if permutation.len() != self.rank() || !permutation.iter().all(is_new) {
            return Err(TensorError::InvalidPermutation { permutation: permutation.to_vec(), rank: self.rank() });
        }
        if !permutation.is_sorted() {
            self.refuse_block("permute")?;
        }
        let shape = permutation.iter().map(|axis| self.shape[*axis]).collect();
        let strides = permutation.iter().map(|axis| self.strides[*axis]).collect();
        Ok(self.with_layout(shape, strides, self.offset))
    }

    /// A view with dims and strides of its own over the elements of this tensor, which must be contiguous:
    /// element `index` of the view is element `offset + index · strides` in this one's logical order. Every
    /// element that the strides reach must be there; two indices may reach the same one.
    ///
    /// # Errors
    ///
    /// Where the tensor isn't contiguous or is of blocks, the numbers of dims and strides are different, or an element that
    /// they reach isn't there.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// // Windows of two that overlap.
    /// let x = Tensor::from_vec(&[3], vec![1u8, 2, 3])?;
    /// assert_eq!(x.as_strided(&[2, 2], &[1, 1], 0)?.to_vec::<u8>()?, [1, 2, 2, 3]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn as_strided(&self, shape: &[usize], strides: &[isize], offset: usize) -> Result<Tensor, TensorError> {
        self.refuse_block("as_strided")?;
        if !self.is_contiguous() {
            return Err(TensorError::NotContiguous {
                operation: "as_strided",
                shape: self.shape.clone(),
                strides: self.strides.clone(),
            });
        }
        let refused = || TensorError::InvalidStrides {
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            offset,
            len: self.len(),
        };
        if strides.len() != shape.len() {
            return Err(refused());
        }
        let count = layout::element_count(shape);
        count.ok_or_else(|| TensorError::InvalidSize { dtype: self.dtype, shape: shape.to_vec() })?;
        // The first and the last element that the strides reach.
        let (mut first, mut last) = (offset as i128, offset as i128);
        if !shape.contains(&0) {
            for (dim, stride) in shape.iter().zip(strides) {
                let reach = (*dim as i128 - 1) * *stride as i128;
                *(if reach < 0 { &mut first } else { &mut last }) += reach;
            }
            if first < 0 || last >= self.len() as i128 {
                return Err(refused());
            }
        } else if offset > self.len() {
            return Err(refused());
        }
        Ok(self.with_layout(shape.to_vec(), strides.to_vec(), self.offset + offset))
    }

    /// Repeats axes of size 1, and adds leading axes, to reach `shape`.
    ///
    /// # Errors
    ///
    /// Where `shape` has fewer axes, a dim is neither the same nor was 1, there would be too many elements, or the tensor
    /// is of blocks.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// let row = Tensor::from_vec(&[2], vec![1u8, 2])?;
    /// assert_eq!(row.broadcast_to(&[2, 2])?.to_vec::<u8>()?, [1, 2, 1, 2]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Tensor, TensorError> {
        if shape == self.shape {
            return Ok(self.clone());
        }
        self.refuse_block("broadcast_to")?;
        let refused = || TensorError::CannotBroadcast { from: self.shape.clone(), to: shape.to_vec() };
        let added = shape.len().checked_sub(self.rank()).ok_or_else(refused)?;
        layout::element_count(shape)
            .ok_or_else(|| TensorError::InvalidSize { dtype: self.dtype, shape: shape.to_vec() })?;
        let mut strides = vec![0isize; added];
        for ((&from, &to), &stride) in self.shape.iter().zip(&shape[added..]).zip(&self.strides) {
            match from {
                _ if from == to => strides.push(stride),
                1 => strides.push(0),
                _ => return Err(refused()),
            }
        }
        Ok(self.with_layout(shape.to_vec(), strides, self.offset))
    }

    /// `count` indices of one axis: `start`, `start + step`, … . A negative step walks backwards.
    ///
    /// # Errors
    ///
    /// Where there is no such axis, the step is 0, an index isn't on it, or a tensor of blocks would be cut otherwise than in
    /// whole rows.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// let x = Tensor::from_vec(&[5], vec![0u8, 1, 2, 3, 4])?;
    /// assert_eq!(x.slice_axis(0, 4, 3, -2)?.to_vec::<u8>()?, [4, 2, 0]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn slice_axis(&self, axis: usize, start: usize, count: usize, step: isize) -> Result<Tensor, TensorError> {
        self.check_axis("slice_axis", axis)?;
        let dim = self.shape[axis];
        let invalid = || TensorError::InvalidSlice { axis, dim, start, count, step };
        let inside = match count.checked_sub(1) {
            None => start <= dim,
            Some(steps) => {
                let last = isize::try_from(steps)
                    .ok()
                    .and_then(|steps| steps.checked_mul(step))
                    .and_then(|distance| start.checked_add_signed(distance));
                start < dim && last.is_some_and(|last| last < dim)
            }
        };
        if step == 0 || !inside {
            return Err(invalid());
        }
        let whole = start == 0 && count == dim && step == 1;
        let rows = axis == 0 && self.rank() > 1 && (step == 1 || count <= 1);
        if !whole && !rows {
            self.refuse_block("slice_axis (other than whole rows of axis 0)")?;
        }
        let mut shape = self.shape.clone();
        let mut strides = self.strides.clone();
        shape[axis] = count;
        if shape.contains(&0) {
            return Ok(self.with_layout(shape, strides, self.offset));
        }
        // Both products are distances between elements of this tensor, which fit.
        let skipped = strides[axis].cast_unsigned().wrapping_mul(start);
        strides[axis] = if count == 1 { strides[axis] } else { strides[axis].wrapping_mul(step) };
        Ok(self.with_layout(shape, strides, self.offset.wrapping_add(skipped)))
    }

    /// The same elements in the same logical order under another shape: a view where strides allow, else a copy.
    ///
    /// # Errors
    ///
    /// Where the number of elements is another, a block of a tensor of blocks would be cut, or the elements must be copied
    /// and there isn't enough memory.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// let x = Tensor::from_vec(&[4], vec![1u8, 2, 3, 4])?;
    /// assert_eq!(x.reshape(&[2, 2])?.shape(), [2, 2]);
    /// assert!(x.reshape(&[3]).is_err());
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn reshape(&self, shape: &[usize]) -> Result<Tensor, TensorError> {
        if layout::element_count(shape) != Some(self.len()) {
            return Err(TensorError::CannotReshape { from: self.shape.clone(), to: shape.to_vec() });
        }
        if let DType::Block(_) = self.dtype {
            crate::tensor::checked_size("reshape", self.dtype, shape)?;
        }
        if let Some(strides) = reshaped_strides(&self.shape, &self.strides, shape) {
            return Ok(self.with_layout(shape.to_vec(), strides, self.offset));
        }
        let dense = self.contiguous()?;
        Ok(dense.with_layout(shape.to_vec(), layout::contiguous_strides(shape), dense.offset))
    }

    /// A new axis of size 1 before axis `axis`; `axis` may equal the rank.
    ///
    /// # Errors
    ///
    /// Where the place is beyond the last axis, or behind the last axis of a tensor of blocks.
    ///
    /// ```
    /// use glassbox_tensor::Tensor;
    /// let x = Tensor::from_vec(&[2], vec![1u8, 2])?;
    /// assert_eq!(x.expand_dims(1)?.shape(), [2, 1]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn expand_dims(&self, axis: usize) -> Result<Tensor, TensorError> {
        if axis > self.rank() {
            return Err(TensorError::InvalidAxis { operation: "expand_dims", axis, rank: self.rank() });
        }
        if axis == self.rank() {
            self.refuse_block("expand_dims after the last axis")?;
        }
        let mut shape = self.shape.clone();
        let mut strides = self.strides.clone();
        shape.insert(axis, 1);
        strides.insert(axis, 1);
        Ok(self.with_layout(shape, strides, self.offset))
    }

    /// Drops axis `axis`, which must have size 1.
    ///
    /// # Errors
    ///
    /// Where there is no such axis, or its dim isn't 1.
    pub fn squeeze_axis(&self, axis: usize) -> Result<Tensor, TensorError> {
        self.check_axis("squeeze_axis", axis)?;
        let dim = self.shape[axis];
        if dim != 1 {
            return Err(TensorError::CannotSqueeze { axis, dim });
        }
        let mut shape = self.shape.clone();
        let mut strides = self.strides.clone();
        shape.remove(axis);
        strides.remove(axis);
        Ok(self.with_layout(shape, strides, self.offset))
    }
}

/// Strides under which `to` visits what `from` visits in the same order, if there are any. The element
/// counts are equal.
fn reshaped_strides(from: &[usize], strides: &[isize], to: &[usize]) -> Option<Vec<isize>> {
    if layout::is_contiguous(from, strides) {
        return Some(layout::contiguous_strides(to));
    }
    // Each coalesced dim of the source must be the product of a run of target dims.
    let mut result = vec![1isize; to.len()];
    let mut axis = 0;
    for (dim, stride) in layout::coalesce(from, strides) {
        let first = axis;
        let mut product = 1usize;
        while product < dim {
            product = product.checked_mul(*to.get(axis)?)?;
            axis += 1;
        }
        if product != dim {
            return None;
        }
        let mut next = stride;
        for inner in (first..axis).rev() {
            result[inner] = next;
            next = next.saturating_mul(isize::try_from(to[inner]).ok()?);
        }
    }
    // What is left of the target has size 1.
    Some(result)
}
