//! A difference of two models as JSON, which keeps to its schema, and as text.

use std::sync::Arc;

use glassbox_check::difference::{
    Change, Changed, Counts, Difference, End, EndKind, Lone, LoneWeight, Named, Note, Renamed, Weight, WeightKind,
    between, json, notes, text,
};
use glassbox_check::report::Apart;
use glassbox_check::skeleton::{Skeleton, of_graph};
use glassbox_check::view::TextOptions;
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_tensor::{NoParams, ParamSource};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::schema::{check, described};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../schema/diff.schema.json")).expect("the schema is JSON")
}

fn skeleton(text: &str) -> Skeleton {
    let params: Arc<dyn ParamSource> = Arc::new(NoParams);
    of_graph(&parse(text, &ParseOptions::default()).expect("a graph"), &params, &[], None)
}

/// One of everything, under names that no terminal likes.
fn everything() -> Difference {
    let name = |what: &str| {
        format!("/模型/layers.3/{what}\u{1b}[31m/a_very_long_name_without_a_space_in_it_that_goes_on_and_on")
    };
    let both = |a: &str, b: &str| (Some(a.to_owned()), Some(b.to_owned()));
    let (ours, theirs) = both("1e-5", "1e-12");
    let changes = vec![
        Change::Op { ours: "Relu".into(), theirs: "Gelu".into() },
        Change::Attribute { name: "epsilon".into(), ours, theirs: theirs.clone() },
        Change::Attribute { name: "axis".into(), ours: None, theirs },
        Change::Setting { operand: 1, name: name("axes"), ours: "[1]".into(), theirs: "[2]".into() },
        Change::Operand { operand: 0, ours: Some(name("x")), theirs: None },
        Change::Order { places: vec![1, 0] },
        Change::Yield { place: 0, ours: Some(name("y")), theirs: Some("z".into()) },
        Change::Meaning { ours: "mul, add".into(), theirs: "add".into() },
    ];
    let named = |name: String, place| Named { name, ty: "f32[N, 64]".into(), place };
    let apart =
        Apart { count: 9, differing: 3, max_abs: f64::INFINITY, rms_rel: f64::NAN, special: 1, ..Apart::default() };
    let weight = |kind, their_ty: Option<&str>, apart| Weight {
        name: name("weight"),
        theirs: Some(name("kernel")),
        ty: "f32[768, 3072]".into(),
        their_ty: their_ty.map(str::to_owned),
        kind,
        elements: 9,
        apart,
        values: Some(("[1.0, 2.0]".into(), "[1.0, 3.0]".into())),
    };
    let few = Apart { count: 9, differing: 3, max_abs: 0.5, rms_rel: 1.25e-3, ..Apart::default() };
    let end = |kind, ours, theirs| End { kind, ours, theirs, gives: Some((name("a"), name("b"))), differs: true };
    Difference {
        ours: name("a.onnx"),
        theirs: "b.onnx".into(),
        weights_only: None,
        nodes: Counts { ours: 100, theirs: 99, paired: 98 },
        weights: Counts { ours: 10, theirs: 10, paired: 9 },
        ends: vec![
            end(EndKind::Input, Some(named(name("x"), 0)), Some(named("x".into(), 1))),
            end(EndKind::Output, None, Some(named(name("y"), 1))),
            end(EndKind::State, Some(named(name("s"), 0)), None),
        ],
        changed: (0..12)
            .map(|i| Changed {
                node: format!("/layers.{i}/{}", name("LayerNorm")),
                theirs: Some(name("other")),
                op: "LayerNormalization".into(),
                layer: String::new(),
                changes: changes.clone(),
            })
            .collect(),
        only_ours: (0..30)
            .map(|i| Lone { node: name(&format!("relu{i}")), op: "Relu".into(), layer: "l".into() })
            .collect(),
        only_theirs: vec![Lone { node: name("x"), op: String::new(), layer: String::new() }],
        weights_changed: vec![
            weight(WeightKind::Type, Some("f32[3]"), None),
            weight(WeightKind::Values, None, Some(apart)),
            weight(WeightKind::Values, None, Some(few.clone())),
            weight(WeightKind::Stored, Some("f16[768, 3072]"), Some(few)),
        ],
        weights_only_ours: vec![
            LoneWeight { name: name("w"), ty: "f32[2]".into(), elements: 2, of_lone_nodes: true },
            LoneWeight { name: name("v"), ty: "f32[2]".into(), elements: 2, of_lone_nodes: false },
        ],
        weights_only_theirs: Vec::new(),
        renamed: vec![Renamed { what: "node", ours: name("n"), theirs: name("m") }],
        notes: vec![Note { what: "producer".into(), ours: Some(name("pytorch")), theirs: None }],
    }
}

#[test]
fn every_difference_keeps_to_the_schema_and_every_field_is_in_it() {
    let same = "graph \"g\" { input %x: f32[N] %y = exp(%x) output %y }";
    let other = "graph \"h\" { input %x: f32[N] %z = sin(%x) %y = neg(%z) output %y, %z }";
    let found = |a, b| between(&skeleton(a), &skeleton(b)).expect("they are compared");
    let only = Difference { weights_only: Some("no graph".into()), ..Difference::default() };
    let schema = schema();
    for (name, found) in
        [("same", found(same, same)), ("other", found(same, other)), ("all", everything()), ("only", only)]
    {
        let document = json(&found);
        check(&schema, &schema, &document).unwrap_or_else(|error| panic!("{name}: {error}"));
        described(&schema, &schema, &document, name);
        let bad = |place: &str, value: Value| {
            let mut bad = document.clone();
            *bad.pointer_mut(place).expect("it is there") = value;
            assert!(check(&schema, &schema, &bad).is_err(), "{place}");
        };
        bad("/format", "glassbox.check".into());
        bad("/same", "no".into());
        bad("/nodes/a", Value::from(-1));
    }
}

#[test]
fn no_line_is_wider_than_asked_for() {
    let found = everything();
    for width in 30..120 {
        for all in [false, true] {
            let text = text(&found, &TextOptions { width, all, ..TextOptions::default() });
            for line in text.lines() {
                assert!(line.width() <= width, "{width}: {line:?}");
            }
            assert!(!text.contains('\u{1b}'));
        }
    }
}

#[test]
fn the_answer_comes_first_and_what_differs_most_before_the_rest() {
    let text = text(&everything(), &TextOptions::default());
    let answer = "✗ 43 nodes differ, 1 input differs, 1 output differs, 1 state differs, 3 weights\n  differ,";
    assert!(text.starts_with(answer), "{text}");
    assert!(text.contains("LayerNormalization ×12"), "what differs alike is told once: {text}");
    assert!(text.contains("and 26 more") || text.contains("×30"), "{text}");
}

#[test]
fn a_graph_of_symbols_differs_where_they_do() {
    let of = |a: &str, b: &str| between(&skeleton(a), &skeleton(b)).expect("they are compared");
    let two = |a: &str, b: &str| {
        format!("graph \"g\" {{ input %x: f32[{a}] input %y: f32[{b}] %z = exp(%x) output %z, %y }}")
    };
    assert!(of(&two("N", "M"), &two("B", "T")).is_same());
    let found = of(&two("N", "M"), &two("B", "B"));
    assert!(!found.is_same() && found.ends.iter().any(|end| end.kind == EndKind::Input), "{found:?}");
}

#[test]
fn what_files_say_otherwise_is_no_difference() {
    let list =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let found = notes(&list(&[("opset", "17"), ("task", "a")]), &list(&[("task", "a"), ("opset", "18"), ("new", "x")]));
    let told: Vec<&str> = found.iter().map(|note| note.what.as_str()).collect();
    assert_eq!(told, ["opset", "new"]);
    let with_notes = Difference { notes: found, ..Difference::default() };
    assert!(with_notes.is_same() && with_notes.headline() == "same");
}
