//! Mixtures of experts: a router chooses, for each token, a few of many MLPs.
//!
//! An expert that no token of the step chose isn't computed, and its parameters aren't read: it stands in
//! the body of an `if`.

use glassbox_ir::{Attrs, Expr, attrs, ops};
use glassbox_tensor::DType;

use super::linear;
use crate::config::Config;
use crate::error::ModelError;
use crate::net::Net;

/// How experts are chosen.
#[derive(Clone, Copy, Debug)]
pub struct Experts {
    /// How many experts there are.
    pub count: i64,
    /// How many of them each token is given to.
    pub chosen: i64,
    /// Whether the weights of those that are chosen are divided by their sum.
    pub normalised: bool,
}

impl Experts {
    /// As many as the setting `count` says, of which each token goes to `num_experts_per_tok`.
    ///
    /// # Errors
    ///
    /// Where a number is missing, or more experts are chosen than there are.
    pub fn read(net: &Net<'_>, config: &Config, count: &str, normalised: bool) -> Result<Experts, ModelError> {
        let (count, chosen) = (net.count(config, count)?, config.size("num_experts_per_tok")?);
        if chosen > count {
            return Err(config.wrong("num_experts_per_tok", format!("it is {chosen}, of {count} experts")));
        }
        Ok(Experts { count, chosen, normalised })
    }

    /// The sum of what the chosen experts make of x [B, T, n], times their weights: the softmax of the
    /// router `gate`, the largest. The sum is taken in the order of the experts `experts.0`, `experts.1`, …,
    /// each of which `expert` builds at its place.
    pub fn apply<'b>(&self, net: &Net<'b>, x: Expr<'b>, expert: impl Fn(&Net<'b>, Expr<'b>) -> Expr<'b>) -> Expr<'b> {
        let f = net.f();
        let scores = linear(&net.at("gate"), x, self.count, false);
        let shares = f.op(&ops::softmax::OP, &[scores], attrs! { axis: -1 });
        let operands = [Some(shares), Some(f.ints(&[self.chosen]))];
        let top = f.op_many(&ops::top_k::OP, &operands, attrs! { axis: -1 }, Vec::new(), 2);
        let [mut shares, experts] = [top[0], top[1]];
        if self.normalised {
            shares = shares / shares.sum(&[-1], true);
        }
        // Padding goes to no expert.
        let there = net.rows().there().unsqueeze(&[2]);
        let mut sum = x * 0.0;
        for n in 0..self.count {
            let place = net.at(format!("experts.{n}"));
            let chosen = experts.equal(f.int(n)).and(there);
            let share = chosen.select(shares, f.scalar(DType::F32, 0.0)).sum(&[-1], true);
            let choices = chosen.cast(DType::I64).sum(&[-1], true);
            let anywhere = choices.sum(&[0, 1, 2], false).greater(f.int(0));
            let added = || {
                // Not a product with 0: what an expert makes of a token that isn't its own may be anything.
                let made = expert(&place, x);
                place.here();
                let part = share * made;
                sum + choices.greater(f.int(0)).select(part, f.scalar(DType::F32, 0.0))
            };
            sum = either(&place, anywhere, added, sum);
        }
        sum
    }
}

/// What `then` builds, computed only where `condition` holds; `otherwise` elsewhere.
fn either<'b>(place: &Net<'b>, condition: Expr<'b>, then: impl FnOnce() -> Expr<'b>, otherwise: Expr<'b>) -> Expr<'b> {
    let f = place.f();
    // A mistake is kept by the builder; a region then gives nothing.
    let (yes, _) = f.builder().begin_region(&[]);
    let result = then().id().into_iter().collect();
    f.builder().end_region(result);
    let (no, _) = f.builder().begin_region(&[]);
    f.builder().end_region(otherwise.id().into_iter().collect());
    place.here();
    f.op_many(&ops::if_::OP, &[Some(condition)], Attrs::new(), vec![yes, no], 1)[0]
}
