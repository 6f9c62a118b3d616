//! What is proven of dims holds for every sampled assignment of their symbols.

use std::cell::Cell;

use glassbox_ir::text::parse_type;
use glassbox_ir::{Assumptions, Bindings, Bounds, Dim, State, TensorType, Type, bind};
use glassbox_tensor::DType;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const SYMBOLS: [&str; 3] = ["B", "K", "T"];

/// Bounds of one symbol, and a value that keeps them.
fn bounded() -> impl Strategy<Value = (Bounds, i64)> {
    (0i64..12, prop::option::of(0i64..12), 1i64..6, 0i64..4).prop_map(|(lower, room, multiple, turns)| {
        let least = (lower + multiple - 1) / multiple * multiple;
        let value = least + turns * multiple;
        let bounds = Bounds::any().at_least(lower).multiple_of(multiple);
        match room {
            Some(room) => (bounds.at_most(value + room), value),
            None => (bounds, value),
        }
    })
}

/// Expressions of every kind, with small numbers, and the pairs that are broadcast in them.
fn dim() -> impl Strategy<Value = (Dim, Vec<(Dim, Dim)>)> {
    let symbol = || prop::sample::select(&SYMBOLS[..]).prop_map(Dim::symbol);
    let leaf = prop_oneof![(-9i64..10).prop_map(Dim::Int), symbol(), symbol()];
    leaf.prop_map(|dim| (dim, Vec::new())).prop_recursive(5, 24, 2, |inner| {
        (inner.clone(), inner, 1i64..9, 0..10u8).prop_map(|((a, mut pairs), (b, more), n, op)| {
            pairs.extend(more);
            let dim = match op {
                0 => a + b,
                1 => a - b,
                2 => a * b,
                3 => a.floor_div(&b),
                4 => a.floor_div(&Dim::Int(n)),
                5 => a.modulo(&b),
                6 => a.modulo(&Dim::Int(n)),
                7 => a.minimum(&b),
                8 => a.maximum(&b),
                _ => {
                    pairs.push((a.clone(), b.clone()));
                    a.broadcast(&b)
                }
            };
            (dim, pairs)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8000))]

    #[test]
    fn what_is_proven_holds(
        symbols in prop::array::uniform3(bounded()),
        (a, mut pairs) in dim(),
        (b, more) in dim(),
        n in 1i64..12,
    ) {
        let mut known = Assumptions::new();
        let mut values = Bindings::new();
        for (name, (bounds, value)) in SYMBOLS.iter().zip(&symbols) {
            known = known.with(*name, *bounds);
            values.insert(*name, *value);
        }
        let value = |dim: &Dim| dim.substitute(&values).as_int();
        // Where what is broadcast doesn't fit, the op is an error, and nothing is said.
        pairs.extend(more);
        let fits = |(a, b): &(Dim, Dim)| matches!((value(a), value(b)), (Some(a), Some(b)) if a == b || a == 1 || b == 1);
        if !pairs.iter().all(fits) {
            return Ok(());
        }
        let broadcast = if fits(&(a.clone(), b.clone())) { a.broadcast(&b) } else { Dim::Unknown };
        for dim in [&a, &b, &a.minimum(&b), &broadcast, &(&a - &b)] {
            let (Some(value), range) = (value(dim), known.range(dim)) else { continue };
            prop_assert!(range.lower.is_none_or(|lower| lower <= value), "{dim} is {value}, of {range:?}");
            prop_assert!(range.upper.is_none_or(|upper| value <= upper), "{dim} is {value}, of {range:?}");
            if known.is_multiple_of(dim, n) {
                prop_assert_eq!(value % n, 0, "{} is {}, a multiple of {}", dim, value, n);
            }
        }
        if let (Some(x), Some(y)) = (value(&a), value(&b)) {
            prop_assert!(x >= y || !known.prove_ge(&a, &b), "{a} is {x}, {b} is {y}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn binding_inverts_substitution(
        sizes in prop::array::uniform3(0i64..9),
        dims in prop::collection::vec(dim(), 1..5),
        wrong in 1i64..3,
        pick in any::<usize>(),
    ) {
        let values = Bindings::from_iter(SYMBOLS.iter().copied().zip(sizes));
        let dims: Vec<Dim> = dims.into_iter().map(|(dim, _)| dim).collect();
        let given: Option<Vec<i64>> = dims.iter().map(|dim| dim.substitute(&values).as_int().filter(|size| *size >= 0)).collect();
        let Some(mut given) = given else { return Ok(()) };
        let (declared, bare) = (Type::tensor(DType::F32, dims.clone()), Type::tensor(DType::F32, SYMBOLS));
        let found = bind(&[("x", &declared)], &[Type::tensor(DType::F32, given.clone())]);
        let found = found.map_err(|error| TestCaseError::fail(format!("{error}: {values:?}")))?;
        for (symbol, dim) in found.iter() {
            prop_assert_eq!(Some(dim), values.get(symbol), "{} of {}", symbol, declared);
        }
        // Where every symbol has a value, another size is refused.
        let place = pick % given.len();
        given[place] += wrong;
        let types = [Type::tensor(DType::F32, given), Type::tensor(DType::F32, sizes)];
        prop_assert!(bind(&[("x", &declared), ("y", &bare)], &types).is_err(), "{declared} and {bare} as {types:?}");
    }
}

/// Bounds for symbols that are named `B`, `K`, `T`: K is at most 100, T in 1 to 8, B a multiple of 4.
fn known() -> Assumptions {
    Assumptions::new()
        .with("K", Bounds::any().at_most(100))
        .with("T", Bounds::any().at_least(1).at_most(8))
        .with("B", Bounds::any().multiple_of(4))
}

fn dim_of(text: &str) -> Dim {
    glassbox_ir::text::parse_dim(text).expect("a dim")
}

#[test]
fn ranges_are_as_narrow_as_forms_allow() {
    for (dim, want) in [
        ("7", (Some(7), Some(7))),
        ("K+T", (Some(1), Some(108))),
        ("K-T", (Some(-8), Some(99))),
        ("3*K*T+1", (Some(1), Some(2401))),
        ("B", (Some(0), None)),
        ("T-B", (None, Some(8))),
        ("floordiv(K, 3)", (Some(0), Some(33))),
        ("floordiv(K, T)", (Some(0), Some(100))),
        ("floordiv(B, T)", (Some(0), None)),
        ("mod(B, T)", (Some(0), Some(7))),
        ("mod(T, 10)", (Some(1), Some(8))),
        ("min(B, T)", (Some(0), Some(8))),
        ("max(B, T)", (Some(1), None)),
        ("broadcast(K, T)", (Some(0), Some(100))),
        ("broadcast(K, T+1)", (Some(2), Some(9))),
        ("8*floordiv(T+7, 8)", (Some(8), Some(8))),
        ("min(T, B)-T", (Some(-8), Some(0))),
        ("M", (Some(0), None)),
    ] {
        let range = known().range(&dim_of(dim));
        assert_eq!((range.lower, range.upper), want, "{dim}");
    }
    let unknown = known().range(&Dim::Unknown);
    assert_eq!((unknown.lower, unknown.upper), (None, None));
    let huge = known().range(&(Dim::symbol("K") * Dim::Int(i64::MAX)));
    assert_eq!((huge.lower, huge.upper), (Some(0), None));
}

#[test]
fn proofs_use_the_form() {
    for (a, b, want) in [
        ("K+T", "K", true),
        ("K+T", "K+1", true),
        ("K", "T", false),
        ("T", "min(T, K)", true),
        ("max(T, K)", "K", true),
        ("min(K, T)+1", "min(K, T)", true),
        ("K+T", "max(K, T)", true),
        ("M", "floordiv(M, 4)", true),
        ("M", "4*floordiv(M, 4)", true),
        ("M+3", "4*floordiv(M+3, 4)", true),
        ("4*floordiv(M+3, 4)", "M", true),
        ("M", "mod(M, 4)", true),
        ("3", "mod(M, 4)", true),
        ("M+N", "broadcast(M, N)", true),
        ("M", "broadcast(M, N)", false),
        ("100", "K", true),
        ("99", "K", false),
    ] {
        assert_eq!(known().prove_ge(&dim_of(a), &dim_of(b)), want, "{a} >= {b}");
    }
    assert!(!known().prove_ge(&Dim::Unknown, &Dim::Int(0)));
}

#[test]
fn multiples_are_found() {
    for (dim, n, want) in [
        ("4*T", 4, true),
        ("B", 4, true),
        ("B", 8, false),
        ("2*B+8*T", 8, true),
        ("B*T", 4, true),
        ("B+T", 4, false),
        ("floordiv(B, 2)", 2, true),
        ("min(B, 8)", 4, true),
        ("broadcast(B, 4*T)", 4, true),
        ("mod(B, 8)", 4, true),
        ("0", 0, true),
        ("T", 0, false),
        ("T", 1, true),
        ("T", -1, true),
    ] {
        assert_eq!(known().is_multiple_of(&dim_of(dim), n), want, "{dim} by {n}");
    }
}

#[test]
fn memory_has_an_upper_bound() {
    let bytes = |ty: &str| known().max_bytes(&parse_type(ty).expect("a type"));
    assert_eq!(bytes("f32[2, T, K]"), Some(2 * 8 * 100 * 4));
    assert_eq!(bytes("i4[T, 3]"), Some(12));
    assert_eq!(bytes("opt<f16[K]>"), Some(200));
    assert_eq!(bytes("f64[0, B]"), Some(0));
    for unbounded in ["f32[B]", "f32[?]", "f32[*]", "seq<f32[2]>", "string[2]", "f32[K*9000000000000000000]"] {
        assert_eq!(bytes(unbounded), None, "{unbounded}");
    }
    // A bound for a whole expression, such as what a state holds at most.
    let both = known().with(Dim::symbol("K") + Dim::symbol("T"), Bounds::any().at_most(100));
    assert_eq!(both.max_bytes(&Type::tensor(DType::F32, [Dim::symbol("K") + Dim::symbol("T")])), Some(400));
}

#[test]
fn capacities_of_states_are_bounds() {
    let state = |name: &str, capacity| State {
        name: name.to_owned(),
        ty: TensorType::new(DType::F16, [Dim::Int(8), Dim::symbol("K"), Dim::Int(64)]),
        capacity: Some(capacity),
        initial: None,
    };
    let known = Assumptions::of_states(&[state("keys", 448), state("values", 440)]);
    assert_eq!(known.range(&Dim::symbol("K")).upper, Some(440));
    assert_eq!(known.max_bytes(&state("keys", 448).ty.into()), Some(8 * 440 * 64 * 2));
}

/// The proofs above aren't all refusals: on random dims a good part is decided.
#[test]
fn much_is_decided() {
    let (asked, proven) = (Cell::new(0), Cell::new(0));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let pair = (dim(), dim());
    for _ in 0..2000 {
        let ((a, _), (b, _)) = pair.new_tree(&mut runner).expect("a pair").current();
        let known = known();
        asked.set(asked.get() + 1);
        proven.set(proven.get() + i32::from(known.prove_ge(&a, &b) || known.prove_ge(&b, &a)));
    }
    assert!(proven.get() * 4 > asked.get(), "{} of {}", proven.get(), asked.get());
}
