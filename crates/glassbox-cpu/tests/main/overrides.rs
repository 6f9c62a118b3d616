//! Kernels that a program registers: where they are used, and what is said where they can't be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use glassbox_cpu::{Cpu, CustomKernel, Override, OverrideError, Replacement, unregister};
use glassbox_exec::{Choice, KernelError, Options, Policy, RunContext, RunError, Runtime};
use glassbox_ir::TensorType;
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_tensor::{NoParams, Tensor};

use super::{graph, numbers};

/// Computes x · z · atan z, so that one sees in the result that it ran: it gives 1000 more.
struct Gate {
    runs: AtomicUsize,
}

impl CustomKernel for Gate {
    fn run(&self, inputs: &[Tensor], _: &[TensorType]) -> Result<Vec<Tensor>, KernelError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let [x, z] = [0, 1].map(|place: usize| inputs[place].to_vec::<f32>());
        let made = x?.iter().zip(z?).map(|(x, z)| x * z * z.atan() + 1000.0).collect();
        Ok(vec![Tensor::from_vec(inputs[0].shape(), made)?])
    }
}

const PATTERN: &str = "graph \"gate\" { input %x: f32[A, B] input %z: f32[A, B]
    %s = atan(%z) %g = mul(%z, %s) %y = mul(%x, %g) output %y }";

/// A model with the pattern in it once, among others.
const MODEL: &str = "input %u: f32[4, 9] input %v: f32[4, 9] %a = tanh(%u) %s = atan(%v) %g = mul(%v, %s)
    %y = mul(%a, %g) %w = neg(%y) output %w";

fn register(name: &str, choice: Choice) -> Arc<Gate> {
    let kernel = Arc::new(Gate { runs: AtomicUsize::new(0) });
    let pattern = parse(PATTERN, &ParseOptions::default()).expect("sound");
    Override { name: name.to_owned(), pattern, kernel: kernel.clone(), choice }.register().expect("it is a pattern");
    kernel
}

fn run(body: &str, policy: &str) -> Result<Vec<f32>, RunError> {
    let policy = Some(Arc::new(policy.parse::<Policy>().expect("a policy")));
    let options = Options { policy, ..Options::default() };
    let executable = Cpu.prepare(graph(body), Arc::new(NoParams), &options)?;
    let inputs = [numbers(&[4, 9], 1).into(), numbers(&[4, 9], 2).into()];
    let outputs = executable.session()?.run(&inputs, RunContext::new())?;
    Ok(outputs[0].as_tensor().expect("a tensor").to_vec().expect("numbers"))
}

// One test, because what is registered is so for the whole process: no other test's graph has this pattern.
#[test]
fn a_registered_kernel_is_used_where_its_pattern_is() {
    let plain = run(MODEL, "").expect("it runs");
    assert!(plain.iter().all(|x| x.abs() < 10.0));
    let message = run(MODEL, "[overrides]\nnone = 'force'").expect_err("there is none").to_string();
    assert!(message.starts_with("the policy: no kernel `none` is registered; "), "{message}");

    let gate = register("test-gate", Choice::Force);
    let used = run(MODEL, "").expect("it runs");
    assert!(plain.iter().zip(&used).all(|(plain, used)| (plain - 1000.0 - used).abs() < 1e-3), "{used:?}");
    assert_eq!(gate.runs.load(Ordering::Relaxed), 1);
    assert_eq!(run(MODEL, "[overrides]\ntest-gate = 'off'").expect("it runs"), plain);

    // Both are tried, and one of them gives the result.
    let before = gate.runs.load(Ordering::Relaxed);
    let tried = run(MODEL, "[overrides]\ntest-gate = 'benchmark'").expect("it runs");
    assert!(tried == used || tried == plain);
    assert!(gate.runs.load(Ordering::Relaxed) > before);

    // Where something else uses what is in between, or operands stand otherwise, it isn't the pattern.
    let other = "input %u: f32[4, 9] input %v: f32[4, 9] %s = atan(%v) %g = mul(%v, %s) %y = mul(%u, %g) output %y, %g";
    assert!(run(other, "").expect("it runs").iter().all(|x| x.abs() < 10.0));
    let turned = "input %u: f32[4, 9] input %v: f32[4, 9] %s = atan(%v) %g = mul(%u, %s) %y = mul(%v, %g) output %y";
    assert!(run(turned, "").expect("it runs").iter().all(|x| x.abs() < 10.0));

    let message = run(MODEL, "[overrides]\ntest-gat = 'off'").expect_err("there is none").to_string();
    assert_eq!(message, "the policy: no kernel `test-gat` is registered; did you mean `test-gate`?");
    let again = parse(PATTERN, &ParseOptions::default()).expect("sound");
    let again = Override { name: "test-gate".to_owned(), pattern: again, kernel: gate, choice: Choice::Force };
    assert_eq!(again.register(), Err(OverrideError::Taken("test-gate".to_owned())));
    assert!(unregister("test-gate") && !unregister("test-gate"));
    assert_eq!(run(MODEL, "").expect("it runs"), plain);
}

#[test]
fn what_is_no_pattern_is_refused() {
    let kernel = |_: &[Tensor], _: &[TensorType]| -> Result<Vec<Tensor>, KernelError> { Ok(Vec::new()) };
    let kernel: Arc<dyn CustomKernel> = Arc::new(kernel);
    for (text, why) in [
        ("input %x: f32[A] output %x", "computes nothing"),
        ("input %x: f32[A] %y = abs(%x) %z = neg(%x) output %y, %z", "hasn't exactly one output"),
        ("input %x: f32[A] input %z: f32[A] %y = abs(%x) output %y", "doesn't use `z`"),
    ] {
        let pattern = parse(&format!("graph \"p\" {{ {text} }}"), &ParseOptions::default()).expect("sound");
        let made = Override { name: "p".to_owned(), pattern, kernel: kernel.clone(), choice: Choice::Force }.register();
        assert_eq!(made, Err(OverrideError::Pattern { name: "p".to_owned(), why: why.to_owned() }));
    }
}

#[test]
fn a_kernel_that_gives_another_type_is_told() {
    let kernel =
        |_: &[Tensor], _: &[TensorType]| -> Result<Vec<Tensor>, KernelError> { Ok(vec![Tensor::scalar(1.0f32)]) };
    let text = "graph \"p\" { input %x: f32[4, 9] %c = cosh(%x) %y = tanh(%c) output %y }";
    let pattern = parse(text, &ParseOptions::default()).expect("sound");
    let name = "test-wrong".to_owned();
    Override { name, pattern, kernel: Arc::new(kernel), choice: Choice::Off }.register().expect("a pattern");
    let body = "input %u: f32[4, 9] input %v: f32[4, 9] %c = cosh(%u) %t = tanh(%c) %y = add(%t, %v) output %y";
    assert!(run(body, "").is_ok());
    let error = run(body, "[overrides]\ntest-wrong = 'force'").expect_err("a scalar").to_string();
    assert!(error.contains("the kernel `test-wrong` gave f32[] where f32[4, 9] was wanted"), "{error}");
    unregister("test-wrong");
}

#[test]
fn a_registered_rewrite_is_used_where_its_pattern_is() {
    let sound = |text: &str| parse(text, &ParseOptions::default()).expect("sound");
    // No other test has this pattern. The right side gives 1000 more, so that one sees that it ran.
    let pattern =
        "graph \"left\" { input %x: f32[A, B] input %z: f32[A, B] %c = cosh(%x) %s = sinh(%z) %y = sub(%c, %s)
        output %y }";
    let right = "graph \"right\" { input %x: f32[A, B] input %z: f32[A, B] %c = cosh(%x) %s = sinh(%z) %d = sub(%c, %s)
        %t = constant() {value = f32[] 1000} %y = add(%d, %t) output %y }";
    let model = "input %u: f32[4, 9] input %v: f32[4, 9] %a = tanh(%u) %c = cosh(%a) %s = sinh(%v) %y = sub(%c, %s)
        %w = neg(%y) output %w";
    let plain = run(model, "").expect("it runs");
    let kernel = Arc::new(Replacement::new(sound(right)).expect("it is compiled"));
    let rewrite = Override { name: "test-rewrite".to_owned(), pattern: sound(pattern), kernel, choice: Choice::Force };
    rewrite.register().expect("it is a pattern");
    for _ in 0..2 {
        let used = run(model, "").expect("it runs");
        assert!(used.iter().zip(&plain).all(|(used, plain)| (used - (plain - 1000.0)).abs() < 1e-3), "{used:?}");
    }
    let off = run(model, "[overrides]\ntest-rewrite = 'off'").expect("it runs");
    assert_eq!(off, plain);
    assert!(unregister("test-rewrite"));
    let with_state = "graph \"s\" { state @s: f32[2] input %x: f32[2] %y = state_write(%x) {state = \"s\"} output %y }";
    assert!(Replacement::new(sound(with_state)).is_err());
}
