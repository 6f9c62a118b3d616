//! Reports that were written by hand, one of each kind.

use glassbox_check::report::{
    Apart, Birth, Cause, Culprit, Kind, Neighbour, Neighbourhood, Pairing, Place, Report, Row, Stats, Status, Verdict,
    Wrong,
};

/// Every report, with a name.
pub(crate) fn all() -> Vec<(&'static str, Report)> {
    vec![
        ("good", good()),
        ("rounding", rounding()),
        ("overflow", overflow()),
        ("epsilon", epsilon()),
        ("large", large(2000)),
        ("structure", structure()),
        ("hostile", hostile()),
        ("empty", Report::default()),
    ]
}

fn spread(bins: &[(usize, u64)]) -> Vec<u64> {
    let mut spread = vec![0; 24];
    for (bin, count) in bins {
        spread[*bin] = *count;
    }
    spread
}

/// A difference of all elements by about `rms_rel`.
fn apart(count: u64, rms_rel: f64) -> Apart {
    if rms_rel == 0.0 {
        return Apart { count, spread: spread(&[(0, count)]), ..Apart::default() };
    }
    let bin = ((rms_rel.log10().floor() + 18.0) as usize).clamp(2, 22);
    Apart {
        count,
        differing: count - count / 8,
        max_abs: rms_rel * 3.0,
        max_rel: rms_rel * 5.0,
        max_ulp: (rms_rel / 1.2e-7).ceil() as u64,
        rms_rel,
        special: 0,
        worst: Some(Place { index: vec![0, 3], ours: 1.0 + rms_rel, theirs: 1.0, precise: None }),
        spread: spread(&[(0, count / 8), (bin - 1, count / 8), (bin, count - count / 4)]),
    }
}

fn stats(rms: f64) -> Option<Stats> {
    Some(Stats { min: -3.0 * rms, max: 3.5 * rms, mean: rms / 100.0, rms, nan: 0, inf: 0 })
}

fn row(value: &str, op: &str, layer: &str, status: Status, rms_rel: f64) -> Row {
    Row {
        value: value.into(),
        node: value.trim_end_matches("_output_0").into(),
        op: op.into(),
        layer: layer.into(),
        ty: "f32[1, 8, 64]".into(),
        status,
        apart: Some(apart(512, rms_rel)),
        alone: (status != Status::Agrees).then(|| {
            let alone = if status == Status::Introduced { rms_rel } else { rms_rel.min(3e-8) };
            apart(512, alone)
        }),
        ours_stats: stats(1.0),
        their_stats: stats(1.0 + rms_rel),
        ..Row::default()
    }
}

fn pairing(by_name: usize) -> Pairing {
    Pairing { ours: by_name, theirs: by_name, by_name, ..Pairing::default() }
}

/// A small model that agrees to the bit.
pub(crate) fn good() -> Report {
    let rows = ["h", "r", "y"].map(|value| row(value, "relu", "", Status::Agrees, 0.0)).to_vec();
    Report {
        model: "mlp.onnx".into(),
        against: "onnxruntime".into(),
        summary: "All 3 values are the same to the bit.".into(),
        rows,
        outputs: vec![2],
        pairing: pairing(3),
        ..Report::default()
    }
}

/// Two layers that differ by their rounding.
pub(crate) fn rounding() -> Report {
    let mut rows = Vec::new();
    for layer in 0..2 {
        for (op, rms) in [("matmul", 4e-8), ("add", 5e-8), ("softmax", 0.0), ("layer_norm", 9e-8)] {
            let status = if rms == 0.0 { Status::Agrees } else { Status::Rounding };
            let name = format!("/encoder/layer.{layer}/{op}_output_0");
            rows.push(row(&name, op, &format!("encoder.layer.{layer}"), status, rms));
        }
    }
    rows.push(row("logits", "gemm", "", Status::Rounding, 2e-7));
    Report {
        model: "models/encoder.onnx".into(),
        against: "precise".into(),
        verdict: Verdict::Rounding,
        summary: "7 of 9 values differ, each by no more than the rounding of its own node in f32; the largest \
                  difference of an output is 2e-7 of its size (`logits`)."
            .into(),
        outputs: vec![8],
        rows,
        pairing: pairing(9),
        ..Report::default()
    }
}

/// x², × 0.001, + 0.001 in f16, with x = 300.
pub(crate) fn overflow() -> Report {
    let place = Place { index: vec![0], ours: f64::INFINITY, theirs: 90000.0, precise: Some(90000.0) };
    let one = Apart {
        count: 1,
        differing: 1,
        special: 1,
        max_ulp: u64::MAX,
        worst: Some(place.clone()),
        spread: spread(&[(23, 1)]),
        ..Apart::default()
    };
    let infinite = |value: &str, op: &str, status| Row {
        value: value.into(),
        node: value.into(),
        op: op.into(),
        ty: "f16[1]".into(),
        their_ty: Some("f32[1]".into()),
        status,
        apart: Some(one.clone()),
        alone: Some(if status == Status::Introduced { one.clone() } else { apart(1, 0.0) }),
        ours_stats: Some(Stats { inf: 1, ..Stats::default() }),
        their_stats: Some(Stats { min: 90000.0, max: 90000.0, mean: 90000.0, rms: 90000.0, nan: 0, inf: 0 }),
        ..Row::default()
    };
    Report {
        model: "square.onnx".into(),
        against: "precise".into(),
        verdict: Verdict::Differs,
        summary: "`square` overflows: 300² is 90000, and the largest finite f16 is 65504. What follows inherits the \
                  infinity."
            .into(),
        culprits: vec![Culprit {
            node: "square".into(),
            op: "mul".into(),
            row: Some(0),
            kind: Kind::Overflow,
            wrong: Wrong::Ours,
            place: Some(place),
            line: "the result is too large for f16, whose largest value is 65504".into(),
            ..Culprit::default()
        }],
        rows: vec![
            infinite("square", "mul", Status::Introduced),
            infinite("scaled", "mul", Status::Inherited),
            infinite("y", "add", Status::Inherited),
        ],
        outputs: vec![2],
        births: vec![Birth {
            what: "inf",
            ours: true,
            node: "square".into(),
            op: "mul".into(),
            value: "square".into(),
            path: String::new(),
            count: 1,
        }],
        pairing: pairing(3),
        neighbourhood: Neighbourhood {
            nodes: vec![
                neighbour("x", "input", None),
                Neighbour { guilty: true, ..neighbour("square", "mul", Some(0)) },
                neighbour("0.001", "weight", None),
                neighbour("scaled", "mul", Some(1)),
                neighbour("y", "add", Some(2)),
            ],
            edges: vec![(0, 1), (0, 1), (1, 3), (2, 3), (3, 4), (2, 4)],
        },
    }
}

fn neighbour(label: &str, op: &str, row: Option<usize>) -> Neighbour {
    Neighbour { label: label.into(), op: op.into(), row, guilty: false }
}

/// A layer norm with another epsilon in the third of six layers, and a weight that was changed behind it.
pub(crate) fn epsilon() -> Report {
    const OPS: [&str; 7] = ["query/MatMul", "key/MatMul", "value/MatMul", "Softmax", "Add", "norm/Layer", "mlp/Gelu"];
    let mut rows = Vec::new();
    for layer in 0..6 {
        for op in OPS {
            let at = rows.len();
            let guilty = 2 * OPS.len() + 5;
            let (status, rms) = match at {
                _ if at < guilty => (if at % 3 == 0 { Status::Rounding } else { Status::Agrees }, 3e-8),
                _ if at == guilty => (Status::Introduced, 4.5e-3),
                _ if at == guilty + 9 => (Status::Introduced, 0.31),
                _ => (Status::Inherited, 4e-3 + at as f64 * 1e-4),
            };
            let rms = if status == Status::Agrees { 0.0 } else { rms };
            let name = format!("/model/encoder/layers.{layer}/{op}_output_0");
            let op = op.rsplit('/').next().unwrap_or(op);
            let op = if op == "Layer" { "LayerNormalization" } else { op };
            rows.push(row(&name, op, &format!("encoder.layers.{layer}"), status, rms));
        }
    }
    rows.push(row("last_hidden_state", "Identity", "", Status::Inherited, 9.8e-3));
    let guilty = 2 * OPS.len() + 5;
    let place = Place { index: vec![0, 7, 63], ours: 0.998, theirs: 1.0025, precise: Some(0.998_000_4) };
    let nodes = vec![
        neighbour("/model/encoder/layers.2/query/MatMul", "MatMul", Some(guilty - 5)),
        neighbour("/model/encoder/layers.2/key/MatMul", "MatMul", Some(guilty - 4)),
        neighbour("/model/encoder/layers.2/value/MatMul", "MatMul", Some(guilty - 3)),
        neighbour("/model/encoder/layers.2/Softmax", "Softmax", Some(guilty - 2)),
        neighbour("/model/encoder/layers.2/Add", "Add", Some(guilty - 1)),
        neighbour("encoder.layers.2.norm.weight", "weight", None),
        neighbour("encoder.layers.2.norm.bias", "weight", None),
        Neighbour {
            guilty: true,
            ..neighbour("/model/encoder/layers.2/norm/LayerNormalization", "LayerNormalization", Some(guilty))
        },
        neighbour("/model/encoder/layers.2/mlp/Gelu", "Gelu", Some(guilty + 1)),
        neighbour("/model/encoder/layers.3/query/MatMul", "MatMul", Some(guilty + 2)),
        neighbour("/model/encoder/layers.3/key/MatMul", "MatMul", Some(guilty + 3)),
        neighbour("/model/encoder/layers.3/value/MatMul", "MatMul", Some(guilty + 4)),
        neighbour("/model/encoder/layers.3/Add", "Add", Some(guilty + 6)),
    ];
    let edges = vec![
        (0, 3),
        (1, 3),
        (2, 4),
        (3, 4),
        (4, 7),
        (5, 7),
        (6, 7),
        (7, 8),
        (8, 9),
        (8, 10),
        (8, 11),
        (9, 12),
        (10, 12),
        (11, 12),
        (7, 12),
    ];
    Report {
        model: "models/encoder-quantised-for-the-telephone.onnx".into(),
        against: "exports/2026-11-28/encoder.onnx".into(),
        verdict: Verdict::Differs,
        summary: "The models part at `/model/encoder/layers.2/norm/LayerNormalization` (LayerNormalization, \
                  encoder.layers.2): its epsilon is 1e-3 in ours and 1e-5 in theirs. All 18 values before it agree up \
                  to rounding; of the 24 that follow, 23 inherit the difference and one adds its own."
            .into(),
        culprits: vec![
            Culprit {
                node: "/model/encoder/layers.2/norm/LayerNormalization".into(),
                op: "LayerNormalization".into(),
                layer: "encoder.layers.2".into(),
                theirs: Some("/encoder/layers.2/norm/LayerNormalization".into()),
                row: Some(guilty),
                kind: Kind::Meaning,
                wrong: Wrong::Theirs,
                causes: vec![Cause::Attribute {
                    name: "epsilon".into(),
                    ours: Some("1e-3".into()),
                    theirs: Some("1e-5".into()),
                }],
                place: Some(place),
                line: "computes something else than theirs does, from the same operands".into(),
                ..Culprit::default()
            },
            Culprit {
                node: "/model/encoder/layers.4/query/MatMul".into(),
                op: "MatMul".into(),
                layer: "encoder.layers.4".into(),
                row: Some(guilty + 9),
                kind: Kind::Meaning,
                causes: vec![
                    Cause::Constant {
                        name: "encoder.layers.4.query.weight".into(),
                        operand: 1,
                        relative: Some(0.307),
                        ours: "f32[64, 64], norm 8.01".into(),
                        theirs: "f32[64, 64], norm 8.34".into(),
                    },
                    Cause::Order { places: vec![1, 0] },
                    Cause::Operand { operand: 0, ours: "/Gelu_output_0".into(), theirs: "/Add_output_0".into() },
                    Cause::Op { ours: "MatMul".into(), theirs: "Gemm".into() },
                ],
                among: vec!["/model/encoder/layers.4/Cast".into(), "/model/encoder/layers.4/Transpose".into()],
                beside: None,
                ..Culprit::default()
            },
        ],
        outputs: vec![rows.len() - 1],
        rows,
        pairing: Pairing {
            ours: 45,
            theirs: 44,
            by_name: 30,
            by_structure: 12,
            by_value: 1,
            unpaired_ours: vec!["/model/encoder/Cast_output_0".into()],
            unpaired_theirs: vec!["/encoder/mask".into()],
        },
        neighbourhood: Neighbourhood { nodes, edges },
        ..Report::default()
    }
}

/// A model of many values with a fault in the middle.
pub(crate) fn large(count: usize) -> Report {
    let guilty = count / 2;
    let rows: Vec<Row> = (0..count)
        .map(|at| {
            let (status, rms) = match at {
                _ if at < guilty => (Status::Agrees, 0.0),
                _ if at == guilty => (Status::Introduced, 1.5e-2),
                _ => (Status::Inherited, 1e-3),
            };
            let layer = at / 20;
            row(&format!("/blocks.{layer}/op.{at}_output_0"), "Conv", &format!("blocks.{layer}"), status, rms)
        })
        .collect();
    Report {
        model: "large.onnx".into(),
        against: "large-fixed.onnx".into(),
        verdict: Verdict::Differs,
        summary: format!("One of {count} values parts the two models."),
        culprits: vec![Culprit {
            node: format!("/blocks.{}/op.{guilty}", guilty / 20),
            op: "Conv".into(),
            layer: format!("blocks.{}", guilty / 20),
            row: Some(guilty),
            causes: vec![Cause::Attribute { name: "pads".into(), ours: Some("[1, 1, 1, 1]".into()), theirs: None }],
            ..Culprit::default()
        }],
        outputs: vec![count - 1],
        rows,
        pairing: pairing(count),
        ..Report::default()
    }
}

/// Models that differ where these inputs don't show it.
pub(crate) fn structure() -> Report {
    Report {
        verdict: Verdict::Structure,
        summary: "All values agree on these inputs, and `clip` has another bound.".into(),
        culprits: vec![Culprit {
            node: "clip".into(),
            op: "Clip".into(),
            kind: Kind::Unseen,
            causes: vec![Cause::Attribute { name: "max".into(), ours: None, theirs: Some("6".into()) }],
            ..Culprit::default()
        }],
        ..good()
    }
}

/// Names that try to be something else: markup, escapes, quotes, other ways of writing.
pub(crate) const HOSTILE: &str = "</script><script>alert('1')</script>\"&amp;\u{1b}[31m\n\u{202e}数据流]]>-->";

/// A report all of whose texts are hostile, and whose numbers are odd.
pub(crate) fn hostile() -> Report {
    let h = || HOSTILE.to_owned();
    let odd = Place { index: vec![], ours: f64::NAN, theirs: f64::NEG_INFINITY, precise: Some(f64::INFINITY) };
    let apart =
        Apart { special: 1, rms_rel: f64::NAN, max_abs: f64::INFINITY, worst: Some(odd.clone()), ..apart(9, 0.0) };
    let one = Row {
        value: h(),
        node: h(),
        op: h(),
        layer: h(),
        path: h(),
        ty: h(),
        theirs: Some(h()),
        their_ty: Some(h()),
        status: Status::Introduced,
        apart: Some(apart.clone()),
        alone: Some(apart),
        ours_stats: Some(Stats { min: f64::NAN, max: f64::INFINITY, ..Stats::default() }),
        their_stats: None,
    };
    let other_shape = Row { apart: None, alone: None, ours_stats: None, ..one.clone() };
    Report {
        model: h(),
        against: h(),
        verdict: Verdict::Differs,
        summary: h(),
        culprits: vec![Culprit {
            node: h(),
            op: h(),
            layer: h(),
            path: h(),
            theirs: Some(h()),
            row: Some(0),
            kind: Kind::NanBorn,
            wrong: Wrong::Both,
            causes: vec![
                Cause::Op { ours: h(), theirs: h() },
                Cause::Attribute { name: h(), ours: Some(h()), theirs: None },
                Cause::Constant { name: h(), operand: 1, relative: None, ours: h(), theirs: h() },
                Cause::Constant { name: h(), operand: 1, relative: Some(f64::NAN), ours: h(), theirs: h() },
                Cause::Operand { operand: 0, ours: h(), theirs: h() },
            ],
            among: vec![h(), h()],
            is_given: false,
            beside: None,
            place: Some(odd),
            line: h(),
        }],
        rows: vec![one, other_shape],
        // Places that aren't there are passed over.
        outputs: vec![1, 77],
        births: vec![Birth { what: "nan", ours: false, node: h(), op: h(), value: h(), path: h(), count: 3 }],
        pairing: Pairing { unpaired_ours: vec![h()], unpaired_theirs: vec![h()], ..pairing(2) },
        neighbourhood: Neighbourhood {
            nodes: vec![neighbour(HOSTILE, HOSTILE, Some(0)), neighbour(HOSTILE, "input", Some(99))],
            edges: vec![(0, 1), (1, 0), (0, 0), (5, 6)],
        },
    }
}
