//! Products of which both sides are bytes with scales: the exact sum of the bytes times the scales, rounded once to f64 and
//! once to f32, which is within the bound of the product of f32 that the graph says.

use std::sync::Arc;

use glassbox_cpu::Cpu;
use glassbox_exec::{Options, RunContext, Runtime, Value};
use glassbox_reference::Reference;
use glassbox_tensor::{DType, ParamError, ParamId, ParamInfo, ParamSource, Tensor};

use super::graph;

/// One weight.
struct Weight(ParamInfo, Tensor);

impl ParamSource for Weight {
    fn params(&self) -> &[ParamInfo] {
        std::slice::from_ref(&self.0)
    }

    fn load(&self, _: &str) -> Result<Tensor, ParamError> {
        Ok(self.1.clone())
    }
}

/// Whole numbers that look random, of the range of a dtype of bytes.
fn codes(dtype: DType, count: usize, seed: usize) -> Vec<i64> {
    let code = |index: usize| ((index * 7919 + seed * 104_729) % 256) as i64;
    (0..count).map(|index| code(index) - if dtype == DType::I8 { 128 } else { 0 }).collect()
}

fn tensor(dtype: DType, sizes: &[usize], codes: &[i64]) -> Tensor {
    let bytes = codes.iter().map(|code| *code as u8).collect();
    Tensor::from_bytes(dtype, sizes, bytes).expect("as many as there are")
}

/// A product of `rows` × `inner` bytes with `inner` × 11, and how it is written.
struct Case {
    x: DType,
    w: DType,
    rows: usize,
    inner: usize,
    x_zero: i64,
    /// The scales and zero points of columns, one or eleven.
    scales: Vec<f32>,
    zeros: Vec<i64>,
    /// Whether the weight is stored with a row for each column of the product.
    turned: bool,
    x_scale: f32,
}

const COLUMNS: usize = 11;

impl Case {
    fn text(&self, ending: &str) -> String {
        let list = |values: &dyn Fn(usize) -> String, count: usize| match count {
            1 => format!("[] {}", values(0)),
            _ => format!("[{count}] [{}]", (0..count).map(values).collect::<Vec<_>>().join(", ")),
        };
        let scales = list(&|at| format!("{:?}", self.scales[at]), self.scales.len());
        let zeros = list(&|at| self.zeros[at].to_string(), self.zeros.len());
        let (inner, x, w) = (self.inner, self.x, self.w);
        let (dims, axis) = if self.turned { (format!("11, {inner}"), 0) } else { (format!("{inner}, 11"), 1) };
        let turn = if self.turned { "transpose(%d) {perm = [1, 0]}" } else { "identity(%d)" };
        format!(
            "input %x: {x}[A, {inner}] %w = parameter() {{name = \"w\", type = {w}[{dims}]}}
            %sx = constant() {{value = f32[] {:?}}} %zx = constant() {{value = {x}[] {}}}
            %sw = constant() {{value = f32{scales}}} %zw = constant() {{value = {w}{zeros}}}
            %f = dequantize_linear(%x, %sx, %zx) %d = dequantize_linear(%w, %sw, %zw) {{axis = {axis}}}
            %m = {turn} %p = matmul(%f, %m) {ending}",
            self.x_scale, self.x_zero
        )
    }

    /// What two runtimes give, and what the formula says of `%p`.
    fn run(&self, ending: &str) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (x, w) = (codes(self.x, self.rows * self.inner, 3), codes(self.w, self.inner * COLUMNS, 7));
        let sizes = if self.turned { [COLUMNS, self.inner] } else { [self.inner, COLUMNS] };
        let info = ParamInfo { name: "w".to_owned(), dtype: self.w, shape: sizes.to_vec(), id: ParamId(1) };
        let params = Arc::new(Weight(info, tensor(self.w, &sizes, &w)));
        let input: Value = tensor(self.x, &[self.rows, self.inner], &x).into();
        let source = graph(&self.text(ending));
        let run = |runtime: &dyn Runtime| {
            let executable =
                runtime.prepare(source.clone(), params.clone(), &Options::default()).expect("it is prepared");
            let left = executable.report().fallbacks;
            assert!(runtime.name() != "cpu" || left.is_empty(), "{left:?}");
            let outputs = executable
                .session()
                .expect("memory")
                .run(std::slice::from_ref(&input), RunContext::new())
                .expect("it runs");
            outputs[0].as_tensor().expect("a tensor").to_vec::<f32>().expect("numbers")
        };
        let of = |list: &[i64], column: usize| list[if list.len() == 1 { 0 } else { column }];
        let element = |at: usize| {
            let (row, column) = (at / COLUMNS, at % COLUMNS);
            let w = |k: usize| w[if self.turned { column * self.inner + k } else { k * COLUMNS + column }];
            let terms =
                (0..self.inner).map(|k| (x[row * self.inner + k] - self.x_zero) * (w(k) - of(&self.zeros, column)));
            let scale = self.scales[if self.scales.len() == 1 { 0 } else { column }];
            (terms.sum::<i64>() as f64 * (f64::from(self.x_scale) * f64::from(scale))) as f32
        };
        (run(&Cpu), run(&Reference), (0..self.rows * COLUMNS).map(element).collect())
    }
}

fn cases() -> Vec<Case> {
    let scales: Vec<f32> = (1..=COLUMNS).map(|column| 0.013 * column as f32).collect();
    let small = |count: usize| (0..count as i64).map(|at| at * 11 % 100).collect::<Vec<_>>();
    let mut cases = Vec::new();
    for (x, w) in [(DType::U8, DType::I8), (DType::U8, DType::U8), (DType::I8, DType::I8), (DType::I8, DType::U8)] {
        for (rows, inner) in [(1, 1), (3, 64), (40, 131), (1, 600)] {
            for turned in [false, true] {
                let many = turned == (inner == 64);
                let (scales, zeros) = if many {
                    (scales.clone(), small(COLUMNS))
                } else {
                    (vec![0.021], vec![if inner == 1 { 0 } else { 9 }])
                };
                cases.push(Case { x, w, rows, inner, x_zero: 77, scales, zeros, turned, x_scale: 0.37 });
            }
        }
    }
    cases
}

#[test]
fn products_of_numbers_made_of_bytes_are_exact_sums() {
    for case in cases() {
        let (found, _, formula) = case.run("output %p");
        assert_eq!(found, formula, "{}", case.text("output %p"));
    }
}

#[test]
fn they_are_within_the_bound_of_a_product() {
    let ending = "%c = constant() {value = f32[] 0.25} %s = add(%p, %c) %y = sigmoid(%s) output %y";
    for case in cases() {
        // Two sums of K terms are apart by no more than (K + 3)·2⁻²⁴ of the sum of the sizes of their terms.
        let (found, reference, _) = case.run("output %p");
        let largest = 255.0 * case.x_scale * 255.0 * case.scales.iter().copied().fold(0.0, f32::max);
        let bound = (case.inner as f32 + 3.0) * case.inner as f32 * largest / (1 << 24) as f32;
        for (found, reference) in found.iter().zip(&reference) {
            assert!((found - reference).abs() <= bound, "{found}, the reference {reference}; bound {bound}");
        }
        let (found, reference, _) = case.run(ending);
        assert!(found.iter().zip(&reference).all(|(a, b)| (a - b).abs() <= bound + 1e-6));
    }
}

#[test]
fn scales_that_lose_digits_are_left_to_the_graph() {
    let mut case = cases().remove(2);
    // A byte times this is denormal, so that every factor is rounded by more than 2⁻²⁴ of its size.
    case.x_scale = 1e-44;
    let body = case.text("output %p");
    let (x, sizes) = (codes(case.x, case.rows * case.inner, 3), [case.inner, COLUMNS]);
    let w = tensor(case.w, &sizes, &codes(case.w, case.inner * COLUMNS, 7));
    let info = ParamInfo { name: "w".to_owned(), dtype: case.w, shape: sizes.to_vec(), id: ParamId(1) };
    let params = Arc::new(Weight(info, w));
    let input: Value = tensor(case.x, &[case.rows, case.inner], &x).into();
    let run = |runtime: &dyn Runtime| {
        let executable = runtime.prepare(graph(&body), params.clone(), &Options::default()).expect("it is prepared");
        let outputs = executable
            .session()
            .expect("memory")
            .run(std::slice::from_ref(&input), RunContext::new())
            .expect("it runs");
        outputs[0].as_tensor().expect("a tensor").to_vec::<f32>().expect("numbers")
    };
    for (found, reference) in run(&Cpu).iter().zip(run(&Reference)) {
        assert!((found - reference).abs() <= 1e-42, "{found:e}, the reference {reference:e}");
    }
}
