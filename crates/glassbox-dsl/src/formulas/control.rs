//! `if` and `for` whose conditions and bounds are values of the graph.

use glassbox_ir::{Attrs, ValueId, ops};
use glassbox_tensor::DType;

use super::{Arg, FormulaValue, Formulas};
use crate::lower::build_message;

impl Formulas<'_> {
    /// One or the other, by a bool scalar of the graph.
    pub fn select<'f, const N: usize>(
        &'f self,
        condition: FormulaValue<'f>,
        then: impl FnOnce() -> [FormulaValue<'f>; N],
        otherwise: impl FnOnce() -> [FormulaValue<'f>; N],
    ) -> [FormulaValue<'f>; N] {
        let line = self.line.get();
        let (yes_region, _) = self.builder().begin_region(&[]);
        let yes = ids(&then());
        self.builder().end_region(yes.clone());
        let (no_region, _) = self.builder().begin_region(&[]);
        let no = ids(&otherwise());
        self.builder().end_region(no.clone());
        self.at(line);
        // A side that is short of a value has left its mistake.
        if condition.id.is_none() || yes.len() != N || no.len() != N {
            return self.array(None);
        }
        let (operands, regions) = ([condition.id], vec![yes_region, no_region]);
        let made = self.builder().node_with_regions(&ops::if_::OP, &operands, Attrs::new(), regions, N);
        self.made(made)
    }

    /// A loop from `start` to `end`, not reached, which may be values of the graph: the body gets the index (i64) and
    /// the carried values, and gives them for the next turn.
    pub fn repeat<'f, const N: usize>(
        &'f self,
        start: Arg<'f>,
        end: Arg<'f>,
        carried: [FormulaValue<'f>; N],
        body: impl FnOnce(FormulaValue<'f>, [FormulaValue<'f>; N]) -> [FormulaValue<'f>; N],
    ) -> [FormulaValue<'f>; N] {
        let line = self.line.get();
        let start = self.op1("cast", vec![self.bound(start)], vec![("to", DType::I64.into())]);
        let end = self.op1("cast", vec![self.bound(end)], vec![("to", DType::I64.into())]);
        let count = self.op1("sub", vec![end.into(), start.into()], vec![]);
        if count.id.is_none() || ids(&carried).len() != N {
            return self.array(None);
        }
        let mut operands = vec![count.id, None];
        operands.extend(carried.iter().map(|value| value.id));
        let types = self.builder().region_parameters(&ops::loop_::OP, &operands, &Attrs::new());
        let types = match types {
            Ok(types) => types,
            Err(error) => return [self.wrong(build_message(&error)); N],
        };
        let (region, parameters) = self.builder().begin_region(&types[0]);
        let values: Vec<FormulaValue> = parameters.iter().map(|id| self.value(*id)).collect();
        let index = self.op1("add", vec![start.into(), values[0].into()], vec![]);
        let results = ids(&body(index, std::array::from_fn(|place| values[place + 2])));
        let whole = results.len() == N;
        let given = [parameters[1]].into_iter().chain(results).collect();
        self.builder().end_region(given);
        self.at(line);
        if !whole {
            return self.array(None);
        }
        let made = self.builder().node_with_regions(&ops::loop_::OP, &operands, Attrs::new(), vec![region], N);
        self.made(made)
    }

    /// A bound as a value.
    fn bound<'f>(&'f self, bound: Arg<'f>) -> Arg<'f> {
        match bound {
            Arg::Literal(literal) => match crate::lower::literal_tensor(&[literal], DType::I64, &[]) {
                Ok(tensor) => {
                    let id = self.builder().constant(tensor);
                    Arg::Value(self.value(id))
                }
                Err(message) => Arg::Value(self.wrong(message)),
            },
            other => other,
        }
    }

    fn made<const N: usize>(&self, made: Result<Vec<ValueId>, glassbox_ir::BuildError>) -> [FormulaValue<'_>; N] {
        match made {
            Ok(made) => self.array(Some(made)),
            Err(error) => [self.wrong(build_message(&error)); N],
        }
    }
}

fn ids(values: &[FormulaValue]) -> Vec<ValueId> {
    values.iter().filter_map(|value| value.id).collect()
}
