"""The types of every statement of a program, those too that no step comes to.

Each op is run once on ones of the declared types, with the sizes of one step; its results must have the
declared types. It makes sure that a drawn program isn't refused for a statement that never ran.
"""

from __future__ import annotations

import numpy as np

import dtypes
from check import Fault, walk
from evaluate import Evaluator, Task
from ops import Failed, Unspecified, Value
from syntax import Branch, Entry, If, Literal, Loop, Op, Read, Transfer, Variable, Write


def check_types(evaluator: Evaluator, sizes: dict[str, int]) -> None:
    """`sizes`: the free ones. Raises `Fault`."""
    evaluator.bound = evaluator.sizes | sizes
    variables = {}
    for name, declared in evaluator.types.items():
        dims = [evaluator.dim(dim, evaluator.bound) for dim in declared.dims]
        variables[name] = Value(np.ones(dims, dtype=dtypes.NUMPY[declared.dtype]))
    variables |= {name: value for name, value in evaluator.constants.items()}
    body = [statement for block in evaluator.program.blocks.values() for statement in walk(block)]
    variables |= {loop.index: Value(np.array(1)) for loop in body if isinstance(loop, Loop)}
    states, evaluator.states = evaluator.states, {}
    entries, evaluator.entries = (
        evaluator.entries,
        {name: Everywhere(values) for name, values in evaluator.entries.items()},
    )
    try:
        for statement in body:
            check_statement(evaluator, statement, Task("", [], dict(variables)), states)
    finally:
        evaluator.states, evaluator.entries = states, entries


class Everywhere(dict):
    """A parameter table that has an entry for each index: they all have one type."""

    def __contains__(self, place) -> bool:
        return len(place) == len(next(iter(self)))

    def __missing__(self, place):
        return next(iter(self.values()))


def check_statement(evaluator: Evaluator, statement, task: Task, states: dict) -> None:
    declarations, where = evaluator.program.declarations, f"line {statement.line}"
    try:
        if isinstance(statement, Op):
            operands = statement.operands + [value for _, value in statement.named]
            names = [operand.name for operand in operands if isinstance(operand, Variable)]
            if any(name in states and states[name].declaration.indices for name in names):
                return  # Its dims hang on the run.
            evaluator.op(statement, task)
        elif isinstance(statement, Transfer) and statement.source not in states:
            evaluator.execute(statement, task)
        elif isinstance(statement, (Branch, If)) and statement.condition:
            evaluator.truth(statement.condition, task)
        elif (
            isinstance(statement, Read)
            and evaluator.types[statement.result].dtype != declarations[statement.place.name].type.dtype
        ):
            raise Fault("another dtype")
        elif isinstance(statement, Write) and not isinstance(statement.operand, Literal):
            operand = statement.operand
            if evaluator.types[operand.name].dtype != declarations[statement.place.name].type.dtype:
                raise Fault("another dtype")
            if isinstance(operand, Entry) and operand.name not in evaluator.entries:
                raise Fault("no parameter table")
    except Unspecified:
        pass
    except Failed as error:
        if "divided by zero" not in str(error) and "an index isn't in" not in str(error):
            raise Fault(f"{where}: {error}") from error
    except Fault as fault:
        raise Fault(f"{where}: {fault}") from fault
