//! The ops of sequences and optionals.

use super::prelude::*;
use glassbox_ir::Type;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("ConcatFromSequence", 11, direct(&ops::concat_from_sequence::OP)),
    row("Optional", 15, formula(optional)),
    row("OptionalGetElement", 15, bare(&ops::optional_get_element::OP)),
    row("OptionalHasElement", 15, bare(&ops::optional_has_element::OP)),
    row("SequenceAt", 11, bare(&ops::sequence_at::OP)),
    row("SequenceConstruct", 11, bare(&ops::sequence_construct::OP)),
    row("SequenceEmpty", 11, formula(empty)),
    row("SequenceErase", 11, bare(&ops::sequence_erase::OP)),
    row("SequenceInsert", 11, bare(&ops::sequence_insert::OP)),
    row("SequenceLength", 11, bare(&ops::sequence_length::OP)),
    row("SequenceMap", 17, formula(map)),
    row("SplitToSequence", 11, direct(&ops::split_to_sequence::OP)),
];

/// The dtype of the elements is given, f32 if it isn't.
fn empty<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let element = Type::unranked(c.dtype("dtype")?.unwrap_or(DType::F32));
    c.with_attrs(&ops::sequence_empty::OP, attrs! { element: element })
}

fn optional<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let element = c.ty("type")?.map(|ty| ("element", ty.into()));
    c.with_attrs(&ops::optional::OP, element.into_iter().collect())
}

/// The body, for each element: a loop whose carried values are the sequences of the results so far.
fn map<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (body, operands) = (c.graph("body")?, c.rest(0));
    let element = |x: &Expr<'a>| match x.ty() {
        Type::Sequence(element) => element.as_ref().clone(),
        other => other,
    };
    let built = c.region(body, &operands.iter().map(element).collect::<Vec<_>>())?;
    let empty = |ty: &Type| Some(c.f.op(&ops::sequence_empty::OP, &[], attrs! { element: ty.clone() }));
    let turns = c.x(0).unary(&ops::sequence_length::OP);
    let carried: Vec<_> = [Some(turns), None].into_iter().chain(built.results.iter().map(empty)).collect();
    let parameters = c.region_parameters(&ops::loop_::OP, &carried, &Attrs::new())?.swap_remove(0);
    let region = c.inline_region(&parameters, |parameters| {
        let (turn, so_far) = (parameters[0], &parameters[2..]);
        let argument = |x: &Expr<'a>| match x.ty() {
            Type::Sequence(_) => Some(x.binary(&ops::sequence_at::OP, turn)),
            _ => Some(*x),
        };
        let arguments: Vec<_> = operands.iter().map(argument).collect();
        let count = built.results.len();
        let results = c.f.op_many(&ops::call::OP, &arguments, Attrs::new(), vec![built.id], count);
        let longer =
            so_far.iter().zip(results).map(|(so_far, result)| so_far.binary(&ops::sequence_insert::OP, result));
        Ok([c.f.constant(Tensor::scalar(true))].into_iter().chain(longer).collect())
    })?;
    Ok(c.f.op_many(&ops::loop_::OP, &carried, Attrs::new(), vec![region], built.results.len()))
}
