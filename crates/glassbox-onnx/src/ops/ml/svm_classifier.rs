//! Classification by support vectors: a machine for each pair of classes, and votes or probabilities of all pairs.

use super::scores::transformed;
use super::svm::kernel;
use super::*;
use glassbox_ir::{Dim, Type};

/// How often the probabilities of pairs are made to agree at most.
const TURNS: i64 = 100;

/// What the attributes say of the machines of pairs.
struct Machines {
    /// [vectors, pairs].
    coefficients: Tensor,
    rho: Vec<f64>,
    /// The classes of each pair.
    pairs: Vec<(usize, usize)>,
    classes: usize,
}

fn machines(c: &NodeContext, coefficients: &[f64], counts: &[i64], rho: Vec<f64>) -> Result<Machines, OnnxError> {
    let counts: Vec<usize> = counts.iter().map(|count| usize::try_from(*count).unwrap_or(0)).collect();
    let (classes, total) = (counts.len(), counts.iter().sum::<usize>());
    let pairs: Vec<(usize, usize)> = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j))).collect();
    if coefficients.len() != total * classes.saturating_sub(1) || rho.len() != pairs.len() {
        let (given, biases) = (coefficients.len(), rho.len());
        let rule = format!("{given} coefficients and {biases} numbers `rho` for {total} vectors of {classes} classes");
        return Err(c.error(rule));
    }
    let owner: Vec<usize> = counts.iter().enumerate().flat_map(|(class, count)| vec![class; *count]).collect();
    // Row j - 1 of the coefficients has those of class i against class j, row i those of j against i.
    let of = |vector: usize, (i, j): (usize, usize)| match owner[vector] {
        class if class == i => coefficients[(j - 1) * total + vector],
        class if class == j => coefficients[i * total + vector],
        _ => 0.0,
    };
    let table: Vec<f32> =
        (0..total).flat_map(|vector| pairs.iter().map(move |pair| of(vector, *pair) as f32)).collect();
    let coefficients = Tensor::from_vec(&[total, pairs.len()], table).map_err(|error| c.error(error))?;
    Ok(Machines { coefficients, rho, pairs, classes })
}

impl Machines {
    /// A table [pairs, classes] with 1 in the place of the first class of each pair, or of the second.
    fn places<'a>(&self, c: &NodeContext<'a>, second: bool) -> Result<Expr<'a>, OnnxError> {
        let mut table = vec![0f32; self.pairs.len() * self.classes];
        for (row, (i, j)) in self.pairs.iter().enumerate() {
            table[row * self.classes + if second { *j } else { *i }] = 1.0;
        }
        let table = Tensor::from_vec(&[self.pairs.len(), self.classes], table).map_err(|error| c.error(error))?;
        Ok(c.f.constant(table))
    }

    /// How many pairs each class wins, [rows, classes].
    fn votes<'a>(&self, c: &NodeContext<'a>, scores: Expr<'a>) -> Result<Expr<'a>, OnnxError> {
        let first = scores.greater(scores.scalar_like(0.0)).cast(DType::F32);
        let second = first.scalar_like(1.0) - first;
        Ok(first.matmul(self.places(c, false)?) + second.matmul(self.places(c, true)?))
    }

    /// The probability of each class, [rows, classes], that agrees best with those of the pairs (method 2 of Wu, Lin and
    /// Weng, Probability Estimates for Multi-class Classification by Pairwise Coupling, 2004).
    fn probabilities<'a>(
        &self,
        c: &NodeContext<'a>,
        scores: Expr<'a>,
        a: &[f64],
        b: &[f64],
    ) -> Result<Expr<'a>, OnnxError> {
        if a.len() != self.pairs.len() || b.len() != self.pairs.len() {
            return Err(c.error(format!(
                "{} and {} numbers `prob_a` and `prob_b` for {} pairs",
                a.len(),
                b.len(),
                self.pairs.len()
            )));
        }
        let one = scores.scalar_like(1.0);
        let logits = scores * c.f.constant(floats(c, a)?) + c.f.constant(floats(c, b)?);
        let least = scores.scalar_like(1e-7);
        let wins = (-logits).sigmoid().maximum(least).minimum(one - least);
        let column = |x: Expr<'a>, index: usize| x.slice(1, index as i64, index as i64 + 1, 1);
        // r(i, j), the probability of class i of the pair.
        let ratio = |i: usize, j: usize| {
            let pair = self.pairs.iter().position(|pair| *pair == (i.min(j), i.max(j))).unwrap_or(0);
            let win = column(wins, pair);
            if i < j { win } else { one - win }
        };
        let classes = self.classes;
        let row = |t: usize| -> Vec<Expr<'a>> {
            let square = |j: usize| ratio(j, t) * ratio(j, t);
            let diagonal = (0..classes).filter(|j| *j != t).map(square).reduce(|sum, next| sum + next);
            let of = |j: usize| if j == t { diagonal.unwrap_or(one) } else { -(ratio(j, t) * ratio(t, j)) };
            (0..classes).map(of).collect()
        };
        let table: Vec<Vec<Expr<'a>>> = (0..classes).map(row).collect();
        let rows: Vec<Expr<'a>> = table.iter().map(|row| c.f.concat(row, 1)).collect();
        let start = column(wins, 0) * 0.0 + scores.scalar_like(1.0 / classes as f64);
        let start = c.f.concat(&vec![start; classes], 1);
        let limit = 0.005 / classes as f64;
        let types = [
            Type::scalar(DType::I64),
            Type::scalar(DType::Bool),
            Type::tensor(DType::F32, [Dim::Unknown, Dim::from(classes)]),
        ];
        let region = c.inline_region(&types, |parameters| {
            let before = parameters[2];
            let mut p = before;
            let products: Vec<Expr<'a>> = rows.iter().map(|row| (*row * p).sum(&[1], true)).collect();
            let mut products = c.f.concat(&products, 1);
            let mut total = (p * products).sum(&[1], true);
            let error = (products - total).abs().reduce(&ops::reduce_max::OP, &[1], true);
            let done = error.less(error.scalar_like(limit));
            for t in 0..classes {
                let (own, product) = (table[t][t], column(products, t));
                let step = (total - product) / own;
                let scale = step + one;
                let unit: Vec<f64> = (0..classes).map(|class| f64::from(class == t)).collect();
                p = (p + step * c.f.constant(floats(c, &unit)?)) / scale;
                total = (total + step * (step * own + product * 2.0)) / scale / scale;
                products = (products + step * rows[t]) / scale;
            }
            Ok(vec![parameters[1], done.select(before, p)])
        })?;
        let operands = [Some(c.f.int(TURNS)), None, Some(start)];
        Ok(c.f.op_many(&ops::loop_::OP, &operands, Attrs::new(), vec![region], 1)[0])
    }
}

/// Results: the label of each row, and scores: those of the pairs, or probabilities of the classes where there are
/// `prob_a` and `prob_b`. Without support vectors it is a linear model for each class.
pub(super) fn classifier<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let labels = labels(c, "classlabels_ints")?.ok_or_else(|| c.error("there are no class labels"))?;
    let x = c.x(0).cast(DType::F32);
    let x = if c.rank(0)? == 1 { x.unsqueeze(&[0]) } else { x };
    let coefficients = c.required("coefficients", c.floats("coefficients")?)?;
    let rho = c.required("rho", c.floats("rho")?)?;
    let counts = c.ints("vectors_per_class")?.unwrap_or_default();
    let (vectors, kind) = (c.floats("support_vectors")?.unwrap_or_default(), c.str("kernel_type", "LINEAR")?);
    let (a, b) = (c.floats("prob_a")?.unwrap_or_default(), c.floats("prob_b")?.unwrap_or_default());
    let transform = c.str("post_transform", "NONE")?;
    if counts.is_empty() {
        c.ignore("kernel_params");
        let count = labels.len();
        let matrix = c.f.constant(floats(c, &coefficients)?).binary(&ops::reshape::OP, c.f.ints(&[count as i64, -1]));
        let scores = x.matmul(matrix.transpose(&[1, 0])) + x.scalar_like(rho.first().copied().unwrap_or(0.0));
        return Ok(vec![super::scores::best(c, scores, labels), transformed(c, scores, transform)?]);
    }
    let machines = machines(c, &coefficients, counts, rho)?;
    let total: i64 = counts.iter().sum();
    let vectors = c.f.constant(floats(c, &vectors)?).binary(&ops::reshape::OP, c.f.ints(&[total, -1]));
    let biases = c.f.constant(floats(c, &machines.rho)?);
    let kernels = kernel(c, x, vectors, kind)?;
    let scores = kernels.matmul(c.f.constant(machines.coefficients.clone())) + biases;
    // Probabilities don't change which class has the most votes.
    let label = super::scores::best(c, machines.votes(c, scores)?, labels);
    if !a.is_empty() {
        let probabilities = machines.probabilities(c, scores, &a, &b)?;
        return Ok(vec![label, transformed(c, probabilities, transform)?]);
    }
    if machines.classes == 2 {
        let lead = matches!(transform, "NONE" | "LOGISTIC");
        let other = if lead { -scores } else { scores.scalar_like(1.0) - scores };
        return Ok(vec![label, super::scores::of_two(c, other, scores, transform)?]);
    }
    Ok(vec![label, transformed(c, scores, transform)?])
}
