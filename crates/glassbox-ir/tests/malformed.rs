//! Texts that are wrong, and what the reader says of them.

use glassbox_ir::json;
use glassbox_ir::text::{ParseOptions, parse, parse_dim, parse_example, parse_type};

/// The message for a text, which is wrong.
fn message(text: &str) -> String {
    match parse(text, &ParseOptions::default()) {
        Ok(graph) => panic!("this is no graph, but was read as one:\n{text}\n{graph}"),
        Err(error) => error.to_string(),
    }
}

fn check(cases: &[(&str, &str)], message: impl Fn(&str) -> String) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(text, fragment)| {
            let message = message(text);
            (!message.contains(fragment)).then(|| format!("{text}\n  says    {message}\n  not     {fragment}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} messages are not as they should be:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_no_graph() {
    check(
        &[
            ("", "1:1: found the end of the text, expected `graph`"),
            ("grph \"g\" {}", "1:1: found `grph`, expected `graph`"),
            ("graph g {}", "1:7: found `g`, expected the name of the graph"),
            ("graph \"g\" (", "1:11: found `(`, expected `{`"),
            ("graph \"g\" { }", "1:13: found `}`, expected a node, or `output`"),
            ("graph \"g\" { output", "1:19: found the end of the text, expected `}`"),
            ("graph \"g\" { output } x", "1:22: found `x`, expected the end of the text, or a `data` section"),
            ("graph \"g", "1:7: the string has no end"),
            (r#"graph "\q" {}"#, "1:8: no such escape"),
            (r#"graph "\u{110000}" {}"#, "1:8: no such escape"),
            (r#"graph "\u{}" {}"#, "1:8: no such escape"),
            ("graph \"ä\" { ; output }", "1:13: the character ';' means nothing here"),
            ("graph \"g\" {\n  // nothing\n  output %x }", "3:10: there is no value `%x`"),
            ("graph \"g\" { output % }", "1:21: a name is empty"),
            ("graph \"g\" { output %\"\" }", "1:21: a name is empty"),
            ("graph \"g\" { output %99999999999999999999 }", "is too large"),
            ("graph \"g\" { meta producer = \"x\" output }", "found `producer`, expected the key"),
            ("graph \"g\" { meta \"producer\" \"x\" output }", "found the string \"x\", expected `=`"),
        ],
        message,
    );
}

/// What stands in the body of a graph with one input.
fn body(text: &str) -> String {
    message(&format!("graph \"g\" {{ input %x: f32[2, B]\n{text}\noutput }}"))
}

#[test]
fn what_is_no_body() {
    check(
        &[
            ("input %x: f32[2]", "2:7: the value `x` is already defined"),
            ("input %y f32[2]", "found `f32`, expected `:`"),
            ("input %y: f33[2]", "there is no dtype `f33`; did you mean `f32`?"),
            ("input %y: f32", "expected `[`"),
            ("input %y: f32[-2]", "the dim -2 is negative"),
            ("input %y: f32[2 3]", "found the number `3`, expected `,` or `]`"),
            ("input %y: f32[?+1]", "found `+`, expected `,` or `]`"),
            ("input %y: f32[1.5]", "`1.5` is not an integer"),
            ("input %y: f32[floordiv(B, 0)]", "the dim is no number"),
            ("input %y: f32[9223372036854775807 + 1]", "the dim is no number"),
            ("input %y: seq<f32[*]", "expected `>`"),
            ("input %y: f32[4294967296, 0, 4294967296]", "the product of its dims is larger than any memory"),
            ("%y = transpose(%x) {perm = [1, -2]}", "breaks C1: perm [1, -2] of a tensor of rank 2"),
            ("%y = abs(%x) input %z: f32[2]", "`input` stands at the beginning of a graph"),
            ("%y = sofmax(%x)", "2:6: there is no op `sofmax`; did you mean `softmax`?"),
            ("%y = softmax(%x) {axes = 1}", "there is no attribute `axes` of `softmax`; did you mean `axis`?"),
            ("%y = softmax(%x) {axis = 1, axis = 0}", "the attribute `axis` is already defined"),
            ("%y = softmax(%x) {axis = 1.5}", "`1.5` is not an integer"),
            ("%y = softmax(%x) {axis = \"1\"}", "found the string \"1\", expected a value of i64"),
            ("%y = softmax(%x) {axis 1}", "expected `=`"),
            ("%y = softmax(%x) {axis = 7}", "2:6: softmax `y` breaks C1: axis 7 is outside [-2, 2)"),
            ("%y = softmax(%x", "found `output`, expected `,` or `)`"),
            ("%y = softmax()", "breaks arity: operand `x` is missing"),
            ("%y = softmax(_)", "breaks arity: operand `x` is missing"),
            ("%y, %z = abs(%x)", "breaks arity: has 2 results, gives 1"),
            ("abs(%x)", "breaks arity: has 0 results, gives 1"),
            ("%x = abs(%x)", "2:1: the value `x` is already defined"),
            ("%y = abs(%xx)", "there is no value `%xx`; did you mean `x`?"),
            ("%y = abs(%x) : f32[2, 3]", "2:16: the type of `%y` is written f32[2, 3], but inference says f32[2, B]"),
            ("%y = abs(%x) : f32[2, B], f32[2, B]", "2 types are written for 1 results"),
            ("%y = abs(%x) : f64[2, B]", "is written f64[2, B], but inference says f32[2, B]"),
            ("%y = abs(%x) @ nowhere(\"n\")", "found `nowhere`, expected an origin"),
            ("%y = abs(%x) @ onnx(\"n\")", "found `)`, expected `,`"),
            ("%y = abs(%x) @ statement(\"f\", 99999999999, \"b\")", "no file has that line"),
            ("%y = abs(%x) @ statement(\"f\", 1)", "found `)`, expected `,`"),
            ("%y = abs(%x) @ statement(\"f\", 1, \"b\", ends)", "found `ends`, expected `helps`"),
            ("%y = abs(%x) @ layer(\"f\") |", "expected an origin"),
            ("%y = abs(%x) @ layer(\"f\") > | layer(\"f\")", "found `|`, expected an origin"),
            ("%y = state_read() {state = \"s\"}", "breaks C1: no state is named `s`"),
            ("%y = random_normal() {shape = [2], draw = 1.5}", "`1.5` is not an integer"),
            ("%y = abs(%x) @{fuse = true, fuse = false}", "2:29: the hint `fuse` is already defined"),
            ("%y = abs(%x) @{\"\" = true}", "a hint has no name"),
            ("%y = abs(%x) @{fuse}", "found `}`, expected `=`"),
            ("%y = abs(%x) @{fuse = }", "found `}`, expected the value of a hint"),
            ("%y = abs(%x) @{fuse = yes}", "there is no dtype `yes`"),
            ("%y = abs(%x) @{tiles = []}", "nothing says what an empty list is of"),
            ("%y = abs(%x) @{tiles = [1, 2.0]}", "not of several kinds"),
            ("%y = abs(%x) @{tiles = 9223372036854775808}", "is outside the range of i64"),
            ("%y = abs(%x) @{fuse = true} {axis = 1}", "expected a node, or `output`"),
            ("%y = cast(%x) {to = f32, round_mode = \"sideways\"}", "\"sideways\" is not one of"),
            ("%y = cast(%x) {saturate = 1, to = f32}", "expected `true` or `false`"),
            ("%y = cast(%x)", "the attribute `to` is missing"),
            ("%y = abs(%x) () { yield }", "has 1 regions, takes 0"),
            ("%y = if(%x) () { yield } () { yield }", "breaks dtype: operand `condition`"),
            ("%y = call(%x) (%a: f32[2, B]) { %b = abs(%a) }", "found `}`, expected a node, or `yield`"),
            (
                "%y = call(%x) (%a: f32[2, B]) { yield %a } %z = abs(%a)",
                "`%a` here: it is defined in a region that is closed",
            ),
            ("%y = call(%x) (%a: f32[2, B]) { yield %a } %a = abs(%x)", "the value `a` is already defined"),
            ("%y = call(%x) () { yield %x }", "breaks C1"),
            ("%y = call(%x) (%a: f32[2, 7]) { yield %a }", "parameter 0 of region 0 is f32[2, 7]"),
            ("%y = call(%x) (%a: f32[2, B]) { output %a }", "found `output`"),
            ("%y = scan(%x) () { yield }", "the attribute `num_scan_inputs` is missing"),
            ("%n = constant() {value = i64[] 1} %y = loop(%n, _, %x) (%i: i64[]) { yield %i }", "breaks C1"),
        ],
        body,
    );
}

#[test]
fn what_is_no_tensor() {
    check(
        &[
            ("f32[2] [1]", "f32[2] doesn't have the 1 elements that are written"),
            ("f32[2] 1", "expected the elements of the tensor"),
            ("f32[] [1, 2]", "f32[] doesn't have the 2 elements"),
            ("f32[B] [1]", "found `B`, expected a number"),
            ("f32[1000000000000, 1000000000000] [1]", "doesn't have the 1 elements"),
            ("f32[99999999999999999999] [1]", "is not a number in 0..2^64"),
            ("f32[1] [1e39]", "1e39 is outside the range of f32"),
            ("f32[1] [one]", "`one` is not a number"),
            ("f32[1] [--1]", "expected a value of f32"),
            ("f32[1] [bits(7fc00001)]", "expected bits, such as"),
            ("f32[1] [bits(0x1ffffffff)]", "are not the 32 bits of f32"),
            ("i8[1] [128]", "128 is outside the range of i8"),
            ("u8[1] [-1]", "-1 is outside the range of u8"),
            ("bool[1] [1]", "`1` is no value of bool"),
            ("string[1] [a]", "found `a`, expected a string"),
            ("t1[1] [0]", "0 is outside the range of t1"),
            ("f4e2m1[1] [nan]", "f4e2m1 has no NaN"),
            ("q4_0[32] [1]", "`1` is no value of q4_0"),
            ("q4_0[1] [1]", "q4_0"),
            ("f32[20] data(\"0123\")", "a hash has 32 hexadecimal digits"),
            ("f32[20] data(\"0123456789abcdef0123456789abcdef\")", "is left out of this text"),
        ],
        |tensor| body(&format!("%y = constant() {{value = {tensor}}}")),
    );
}

#[test]
fn what_is_no_state() {
    check(
        &[
            ("s: f32[2]", "found `s`, expected the name of the state"),
            ("@s: f32[*]", "of unknown rank"),
            ("@s: f32[?, ?] capacity 3 = f32[1, 4] [1, 2, 3, 4]", "has the capacity 3, but begins with an extent of 4"),
            ("@s: f32[?, ?] = f32[3] [1, 2, 3]", "is f32[?, ?], but begins as f32[3]"),
            ("@s: f32[2] capacity 3", "has a capacity, but no dim of f32[2] grows"),
            ("@s: f32[2] = f32[3] [1, 2, 3]", "is f32[2], but begins as f32[3]"),
            ("@s: f32[?] capacity 1 = f32[2] [1, 2]", "begins with an extent of 2"),
            ("@s: f32[2] state @s: f32[2]", "two states are named `s`"),
            ("@s: seq<f32[2]>", "there is no dtype `seq`"),
        ],
        |state| message(&format!("graph \"g\" {{ state {state} output }}")),
    );
}

#[test]
fn what_is_no_data() {
    let hash = "0123456789abcdef0123456789abcdef";
    let use_it = format!("%y = constant() {{value = u8[20] data(\"{hash}\")}}");
    let with = |data: &str| message(&format!("graph \"g\" {{ {use_it} output %y }} data {{ {data} }}"));
    check(
        &[
            ("\"0123456789abcdef0123456789abcdef\" = base64 \"AAAAAAAAAAAAAAAAAAAAAAAAAAA=\"", "has the hash"),
            ("\"0123456789abcdef0123456789abcdef\" = base64 \"AAAA\"", "needs exactly 20 bytes, got 3"),
            ("\"0123456789abcdef0123456789abcdef\" = base64 \"!\"", "Invalid"),
            ("\"0123456789abcdef0123456789abcdef\" = hex \"00\"", "found `hex`, expected `base64`"),
            ("\"0123456789abcdef0123456789abcdeg\" = base64 \"\"", "32 hexadecimal digits"),
            (
                "\"0123456789abcdef0123456789abcdef\" = base64 \"\" \"0123456789abcdef0123456789abcdef\" = base64 \"\"",
                "is already defined",
            ),
            ("x", "found `x`, expected the hash"),
        ],
        with,
    );
}

/// Nesting and sizes that would take all memory or the whole stack are refused.
#[test]
fn what_is_beyond_the_limits() {
    let deep =
        |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(100_000), close.repeat(100_000));
    let types = format!("graph \"g\" {{ input %x: {} output }}", deep("seq<", "f32[]", ">"));
    assert!(message(&types).contains("the nesting here is beyond the limit of 128"));
    let types = format!("graph \"g\" {{ input %x: {}f32[]{} output }}", "seq<".repeat(20), ">".repeat(20));
    assert!(message(&types).contains("nesting: a type in which more than 16"), "{}", message(&types));
    let dims = format!("graph \"g\" {{ input %x: f32[{}] output }}", deep("floordiv(1+", "T", ",2)"));
    assert!(message(&dims).contains("beyond the limit of 128"));
    let dims = format!("graph \"g\" {{ input %x: f32[{}] output }}", deep("(", "T", ")"));
    assert!(message(&dims).contains("beyond the limit of 128"));
    let regions = format!("graph \"g\" {{ {} output }}", deep("call() () {", "", "yield }"));
    assert!(message(&regions).contains("the nesting of regions is beyond the limit of 64"), "{}", message(&regions));
    let product: Vec<String> = (0..40).map(|n| format!("(S{n}+1)")).collect();
    let dims = format!("graph \"g\" {{ input %x: f32[{}] output }}", product.join("*"));
    assert!(message(&dims).contains("too large"));
    let axes = format!("graph \"g\" {{ input %x: f32[{}1] output }}", "1, ".repeat(2000));
    assert!(message(&axes).contains("more than 1024"));
}

/// Regions at the limit are read and verified.
#[test]
fn what_is_within_the_limits() {
    let regions = format!("graph \"g\" {{ {} {} output }}", "call() () {".repeat(64), "yield }".repeat(64));
    let graph = parse(&regions, &ParseOptions::default()).expect("64 regions");
    assert_eq!(glassbox_ir::verify(&graph), Ok(()));
    let types = format!("{}f32[]{}", "opt<".repeat(16), ">".repeat(16));
    assert!(parse_type(&types).is_ok());
}

#[test]
fn what_is_no_example() {
    check(
        &[
            ("", "expected an op"),
            ("abs(f32[1] [1])", "found the end of the text, expected `->`"),
            ("abs(f32[1] [1]) ->", "expected a literal"),
            ("abs(f32[1] [1]) -> f32[1] [1] x", "expected `,` or the end of the example"),
            ("abs(f32[1] [1]) -> f32[2] [1, 1]", "is expected to be f32[2], but inference says f32[1]"),
            ("abs(f32[1] [1]) -> f32[1] [1], f32[1] [1]", "has 2 results, gives 1"),
            ("abs(%x) -> f32[1] [1]", "found the value `%x`, expected a literal"),
            ("abs(seq()) -> f32[1] [1]", "an empty sequence needs the type of its elements"),
            ("abs(seq(f32[] 1, i32[] 1)) -> f32[1] [1]", "one kind and dtype"),
            ("abs(seq<f32[2]>(f32[3] [1, 2, 3])) -> f32[1] [1]", "can't hold f32[3]"),
            ("abs(some(f32[] 1)) -> f32[1] [1]", "operand `x` is opt<f32[]>"),
            ("abs(none<f32[*]>) -> f32[1] [1]", "operand `x` is opt<f32[*]>"),
            ("state f32[2] [1]: state_read() {state = \"s\"} -> f32[2] [1, 2]", "f32[2] doesn't have the 1 elements"),
            (
                "state f32[2, ?] [1]: state_read() {state = \"s\"} -> f32[2] [1, 2]",
                "don't fill a state of type f32[2, ?]",
            ),
            ("state f32[2] [1, 2] state_read() -> f32[2] [1, 2]", "expected `:`"),
            ("state_read() {state = \"t\"} -> f32[2] [1, 2]", "no state is named `t`"),
        ],
        |text| match parse_example(text) {
            Ok(example) => format!("read as {example:?}"),
            Err(error) => error.to_string(),
        },
    );
    let deep = "abs(".to_owned() + &"some(".repeat(100_000);
    assert!(parse_example(&deep).is_err());
    let deep = "abs(".to_owned() + &"seq(".repeat(100_000);
    assert!(parse_example(&deep).is_err());
}

#[test]
fn what_is_no_dim_or_type() {
    for text in
        ["", "+", "1 1", "min", "min(1)", "min(1, 2, 3)", "*", "T**2", "(T", "T)", "-", "9223372036854775808", "-?"]
    {
        assert!(parse_dim(text).is_err(), "{text}");
    }
    for text in ["", "f32", "f32[", "f32[*, 2]", "f32[**]", "seq", "seq<>", "opt<f32[2]", "f32[2]]"] {
        assert!(parse_type(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_no_json() {
    let good = r#"{"format":"glassbox-graph","version":2,"name":"g","metadata":[],"states":[],
        "values":[{"name":"x","type":"f32[2]"},{"type":"f32[2]"}],
        "regions":[{"parameters":[0],"nodes":[0],"results":[1]}],
        "nodes":[{"op":"abs","operands":[0],"attributes":[],"regions":[],"results":[1],"provenance":[]}]}"#;
    assert!(json::from_str(good).is_ok());
    for (from, to, fragment) in [
        ("glassbox-graph", "onnx", "the format is \"onnx\", expected \"glassbox-graph\""),
        ("\"version\":2", "\"version\":3", "version 3 of the format is not known"),
        ("\"version\":2,", "", "missing field `version`"),
        ("\"name\":\"g\"", "\"name\":\"g\",\"colour\":3", "unknown field `colour`"),
        ("\"name\":\"g\",", "", "missing field `name`"),
        ("\"op\":\"abs\"", "\"op\":\"abz\"", "nodes[0]: there is no op \"abz\""),
        ("\"attributes\":[]", "\"attributes\":[[\"axis\",{\"int\":1}]]", "`abs` has no attribute \"axis\""),
        ("\"attributes\":[]", "\"attributes\":[[\"axis\",{\"integer\":1}]]", "unknown variant `integer`"),
        ("\"operands\":[0]", "\"operands\":[7]", "ids: node 0 has operands"),
        ("\"operands\":[0]", "\"operands\":[1]", "visible"),
        ("\"operands\":[0]", "\"operands\":[-1]", "invalid value"),
        ("{\"type\":\"f32[2]\"}", "{\"type\":\"f32[3]\"}", "inference says f32[2]"),
        (
            "\"op\":\"abs\"",
            "\"op\":\"random_uniform_like\"",
            "draw: the node draws, and doesn't say the number of its draw",
        ),
        ("\"provenance\":[]", "\"provenance\":[{\"layer\":\"a\"}]", "invalid type"),
        ("{\"type\":\"f32[2]\"}", "{\"type\":\"f32[2\"}", "values[1]: the type"),
        (
            "{\"type\":\"f32[2]\"}",
            "{\"type\":\"f32[2]\"},{\"type\":\"f32[2]\"}",
            "3 are listed, but the body reaches 2",
        ),
        ("\"states\":[]", "\"states\":[{\"name\":\"s\",\"type\":\"seq<f32[2]>\"}]", "states[0]: a state is a tensor"),
        (
            "\"states\":[]",
            "\"states\":[{\"name\":\"s\",\"type\":\"f32[1]\",\"initial\":{\"dtype\":\"f32\",\"dims\":[1],\"data\":\"AAAA\"}}]",
            "needs exactly 4 bytes, got 3",
        ),
    ] {
        assert!(good.contains(from), "{from}");
        let text = good.replacen(from, to, 1);
        match json::from_str(&text) {
            Ok(_) => panic!("this was read:\n{text}"),
            Err(error) => assert!(error.to_string().contains(fragment), "{error}\nnot {fragment}"),
        }
    }
    assert!(json::from_str(&"[".repeat(100_000)).is_err());
}
