//! Channels in blocks, as nodes: what `[N, C, H, W]` becomes as `[N, ⌈C / size⌉, H, W, size]`, and the way back.

use glassbox_ir::{Attrs, BuildError, GraphBuilder, OpDef, ValueId, attrs, ops};
use glassbox_tensor::Tensor;

/// Channels, height and width of a value, where they are known.
pub(crate) fn image(builder: &GraphBuilder, value: ValueId) -> Option<[i64; 3]> {
    let [_, channels, height, width] = builder.type_of(value).as_tensor()?.dims()? else { return None };
    Some([channels.as_int()?, height.as_int()?, width.as_int()?])
}

/// `x` with its channels in blocks of `size`.
pub(crate) fn to_blocks(builder: &mut GraphBuilder, x: ValueId, size: i64) -> Result<ValueId, BuildError> {
    let Some([channels, height, width]) = image(builder, x) else { return Ok(x) };
    let blocks = channels.div_euclid(size) + i64::from(channels.rem_euclid(size) != 0);
    let missing = blocks * size - channels;
    let whole = match missing {
        0 => x,
        _ => {
            let pads = ints(builder, vec![0, 0, 0, 0, 0, missing, 0, 0])?;
            node(builder, &ops::pad::OP, &[x, pads], Attrs::new())?
        }
    };
    let dims = ints(builder, vec![0, blocks, size, height, width])?;
    let apart = node(builder, &ops::reshape::OP, &[whole, dims], Attrs::new())?;
    node(builder, &ops::transpose::OP, &[apart], attrs! { perm: vec![0i64, 1, 3, 4, 2] })
}

/// A value in blocks as `[N, channels, H, W]`.
pub(crate) fn from_blocks(builder: &mut GraphBuilder, x: ValueId, channels: i64) -> Result<ValueId, BuildError> {
    let dims = builder.type_of(x).as_tensor().and_then(|ty| ty.dims()).unwrap_or_default();
    let sizes: Vec<i64> = dims.iter().skip(1).filter_map(|dim| dim.as_int()).collect();
    let [blocks, height, width, size] = sizes[..] else { return Ok(x) };
    let turned = node(builder, &ops::transpose::OP, &[x], attrs! { perm: vec![0i64, 1, 4, 2, 3] })?;
    let dims = ints(builder, vec![0, blocks * size, height, width])?;
    let whole = node(builder, &ops::reshape::OP, &[turned, dims], Attrs::new())?;
    if blocks * size == channels {
        return Ok(whole);
    }
    let bounds = [vec![0], vec![channels], vec![1]];
    let [starts, ends, axes] = bounds.map(|bound| ints(builder, bound));
    node(builder, &ops::slice::OP, &[whole, starts?, ends?, axes?], Attrs::new())
}

fn ints(builder: &mut GraphBuilder, values: Vec<i64>) -> Result<ValueId, BuildError> {
    let failed = |error: glassbox_tensor::TensorError| {
        BuildError::Graph(glassbox_ir::Violation::new("blocks", error.to_string()))
    };
    let vector = Tensor::from_vec(&[values.len()], values).map_err(failed)?;
    Ok(builder.constant(vector))
}

fn node(
    builder: &mut GraphBuilder,
    op: &'static OpDef,
    operands: &[ValueId],
    attrs: Attrs,
) -> Result<ValueId, BuildError> {
    let operands: Vec<Option<ValueId>> = operands.iter().copied().map(Some).collect();
    Ok(builder.node(op, &operands, attrs, 1)?[0])
}
