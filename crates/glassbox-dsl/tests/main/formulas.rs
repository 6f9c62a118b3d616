//! Formulas that are wrong in a way that only shows when they are run: the message has the file and the line.

use glassbox_macros::graph;

use crate::model::{Model, f32s};

/// The message that formulas must end with, at a line of this file.
fn expect(formula: (&str, &glassbox_dsl::Formula, u32), message: &str, wrong: &mut Vec<String>) {
    let (what, formula, line) = formula;
    let got = formula.graph().err().map_or("nothing".to_owned(), |error| error.to_string());
    let (place, got) = got.split_once(": ").unwrap_or(("", &got));
    if !place.ends_with(&format!("formulas.rs:{line}")) || got != message {
        wrong.push(format!("{what}\n  wanted line {line}: {message}\n  got    {place}: {got}"));
    }
}

#[test]
fn formulas_are_told_with_their_line() {
    let model = Model::new().param("embeddings", f32s(&[2], &[1.0, 2.0])).param("W.0", f32s(&[2], &[1.0, 2.0]));
    let model = &model;
    let mut wrong = Vec::new();
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2] },
        let y = x + model["embedings"];
        output y;
    };
    expect(
        ("a parameter that there is not", &g, line + 4),
        "the model has no parameter \"embedings\"; did you mean \"embeddings\"?",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2] },
        let y = x + model[format!("W.{}", 7)];
        output y;
    };
    expect(
        ("a parameter of a name made of others", &g, line + 4),
        "the model has no parameter \"W.7\"; did you mean \"W.0\"?",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2], n: i64[2] },
        let y = x + n;
        output y;
    };
    expect(
        ("operands of other dtypes", &g, line + 4),
        "`add` can't do this: operand `b` is i64, but `a` is f32; they must be the same",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2, 3] },
        let y = matmul(x, model["embeddings"]);
        output y;
    };
    expect(
        ("operands of other shapes", &g, line + 4),
        "`matmul` can't do this: the inner dims are 3 and 2 (the inner dims are equal)",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { n: i8[2] },
        let y = n + 200;
        output y;
    };
    expect(("a literal that does not fit", &g, line + 4), "200 doesn't fit i8", &mut wrong);
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2], n: i64[] },
        let y = softmax(x, axis=n);
        output y;
    };
    expect(
        ("an attribute that is a value", &g, line + 4),
        "the attribute `axis` of `softmax` must be known when the graph is built, and can't be a value of it",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2] },
        let y = softmax(x, axis=0.5);
        output y;
    };
    expect(
        ("an attribute of another kind", &g, line + 4),
        "the attribute `axis` of `softmax` wants an integer",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2] },
        let y = softmax(x, axis=3);
        output y;
    };
    expect(
        ("an attribute past the axes", &g, line + 4),
        "`softmax` can't do this: axis 3 is outside [-1, 1) of a tensor of rank 1 (axis is in [-r, r))",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2] },
        let y = relu(x, f16);
        output y;
    };
    expect(("an op that takes no dtype", &g, line + 4), "`relu` takes no dtype", &mut wrong);
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2], n: i64[] },
        let y = if n { x } else { relu(x) };
        output y;
    };
    expect(
        ("a condition that is none", &g, line + 4),
        "`if` can't do this: operand `condition` is i64[], not a tensor of bool",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2], n: i64[2], c: bool[] },
        let y = if c { x } else { n };
        output y;
    };
    expect(
        ("sides of other dtypes", &g, line + 4),
        "`if` can't do this: result 0 is f32[2] in one body, i64[2] in the other (both bodies take nothing and give as many values, pairwise of the same kind and dtype)",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2], n: i64[] },
        let y = for _i in 0..n { x = cast(x, f16); };
        output y;
    };
    expect(
        ("a loop that changes a dtype", &g, line + 4),
        "`loop` can't do this: carried value 0 begins as f32[2] and becomes f16[2] (each carried value keeps its kind and dtype)",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { k: f16[1, 2], t: i64[] },
        state: { kv: kv_cache(f16, layers=1, cap=4) },
        kv_write(kv, layer=1, step=t, k=k, v=k);
        output k;
    };
    expect(("a layer that there is not", &g, line + 5), "`kv` has 1 layers; layer 1 is past them", &mut wrong);
    let line = line!();
    let (g, _, _) = graph! {
        model: model,
        inputs: { t: i64[] },
        state: { kv: kv_cache(f16, layers=1, cap=4) },
        let (a, b) = kv_read(kv, layer=0, step=t);
        output a, b;
    };
    expect(
        ("a layer that is read first", &g, line + 5),
        "`kv` isn't written for layer 0 before it is read: `kv_write` says the dims of keys",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { k: f32[1, 2], t: i64[] },
        state: { kv: kv_cache(f16, layers=1, cap=4) },
        kv_write(kv, layer=0, step=t, k=k, v=k);
        output k;
    };
    expect(("keys of another dtype", &g, line + 5), "`k` is f32[1, 2], and `kv` holds f16: cast it first", &mut wrong);
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { q: f16[2] },
        let y = sdpa(q, q, q);
        output y;
    };
    expect(
        ("keys of rank 1", &g, line + 4),
        "`sdpa`: keys of rank 1 and queries of rank 1: keys have rank 2 to 4, queries the same or one less",
        &mut wrong,
    );
    let line = line!();
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[9000000000, 9000000000] },
        let y = relu(x);
        output y;
    };
    expect(
        ("a dim that is too large", &g, line + 3),
        "the input `x`: f32[9000000000, 9000000000]: the product of its dims is larger than any memory",
        &mut wrong,
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
