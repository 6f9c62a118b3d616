//! `gemm`: a product of two matrices, scaled, and a third, scaled.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "gemm",
    tier: Tier::Composite(decompose),
    doc: "alpha * a' b' + beta * c, where a' is a, or with `transA` its transpose, and b' likewise with `transB`. The \
          product is that of `matmul`; floats narrower than f32 are widened to f32 first and rounded once at the end, \
          others round after each step; integers wrap. With beta 0 what c holds doesn't matter.",
    inputs: &[
        Input::one("a", DTypes::Numeric).same('T'),
        Input::one("b", DTypes::Numeric).same('T'),
        Input::one("c", DTypes::Numeric).same('T').optional(),
    ],
    attrs: &[
        AttrSpec::float("alpha", 1.0),
        AttrSpec::float("beta", 1.0),
        AttrSpec::bool("transA", false),
        AttrSpec::bool("transB", false),
    ],
    constraints: &[
        ("C1", "a and b are matrices"),
        ("C2", "the inner dims are equal"),
        ("C3", "c broadcasts to the product"),
        ("C4", "for integers alpha and beta are whole numbers"),
    ],
    example: "gemm(f32[1, 2] [1, 2], f32[2, 1] [3, 4], f32[] 1) {beta = 2} -> f32[1, 1] [13]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let dtype = infer.dtype(0)?;
    for name in ["alpha", "beta"] {
        let factor = infer.attr.float(name);
        if dtype.is_integer() && factor.fract() != 0.0 {
            return Err(Violation::new("C4", format!("{name} is {factor}, and the matrices are {dtype}")));
        }
    }
    // The rows and columns of an operand as it is multiplied.
    let extents = |operand, transposed| match (infer.dims(operand), infer.attr.bool(transposed)) {
        (None, _) => Ok([Dim::Unknown, Dim::Unknown]),
        (Some([rows, columns]), false) | (Some([columns, rows]), true) => Ok([rows.clone(), columns.clone()]),
        _ => Err(Violation::new("C1", format!("{} is {}", infer.name_of(operand), infer.ty(operand)?))),
    };
    let ([rows, left], [right, columns]) = (extents(0, "transA")?, extents(1, "transB")?);
    if left.same(&right) == Some(false) {
        return Err(Violation::new("C2", format!("the inner dims are {left} and {right}")));
    }
    let shape = Shape::Ranked(vec![rows, columns]);
    if infer.has(2) {
        spreads_to("C3", &infer.tensor(2)?.shape, &shape)?;
    }
    Ok(vec![TensorType { dtype, shape }.into()])
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let matrix = |index, transposed| {
        let matrix: Expr<'a> = d.x(index).widened();
        if d.attr.bool(transposed) { matrix.transpose(&[1, 0]) } else { matrix }
    };
    let scaled = |x: Expr<'a>, factor: f64| if factor == 1.0 { x } else { x * factor };
    let product = scaled(matrix(0, "transA").matmul(matrix(1, "transB")), d.attr.float("alpha"));
    let beta = d.attr.float("beta");
    let result = match d.opt(2).filter(|_| beta != 0.0) {
        Some(c) => product + scaled(c.widened(), beta),
        None => product,
    };
    Ok(vec![result.cast(d.dtype(0))])
}
