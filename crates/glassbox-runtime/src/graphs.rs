//! Graphs that do a whole job with a model inside.

use glassbox_ir::{Attrs, Dim, ExprBuilder, Graph, GraphBuilder, Type, attrs, ops};
use glassbox_models::{Config, ModelError, Options, step};
use glassbox_tensor::{DType, ParamSource};

/// The host function that chooses a token: logits f32[1, 1, V] to i64[1, 1].
pub const CHOOSE: &str = "choose";
/// The host function that says whether to write on after a token: i64[1, 1] to bool[].
pub const GO_ON: &str = "go_on";

/// Tokens in, tokens out: a loop around one step of the model.
///
/// Inputs: `tokens` i64[1, N], which follow what the states remember, N at least 1; `limit` i64[], how
/// many to write at most. Output: `written` i64[W, 1, 1], the tokens that were chosen. Each turn gives
/// the model what is new (at first the prompt, then the last token), has the host choose the next one
/// ([`CHOOSE`]) and asks it whether to go on ([`GO_ON`]). The states hold all but the last token written.
pub fn write_tokens(config: &Config, params: &dyn ParamSource, context: Option<u64>) -> Result<Graph, ModelError> {
    let options = Options { context, last_only: true };
    let f = ExprBuilder::new(GraphBuilder::new("write_tokens"));
    let written = {
        let tokens = f.input("tokens", Type::tensor(DType::I64, [Dim::Int(1), Dim::symbol("N")]));
        let limit = f.input("limit", Type::scalar(DType::I64));
        let operands = [Some(limit.id()?), None, Some(tokens.id()?)];
        let types = f.builder().region_parameters(&ops::loop_::OP, &operands, &Attrs::new())?;
        let (turn, parameters) = f.builder().begin_region(&types[0]);
        let new = f.expr(parameters[2]);
        let read = new.ty();
        let (body, parameters) = f.builder().begin_region(&[read]);
        let logits = step(&f, f.expr(parameters[0]), config, params, &options)?;
        f.builder().end_region(vec![logits.id()?]);
        let logits = f.op_many(&ops::call::OP, &[Some(new)], Attrs::new(), vec![body], 1)[0];
        f.builder().set_name(logits.id()?, "logits");
        let token = Type::tensor(DType::I64, [1i64, 1]);
        let token = f.op(&ops::host::OP, &[logits], attrs! { function: CHOOSE, type: token });
        f.builder().set_name(token.id()?, "token");
        let more = f.op(&ops::host::OP, &[token], attrs! { function: GO_ON, type: Type::scalar(DType::Bool) });
        f.builder().end_region(vec![more.id()?, token.id()?, token.id()?]);
        let results = f.op_many(&ops::loop_::OP, &[Some(limit), None, Some(tokens)], Attrs::new(), vec![turn], 2);
        results[1].id()?
    };
    f.builder().set_name(written, "written");
    Ok(f.finish(&[written])?)
}
