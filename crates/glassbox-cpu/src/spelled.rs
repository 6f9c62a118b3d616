//! Attention that is spelled out: a product of queries and keys, what is done with the scores, their softmax, and a product
//! with the values.
//!
//! Exporters write it so, each with other scales, caps, masks, biases and windows. Whatever elementwise nodes stand between
//! the first product and the softmax, they go along: the kernel does them with each score.

use glassbox_ir::{Node, OpDef, ValueId, ops};
use glassbox_tensor::DType;

use crate::fuse::{Region, same_dims};
use crate::roles::{Role, role_of};

/// The most elementwise nodes between the first product and the softmax.
const MAX_BETWEEN: usize = 12;

impl Region<'_> {
    /// The places of attention whose last product stands at `place`, in order.
    pub(crate) fn spelled_attention(&self, place: usize) -> Option<Vec<usize>> {
        let last = self.node(place);
        let [Some(weights), Some(values)] = last.operands[..] else { return None };
        if self.taken[place] || *last.op != ops::matmul::OP || self.facts.is_fixed_value(values) {
            return None;
        }
        let rank = self.tensor(weights)?.rank()?;
        if !matches!(rank, 3 | 4) || self.tensor(values)?.rank()? != rank {
            return None;
        }
        // The softmax, from its end.
        let share = self.only(weights, &ops::div::OP, &[place])?;
        let [Some(powers), Some(sums)] = self.node(share).operands[..] else { return None };
        let sum = self.only(sums, &ops::reduce_sum::OP, &[share])?;
        let power = self.only(powers, &ops::exp::OP, &[sum, share])?;
        let differences = self.node(power).operands.first().copied().flatten()?;
        let difference = self.only(differences, &ops::sub::OP, &[power])?;
        let [Some(scores), Some(largest)] = self.node(difference).operands[..] else { return None };
        let maximum = self.only(largest, &ops::reduce_max::OP, &[difference])?;
        let of = |place: usize| self.node(place).operands.first().copied().flatten();
        if of(sum) != Some(powers) || of(maximum) != Some(scores) || ![sum, maximum].iter().all(|it| self.of_rows(*it))
        {
            return None;
        }
        // What leads to the scores.
        let mut places = vec![place, share, sum, power, difference, maximum];
        let mut users = [maximum.min(difference), maximum.max(difference)].to_vec();
        let mut value = scores;
        let product = loop {
            let giver = self.alone(value, &users)?;
            let node = self.node(giver);
            if *node.op == ops::matmul::OP {
                break giver;
            }
            if places.len() > 6 + MAX_BETWEEN || !self.is_between(node, value) {
                return None;
            }
            places.push(giver);
            users = vec![giver];
            value = node.operands.iter().flatten().copied().find(|operand| self.leads_to_product(*operand, value))?;
        };
        let [Some(queries), Some(keys)] = self.node(product).operands[..] else { return None };
        let ranks = [queries, keys].map(|value| self.tensor(value).and_then(|ty| ty.rank()));
        if ranks != [Some(rank); 2] || self.facts.is_fixed_value(keys) {
            return None;
        }
        places.push(product);
        places.sort_unstable();
        let made: Vec<ValueId> = places.iter().flat_map(|place| self.node(*place).results.iter().copied()).collect();
        let mut from_outside = places.iter().flat_map(|place| self.node(*place).operands.iter().flatten());
        from_outside.all(|value| !self.hangs_on(*value, product, &made)).then_some(places)
    }

    /// The place of the node that gives an f32 value which only the nodes at `users` use.
    fn alone(&self, value: ValueId, users: &[usize]) -> Option<usize> {
        let giver = self.givers.get(&value).copied()?;
        let known = self.tensor(value)?.dtype == DType::F32 && !self.taken[giver] && !self.elsewhere[value.index()];
        (known && self.users_of(value).eq(users.iter().copied())).then_some(giver)
    }

    /// The same, where that node is a use of `op`.
    fn only(&self, value: ValueId, op: &OpDef, users: &[usize]) -> Option<usize> {
        self.alone(value, users).filter(|giver| self.node(*giver).op == op)
    }

    /// Whether a reduction is one of the last axis, which stays.
    fn of_rows(&self, place: usize) -> bool {
        let rank = |value: ValueId| self.tensor(value).and_then(|ty| ty.rank());
        let of = self.node(place).operands.first().copied().flatten().and_then(rank);
        let role = role_of(self.facts, self.graph, self.node(place));
        matches!(role, Some(Role::Reduction { kept, keepdims: true }) if of == Some(kept + 1))
    }

    /// Whether a node computes each of the scores `value` from a score.
    fn is_between(&self, node: &Node, value: ValueId) -> bool {
        let of_scores = |operand: &ValueId| self.leads_to_product(*operand, value);
        role_of(self.facts, self.graph, node) == Some(Role::Elementwise)
            && node.operands.iter().flatten().filter(|operand| of_scores(operand)).count() == 1
    }

    /// Whether an operand is computed from a product, of the same dims as the scores `value`, by elementwise nodes.
    fn leads_to_product(&self, operand: ValueId, value: ValueId) -> bool {
        let (mut open, mut looked) = (vec![operand], 0);
        while let Some(next) = open.pop() {
            let (Some(place), Some(ty), Some(whole)) =
                (self.givers.get(&next).copied(), self.tensor(next), self.tensor(value))
            else {
                continue;
            };
            let node = self.node(place);
            looked += 1;
            if self.taken[place] || ty.dtype != DType::F32 || !same_dims(ty, whole) || looked > 2 * MAX_BETWEEN {
                continue;
            }
            if *node.op == ops::matmul::OP {
                return true;
            }
            if role_of(self.facts, self.graph, node) == Some(Role::Elementwise) {
                open.extend(node.operands.iter().flatten().copied());
            }
        }
        false
    }
}
