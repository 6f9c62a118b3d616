use glassbox::exec::{Options, RunContext, Value};
use glassbox::tensor::{DType, NoParams, Tensor};
use std::sync::Arc;
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let threads: usize = args[3].parse().unwrap();
    glassbox::tensor::set_threads(threads);
    let model = glassbox::onnx::load(std::path::Path::new(&args[1])).unwrap();
    let graph = Arc::new(glassbox::onnx::import(&model, &Default::default()).unwrap().graph);
    let started = Instant::now();
    let runtime = glassbox::backends::find(&args[2]).unwrap();
    let executable = runtime.prepare(graph.clone(), Arc::new(NoParams), &Options::default()).unwrap();
    println!("prepare {:?}", started.elapsed());
    for f in executable.report().fallbacks {
        println!("left {} {} {}", f.op, f.node, f.why);
    }
    let mut session = executable.session().unwrap();
    let inputs: Vec<Value> = graph
        .inputs()
        .iter()
        .map(|id| {
            let ty = graph.value(*id).ty.as_tensor().unwrap().clone();
            let sizes: Vec<usize> = ty
                .dims()
                .unwrap()
                .iter()
                .map(|d| d.as_size().unwrap_or(if d.to_string() == "batch" { 1 } else { 128 }))
                .collect();
            let n: usize = sizes.iter().product();
            match ty.dtype {
                DType::F32 => Tensor::from_vec(&sizes, (0..n).map(|i| ((i * 7919) % 1000) as f32 / 1000.0).collect())
                    .unwrap()
                    .into(),
                DType::I64 => Tensor::from_vec(&sizes, vec![1i64; n]).unwrap().into(),
                _ => Tensor::zeros(ty.dtype, &sizes).unwrap().into(),
            }
        })
        .collect();
    let mut times: Vec<f64> = (0..args[4].parse().unwrap())
        .map(|_| {
            let s = Instant::now();
            session.run(&inputs, RunContext::new()).unwrap();
            s.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    println!("first {:.2}", times[0]);
    times.sort_by(f64::total_cmp);
    println!("best {:.2} median {:.2}", times[0], times[times.len() / 2]);
}
