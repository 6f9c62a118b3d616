//! The ops with bodies.

use super::prelude::*;
use crate::import::Carried;

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
    let region = c.carrying_region(&ops::scan::OP, body, operands, &attrs, carried)?;
    Ok(c.f.op_many(&ops::scan::OP, operands, attrs, vec![region], body.outputs.len()))
}

/// The first version: all operands have a batch axis in front, and the scan runs for each element of
/// it. That is a scan over the batch whose body is a scan as it is now.
fn batched_scan<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    if c.opt(0).is_some() {
        return Err(c.unsupported("a scan over sequences of different lengths (operand `sequence_lens`)"));
    }
    let body = c.graph("body")?;
    let inputs = c.required("num_scan_inputs", c.opt_int("num_scan_inputs")?)?;
    let directions = c.ints("directions")?;
    let operands: Vec<Option<Expr<'a>>> = c.operands().into_iter().skip(1).collect();
    let batch = attrs! { num_scan_inputs: operands.len() as i64 };
    let mut slices = c.region_parameters(&ops::scan::OP, &operands, &batch)?;
    let results = body.outputs.len();
    let region = c.inline_region(&slices.swap_remove(0), |parameters| {
        let mut attrs = attrs! { num_scan_inputs: inputs };
        attrs.extend(directions.map(|directions| ("scan_input_directions", directions.into())));
        let parameters: Vec<_> = parameters.into_iter().map(Some).collect();
        scan_with(c, body, &parameters, attrs)
    })?;
    Ok(c.f.op_many(&ops::scan::OP, &operands, batch, vec![region], results))
}
