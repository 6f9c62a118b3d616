//! Weights held against each other by what they hold.
//!
//! Every weight is read once, in parts, for its hash: the weights of the two sides at the same time. Those whose hashes differ
//! are read once more, in parts, for how far they are apart; of block-quantised ones one at a time is in memory as f32.

use glassbox_tensor::{Class, DType, Tensor};

use super::partners::{Partners, is_unnamed, weight_name};
use super::{Counts, Difference, LoneWeight, Weight, WeightKind};
use crate::distance::{Bounds, coarser, distance, epsilon};
use crate::error::CheckError;
use crate::report::Apart;
use crate::skeleton::{Constant, Skeleton, Value};
use crate::statics::CAST_STEPS;

/// Reads every weight of both sides, so that their hashes are known.
///
/// # Errors
///
/// Where one can't be read.
pub(super) fn read(ours: &Skeleton, theirs: &Skeleton) -> Result<(), CheckError> {
    let all = |skeleton: &Skeleton, side: &str| {
        let constants = skeleton.values.iter().filter_map(|value| Some((value, value.constant()?)));
        let mut unreadable = constants.filter(|(_, constant)| constant.hash().is_none());
        match unreadable.next() {
            Some((value, _)) => Err(unread(value, side)),
            None => Ok(()),
        }
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| all(theirs, "the second model"));
        (all(ours, "the first model"), other.join())
    });
    one?;
    // A thread ends without a result only if it panicked: then the other thread reads again, and tells.
    other.unwrap_or_else(|_| all(theirs, "the second model"))
}

fn unread(value: &Value, side: &str) -> CheckError {
    CheckError::Weight { side: side.to_owned(), name: weight_name(value).to_owned() }
}

/// Compares the weights that are partners, and lists those that have none.
///
/// # Errors
///
/// Where one can't be read.
pub(super) fn compare(partners: &Partners, found: &mut Difference) -> Result<(), CheckError> {
    let mut counts = Counts::default();
    for (x, value, constant) in partners.ours.all().filter(|(x, ..)| !partners.ours.is_setting(*x)) {
        counts.ours += 1;
        let partner = partners.ours.partner[x].map(|y| &partners.theirs.skeleton.values[y]);
        if let Some((other, partner)) = partner.and_then(|other| Some((other, other.constant()?))) {
            counts.paired += 1;
            found.weights_changed.extend(weight(value, constant, other, partner)?);
        } else if !partners.ours.is_known(x) {
            let lone = partners.ours.readers[x].iter().all(|node| partners.pairs.nodes[*node].is_none());
            found.weights_only_ours.push(lone_weight(value, constant, lone && !partners.ours.readers[x].is_empty()));
        }
    }
    for (y, value, constant) in partners.theirs.all().filter(|(y, ..)| !partners.theirs.is_setting(*y)) {
        counts.theirs += 1;
        if !partners.theirs.is_known(y) {
            let lone = partners.theirs.readers[y].iter().all(|node| partners.pairs.their_nodes[*node].is_none());
            found.weights_only_theirs.push(lone_weight(
                value,
                constant,
                lone && !partners.theirs.readers[y].is_empty(),
            ));
        }
    }
    found.weights = counts;
    found.weights_changed.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then_with(|| a.name.cmp(&b.name)));
    Ok(())
}

/// What differs most comes first: other dims, what isn't finite on one side only, then by the norm of the difference.
fn rank(weight: &Weight) -> f64 {
    match (&weight.apart, weight.kind) {
        (_, WeightKind::Stored) => -1.0,
        (None, _) => f64::INFINITY,
        (Some(apart), _) if apart.special > 0 => f64::MAX,
        (Some(apart), _) if apart.rms_rel.is_nan() => f64::MAX,
        (Some(apart), _) => apart.rms_rel.min(f64::MAX),
    }
}

fn lone_weight(value: &Value, constant: &Constant, of_lone_nodes: bool) -> LoneWeight {
    LoneWeight { name: weight_name(value).to_owned(), ty: constant.ty(), elements: constant.len(), of_lone_nodes }
}

/// In what a weight differs from its partner; `None` where it doesn't.
fn weight(value: &Value, constant: &Constant, other: &Value, partner: &Constant) -> Result<Option<Weight>, CheckError> {
    let same_dtype = constant.dtype() == partner.dtype();
    let same = constant.same(partner);
    if same && same_dtype {
        return Ok(None);
    }
    let (name, their_name) = (weight_name(value), weight_name(other));
    let apart = apart((value, constant), (other, partner))?;
    let floats = constant.dtype().is_float() && partner.dtype().is_float();
    let step = if floats { CAST_STEPS * epsilon(coarser(constant.dtype(), partner.dtype())) } else { 0.0 };
    let kind = match &apart {
        None => WeightKind::Type,
        Some(apart) if !same_dtype && (same || (apart.special == 0 && apart.rms_rel <= step)) => WeightKind::Stored,
        Some(_) => WeightKind::Values,
    };
    let (ours, theirs) = (constant.short(), partner.short());
    let short = constant.len() <= Constant::SHOWN && partner.len() <= Constant::SHOWN && ours != theirs;
    let renamed = their_name != name && !is_unnamed(value) && !is_unnamed(other);
    Ok(Some(Weight {
        name: name.to_owned(),
        theirs: renamed.then(|| their_name.to_owned()),
        ty: constant.ty(),
        their_ty: Some(partner.ty()).filter(|ty| *ty != constant.ty()),
        kind,
        elements: constant.len(),
        apart,
        values: short.then_some((ours, theirs)),
    }))
}

/// How far two weights are apart. `None` where their dims differ, or one isn't of numbers.
fn apart(ours: (&Value, &Constant), theirs: (&Value, &Constant)) -> Result<Option<Apart>, CheckError> {
    if ours.1.shape() != theirs.1.shape() {
        return Ok(None);
    }
    let load =
        |(value, constant): (&Value, &Constant), side: &str| numbers(constant).ok_or_else(|| unread(value, side));
    let (one, other) = (load(ours, "the first model")?, load(theirs, "the second model")?);
    let found = distance(&one, &other, &Bounds::default());
    Ok(found.map_err(|_| unread(ours.0, "one of the two models"))?.map(|found| found.apart))
}

/// What a weight holds, as numbers where it is of blocks.
fn numbers(constant: &Constant) -> Option<Tensor> {
    let tensor = constant.load()?;
    if DType::class(constant.dtype()) == Class::Block { tensor.dequantize_blocks().ok() } else { Some(tensor) }
}
