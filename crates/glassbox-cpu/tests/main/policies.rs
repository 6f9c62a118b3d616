//! Policies of precision: who asks for fewer bits gets the sums of rounded numbers that are promised, and who doesn't gets
//! none of it.

use std::sync::Arc;

use glassbox_cpu::Cpu;
use glassbox_exec::{Event, Flow, Observer, Options, Policy, RunContext, RunError, Runtime};
use glassbox_kernels::gemm::Compute;
use glassbox_reference::Reference;
use glassbox_tensor::{
    BlockFormat, DType, NoParams, ParamError, ParamId, ParamInfo, ParamSource, Tensor, bf16, with_threads,
};

use super::{graph, numbers};

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

/// A weight in f32 or in blocks that looks random, and where it is.
fn weight(dtype: DType, shape: &[usize]) -> (Tensor, Arc<Weight>) {
    let tensor = match dtype {
        DType::Block(format) => numbers(shape, 5).quantize_blocks(format).expect("a weight"),
        _ => numbers(shape, 5),
    };
    let info = ParamInfo { name: "w".to_owned(), dtype, shape: shape.to_vec(), id: ParamId(1) };
    (tensor.clone(), Arc::new(Weight(info, tensor)))
}

const BLOCKS: &str = "input %x: f32[3, 64] %w = parameter() {name = \"w\", type = q8_0[7, 64]}
    %d = dequantize_blocks(%w) %t = transpose(%d) %y = matmul(%x, %t) output %y";
const FLOATS: &str = "input %x: f32[3, 64] %w = parameter() {name = \"w\", type = f32[64, 7]}
    %y = matmul(%x, %w) output %y";

fn policy(text: &str) -> Option<Arc<Policy>> {
    Some(Arc::new(text.parse().expect("a policy")))
}

/// What it gives under a policy, unobserved.
fn run(text: &str, params: &Arc<Weight>, policy: Option<Arc<Policy>>) -> Vec<f64> {
    let options = Options { policy, ..Options::default() };
    let executable = Cpu.prepare(graph(text), params.clone(), &options).expect("it can be prepared");
    let outputs = executable.session().expect("memory").run(&[numbers(&[3, 64], 2).into()], RunContext::new());
    outputs.expect("it runs")[0].as_tensor().expect("a tensor").load::<f64>().expect("numbers").into_owned()
}

/// Products of rows, which `rounded` makes of the numbers of each row, with the columns of a matrix, in f64.
fn products(rows: &[f64], columns: &dyn Fn(usize, usize) -> f64, rounded: &dyn Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let row = |row: &[f64]| {
        let row = rounded(row);
        (0..7).map(move |n| row.iter().enumerate().map(|(k, x)| x * columns(k, n)).sum::<f64>()).collect::<Vec<_>>()
    };
    rows.chunks(64).flat_map(row).collect()
}

/// In blocks of 32 each number to a whole multiple of the largest magnitude over 127.
fn in_eight_bits(row: &[f64]) -> Vec<f64> {
    let block = |block: &[f64]| {
        let step = block.iter().fold(0.0f64, |largest, x| largest.max(x.abs())) / 127.0;
        block.iter().map(|x| (x / step).round_ties_even() * step).collect::<Vec<_>>()
    };
    row.chunks(32).flat_map(block).collect()
}

fn far_apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn eight_bits_are_used_where_they_are_asked_for() {
    let (tensor, params) = weight(DType::Block(BlockFormat::Q8_0), &[7, 64]);
    let wide = tensor.dequantize_blocks().expect("numbers").load::<f64>().expect("numbers").into_owned();
    let x = numbers(&[3, 64], 2).load::<f64>().expect("numbers").into_owned();
    let column = |k: usize, n: usize| wide[n * 64 + k];
    let (exact, rounded) = (products(&x, &column, &<[f64]>::to_vec), products(&x, &column, &in_eight_bits));
    assert!(far_apart(&exact, &rounded) > 1e-3, "rounding shows");
    // What f32 does to sums of 64 products of numbers below one.
    let bound = 1e-5;
    assert!(far_apart(&run(BLOCKS, &params, None), &exact) < bound);
    assert!(far_apart(&run(BLOCKS, &params, policy("products = 'exact'")), &exact) < bound);
    assert!(far_apart(&run(BLOCKS, &params, policy("products = 'int8'")), &rounded) < bound);
    let but_y = "products = 'int8'\n[[layers]]\nname = 'y'\nproducts = 'exact'";
    assert!(far_apart(&run(BLOCKS, &params, policy(but_y)), &exact) < bound);
    // It is the same on other numbers of threads.
    let once = with_threads(1, || run(BLOCKS, &params, policy("products = 'int8'")));
    assert_eq!(with_threads(3, || run(BLOCKS, &params, policy("products = 'int8'"))), once);
    // A weight in f32 isn't rounded for it.
    let (_, params) = weight(DType::F32, &[64, 7]);
    assert_eq!(run(FLOATS, &params, policy("products = 'int8'")), run(FLOATS, &params, None));
}

#[test]
fn bf16_is_used_where_it_is_asked_for() {
    let (tensor, params) = weight(DType::F32, &[64, 7]);
    let narrow = |x: f64| f64::from(bf16::from_f64(x).to_f32());
    let (w, x) = (tensor.load::<f64>().expect("numbers").into_owned(), numbers(&[3, 64], 2));
    let x = x.load::<f64>().expect("numbers").into_owned();
    let exact = products(&x, &|k, n| w[k * 7 + n], &<[f64]>::to_vec);
    // Without instructions for it, activations stay as they are: nothing would be faster.
    let narrows = Compute::Bf16.is_available();
    let given = |x: &f64| if narrows { narrow(*x) } else { *x };
    let rounded = products(&x, &|k, n| narrow(w[k * 7 + n]), &|row| row.iter().map(given).collect());
    assert!(far_apart(&exact, &rounded) > 1e-3, "rounding shows");
    assert!(far_apart(&run(FLOATS, &params, None), &exact) < 1e-5);
    assert!(far_apart(&run(FLOATS, &params, policy("products = 'bf16'")), &rounded) < 1e-5);
}

struct Nobody;

impl Observer for Nobody {
    fn observe(&mut self, _: &Event) -> Result<Flow, RunError> {
        Ok(Flow::Continue)
    }
}

#[test]
fn a_run_that_is_watched_keeps_to_the_policy_and_the_reference_has_none() {
    let (_, params) = weight(DType::F32, &[64, 7]);
    let options = Options { policy: policy("products = 'bf16'"), ..Options::default() };
    let executable = Cpu.prepare(graph(FLOATS), params.clone(), &options).expect("it can be prepared");
    let (inputs, mut observer) = ([numbers(&[3, 64], 2).into()], Nobody);
    let mut session = executable.session().expect("memory");
    let watched = session.run(&inputs, RunContext::new().observed(&mut observer)).expect("it runs");
    let watched = watched[0].as_tensor().expect("a tensor").load::<f64>().expect("numbers").into_owned();
    assert_eq!(watched, run(FLOATS, &params, options.policy.clone()));
    let error = Reference.prepare(graph(FLOATS), params, &options).err().expect("it has none");
    assert!(error.to_string().contains("computes what the graph says, and takes none"), "{error}");
}

#[test]
fn convolutions_are_put_together_otherwise_only_where_a_policy_lets_them() {
    let values: Vec<String> =
        (0..16 * 16 * 9).map(|at| format!("{:.3}", (at * 7919 % 2003) as f32 / 1001.5 - 1.0)).collect();
    let text = format!(
        "input %x: f32[1, 16, 20, 20] %w = constant() {{value = f32[16, 16, 3, 3] [{}]}}
        %y = conv(%x, %w) {{pads = [1, 1, 1, 1]}} output %y",
        values.join(", ")
    );
    let graph = graph(&text);
    let run = |policy: Option<&str>| -> Vec<f64> {
        let policy =
            policy.map(|text| Arc::new(Policy::named(text).unwrap_or_else(|| text.parse().expect("a policy"))));
        let options = Options { policy, ..Options::default() };
        let executable = Cpu.prepare(graph.clone(), Arc::new(NoParams), &options).expect("it can be prepared");
        let session = executable.session();
        let outputs = session.expect("memory").run(&[numbers(&[1, 16, 20, 20], 2).into()], RunContext::new());
        outputs.expect("it runs")[0].as_tensor().expect("a tensor").load::<f64>().expect("numbers").into_owned()
    };
    let strict = run(None);
    assert_eq!(run(Some("strict")), strict);
    assert_eq!(run(Some("convolutions = 'winograd'\n[[layers]]\nname = 'y*'\nconvolutions = 'direct'")), strict);
    let fast = run(Some("fast"));
    assert_ne!(fast, strict);
    // Sums of 144 products of numbers below 1.
    assert!(fast.iter().zip(&strict).all(|(a, b)| (a - b).abs() < 1e-4));
}
