//! `einsum`: sums of products over named axes.

use super::common::*;
use super::einsum_equation::{Equation, Label, Labels};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "einsum",
    tier: Tier::Composite(decompose),
    doc: "The products of the elements of all operands whose axes with the same letter have the same index, summed over \
          the letters that the result doesn't name: `ij,jk->ik` is the product of matrices. A letter that stands twice \
          in one term takes the diagonal. Without `->` the result has the letters that stand once, sorted, uppercase \
          before lowercase. `...` stands for the axes that aren't named, which broadcast and in a result without `->` \
          come first. Axes of extent 1 broadcast. The operands are joined one after the other, from the first on; each \
          product is that of `matmul` or `mul`. Floats narrower than f32 are computed in f32 and rounded once; integers \
          wrap.",
    inputs: NUMERIC_MANY,
    attrs: &[AttrSpec::required("equation", AttrKind::Str)],
    constraints: &[
        ("C1", "a term has letters and at most one ellipsis"),
        ("C2", "there is a term for each operand, and it names or covers each of its axes"),
        ("C3", "the result names no letter twice, only letters of the operands, and has the ellipsis if it covers axes"),
        ("C4", "axes with the same letter have the same extent or 1; in one operand they have the same"),
    ],
    example: "einsum(f32[1, 2] [1, 2], f32[2, 1] [3, 4]) {equation = \"ij,jk->ik\"} -> f32[1, 1] [11]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let count = infer.operands.len();
    let dtype = infer.dtype(0)?;
    let equation = Equation::parse(infer.attr.str("equation"), count)?;
    let ranks: Vec<_> = (0..count).map(|index| infer.rank(index)).collect();
    let Some(labels) = equation.labels(&ranks)? else {
        let shape = equation.rank().map_or(Shape::Unranked, Shape::of_rank);
        return Ok(vec![TensorType { dtype, shape }.into()]);
    };
    let mut extents: Vec<(Label, Dim)> = Vec::new();
    for (index, axes) in labels.operands.iter().enumerate() {
        let mut own: Vec<(Label, Dim)> = Vec::new();
        for (axis, label) in axes.iter().enumerate() {
            let dim = infer.dims(index).map_or(Dim::Unknown, |dims| dims[axis].clone());
            match own.iter().find(|(known, _)| known == label) {
                Some((_, first)) if first.same(&dim) == Some(false) => {
                    return Err(Violation::new("C4", format!("{} has no diagonal of axis {axis}", infer.ty(index)?)));
                }
                _ => own.push((*label, dim)),
            }
        }
        for (label, dim) in own {
            match extents.iter_mut().find(|(known, _)| *known == label) {
                Some((_, known)) => *known = broadcast_dims("C4", std::slice::from_ref(known), &[dim])?.remove(0),
                None => extents.push((label, dim)),
            }
        }
    }
    let extent = |label: &Label| extents.iter().find(|(known, _)| known == label).map(|(_, dim)| dim.clone());
    let dims = labels.result.iter().map(|label| extent(label).unwrap_or(Dim::Unknown));
    Ok(vec![Type::tensor(dtype, dims)])
}

/// A value whose axes have labels, none of them twice.
struct Term<'a> {
    x: Expr<'a>,
    labels: Vec<Label>,
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let operands = d.rest(0);
    let equation = Equation::parse(d.attr.str("equation"), operands.len());
    let ranks: Vec<_> = operands.iter().map(|x| x.rank()).collect();
    let labels = equation.and_then(|equation| equation.labels(&ranks));
    let labels = labels.map_err(|violation| d.invalid(violation.rule, violation.message))?;
    let Some(Labels { operands: axes, result }) = labels else {
        return Err(d.missing("the ranks of all operands"));
    };
    let mut product: Option<Term<'a>> = None;
    for (index, (x, labels)) in operands.iter().zip(&axes).enumerate() {
        let next = Term::diagonal(d, x.widened(), labels.clone())?;
        let later = &axes[index + 1..];
        let kept = |label: Label| result.contains(&label) || later.iter().any(|term| term.contains(&label));
        product = Some(match product {
            Some(before) => before.join(d, next, &kept)?,
            None => next,
        });
    }
    let product = product.ok_or_else(|| d.missing("an operand"))?;
    let product = product.sum_but(|label| result.contains(&label)).in_order(&result);
    Ok(vec![product.x.cast(d.dtype(0))])
}

impl<'a> Term<'a> {
    fn has(&self, label: Label) -> bool {
        self.labels.contains(&label)
    }

    /// Which axis has the label.
    fn axis(&self, label: Label) -> Option<usize> {
        self.labels.iter().position(|other| *other == label)
    }

    fn dim(&self, label: Label) -> Dim {
        let axis = self.axis(label);
        axis.and_then(|axis| self.x.dims()?.get(axis).cloned()).unwrap_or(Dim::Unknown)
    }

    /// The diagonal over each pair of axes with the same label.
    fn diagonal(d: &Decompose<'a>, mut x: Expr<'a>, mut labels: Vec<Label>) -> Result<Term<'a>, BuildError> {
        let pair = |labels: &[Label]| {
            (0..labels.len()).find_map(|axis| Some((axis, labels[..axis].iter().position(|other| *other == labels[axis])?)))
        };
        while let Some((second, first)) = pair(&labels) {
            // Both axes last and joined: the diagonal is every (n + 1)th element.
            let others = (0..labels.len()).filter(|axis| ![first, second].contains(axis));
            let order: Vec<usize> = others.chain([first, second]).collect();
            x = x.transpose(&order);
            labels = order[..order.len() - 1].iter().map(|axis| labels[*axis]).collect();
            let mut dims = d.dims_of(x)?;
            let extent = d.number(&dims.pop().unwrap_or(Dim::Int(0)), "the extent of a label that stands twice")?;
            let axis = dims.len() - 1;
            dims[axis] = &dims[axis] * &Dim::Int(extent);
            x = x.reshape(&dims).slice(axis as i64, 0, i64::MAX, extent + 1);
        }
        Ok(Term { x, labels })
    }

    /// Without the axes whose labels aren't kept, which are summed.
    fn sum_but(self, kept: impl Fn(Label) -> bool) -> Term<'a> {
        let summed: Vec<i64> = (0..self.labels.len()).filter(|axis| !kept(self.labels[*axis])).map(|axis| axis as i64).collect();
        if summed.is_empty() {
            return self;
        }
        let labels = self.labels.iter().copied().filter(|label| kept(*label)).collect();
        Term { x: self.x.sum(&summed, false), labels }
    }

    /// With the axes in this order; a label that it doesn't have gets an axis of extent one.
    fn in_order(self, order: &[Label]) -> Term<'a> {
        let present: Vec<usize> = order.iter().filter_map(|label| self.axis(*label)).collect();
        let missing: Vec<i64> = (0..order.len()).filter(|axis| !self.has(order[*axis])).map(|axis| axis as i64).collect();
        let x = if present.is_sorted() { self.x } else { self.x.transpose(&present) };
        let x = if missing.is_empty() { x } else { x.unsqueeze(&missing) };
        Term { x, labels: order.to_vec() }
    }

    /// The product of both, summed over the labels that aren't kept.
    fn join(self, d: &Decompose<'a>, other: Term<'a>, kept: &dyn Fn(Label) -> bool) -> Result<Term<'a>, BuildError> {
        // A sum over one side alone, or one along which a side is only stretched, comes before the product.
        let mut shared = Vec::new();
        for label in self.labels.iter().copied().filter(|label| !kept(*label) && other.has(*label)) {
            let (a, b) = (self.dim(label), other.dim(label));
            match a.same(&b) {
                Some(true) => shared.push(label),
                None if a != Dim::Int(1) && b != Dim::Int(1) => {
                    return Err(d.missing(format!("whether the dims {a} and {b} are equal")));
                }
                _ => {}
            }
        }
        let stays = |label: Label| kept(label) || shared.contains(&label);
        let (a, b) = (self.sum_but(stays), other.sum_but(stays));
        let both: Vec<Label> = a.labels.iter().copied().filter(|label| kept(*label) && b.has(*label)).collect();
        let left: Vec<Label> = a.labels.iter().copied().filter(|label| !b.has(*label)).collect();
        let right: Vec<Label> = b.labels.iter().copied().filter(|label| !a.has(*label)).collect();
        let labels = [both.clone(), left.clone(), right.clone()].concat();
        if shared.is_empty() {
            let x = a.in_order(&labels).x * b.in_order(&labels).x;
            return Ok(Term { x, labels });
        }
        let extents = (a.dims(&left), b.dims(&right));
        let a = a.grouped(d, &both, &left, &shared)?;
        let b = b.grouped(d, &both, &shared, &right)?;
        let x = a.matmul(b);
        let x = ungrouped(d, x, both.len(), &extents.0, &extents.1)?;
        Ok(Term { x, labels })
    }

    fn dims(&self, labels: &[Label]) -> Vec<Dim> {
        labels.iter().map(|label| self.dim(*label)).collect()
    }

    /// The axes `both`, then those of `rows` as one and those of `columns` as one.
    fn grouped(self, d: &Decompose<'a>, both: &[Label], rows: &[Label], columns: &[Label]) -> Result<Expr<'a>, BuildError> {
        let x = self.in_order(&[both, rows, columns].concat()).x;
        if rows.len() <= 1 && columns.len() <= 1 {
            let missing = [(rows.len(), both.len()), (columns.len(), both.len() + 1)];
            let missing: Vec<i64> = missing.iter().filter(|(count, _)| *count == 0).map(|(_, axis)| *axis as i64).collect();
            return Ok(if missing.is_empty() { x } else { x.unsqueeze(&missing) });
        }
        let dims = d.dims_of(x)?;
        let (outer, inner) = dims.split_at(both.len());
        let (rows, columns) = inner.split_at(rows.len());
        let product = super::indexing::product;
        let dims: Vec<Dim> = outer.iter().cloned().chain([product(rows), product(columns)]).collect();
        Ok(x.reshape(&dims))
    }
}

/// The axes of rows and columns taken apart again.
fn ungrouped<'a>(
    d: &Decompose<'a>,
    x: Expr<'a>,
    outer: usize,
    rows: &[Dim],
    columns: &[Dim],
) -> Result<Expr<'a>, BuildError> {
    if rows.len() <= 1 && columns.len() <= 1 {
        let single = [(rows.len(), outer), (columns.len(), outer + 1)];
        let single: Vec<i64> = single.iter().filter(|(count, _)| *count == 0).map(|(_, axis)| *axis as i64).collect();
        return Ok(if single.is_empty() { x } else { x.squeeze(&single) });
    }
    let dims = d.dims_of(x)?;
    let dims = dims[..outer].iter().chain(rows).chain(columns).cloned();
    Ok(x.reshape(&dims.collect::<Vec<_>>()))
}
