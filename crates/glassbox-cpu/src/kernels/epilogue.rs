//! What is done with the elements of a product as soon as they are there: a tile program.

use std::borrow::Cow;
use std::ops::Range;

use glassbox_exec::KernelError;
use glassbox_kernels::tile::{Compiled, Epilogue, Source};
use glassbox_tensor::Tensor;

use super::place::{data, strides_in, walkable};
use super::program;
use crate::fragment::Fragment;
use crate::slots::Call;

/// The elementwise nodes after a product.
pub(super) struct Finish {
    compiled: Compiled,
    /// The numbers of the values that the program reads, beside the product.
    loads: Vec<usize>,
}

/// A [`Finish`] in one run: the tensors that it reads, as matrices.
pub(super) struct Finishing<'a> {
    compiled: &'a Compiled,
    loads: Vec<(Cow<'a, Tensor>, isize, isize)>,
    rows: usize,
    columns: usize,
}

impl Finish {
    /// The nodes from `skip` on, which take the value of number `product`; `None`, where there are none.
    ///
    /// # Errors
    ///
    /// Why they are no program.
    pub(super) fn build(fragment: &Fragment, skip: usize, product: usize) -> Result<Option<Finish>, String> {
        Finish::of(fragment, skip..fragment.nodes().len(), product, fragment.outputs())
    }

    /// The nodes at `places`, which take the value of number `product` and give the one of `results`; `None`, where there are
    /// none.
    ///
    /// # Errors
    ///
    /// Why they are no program.
    pub(super) fn of(
        fragment: &Fragment,
        places: Range<usize>,
        product: usize,
        results: &[usize],
    ) -> Result<Option<Finish>, String> {
        if places.is_empty() {
            return Ok(None);
        }
        let made = program::make(fragment, places, Some(product), results)?;
        let compiled = Compiled::new(&made.program).map_err(|error| error.to_string())?;
        if !compiled.is_epilogue() {
            return Err("the nodes after the product have other results".to_owned());
        }
        Ok(Some(Finish { compiled, loads: made.loads[1..].to_vec() }))
    }

    /// The program.
    pub(super) fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// The numbers of the values that the program reads, beside the product.
    pub(super) fn loads(&self) -> &[usize] {
        &self.loads
    }

    /// The tensors of this run; the result has these sizes, of which the last are columns, or, where a matrix is multiplied
    /// with a vector, all are rows.
    ///
    /// # Errors
    ///
    /// Where there is no memory.
    pub(super) fn begin<'a>(
        &'a self,
        call: &Call<'a>,
        sizes: &[usize],
        has_columns: bool,
    ) -> Result<Finishing<'a>, KernelError> {
        let (rows, columns) = match sizes.split_last() {
            Some((columns, outer)) if has_columns => (outer.iter().product(), *columns),
            _ => (sizes.iter().product(), 1),
        };
        let load = |number: &usize| as_matrix(call.inputs[*number], sizes, has_columns);
        let loads = self.loads.iter().map(load).collect::<Result<_, _>>()?;
        Ok(Finishing { compiled: &self.compiled, loads, rows, columns })
    }
}

/// A tensor that broadcasts to `sizes`, with one distance between all rows and one between columns.
fn as_matrix<'a>(
    tensor: &'a Tensor,
    sizes: &[usize],
    has_columns: bool,
) -> Result<(Cow<'a, Tensor>, isize, isize), KernelError> {
    let tensor = walkable(tensor)?;
    let (mut strides, mut matrix) = (strides_in(&tensor, sizes), sizes.to_vec());
    if !has_columns {
        strides.push(0);
        matrix.push(1);
    }
    if let Some((row, column)) = even(&strides, &matrix) {
        return Ok((tensor, row, column));
    }
    let whole = tensor.broadcast_to(sizes)?.contiguous()?;
    let columns = matrix.last().copied().unwrap_or(1);
    Ok((Cow::Owned(whole), columns as isize, 1))
}

/// The one distance between rows, where there is one, and that between columns.
fn even(strides: &[isize], sizes: &[usize]) -> Option<(isize, isize)> {
    let (column, outer) = strides.split_last()?;
    let mut row = 0;
    let mut expected = None;
    for (stride, size) in outer.iter().zip(&sizes[..outer.len()]).rev() {
        if *size == 1 {
            continue;
        }
        match expected {
            None => row = *stride,
            Some(expected) if expected == *stride => {}
            Some(_) => return None,
        }
        expected = Some(*stride * *size as isize);
    }
    Some((row, *column))
}

impl Finishing<'_> {
    /// With it, `work` computes the product.
    ///
    /// # Errors
    ///
    /// An internal error, where a tensor can't be read.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Epilogue) -> T) -> Result<T, KernelError> {
        let strides: Vec<[isize; 1]> = self.loads.iter().map(|(_, row, _)| [*row]).collect();
        let mut sources = Vec::with_capacity(self.loads.len());
        for ((tensor, _, column), row) in self.loads.iter().zip(&strides) {
            sources.push(Source { data: data(tensor)?, offset: 0, row_strides: row, column_stride: *column });
        }
        Ok(work(&self.compiled.epilogue(self.rows, self.columns, &sources)))
    }
}

/// An epilogue of the rows of a product that begin at a row of the whole result.
pub(super) struct From<'a> {
    pub(super) epilogue: &'a Epilogue<'a>,
    pub(super) row: usize,
}

impl glassbox_kernels::Epilogue for From<'_> {
    fn finish(&self, row: usize, column: usize, values: &mut [f32]) {
        self.epilogue.apply(self.row + row, column, values);
    }
}
