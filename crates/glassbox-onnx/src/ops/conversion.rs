//! The ops that change dtypes.

use super::prelude::*;
use crate::dtype;

pub(super) const ROWS: &[Row] = &[
    row("BitCast", 26, direct(&ops::bit_cast::OP)),
    row("Cast", 1, formula(cast_by_name)).until(5),
    row("Cast", 6, direct(&ops::cast::OP)),
    row("CastLike", 15, formula(cast_like)),
];

/// The dtype was a name.
fn cast_by_name<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let name = c.required("to", c.opt_str("to")?)?;
    let to = dtype::from_onnx_name(name).map_err(|reason| c.unsupported(reason))?;
    Ok(vec![c.f.op(&ops::cast::OP, &[c.x(0)], attrs! { to: to })])
}

/// The dtype is that of another value, which is always known.
fn cast_like<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (saturate, round_mode) = (c.bool("saturate", true)?, c.str("round_mode", "up")?);
    let attrs = attrs! { to: c.x(1).dtype(), saturate: saturate, round_mode: round_mode };
    Ok(vec![c.f.op(&ops::cast::OP, &[c.x(0)], attrs)])
}
