//! What the ops on regions of states share: which part of a state `starts`, `ends` and `squeeze` mean.
//!
//! The first axes of the state, as many as there are starts, are bounded: by the indices from a start up to but
//! not including an end, or, where `squeeze` names the axis, by the start alone, which then is an index; its axis
//! is dropped from the region. The other axes are whole. A negative number counts from the end of what the state
//! holds; an end of `i64::MAX` is that end itself. [`slice_of`] says it for a state of given extents, which is how
//! an interpreter asks; the inference of the ops says as much of it as is known.

use super::common::*;
use super::indexing::SIZES;
use crate::attr::Default;
use crate::graph::State;

/// The first index along each bounded axis.
pub(super) const STARTS: Input = Input::one("starts", SIZES).shapes();
/// The end of the indices along each bounded axis.
pub(super) const ENDS: Input = Input::one("ends", SIZES).shapes();
/// The bounded axes of which one index is meant.
pub(super) const SQUEEZE: AttrSpec = AttrSpec { name: "squeeze", kind: AttrKind::Ints, default: Default::Ints(&[]) };
/// What elements are that growth adds.
pub(super) const FILL: AttrSpec = AttrSpec::optional("fill", AttrKind::Tensor);
/// How far each axis may grow.
pub(super) const LIMITS: AttrSpec = AttrSpec::optional("limits", AttrKind::Ints);

/// The axes along which a region that is written makes the state no larger.
pub(super) const WITHIN: AttrSpec = AttrSpec { name: "within", kind: AttrKind::Ints, default: Default::Ints(&[]) };

/// The constraint on the operands that bound a region.
pub(super) const BOUNDS: (&str, &str) =
    ("C2", "starts and ends are vectors of the same length, which is at most the rank of the state");
/// The constraint on the axes of which one index is meant.
pub(super) const INDICES: (&str, &str) = ("C3", "squeeze lists axes that have a start, none twice");
/// A part of a state, by all of its axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSlice {
    /// The first index along each axis.
    pub starts: Vec<usize>,
    /// The number of indices along each axis.
    pub sizes: Vec<usize>,
    /// The axes that are dropped, in ascending order.
    pub squeezed: Vec<usize>,
}

impl StateSlice {
    /// The dims of the region without the axes that are dropped.
    pub fn dims(&self) -> Vec<usize> {
        let kept = self.sizes.iter().enumerate().filter(|(axis, _)| !self.squeezed.contains(axis));
        kept.map(|(_, size)| *size).collect()
    }

    /// The extents that a state needs to hold the region.
    pub fn ends(&self) -> Vec<usize> {
        self.starts.iter().zip(&self.sizes).map(|(start, size)| start + size).collect()
    }
}

/// What is asked for along one axis.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Index(i64),
    Range(i64, i64),
}

/// The region of a state that holds `extents`. Along the axes of which `may_grow` says so and along which the state grows,
/// the region may lie past the extent.
///
/// What doesn't hold is a violation of the rule (C2 to C4) of the ops on regions, with the state's name, the
/// axis, what was asked for and what the state holds.
///
/// # Errors
///
/// The rule that doesn't hold.
pub fn slice_of(
    state: &State,
    extents: &[usize],
    starts: &[i64],
    ends: &[i64],
    squeeze: &[i64],
    may_grow: &dyn Fn(usize) -> bool,
) -> Result<StateSlice, Violation> {
    check_lengths(&state.name, starts.len(), ends.len(), extents.len())?;
    let squeezed = squeezed_axes(squeeze, starts.len())?;
    let mut region = StateSlice { starts: vec![0; extents.len()], sizes: extents.to_vec(), squeezed };
    for (axis, (start, end)) in starts.iter().zip(ends).enumerate() {
        let asked = if region.squeezed.contains(&axis) { Asked::Index(*start) } else { Asked::Range(*start, *end) };
        let grows = may_grow(axis) && state.grows(axis);
        let (first, size) = along(&state.name, axis, asked, extents[axis], grows)?;
        (region.starts[axis], region.sizes[axis]) = (first, size);
    }
    Ok(region)
}

/// The first index and the number of indices along one axis of a state that holds `extent` there.
fn along(name: &str, axis: usize, asked: Asked, extent: usize, grows: bool) -> Result<(usize, usize), Violation> {
    let wrong = |what: String| Violation::new("C4", format!("`{name}` holds {extent} along axis {axis}; {what}"));
    let held = i64::try_from(extent).map_err(|_| wrong("that is more than any index".to_owned()))?;
    let before = |asked: i64| wrong(format!("{asked} is before its start"));
    let past = |asked: i64| wrong(format!("{asked} is past it"));
    let from_front = |asked: i64| {
        // A negative number and an extent: their sum can't overflow.
        let place = if asked < 0 { asked + held } else { asked };
        if place < 0 { Err(before(asked)) } else { Ok(place) }
    };
    let (first, last) = match asked {
        Asked::Index(index) => {
            let first = from_front(index)?;
            let inside = first < held || grows;
            let last = first.checked_add(1).filter(|_| inside);
            (first, last.ok_or_else(|| past(index))?)
        }
        Asked::Range(start, end) => {
            let whole = end == i64::MAX;
            let (first, last) = (from_front(start)?, if whole { held } else { from_front(end)? });
            if last > held && !grows {
                return Err(past(end));
            }
            if first > held && (whole || !grows) {
                return Err(past(start));
            }
            if first > last {
                return Err(wrong(format!("{start}..{end} ends before it begins")));
            }
            (first, last)
        }
    };
    match (usize::try_from(first), usize::try_from(last - first)) {
        (Ok(first), Ok(size)) => Ok((first, size)),
        _ => Err(wrong("the region is larger than any memory".to_owned())),
    }
}

fn check_lengths(name: &str, starts: usize, ends: usize, rank: usize) -> Result<(), Violation> {
    if starts != ends {
        return Err(Violation::new("C2", format!("there are {starts} starts and {ends} ends")));
    }
    if starts > rank {
        return Err(Violation::new("C2", format!("there are {starts} starts, but `{name}` has {rank} axes")));
    }
    Ok(())
}

/// The squeezed axes, in ascending order.
fn squeezed_axes(squeeze: &[i64], bounded: usize) -> Result<Vec<usize>, Violation> {
    let mut axes = Vec::with_capacity(squeeze.len());
    for axis in squeeze {
        match usize::try_from(*axis).ok().filter(|axis| *axis < bounded) {
            Some(axis) if !axes.contains(&axis) => axes.push(axis),
            _ => return Err(Violation::new("C3", format!("squeeze is {squeeze:?}, but {bounded} axes have a start"))),
        }
    }
    axes.sort_unstable();
    Ok(axes)
}

/// The dims of the region that the operands from `place` on bound, as far as they are known, of the state `name` that
/// holds `held`.
pub(super) fn infer_region(infer: &Infer, held: &TensorType, name: &str, place: usize) -> Result<Shape, Violation> {
    let Some(declared) = held.dims() else { return Ok(Shape::Unranked) };
    let squeeze = infer.attr.ints("squeeze").unwrap_or_default();
    let mut lengths = Vec::with_capacity(2);
    for operand in [place, place + 1] {
        let dims = infer.dims(operand);
        if dims.is_some_and(|dims| dims.len() != 1) {
            let message = format!("{} is {}, not a vector", infer.name_of(operand), infer.ty(operand)?);
            return Err(Violation::new("C2", message));
        }
        lengths.extend(dims.and_then(|dims| dims[0].as_size()));
    }
    let Some(bounded) = lengths.first().copied() else {
        // As many axes as the state has could be bounded.
        let squeezed = squeezed_axes(squeeze, declared.len())?;
        return Ok(Shape::of_rank(declared.len() - squeezed.len()));
    };
    check_lengths(name, bounded, lengths.last().copied().unwrap_or(bounded), declared.len())?;
    let squeezed = squeezed_axes(squeeze, bounded)?;
    let listed = |operand| infer.ints(operand).unwrap_or_else(|| vec![Dim::Unknown; bounded]);
    let (starts, ends) = (listed(place), listed(place + 1));
    let mut dims = Vec::with_capacity(declared.len());
    for (axis, dim) in declared.iter().enumerate() {
        let (Some(start), Some(end)) = (starts.get(axis), ends.get(axis)) else {
            dims.push(dim.clone());
            continue;
        };
        let index = squeezed.contains(&axis);
        let size = infer_along(name, axis, dim, start, end, index)?;
        if !index {
            dims.push(size);
        }
    }
    Ok(Shape::Ranked(dims))
}

/// What a state holds after the region was written that the operands from `place` on bound.
pub(super) fn after_update(infer: &Infer, state: &State, place: usize) -> Option<TensorType> {
    let held = infer.held.ty(state);
    let bounded = infer.dims(place)?.first()?.as_size()?;
    let (starts, ends) = (infer.ints(place), infer.ints(place + 1));
    let squeezed = infer.attr.ints("squeeze").unwrap_or_default();
    let within = infer.attr.ints("within").unwrap_or_default();
    let extent = |(axis, dim): (usize, &Dim)| {
        if axis >= bounded || !state.grows(axis) || within.contains(&(axis as i64)) {
            return dim.clone();
        }
        let at = |list: &Option<Vec<Dim>>| list.as_ref().and_then(|list| list.get(axis).cloned());
        let end = match squeezed.contains(&(axis as i64)) {
            true => at(&starts).map(|start| start + Dim::Int(1)),
            false => at(&ends),
        };
        match end {
            // Counted from the end, or the end itself: within what is held.
            Some(Dim::Int(end)) if end <= 0 || end == i64::MAX => dim.clone(),
            Some(end) if end.is_natural() => dim.maximum(&end),
            _ => Dim::Unknown,
        }
    };
    let dims: Vec<Dim> = held.dims()?.iter().enumerate().map(extent).collect();
    Some(TensorType::new(held.dtype, dims))
}

/// The extent of a region along an axis whose declared dim is `declared`.
fn infer_along(name: &str, axis: usize, declared: &Dim, start: &Dim, end: &Dim, index: bool) -> Result<Dim, Violation> {
    let asked = match (start.as_int(), end.as_int()) {
        (Some(start), _) if index => Some(Asked::Index(start)),
        (Some(start), Some(end)) if !index => Some(Asked::Range(start, end)),
        _ => None,
    };
    if let (Some(asked), Some(extent)) = (asked, declared.as_size()) {
        return along(name, axis, asked, extent, false).map(|(_, size)| Dim::from(size));
    }
    let whole = *end == Dim::Int(i64::MAX);
    let natural = |dim: &Dim| dim.maximum(&Dim::Int(0)) == *dim;
    let negative = |dim: &Dim| dim.as_int().is_some_and(|value| value < 0);
    let size = match (start, end) {
        _ if index => return Ok(Dim::Int(1)),
        (Dim::Unknown, _) | (_, Dim::Unknown) => return Ok(Dim::Unknown),
        (start, _) if whole && negative(start) => Dim::Int(0) - start.clone(),
        (start, _) if whole && natural(start) => declared - start,
        // Both from the front, or both from the end.
        (start, end) if !whole && (natural(start) && natural(end) || negative(start) && negative(end)) => end - start,
        _ => return Ok(Dim::Unknown),
    };
    match size.as_int() {
        Some(size) if size < 0 => {
            Err(Violation::new("C4", format!("along axis {axis} of `{name}`, {start}..{end} ends before it begins")))
        }
        _ => Ok(size),
    }
}

/// What [`check_growth`] checks.
pub(super) const GROWTH: &str =
    "fill is a scalar of the state's dtype; limits are one for each axis of the state, each at least -1";

/// `fill` and `limits` are of the state that grows. `rule` is the label of the constraint.
pub(super) fn check_growth(infer: &Infer, state: &State, rule: &'static str) -> Result<(), Violation> {
    let wrong = |what: String| Err(Violation::new(rule, what));
    if let Some(fill) = infer.attr.tensor("fill")
        && (fill.dtype() != state.ty.dtype || fill.rank() != 0)
    {
        let given = crate::builder::type_of_tensor(fill);
        return wrong(format!("the fill of `{}`, which is {}, is {given}", state.name, state.ty));
    }
    let Some(limits) = infer.attr.ints("limits") else { return Ok(()) };
    if state.ty.rank().is_some_and(|rank| rank != limits.len()) || limits.iter().any(|limit| *limit < -1) {
        return wrong(format!("the limits of `{}`, which is {}, are {limits:?}", state.name, state.ty));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{ParseOptions, parse};

    fn state(ty: TensorType) -> State {
        State { name: "K".to_owned(), ty, capacity: None, initial: None }
    }

    /// Starts and dims of the region of a state of type `f32[?, 4]` that holds 3 by 4, or what is wrong.
    fn found(starts: &[i64], ends: &[i64], squeeze: &[i64], grows: bool) -> Result<(Vec<usize>, Vec<usize>), String> {
        let state = state(TensorType::new(DType::F32, [Dim::Unknown, Dim::Int(4)]));
        let region =
            slice_of(&state, &[3, 4], starts, ends, squeeze, &|_| grows).map_err(|violation| violation.to_string())?;
        Ok((region.starts.clone(), region.dims()))
    }

    #[test]
    fn regions_are_what_their_bounds_say() {
        const END: i64 = i64::MAX;
        for (starts, ends, squeeze, want) in [
            (&[][..], &[][..], &[][..], (vec![0, 0], vec![3, 4])),
            (&[1], &[3], &[], (vec![1, 0], vec![2, 4])),
            (&[1], &[END], &[], (vec![1, 0], vec![2, 4])),
            (&[3], &[END], &[], (vec![3, 0], vec![0, 4])),
            (&[-2], &[-1], &[], (vec![1, 0], vec![1, 4])),
            (&[0], &[-3], &[], (vec![0, 0], vec![0, 4])),
            (&[-1], &[77], &[0], (vec![2, 0], vec![4])),
            (&[2, -4], &[0, 4], &[0], (vec![2, 0], vec![4])),
            (&[2, 1], &[0, 0], &[1, 0], (vec![2, 1], vec![])),
            (&[0, 1], &[END, 2], &[], (vec![0, 1], vec![3, 1])),
        ] {
            assert_eq!(found(starts, ends, squeeze, false), Ok(want), "{starts:?} {ends:?} {squeeze:?}");
        }
        assert_eq!(found(&[5], &[7], &[], true), Ok((vec![5, 0], vec![2, 4])));
        assert_eq!(found(&[3], &[0], &[0], true), Ok((vec![3, 0], vec![4])));
    }

    #[test]
    fn what_lies_outside_is_named() {
        const END: i64 = i64::MAX;
        for (starts, ends, squeeze, grows, want) in [
            (&[0][..], &[4][..], &[][..], false, "C4: `K` holds 3 along axis 0; 4 is past it"),
            (&[4], &[END], &[], false, "C4: `K` holds 3 along axis 0; 4 is past it"),
            (&[4], &[END], &[], true, "C4: `K` holds 3 along axis 0; 4 is past it"),
            (&[-4], &[END], &[], true, "C4: `K` holds 3 along axis 0; -4 is before its start"),
            (&[0], &[-4], &[], true, "C4: `K` holds 3 along axis 0; -4 is before its start"),
            (&[2], &[1], &[], true, "C4: `K` holds 3 along axis 0; 2..1 ends before it begins"),
            (&[3], &[0], &[0], false, "C4: `K` holds 3 along axis 0; 3 is past it"),
            (&[END], &[0], &[0], true, "is past it"),
            (&[i64::MIN], &[0], &[0], true, "is before its start"),
            // The dim of this axis is declared, and never grows.
            (&[0, 4], &[1, 5], &[], true, "C4: `K` holds 4 along axis 1; 5 is past it"),
            (&[0, 4], &[1, 5], &[1], true, "C4: `K` holds 4 along axis 1; 4 is past it"),
            (&[0], &[1, 2], &[], false, "C2: there are 1 starts and 2 ends"),
            (&[0, 0, 0], &[1, 1, 1], &[], false, "C2: there are 3 starts, but `K` has 2 axes"),
            (&[0], &[1], &[1], false, "C3: squeeze is [1], but 1 axes have a start"),
            (&[0, 0], &[1, 1], &[0, 0], false, "C3"),
            (&[0], &[1], &[-1], false, "C3"),
        ] {
            let message = found(starts, ends, squeeze, grows).expect_err("a violation");
            assert!(message.contains(want), "{starts:?} {ends:?} {squeeze:?}: {message}");
        }
    }

    /// The type of a slice of a state, or what is wrong with it.
    fn inferred(state: &str, operands: &str, attrs: &str) -> String {
        let text = format!(
            "graph \"g\" {{ state @K: {state} input %x: f32[T, 2] input %n: i64[?] input %v: i64[2]
            %s = shape(%x) %one = constant() {{value = i64[1] [1]}}
            %zero = constant() {{value = i64[2] [0, 0]}} %neg = constant() {{value = i64[1] [-2]}}
            %end = constant() {{value = i64[1] [9223372036854775807]}} %two = constant() {{value = i64[1] [2]}}
            %y = state_slice({operands}) {{state = \"K\"{attrs}}} output %y }}"
        );
        match parse(&text, &ParseOptions::default()) {
            Ok(graph) => graph.value(graph.outputs()[0]).ty.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_known_of_a_slice_is_inferred() {
        for (state, operands, attrs, want) in [
            ("f32[?, ?]", "%one, %two", "", "f32[1, ?]"),
            ("f32[?, 4]", "%one, %two", ", squeeze = [0]", "f32[4]"),
            ("f32[?, 4]", "%zero, %s", "", "f32[T, 2]"),
            ("f32[?, 4]", "%neg, %end", "", "f32[2, 4]"),
            ("f32[?, 4]", "%one, %end", "", "f32[?, 4]"),
            ("f32[5, 4]", "%one, %end", "", "f32[4, 4]"),
            ("f32[5, 4]", "%neg, %end", "", "f32[2, 4]"),
            ("f32[?, 4]", "%one, %neg", "", "f32[?, 4]"),
            ("f32[5, 4]", "%one, %neg", "", "f32[2, 4]"),
            ("f32[?, 4]", "%v, %v", "", "f32[?, ?]"),
            ("f32[?, 4]", "%n, %n", "", "f32[?, ?]"),
            ("f32[?, 4]", "%n, %n", ", squeeze = [1]", "f32[?]"),
            ("f32[?, 4]", "%two, %one", "", "breaks C4: along axis 0 of `K`, 2..1 ends before it begins"),
            ("f32[1, 4]", "%one, %two", "", "breaks C4: `K` holds 1 along axis 0; 2 is past it"),
            ("f32[1]", "%s, %s", "", "breaks C2: there are 2 starts, but `K` has 1 axes"),
            ("f32[?, 4]", "%one, %s", "", "breaks C2: there are 1 starts and 2 ends"),
            ("f32[?, 4]", "%one, %two", ", squeeze = [1]", "breaks C3"),
            ("f32[?, 4]", "%n, %n", ", squeeze = [2]", "breaks C3"),
        ] {
            let got = inferred(state, operands, attrs);
            assert!(got.contains(want), "{state} {operands}{attrs}: {got}, not {want}");
        }
    }
}
