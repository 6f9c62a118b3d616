//! Graphs that do a whole job with a model inside.

use glassbox_ir::{Attrs, BuildError, Dim, Expr, ExprBuilder, Graph, GraphBuilder, Type, Violation, attrs, ops};
use glassbox_models::{Config, ModelError, New, Options, step};
use glassbox_tensor::{DType, ParamSource, Tensor, TensorError};

/// The host function that chooses a token: logits f32[1, 1, V] to i64[1, 1].
pub const CHOOSE: &str = "choose";
/// The host function that says whether to write on after a token: i64[1, 1] to bool[].
pub const GO_ON: &str = "go_on";

/// Tokens in, tokens out: one step of the model over the prompt, then a loop of steps over one token each.
///
/// Inputs: `tokens` i64[1, N], which follow what the states remember, N at least 1; `limit` i64[], how
/// many to write at most. Output: `written` i64[W, 1, 1], the tokens that were chosen. Each step is given
/// what is new (at first the prompt, then the last token), has the host choose the next one
/// ([`CHOOSE`]) and asks it whether to go on ([`GO_ON`]). The states hold all but the last token written.
///
/// The first step stands before the loop, so that each of the two has dims of its own: [1, N] for reading the prompt,
/// [1, 1] for every step after it. In one loop for both, the number of new tokens would be unknown.
///
/// # Errors
///
/// A [`ModelError`] where the configuration is of no family, or the parameters aren't those that it says.
pub fn write_tokens(config: &Config, params: &dyn ParamSource, context: Option<u64>) -> Result<Graph, ModelError> {
    let model = Model { config, params, options: Options { context, last_only: true } };
    let f = ExprBuilder::new(GraphBuilder::new("write_tokens"));
    let written = {
        let tokens = f.input("tokens", Type::tensor(DType::I64, [Dim::Int(1), Dim::symbol("N")]));
        let limit = f.input("limit", Type::scalar(DType::I64));
        let any = limit.greater(f.int(0));
        let (writes, _) = f.builder().begin_body(&ops::if_::OP, &[]);
        let first = model.turn(&f, tokens)?;
        let rest = later_turns(&f, &model, first, limit)?;
        let all = f.concat(&[first.token.unsqueeze(&[0]), rest], 0);
        f.builder().end_region(vec![all.id()?]);
        let (writes_nothing, _) = f.builder().begin_body(&ops::if_::OP, &[]);
        let nothing = f.constant(Tensor::zeros(DType::I64, &[0, 1, 1]).map_err(invalid)?);
        f.builder().end_region(vec![nothing.id()?]);
        f.op_many(&ops::if_::OP, &[Some(any)], Attrs::new(), vec![writes, writes_nothing], 1)[0].id()?
    };
    f.builder().set_name(written, "written");
    Ok(f.finish(&[written])?)
}

fn invalid(error: TensorError) -> ModelError {
    ModelError::Build(BuildError::Graph(Violation::new("constant", error.to_string())))
}

/// The steps after the first, over the token before each: i64[W, 1, 1].
fn later_turns<'b>(
    f: &'b ExprBuilder,
    model: &'b Model<'b>,
    first: Turn<'b>,
    limit: Expr<'b>,
) -> Result<Expr<'b>, ModelError> {
    let operands = [limit - f.int(1), first.more, first.token].map(Some);
    let ids = operands.iter().flatten().map(|operand| operand.id().map(Some)).collect::<Result<Vec<_>, _>>()?;
    let types = f.builder().region_parameters(&ops::loop_::OP, &ids, &Attrs::new())?;
    let (body, parameters) = f.builder().begin_body(&ops::loop_::OP, &types.concat());
    let [_, _, last] = parameters[..] else {
        return Err(
            BuildError::Graph(Violation::new("regions", "a loop of one carried value has three parameters")).into()
        );
    };
    let Turn { token, more } = model.turn(f, f.expr(last))?;
    f.builder().end_region(vec![more.id()?, token.id()?, token.id()?]);
    Ok(f.op_many(&ops::loop_::OP, &operands, Attrs::new(), vec![body], 2)[1])
}

/// The model that is stepped.
struct Model<'m> {
    config: &'m Config,
    params: &'m dyn ParamSource,
    options: Options,
}

/// What a step leads to.
#[derive(Clone, Copy)]
struct Turn<'b> {
    /// The token that was chosen, i64[1, 1].
    token: Expr<'b>,
    /// Whether to go on after it, bool[].
    more: Expr<'b>,
}

impl<'m> Model<'m> {
    /// One step over `new` tokens, the choice of the next, and whether to go on.
    fn turn<'b>(&'b self, f: &'b ExprBuilder, new: Expr<'b>) -> Result<Turn<'b>, ModelError> {
        let read = new.ty();
        let (body, parameters) = f.builder().begin_body(&ops::call::OP, &[read]);
        let tokens = f.expr(parameters[0]);
        // The only row has as many tokens as it is given.
        let lengths = f.op(&ops::shape::OP, &[tokens], attrs! { start: 1, end: 2 });
        let logits = step(f, New { tokens, lengths }, self.config, self.params, &self.options)?;
        f.builder().end_region(vec![logits.id()?]);
        let logits = f.op_many(&ops::call::OP, &[Some(new)], Attrs::new(), vec![body], 1)[0];
        f.builder().set_name(logits.id()?, "logits");
        let token = Type::tensor(DType::I64, [1i64, 1]);
        let token = f.op(&ops::host::OP, &[logits], attrs! { function: CHOOSE, type: token });
        f.builder().set_name(token.id()?, "token");
        let more = f.op(&ops::host::OP, &[token], attrs! { function: GO_ON, type: Type::scalar(DType::Bool) });
        Ok(Turn { token, more })
    }
}
