//! Weights held against each other by what they hold.
//!
//! Every weight is read once, in parts, for its hash, and several at a time. One whose hash isn't that of the weight of the
//! same name is held against that one there and then, while both are in memory. Where weights were renamed, the partner isn't
//! known before all are read; the one that stands in the same place among those of its dims is the likely one, and held
//! against it likewise. Only where that wasn't the partner, and both differ, are weights read again for how far they are
//! apart. Of block-quantised ones as many are in memory as f32 as there are threads.

use std::collections::{HashMap, HashSet, VecDeque};

use glassbox_tensor::{Class, DType, Tensor, parallel_map};

use super::partners::{Partners, is_unnamed, weight_name};
use super::{Counts, Difference, LoneWeight, Weight, WeightKind};
use crate::distance::{Bounds, coarser, distance, epsilon};
use crate::error::CheckError;
use crate::report::Apart;
use crate::skeleton::{Constant, Skeleton, Value};
use crate::statics::CAST_STEPS;

/// What was found out while the weights were read.
pub(super) struct Read {
    /// How far weights are apart that were held against each other and differ, by what tells them from others on both sides.
    apart: HashMap<(usize, usize), Option<Apart>>,
}

/// Reads every weight of both sides, so that their hashes are known; those of one name, and those that are likely renamed,
/// are held against each other while they are at hand.
///
/// # Errors
///
/// Where one can't be read.
pub(super) fn read(ours: &Skeleton, theirs: &Skeleton) -> Result<Read, CheckError> {
    let constants = |skeleton: &Skeleton| -> Vec<usize> {
        (0..skeleton.values.len()).filter(|place| skeleton.values[*place].constant().is_some()).collect()
    };
    let named: HashMap<&str, usize> =
        constants(theirs).into_iter().map(|place| (weight_name(&theirs.values[place]), place)).collect();
    let partner = |place: &usize| named.get(weight_name(&ours.values[*place])).copied();
    let together: HashSet<usize> = constants(ours).iter().filter_map(partner).collect();
    let mut left = renamed(theirs, constants(theirs).into_iter().filter(|place| !together.contains(place)));
    let of_ours = renamed(ours, constants(ours).into_iter().filter(|place| partner(place).is_none()));
    // Where there are more on one side, which of them is missing on the other one isn't known.
    left.retain(|dims, places| of_ours.get(dims).is_none_or(|ours| ours.len() == places.len()));
    let mut likely = |place: &usize| left.get_mut(ours.values[*place].constant()?.shape())?.pop_front();
    let mut work: Vec<(Option<usize>, Option<usize>)> =
        constants(ours).into_iter().map(|place| (Some(place), partner(&place).or_else(|| likely(&place)))).collect();
    let together: HashSet<usize> = work.iter().filter_map(|(_, partner)| *partner).collect();
    work.extend(
        constants(theirs).into_iter().filter(|place| !together.contains(place)).map(|place| (None, Some(place))),
    );
    let one = |index: usize| {
        let (x, y) = work[index];
        let side = |place: Option<usize>, skeleton: &Skeleton, side: &str| {
            let Some(place) = place else { return Ok(()) };
            let constant = skeleton.values[place].constant();
            let unreadable = constant.is_some_and(|constant| constant.hash().is_none());
            if unreadable { Err(unread(&skeleton.values[place], side)) } else { Ok(()) }
        };
        side(x, ours, "the first model")?;
        side(y, theirs, "the second model")?;
        let (Some(x), Some(y)) = (x, y) else { return Ok(None) };
        let (value, other) = (&ours.values[x], &theirs.values[y]);
        let (Some(constant), Some(there)) = (value.constant(), other.constant()) else { return Ok(None) };
        if constant.same(there) && constant.dtype() == there.dtype() {
            return Ok(None);
        }
        Ok(Some(((constant.key(), there.key()), apart((value, constant), (other, there))?)))
    };
    let found: Result<Vec<_>, CheckError> = parallel_map(work.len(), one).into_iter().collect();
    Ok(Read { apart: found?.into_iter().flatten().collect() })
}

/// Constants by their dims, in their order.
fn renamed(skeleton: &Skeleton, places: impl Iterator<Item = usize>) -> HashMap<&[usize], VecDeque<usize>> {
    let mut found: HashMap<&[usize], VecDeque<usize>> = HashMap::new();
    for place in places {
        if let Some(constant) = skeleton.values[place].constant() {
            found.entry(constant.shape()).or_default().push_back(place);
        }
    }
    found
}

fn unread(value: &Value, side: &str) -> CheckError {
    CheckError::Weight { side: side.to_owned(), name: weight_name(value).to_owned() }
}

/// Compares the weights that are partners, and lists those that have none.
///
/// # Errors
///
/// Where one can't be read.
pub(super) fn compare(partners: &Partners, read: &Read, found: &mut Difference) -> Result<(), CheckError> {
    let mut counts = Counts::default();
    for (x, value, constant) in partners.ours.all().filter(|(x, ..)| !partners.ours.is_setting(*x)) {
        counts.ours += 1;
        let partner = partners.ours.partner[x].map(|y| &partners.theirs.skeleton.values[y]);
        if let Some((other, partner)) = partner.and_then(|other| Some((other, other.constant()?))) {
            counts.paired += 1;
            let known = read.apart.get(&(constant.key(), partner.key()));
            found.weights_changed.extend(weight((value, constant), (other, partner), known)?);
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

/// In what a weight differs from its partner, how far they are apart being known or not; `None` where it doesn't.
fn weight(
    (value, constant): (&Value, &Constant),
    (other, partner): (&Value, &Constant),
    known: Option<&Option<Apart>>,
) -> Result<Option<Weight>, CheckError> {
    let same_dtype = constant.dtype() == partner.dtype();
    let same = constant.same(partner);
    if same && same_dtype {
        return Ok(None);
    }
    let (name, their_name) = (weight_name(value), weight_name(other));
    let apart = match known {
        Some(known) => known.clone(),
        None => apart((value, constant), (other, partner))?,
    };
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
