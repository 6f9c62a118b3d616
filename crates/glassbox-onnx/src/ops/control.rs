//! The ops with bodies.

use super::prelude::*;
use crate::import::Carried;
use glassbox_ir::Type;

pub(super) const ROWS: &[Row] = &[
    row("If", 1, formula(branch)),
    row("Loop", 1, formula(repeat)),
    row("Scan", 8, formula(batched_scan)).until(8),
    row("Scan", 9, formula(scan)),
];

fn branch<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (yes, no) = (c.graph("then_branch")?, c.graph("else_branch")?);
    let taken = c.contents(0).and_then(|condition| condition.item::<bool>().ok());
    let regions = match (c.region_or_misfit(yes, &[])?, c.region_or_misfit(no, &[])?) {
        (Ok(yes), Ok(no)) => vec![yes.id, no.id],
        // A branch that fits its types not is an error where it is taken.
        (Ok(yes), Err(error)) if taken != Some(false) => {
            let no = c.failing_region(&[], &yes.results, "else_branch", &error)?;
            vec![yes.id, no]
        }
        (Err(error), Ok(no)) if taken != Some(true) => {
            let yes = c.failing_region(&[], &no.results, "then_branch", &error)?;
            vec![yes, no.id]
        }
        (_, Err(error)) | (Err(error), _) => return Err(error),
    };
    Ok(c.f.op_many(&ops::if_::OP, &[Some(c.x(0))], Attrs::new(), regions, yes.outputs.len()))
}

fn repeat<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let body = c.graph("body")?;
    // Count and condition may be left out, even both and without carried values after them.
    let mut operands = c.operands();
    operands.resize(operands.len().max(2), None);
    let opened = opened_optionals(c, body, &operands)?;
    if !opened.is_empty() {
        return repeat_optionals(c, body, &operands, &opened);
    }
    let carried = Carried { parameter: 2, result: 1, count: operands.len() - 2 };
    let region = match c.carrying_region_or_misfit(&ops::loop_::OP, body, &operands, &Attrs::new(), carried)? {
        Ok(region) => region,
        Err((parameters, error)) => {
            let (count, go) = (c.contents(0), c.contents(1));
            let runs = count.is_none_or(|count| count.item::<i64>().is_ok_and(|count| count > 0))
                && go.is_none_or(|go| go.item::<bool>() == Ok(true));
            let open =
                operands[0].is_some() && c.contents(0).is_none() || operands[1].is_some() && c.contents(1).is_none();
            let results = c.declared_outputs(body).filter(|results| results.len() > carried.count);
            let (false, Some(results)) = (runs && !open, results) else { return Err(error) };
            // The condition, what is carried as the body takes it, and what is stacked as it is declared.
            let scans = results.into_iter().skip(1 + carried.count);
            let given: Vec<_> = parameters[1..].iter().cloned().chain(scans).collect();
            c.failing_region(&parameters, &given, "body", &error)?
        }
    };
    let results = body.outputs.len().saturating_sub(1);
    Ok(c.f.op_many(&ops::loop_::OP, &operands, Attrs::new(), vec![region], results))
}

/// The carried values that begin as an optional and of which the body gives what such an optional may hold.
fn opened_optionals<'a>(
    c: &NodeContext<'a>,
    body: &'a crate::model::Graph,
    operands: &[Option<Expr<'a>>],
) -> Result<Vec<usize>, crate::error::OnnxError> {
    let optional = |operand: &Option<Expr<'a>>| operand.is_some_and(|x| matches!(x.ty(), Type::Optional(_)));
    if !operands[2..].iter().any(optional) {
        return Ok(Vec::new());
    }
    let parameters = c.region_parameters(&ops::loop_::OP, operands, &Attrs::new())?.swap_remove(0);
    let results = c.region_results(body, &parameters)?;
    let opened = |index: &usize| {
        let given = results.get(index + 1);
        matches!(parameters[index + 2], Type::Optional(_)) && !matches!(given, Some(Type::Optional(_)) | None)
    };
    Ok((0..operands.len() - 2).filter(opened).collect())
}

/// A loop whose body gives, of some carried optionals, what they hold: that is put into an optional again for the next
/// turn, and taken out of it behind the loop.
fn repeat_optionals<'a>(
    c: &NodeContext<'a>,
    body: &'a crate::model::Graph,
    operands: &[Option<Expr<'a>>],
    opened: &[usize],
) -> Exprs<'a> {
    let parameters = c.region_parameters(&ops::loop_::OP, operands, &Attrs::new())?.swap_remove(0);
    let results = body.outputs.len();
    // What an optional holds is as general as its type says, since a turn may give another shape.
    let wider: Vec<Type> = parameters.iter().map(general).collect();
    let region = c.inline_region(&wider, |parameters| {
        let types: Vec<Type> = parameters.iter().map(|parameter| parameter.ty()).collect();
        let inner = c.region(body, &types)?.id;
        let parameters: Vec<_> = parameters.into_iter().map(Some).collect();
        let mut given = c.f.op_many(&ops::call::OP, &parameters, attrs! { function: "body" }, vec![inner], results);
        for index in opened {
            let Type::Optional(element) = &wider[index + 2] else { continue };
            let attrs = attrs! { element: element.as_ref().clone() };
            given[index + 1] = c.f.op(&ops::optional::OP, &[given[index + 1]], attrs);
        }
        Ok(given)
    })?;
    let starts: Vec<Option<Expr<'a>>> = operands.to_vec();
    let mut given = c.f.op_many(&ops::loop_::OP, &starts, Attrs::new(), vec![region], results.saturating_sub(1));
    for index in opened {
        given[*index] = given[*index].unary(&ops::optional_get_element::OP);
    }
    Ok(given)
}

/// An optional or sequence of tensors of any shape; another type as it is.
fn general(ty: &Type) -> Type {
    match ty {
        Type::Optional(element) => Type::optional(loose(element)),
        other => other.clone(),
    }
}

/// The same kind of values, of tensors of any shape.
fn loose(ty: &Type) -> Type {
    match ty {
        Type::Sequence(element) => Type::sequence(loose(element)),
        Type::Optional(element) => Type::optional(loose(element)),
        tensor => Type::unranked(tensor.dtype()),
    }
}

fn scan<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let body = c.graph("body")?;
    scan_with(c, body, &c.operands(), c.attrs(&ops::scan::OP)?)
}

/// A scan over the last `inputs` operands, whose attributes are given.
fn scan_with<'a>(
    c: &NodeContext<'a>,
    body: &crate::model::Graph,
    operands: &[Option<Expr<'a>>],
    attrs: Attrs,
) -> Exprs<'a> {
    let inputs = c.int("num_scan_inputs", 0)?;
    let states = usize::try_from(inputs).ok().and_then(|inputs| operands.len().checked_sub(inputs));
    let Some(states) = states else {
        return Err(c.error(format!("`num_scan_inputs` is {inputs} of {} operands", operands.len())));
    };
    let carried = Carried { parameter: 0, result: 0, count: states };
    let region = match c.carrying_region_or_misfit(&ops::scan::OP, body, operands, &attrs, carried)? {
        Ok(region) => region,
        Err((parameters, error)) => {
            let results = c.declared_outputs(body).filter(|results| results.len() >= states);
            let (false, Some(results)) = (turns_surely(c, operands, states)?, results) else { return Err(error) };
            // What is carried as the body takes it, and what is stacked as it is declared.
            let given: Vec<_> = parameters[..states].iter().cloned().chain(results.into_iter().skip(states)).collect();
            c.failing_region(&parameters, &given, "body", &error)?
        }
    };
    Ok(c.f.op_many(&ops::scan::OP, operands, attrs, vec![region], body.outputs.len()))
}

/// Whether a scan over the operands after the first `states` has a step, whatever their sizes are that aren't known.
fn turns_surely(
    c: &NodeContext<'_>,
    operands: &[Option<Expr<'_>>],
    states: usize,
) -> Result<bool, crate::error::OnnxError> {
    let axes = c.ints("scan_input_axes")?;
    let extent = |(place, operand): (usize, &Option<Expr<'_>>)| {
        let Type::Tensor(ty) = (*operand)?.ty() else { return None };
        let axis = axes.as_ref().and_then(|axes| axes.get(place).copied()).unwrap_or(0);
        let dims = ty.dims()?;
        let axis = if axis < 0 { axis + dims.len() as i64 } else { axis };
        dims.get(usize::try_from(axis).ok()?)?.as_int()
    };
    Ok(operands[states..].iter().enumerate().filter_map(extent).any(|extent| extent > 0))
}

/// The first version: all operands have a batch axis in front, and the scan runs for each element of
/// it. That is a scan over the batch whose body is a scan as it is now. With `sequence_lens` the scan of each element
/// sees that many steps, and what it gives for each step is filled up with zeros.
fn batched_scan<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let body = c.graph("body")?;
    let inputs = c.required("num_scan_inputs", c.opt_int("num_scan_inputs")?)?;
    let directions = c.ints("directions")?;
    let mut operands: Vec<Option<Expr<'a>>> = c.operands().into_iter().skip(1).collect();
    let states = usize::try_from(inputs).ok().and_then(|inputs| operands.len().checked_sub(inputs));
    let Some(states) = states else {
        return Err(c.error(format!("`num_scan_inputs` is {inputs} of {} operands", operands.len())));
    };
    let lengths = c.opt(0);
    operands.extend(lengths.map(Some));
    let batch = attrs! { num_scan_inputs: operands.len() as i64 };
    let mut slices = c.region_parameters(&ops::scan::OP, &operands, &batch)?;
    let results = body.outputs.len();
    let region = c.inline_region(&slices.swap_remove(0), |mut parameters| {
        let mut attrs = attrs! { num_scan_inputs: inputs };
        attrs.extend(directions.map(|directions| ("scan_input_directions", directions.into())));
        let length = lengths.and_then(|_| parameters.pop()).map(|length| length.reshape(&[glassbox_ir::Dim::Int(1)]));
        let (zero, whole) = (c.f.ints(&[0]), parameters.last().copied());
        if let Some(length) = length {
            for parameter in &mut parameters[states..] {
                *parameter = c.f.op(&ops::slice::OP, &[*parameter, zero, length, zero], Attrs::new());
            }
        }
        let parameters: Vec<_> = parameters.into_iter().map(Some).collect();
        let mut results = scan_with(c, body, &parameters, attrs)?;
        if let (Some(length), Some(whole)) = (length, whole) {
            let all = c.f.op(&ops::shape::OP, &[whole], attrs! { start: 0i64, end: 1i64 });
            let pads = c.f.concat(&[zero, all - length], 0);
            for result in &mut results[states..] {
                *result = c.f.op_with(&ops::pad::OP, &[Some(*result), Some(pads), None, Some(zero)], Attrs::new());
            }
        }
        Ok(results)
    })?;
    Ok(c.f.op_many(&ops::scan::OP, &operands, batch, vec![region], results))
}
