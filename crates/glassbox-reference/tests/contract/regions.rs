//! Regions of states: read, overwritten, grown; and taken back after an error.

use glassbox_exec::{Limits, Options, Precision, Value};
use glassbox_tensor::{DType, Overflow, Tensor};

use super::{Session, elements, graph, vector};

/// A session of a graph with these lines.
fn session(lines: &str) -> Session {
    with(lines, Options::default())
}

fn with(lines: &str, options: Options) -> Session {
    Session::new(graph(&format!("graph \"g\" {{\n{lines}\n}}")), options).expect("a session")
}

/// A table of two axes that grow, and one update of it: `x` to `starts..ends`.
const TABLE: &str = r#"
  state @K: i32[?, ?]
  input %x: i32[R, C]
  input %starts: i64[2]
  input %ends: i64[2]
  %y = state_update(%x, %starts, %ends) {state = "K", fill = i32[] -1, limits = [4, -1]}
  output %y"#;

fn ints(values: &[i64]) -> Value {
    Tensor::from_vec(&[values.len()], values.to_vec()).unwrap().into()
}

fn matrix(shape: [usize; 2], values: &[i32]) -> Value {
    Tensor::from_vec(&shape, values.to_vec()).unwrap().into()
}

/// The dims and elements of a state of i32.
fn table(session: &Session, name: &str) -> (Vec<usize>, Vec<i32>) {
    let state = session.state(name).unwrap();
    (state.shape().to_vec(), state.to_vec().unwrap())
}

const END: i64 = i64::MAX;

#[test]
fn an_update_past_the_end_makes_the_state_larger_along_both_axes() {
    let mut session = session(TABLE);
    assert_eq!(table(&session, "K"), (vec![0, 0], vec![]));
    session.run(&[matrix([1, 2], &[1, 2]), ints(&[0, 0]), ints(&[1, 2])]).unwrap();
    assert_eq!(table(&session, "K"), (vec![1, 2], vec![1, 2]));
    session.run(&[matrix([1, 1], &[3]), ints(&[2, 3]), ints(&[3, 4])]).unwrap();
    let grown = vec![1, 2, -1, -1, -1, -1, -1, -1, -1, -1, -1, 3];
    assert_eq!(table(&session, "K"), (vec![3, 4], grown));
    // Inside, from the end, and up to the end: nothing grows.
    session.run(&[matrix([1, 3], &[7, 8, 9]), ints(&[-2, 1]), ints(&[-1, END])]).unwrap();
    assert_eq!(table(&session, "K"), (vec![3, 4], vec![1, 2, -1, -1, -1, 7, 8, 9, -1, -1, -1, 3]));
    // A region of no elements can make it grow too.
    session.run(&[matrix([0, 4], &[]), ints(&[4, 0]), ints(&[4, 4])]).unwrap();
    assert_eq!(table(&session, "K").0, [4, 4]);
}

#[test]
fn what_an_update_may_not_do_is_named_and_leaves_the_state() {
    let mut session = session(TABLE);
    session.run(&[matrix([2, 2], &[1, 2, 3, 4]), ints(&[0, 0]), ints(&[2, 2])]).unwrap();
    for (x, starts, ends, message) in [
        (matrix([1, 1], &[9]), [4, 0], [5, 1], "`K` would hold 5 along axis 0, its limit is 4"),
        (matrix([1, 1], &[9]), [-3, 0], [-2, 1], "`K` holds 2 along axis 0; -3 is before its start"),
        (matrix([1, 1], &[9]), [1, 1], [2, 1], "the region of `K` has the dims [1, 0], and can't take [1, 1]"),
        (matrix([1, 2], &[9, 9]), [0, 0], [1, 1], "the region of `K` has the dims [1, 1], and can't take [1, 2]"),
        (matrix([1, 1], &[9]), [1, 0], [0, 1], "`K` holds 2 along axis 0; 1..0 ends before it begins"),
        (matrix([1, 1], &[9]), [3, 0], [END, 1], "`K` holds 2 along axis 0; 3 is past it"),
        (matrix([1, 1], &[9]), [0, END - 1], [1, END], "is past it"),
    ] {
        let error = session.run(&[x, ints(&starts), ints(&ends)]).unwrap_err().to_string();
        assert!(error.contains("state_update `y`") && error.contains(message), "{error}");
        assert_eq!(table(&session, "K"), (vec![2, 2], vec![1, 2, 3, 4]), "{message}");
    }
}

#[test]
fn growth_keeps_to_the_capacity_and_to_the_memory() {
    let limits = Limits { bytes: 4000, ..Limits::default() };
    let lines = |capacity: &str| {
        format!(
            "state @K: f64[?]{capacity} input %x: f64[] input %at: i64[1]
             %y = state_update(%x, %at, %at) {{state = \"K\", squeeze = [0]}} output %y"
        )
    };
    let at = |place: i64| [Tensor::scalar(1f64).into(), ints(&[place])];
    let mut small = with(&lines(" capacity 3"), Options { limits: limits.clone(), ..Options::default() });
    small.run(&at(2)).unwrap();
    let error = small.run(&at(3)).unwrap_err().to_string();
    assert!(error.contains("`K` would hold 4, its capacity is 3"), "{error}");
    let mut large = with(&lines(""), Options { limits, ..Options::default() });
    large.run(&at(499)).unwrap();
    for place in [500, 1 << 40, END - 1, END] {
        let error = large.run(&at(place)).unwrap_err().to_string();
        let named = ["larger than the limit of 4000 bytes", "is past it", "no valid size"];
        assert!(named.iter().any(|text| error.contains(text)), "{error}");
        assert_eq!(large.state("K").unwrap().len(), 500);
    }
    // Zeros take no memory until one of them is overwritten.
    let mut declared = with(
        "state @K: f64[1000000000000] input %x: f64[] input %at: i64[1]
         %y = state_update(%x, %at, %at) {state = \"K\", squeeze = [0]} output %y",
        Options { limits: Limits { bytes: 4000, ..Limits::default() }, ..Options::default() },
    );
    let error = declared.run(&at(0)).unwrap_err().to_string();
    assert!(error.contains("f64[1000000000000] is larger than the limit of 4000 bytes"), "{error}");
    let mut appended = with(
        "state @K: f64[?] input %x: f64[N] %y = state_append(%x) {state = \"K\", axis = 0} output %y",
        Options { limits: Limits { bytes: 20, ..Limits::default() }, ..Options::default() },
    );
    let doubles = |count: usize| [Tensor::zeros(DType::F64, &[count]).unwrap().into()];
    appended.run(&doubles(2)).unwrap();
    let error = appended.run(&doubles(1)).unwrap_err().to_string();
    assert!(error.contains("f64[3] is larger than the limit of 20 bytes"), "{error}");
}

#[test]
fn a_dim_that_is_declared_does_not_grow() {
    let mut session = session(
        "state @K: i32[?, 2] input %x: i32[] input %at: i64[2]
         %y = state_update(%x, %at, %at) {state = \"K\", squeeze = [1, 0]} output %y",
    );
    let write = |place: [i64; 2]| [Tensor::scalar(5i32).into(), ints(&place)];
    session.run(&write([1, 1])).unwrap();
    assert_eq!(table(&session, "K"), (vec![2, 2], vec![0, 0, 0, 5]));
    let error = session.run(&write([0, 2])).unwrap_err().to_string();
    assert!(error.contains("C4: `K` holds 2 along axis 1; 2 is past it"), "{error}");
    let error = session.run(&write([0, -3])).unwrap_err().to_string();
    assert!(error.contains("C4: `K` holds 2 along axis 1; -3 is before its start"), "{error}");
    assert_eq!(table(&session, "K"), (vec![2, 2], vec![0, 0, 0, 5]));
}

#[test]
fn states_of_several_growing_dims_are_written_appended_and_grown() {
    let mut session = session(
        "state @K: i32[?, ?, 2] = i32[1, 1, 2] [1, 2]
         input %x: i32[R, C, 2] input %sizes: i64[3]
         %a = state_append(%x) {state = \"K\", axis = 1}
         %g = state_grow(%sizes) {state = \"K\", fill = i32[] 9, limits = [-1, 3, 1]}
         output %a, %g",
    );
    let x = |shape: [usize; 3]| Tensor::zeros(DType::I32, &shape).unwrap().into();
    let outputs = session.run(&[x([1, 1, 2]), ints(&[2, 0, -5])]).unwrap();
    assert_eq!(outputs[0].as_tensor().unwrap().shape(), [1, 2, 2]);
    assert_eq!(outputs[1].as_tensor().unwrap().to_vec::<i32>().unwrap(), [1, 2, 0, 0, 9, 9, 9, 9]);
    assert_eq!(table(&session, "K"), (vec![2, 2, 2], vec![1, 2, 0, 0, 9, 9, 9, 9]));
    for (shape, sizes, message) in [
        ([1, 1, 2], [0, 0, 0], "don't fit side by side"),
        ([2, 0, 2], [-1, 0, 0], "C3: the size of `K` along axis 0 is -1"),
        ([2, 0, 2], [0, 4, 0], "`K` would hold 4 along axis 1, its limit is 3"),
        ([2, 0, 2], [END, 0, 0], "larger than the limit"),
    ] {
        let error = session.run(&[x(shape), ints(&sizes)]).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
        assert_eq!(table(&session, "K").0, [2, 2, 2], "{message}");
    }
}

#[test]
fn what_is_written_has_the_declared_dims() {
    let mut session = session("state @s: f32[2] input %x: f32[N] %y = state_write(%x) {state = \"s\"} output %y");
    session.run(&[vector(&[1.0, 2.0])]).unwrap();
    let error = session.run(&[vector(&[1.0, 2.0, 3.0])]).unwrap_err().to_string();
    assert!(error.contains("`s` is f32[2], and can't hold f32[3]"), "{error}");
    assert_eq!(session.state("s").unwrap().to_vec::<f32>().unwrap(), [1.0, 2.0]);
}

#[test]
fn slices_are_what_the_state_holds() {
    let mut session = session(
        "state @K: i32[3, 4] = i32[3, 4] [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
         input %starts: i64[2] input %ends: i64[2]
         %row = state_slice(%starts, %ends) {state = \"K\", squeeze = [0]}
         %part = state_slice(%starts, %ends) {state = \"K\"}
         output %row, %part",
    );
    let mut read = |starts: [i64; 2], ends: [i64; 2]| {
        let outputs = session.run(&[ints(&starts), ints(&ends)])?;
        let part = outputs[1].as_tensor().unwrap();
        let row = outputs[0].as_tensor().unwrap().to_vec::<i32>().unwrap();
        Ok::<_, glassbox_exec::RunError>((row, part.shape().to_vec(), part.to_vec::<i32>().unwrap()))
    };
    assert_eq!(read([-2, 1], [END, -1]).unwrap(), (vec![5, 6], vec![2, 2], vec![5, 6, 9, 10]));
    assert_eq!(read([1, 4], [1, END]).unwrap(), (vec![], vec![0, 0], vec![]));
    let error = read([1, 0], [4, 1]).unwrap_err().to_string();
    assert_eq!(error, "state_slice `part`: C4: `K` holds 3 along axis 0; 4 is past it");
    let error = read([3, 0], [3, 1]).unwrap_err().to_string();
    assert_eq!(error, "state_slice `row`: C4: `K` holds 3 along axis 0; 3 is past it");
}

/// Bounds of unknown rank and length, which only a run can judge.
#[test]
fn bounds_that_are_no_vectors_of_the_same_length_are_refused() {
    let mut session = session(
        "state @K: i32[3, 4] input %starts: i64[*] input %ends: i64[*]
         %y = state_slice(%starts, %ends) {state = \"K\"} output %y",
    );
    let mut error = |starts: Value, ends: Value| session.run(&[starts, ends]).unwrap_err().to_string();
    assert!(error(Tensor::scalar(0i64).into(), ints(&[1])).contains("C2: a bound has the dims []"));
    assert!(error(ints(&[0]), ints(&[1, 1])).contains("C2: there are 1 starts and 2 ends"));
    assert!(error(ints(&[0; 3]), ints(&[1; 3])).contains("C2: there are 3 starts, but `K` has 2 axes"));
    let outputs = session.run(&[ints(&[]), ints(&[])]).unwrap();
    assert_eq!(outputs[0].as_tensor().unwrap().shape(), [3, 4]);
}

#[test]
fn a_slice_is_not_changed_by_a_later_write_small_or_large() {
    for width in [2usize, 4000] {
        let mut session = session(&format!(
            "state @K: i32[2, {width}] input %x: i32[{width}]
             %zero = constant() {{value = i64[1] [0]}} %one = constant() {{value = i64[1] [1]}}
             %before = state_slice(%zero, %zero) {{state = \"K\", squeeze = [0]}}
             %w = state_update(%x, %zero, %zero) {{state = \"K\", squeeze = [0]}}
             %after = state_slice(%zero, %zero) {{state = \"K\", squeeze = [0]}}
             %copied = state_update(%after, %one, %one) {{state = \"K\", squeeze = [0]}}
             output %before, %after, %copied"
        ));
        let ones = |value: i32| Value::from(Tensor::from_vec(&[width], vec![value; width]).unwrap());
        session.run(&[ones(1)]).unwrap();
        let outputs = session.run(&[ones(2)]).unwrap();
        let first = |place: usize| outputs[place].as_tensor().unwrap().to_vec::<i32>().unwrap()[0];
        assert_eq!([first(0), first(1), first(2)], [1, 2, 2]);
        session.run(&[ones(3)]).unwrap();
        assert_eq!([first(0), first(1), first(2)], [1, 2, 2], "an output changed when the session ran again");
        assert_eq!(table(&session, "K").1, vec![3; 2 * width]);
    }
}

#[test]
fn cells_are_written_in_place() {
    let mut session = session(
        "state @K: f32[1000, 8] input %x: f32[8] input %at: i64[1]
         %y = state_update(%x, %at, %at) {state = \"K\", squeeze = [0]} output %y",
    );
    let row = Value::from(Tensor::from_vec(&[8], vec![1f32; 8]).unwrap());
    session.run(&[row.clone(), ints(&[0])]).unwrap();
    let address = |session: &Session| session.state("K").unwrap().as_bytes().unwrap().as_ptr();
    let before = address(&session);
    for place in [1, -1, 500] {
        session.run(&[row.clone(), ints(&[place])]).unwrap();
    }
    assert!(session.run(&[row, ints(&[1000])]).is_err());
    assert_eq!(address(&session), before);
}

#[test]
fn packed_and_text_states_are_written_by_region() {
    for dtype in [DType::U4, DType::I2, DType::U1, DType::T2, DType::F4E2M1] {
        let mut session = session(&format!(
            "state @K: {dtype}[?, 3] input %x: {dtype}[2] input %starts: i64[2] input %ends: i64[2]
             %y = state_update(%x, %starts, %ends) {{state = \"K\", squeeze = [0], fill = {dtype}[] 1}} output %y"
        ));
        let x = |values: [i64; 2]| Value::from(Tensor::store(dtype, &[2], values.to_vec(), Overflow::Wrap).unwrap());
        session.run(&[x([1, 0]), ints(&[0, 1]), ints(&[0, 3])]).unwrap();
        session.run(&[x([0, 0]), ints(&[2, 0]), ints(&[0, 2])]).unwrap();
        let held = session.state("K").unwrap();
        assert_eq!(held.shape(), [3, 3]);
        let one = Tensor::store(dtype, &[], vec![1i64], Overflow::Wrap).unwrap().item::<i64>().unwrap();
        assert_eq!(held.load::<i64>().unwrap()[..], [one, one, 0, one, one, one, 0, 0, one], "{dtype}");
    }
    let mut session = session(
        "state @K: string[?] input %x: string[1] input %starts: i64[1] input %ends: i64[1]
         %y = state_update(%x, %starts, %ends) {state = \"K\", fill = string[] \"-\"} output %y",
    );
    let text = |text: &str| Value::from(Tensor::from_strings(&[1], vec![text.to_owned()]).unwrap());
    session.run(&[text("c"), ints(&[2]), ints(&[3])]).unwrap();
    session.run(&[text("a"), ints(&[0]), ints(&[1])]).unwrap();
    assert_eq!(session.state("K").unwrap().to_strings().unwrap(), ["a", "-", "c"]);
    assert!(session.run(&[text("x"), ints(&[3]), ints(&[3])]).is_err());
    assert_eq!(session.state("K").unwrap().to_strings().unwrap(), ["a", "-", "c"]);
}

#[test]
fn precise_runs_carry_and_fill_tables_in_f64() {
    let options = Options { precision: Precision::Precise, ..Options::default() };
    let mut session = with(
        "state @K: f16[?] input %x: f16[1] input %at: i64[1] input %end: i64[1]
         %y = state_update(%x, %at, %end) {state = \"K\", fill = f16[] 0.5} output %y",
        options,
    );
    let x = Tensor::from_vec(&[1], vec![0.1f64]).unwrap().cast(DType::F16, Overflow::Wrap).unwrap();
    session.run(&[x.clone().into(), ints(&[1]), ints(&[2])]).unwrap();
    let held = session.state("K").unwrap();
    assert_eq!(held.to_vec::<f64>().unwrap(), [0.5, x.item::<f64>().unwrap()]);
}

/// A run that writes a row `turns` times, makes the state larger, writes again, and fails at the end.
#[test]
fn whatever_a_run_did_is_taken_back() {
    let source = |grow: &str| {
        format!(
            "state @K: i32[?, 2] = i32[4, 2] [0, 1, 2, 3, 4, 5, 6, 7]
             state @n: i32[1] = i32[1] [7]
             input %turns: i64[] input %d: i32[1] input %x: i32[2]
             %two = constant() {{value = i64[] 2}} %axis = constant() {{value = i64[1] [0]}}
             loop(%turns, _) (%i: i64[], %go: bool[]) {{
               %r = mod(%i, %two) %at = unsqueeze(%r, %axis)
               %w = state_update(%x, %at, %at) {{state = \"K\", squeeze = [0]}}
               yield %go
             }}
             %s = constant() {{value = i64[2] [400, 0]}}
             {grow}
             %end = constant() {{value = i64[1] [3]}}
             %v = state_update(%x, %end, %end) {{state = \"K\", squeeze = [0]}}
             %m = state_write(%d) {{state = \"n\"}}
             %q = div(%d, %d)
             output %q"
        )
    };
    for grow in ["", "%g = state_grow(%s) {state = \"K\"}", "%g = state_reset() {state = \"K\"}"] {
        for (turns, held) in [(0, false), (1, false), (3, true), (100, false), (100, true)] {
            let mut session = session(&source(grow));
            // Contents of its own, or shared with somebody.
            let contents = Tensor::from_vec(&[300, 2], (0..600).collect::<Vec<i32>>()).unwrap();
            session.set_state("K", contents.copied().unwrap()).unwrap();
            let other = held.then(|| session.state("K").unwrap().clone());
            let inputs = |d: i32| {
                let x = Tensor::from_vec(&[2], vec![-1i32, -2]).unwrap();
                [Tensor::scalar(turns as i64).into(), Tensor::from_vec(&[1], vec![d]).unwrap().into(), x.into()]
            };
            assert!(session.run(&inputs(0)).unwrap_err().to_string().contains("div `q`"));
            assert_eq!(table(&session, "K"), (vec![300, 2], (0..600).collect()), "{grow} {turns} {held}");
            assert_eq!(table(&session, "n").1, [7]);
            drop(other);
            session.run(&inputs(3)).unwrap();
            let (dims, values) = table(&session, "K");
            assert_eq!(values[6..8], [-1, -2]);
            let rows = if grow.contains("grow") {
                400
            } else if grow.is_empty() {
                300
            } else {
                4
            };
            assert_eq!(dims, [rows, 2]);
            assert_eq!(table(&session, "n").1, [3]);
        }
    }
}

/// Numbers that look random.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % most
    }
}

/// A matrix that grows, as anybody would write it.
#[derive(Clone)]
struct Naive {
    rows: usize,
    columns: usize,
    values: Vec<i32>,
}

impl Naive {
    fn grow(&mut self, rows: usize, columns: usize, fill: i32) {
        let (rows, columns) = (self.rows.max(rows), self.columns.max(columns));
        let mut values = vec![fill; rows * columns];
        for row in 0..self.rows {
            let old = &self.values[row * self.columns..(row + 1) * self.columns];
            values[row * columns..row * columns + self.columns].copy_from_slice(old);
        }
        *self = Naive { rows, columns, values };
    }
}

#[test]
fn random_updates_are_what_anybody_would_do_and_are_taken_back() {
    let mut numbers = Numbers(7);
    for case in 0..300 {
        let mut naive = Naive { rows: 12, columns: 40, values: (0..480).collect() };
        let mut lines = String::from("state @K: i32[?, ?] input %d: i32[1]\n");
        let before = naive.clone();
        let growing = case % 3 == 0;
        for step in 0..1 + numbers.below(8) {
            let value = -1 - step as i32;
            let room = |extent: usize| extent + if growing { 3 } else { 0 };
            let [row, column] = [numbers.below(room(naive.rows)), numbers.below(room(naive.columns))];
            let [height, width] = [room(naive.rows) - row, room(naive.columns) - column];
            let [height, width] = [numbers.below(height + 1), numbers.below(width.min(6) + 1)];
            let op = format!("{{state = \"K\", fill = i32[] {value}}}");
            lines += &format!(
                "%s{step} = constant() {{value = i64[2] [{row}, {column}]}}
                 %e{step} = constant() {{value = i64[2] [{}, {}]}}
                 %n{step} = constant() {{value = i64[2] [{height}, {width}]}}
                 %v{step} = constant_of_shape(%n{step}) {{value = i32[1] [{value}]}}
                 %u{step} = state_update(%v{step}, %s{step}, %e{step}) {op}\n",
                row + height,
                column + width,
            );
            naive.grow(row + height, column + width, value);
            for row in row..row + height {
                naive.values[row * naive.columns..][column..column + width].fill(value);
            }
        }
        let mut session = session(&(lines + "%q = div(%d, %d) output %q"));
        let contents = Tensor::from_vec(&[before.rows, before.columns], before.values.clone()).unwrap();
        session.set_state("K", contents).unwrap();
        let divisor = |d: i32| [Tensor::from_vec(&[1], vec![d]).unwrap().into()];
        assert!(session.run(&divisor(0)).unwrap_err().to_string().contains("div `q`"), "case {case}");
        assert_eq!(table(&session, "K"), (vec![before.rows, before.columns], before.values), "case {case}");
        session.run(&divisor(1)).unwrap();
        assert_eq!(table(&session, "K"), (vec![naive.rows, naive.columns], naive.values), "case {case}");
    }
}

#[test]
fn an_observer_that_panics_leaves_the_states() {
    struct Panics;
    impl glassbox_exec::Observer for Panics {
        fn observe(&mut self, event: &glassbox_exec::Event) -> Result<glassbox_exec::Flow, glassbox_exec::RunError> {
            assert!(event.graph.node(event.node).op.name != "neg", "as it is meant to");
            Ok(glassbox_exec::Flow::Continue)
        }
    }
    let mut session = session(
        "state @K: i32[3] input %x: i32[1] input %at: i64[1] input %end: i64[1]
         %y = state_update(%x, %at, %end) {state = \"K\"} %z = neg(%y) output %z",
    );
    let inputs = [Tensor::from_vec(&[1], vec![5i32]).unwrap().into(), ints(&[0]), ints(&[1])];
    let run = std::panic::AssertUnwindSafe(|| session.run_observed(&inputs, &mut Panics).is_ok());
    assert!(std::panic::catch_unwind(run).is_err());
    assert_eq!(table(&session, "K").1, [0, 0, 0]);
}

#[test]
fn expected_dims_are_checked_when_the_node_runs() {
    let mut session = session(
        "input %x: string[*] input %n: i64[] %axis = constant() {value = i64[1] [0]} %d = unsqueeze(%n, %axis)
         %y = expect(%x, %d) output %y",
    );
    let text = Tensor::from_strings(&[2], vec!["a".into(), "b".into()]).unwrap();
    let outputs = session.run(&[text.clone().into(), Tensor::scalar(2i64).into()]).unwrap();
    assert!(outputs[0].as_tensor().unwrap().bit_eq(&text));
    let error = session.run(&[text.into(), Tensor::scalar(3i64).into()]).unwrap_err().to_string();
    assert_eq!(error, "expect `y`: C2: x is string[2], the dims are to be [3]");
}

#[test]
fn a_barrier_gives_what_it_takes() {
    let mut session = session("input %x: f32[2] %a, %b = barrier(%x, %x) barrier() output %b, %a");
    let outputs = session.run(&[vector(&[1.0, 2.0])]).unwrap();
    assert_eq!(elements(&outputs[0]), [1.0, 2.0]);
    assert_eq!(elements(&outputs[1]), [1.0, 2.0]);
}
