//! What goes wrong with numbers, told as what it is and at the node where it begins.

use glassbox_check::report::{Kind, Verdict};
use glassbox_exec::Value;
use glassbox_tensor::{DType, Overflow, Tensor};

use crate::against_precise;

/// One thing that goes wrong: the graph's nodes, what is given as `x` in which dtype, and the node and kind that must be
/// named first.
struct Case {
    nodes: &'static str,
    dtype: DType,
    x: &'static [f64],
    guilty: &'static str,
    kind: Kind,
}

fn run(case: &Case) -> glassbox_check::report::Report {
    let count = case.x.len();
    let text = format!("graph \"g\" {{\n  input %x: {}[{count}]\n  {}\n  output %y\n}}", case.dtype, case.nodes);
    let x = Tensor::store(case.dtype, &[count], case.x.to_vec(), Overflow::Saturate).unwrap();
    against_precise(&text, &[Value::from(x)])
}

const CASES: &[Case] = &[
    // The two of which the others are siblings.
    Case {
        nodes: "%square = mul(%x, %x)\n  %k = constant() {value = f16[] [0.001]}\n  %scaled = mul(%square, %k)\n  %y = add(%scaled, %k)",
        dtype: DType::F16,
        x: &[300.0, 300.0],
        guilty: "square",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%e = exp(%x)\n  %y = neg(%e)",
        dtype: DType::F32,
        x: &[100.0, 1.0],
        guilty: "e",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%s = add(%x, %x)\n  %y = abs(%s)",
        dtype: DType::F16,
        x: &[60000.0, 1.0],
        guilty: "s",
        kind: Kind::Overflow,
    },
    Case { nodes: "%e = exp(%x)\n  %y = abs(%e)", dtype: DType::F16, x: &[12.0], guilty: "e", kind: Kind::Overflow },
    Case { nodes: "%c = cosh(%x)\n  %y = neg(%c)", dtype: DType::F32, x: &[100.0], guilty: "c", kind: Kind::Overflow },
    Case {
        nodes: "%p = mul(%x, %x)\n  %y = neg(%p)",
        dtype: DType::F32,
        x: &[1e30],
        guilty: "p",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%p = mul(%x, %x)\n  %y = neg(%p)",
        dtype: DType::BF16,
        x: &[1e30],
        guilty: "p",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%a = constant() {value = i64[1] [0]}\n  %s = reduce_sum(%x, %a)\n  %y = neg(%s)",
        dtype: DType::F16,
        x: &[40000.0, 40000.0, 1.0],
        guilty: "s",
        kind: Kind::Overflow,
    },
    Case { nodes: "%d = div(%x, %k)\n  %y = abs(%d)", dtype: DType::F16, x: &[3.0], guilty: "d", kind: Kind::Overflow },
    Case {
        nodes: "%w = cast(%x) {to = f16}\n  %y = abs(%w)",
        dtype: DType::F32,
        x: &[1e6],
        guilty: "w",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%e = exp(%x)\n  %a = constant() {value = i64[1] [0]}\n  %s = reduce_sum(%e, %a)\n  %y = div(%e, %s)",
        dtype: DType::F32,
        x: &[100.0, 0.0],
        guilty: "e",
        kind: Kind::Overflow,
    },
    Case { nodes: "%m = expm1(%x)\n  %y = neg(%m)", dtype: DType::F32, x: &[100.0], guilty: "m", kind: Kind::Overflow },
    Case { nodes: "%s = sinh(%x)\n  %y = abs(%s)", dtype: DType::F32, x: &[-100.0], guilty: "s", kind: Kind::Overflow },
    Case {
        nodes: "%r = reciprocal(%x)\n  %y = neg(%r)",
        dtype: DType::F16,
        x: &[1e-6],
        guilty: "r",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%two = constant() {value = f32[] 2}\n  %p = pow(%x, %two)\n  %y = neg(%p)",
        dtype: DType::F32,
        x: &[1e25],
        guilty: "p",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%d = constant() {value = i64[2] [1, 1]}\n  %r = reshape(%x, %d)\n  %m = matmul(%r, %r)\n  %y = neg(%m)",
        dtype: DType::F16,
        x: &[300.0],
        guilty: "m",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%a = constant() {value = i64[1] [0]}\n  %l = reduce_sum_square(%x, %a)\n  %y = sqrt(%l)",
        dtype: DType::F16,
        x: &[300.0, 1.0],
        guilty: "l",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%w = constant() {value = f16[] 2000}\n  %d = div(%x, %w)\n  %y = abs(%d)",
        dtype: DType::F16,
        x: &[1e-5],
        guilty: "d",
        kind: Kind::Underflow,
    },
    // What comes of an overflow isn't where it begins.
    Case {
        nodes: "%p = mul(%x, %x)\n  %z = sub(%p, %p)\n  %y = neg(%z)",
        dtype: DType::F16,
        x: &[300.0],
        guilty: "p",
        kind: Kind::Overflow,
    },
    Case {
        nodes: "%p = mul(%x, %x)\n  %y = abs(%p)",
        dtype: DType::F16,
        x: &[1e-5, 1e-5],
        guilty: "p",
        kind: Kind::Underflow,
    },
    Case { nodes: "%e = exp(%x)\n  %y = neg(%e)", dtype: DType::F32, x: &[-200.0], guilty: "e", kind: Kind::Underflow },
    Case {
        nodes: "%p = mul(%x, %x)\n  %y = neg(%p)",
        dtype: DType::F32,
        x: &[1e-30],
        guilty: "p",
        kind: Kind::Underflow,
    },
    Case {
        nodes: "%w = cast(%x) {to = f16}\n  %y = abs(%w)",
        dtype: DType::F32,
        x: &[1e-9],
        guilty: "w",
        kind: Kind::Underflow,
    },
    Case { nodes: "%e = exp(%x)\n  %y = log(%e)", dtype: DType::F32, x: &[-300.0], guilty: "e", kind: Kind::Underflow },
    Case {
        nodes: "%s = sigmoid(%x)\n  %y = log(%s)",
        dtype: DType::F16,
        x: &[-30.0],
        guilty: "s",
        kind: Kind::Underflow,
    },
];

#[test]
fn what_happens_is_named_where_it_begins() {
    for case in CASES {
        let (nodes, k) = (case.nodes, "%k = constant() {value = f16[] [0.00001]}\n  ");
        let nodes =
            if nodes.contains("%k)") && !nodes.contains("%k =") { format!("{k}{nodes}") } else { nodes.to_owned() };
        let case = Case { nodes: Box::leak(nodes.into_boxed_str()), ..*case };
        let report = run(&case);
        let first = report.culprits.first().unwrap_or_else(|| panic!("{}: {}", case.nodes, report.summary));
        assert_eq!((first.node.as_str(), first.kind), (case.guilty, case.kind), "{}: {}", case.nodes, report.summary);
        assert_eq!(report.verdict, Verdict::Differs, "{}", case.nodes);
        assert_eq!(first.wrong.name(), "ours", "{}: {}", case.nodes, report.summary);
    }
}

/// Graphs whose values differ from those in f64 by rounding only.
const ROUNDING: &[(&str, DType, &[f64])] = &[
    ("%y = mul(%x, %x)", DType::F16, &[1.1, 2.3, 250.0]),
    ("%e = exp(%x)\n  %y = log(%e)", DType::F32, &[0.1, 20.0, -20.0]),
    ("%t = tanh(%x)\n  %s = sigmoid(%t)\n  %y = erf(%s)", DType::F16, &[0.1, 2.0, -3.0, 0.5]),
    ("%y = softmax(%x)", DType::F16, &[1.0, 2.0, -300.0, 4.0]),
    ("%t = transpose(%x)\n  %y = neg(%t)", DType::BF16, &[1.0, 2.0]),
];

#[test]
fn rounding_is_called_rounding() {
    for (nodes, dtype, x) in ROUNDING {
        let report = run(&Case { nodes, dtype: *dtype, x, guilty: "", kind: Kind::Meaning });
        assert!(report.verdict.is_good(), "{nodes}: {}", report.summary);
    }
}

/// Digits that are lost: the node is named, and the verdict is rounding, since nothing is wrong with any node.
#[test]
fn cancellation_is_called_so() {
    for (nodes, x, guilty) in [
        (
            "%k = constant() {value = f32[] [0.1]}\n  %p = mul(%x, %k)\n  %q = constant() {value = f32[] [3000.0]}\n  %d = sub(%p, %q)\n  %y = neg(%d)",
            &[30000.1, 30000.2, 30000.3][..],
            "d",
        ),
        (
            "%a = constant() {value = i64[1] [0]}\n  %m = reduce_mean(%x, %a)\n  %mm = mul(%m, %m)\n  %xx = mul(%x, %x)\n  %s = reduce_mean(%xx, %a)\n  %v = sub(%s, %mm)\n  %y = neg(%v)",
            &[1000.1, 1000.2, 1000.3, 1000.4],
            "v",
        ),
    ] {
        let report = run(&Case { nodes, dtype: DType::F32, x, guilty, kind: Kind::Cancellation });
        assert_eq!(report.verdict, Verdict::Rounding, "{nodes}: {}", report.summary);
        let lost = report.culprits.first().unwrap_or_else(|| panic!("{nodes}: {}", report.summary));
        assert_eq!((lost.node.as_str(), lost.kind), (guilty, Kind::Cancellation), "{nodes}");
    }
}

#[test]
fn births_are_told() {
    let case = Case {
        nodes: "%p = mul(%x, %x)\n  %z = sub(%p, %p)\n  %y = neg(%z)",
        dtype: DType::F16,
        x: &[300.0],
        guilty: "p",
        kind: Kind::Overflow,
    };
    let report = run(&case);
    let births: Vec<(&str, &str, bool)> =
        report.births.iter().map(|birth| (birth.what, birth.node.as_str(), birth.ours)).collect();
    assert_eq!(births, [("nan", "z", true), ("inf", "p", true)]);
}
