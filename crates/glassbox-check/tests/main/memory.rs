//! A hunt keeps figures, not values.

use glassbox_exec::{Options, Value};
use glassbox_tensor::Tensor;

use crate::{graph, hunt, model};

/// A chain of so many nodes over vectors of `size` elements.
fn chain(nodes: usize, size: usize) -> String {
    let mut text = format!("graph \"chain\" {{\n  input %x: f32[{size}]\n  %v0 = neg(%x)\n");
    for node in 1..nodes {
        text += &format!("  %v{node} = neg(%v{})\n", node - 1);
    }
    text + &format!("  output %v{}\n}}", nodes - 1)
}

#[test]
fn values_are_freed_as_they_are_compared() {
    let (nodes, size) = (400, 64 << 10);
    let x: Vec<Value> = vec![Tensor::from_vec(&[size], vec![1f32; size]).unwrap().into()];
    let ours = model(graph(&chain(nodes, size)), &x);
    let other = || glassbox_check::Other::Itself {
        name: "toy".to_owned(),
        runtime: glassbox_backends::find("toy").unwrap(),
        options: Options::default(),
        precise: false,
        nodes: glassbox_exec::Nodes::Surviving,
    };
    let info = allocation_counter::measure(|| {
        let report = hunt(&ours, other());
        assert_eq!(report.rows.len(), nodes);
    });
    // All values of one side are 400 times 256 KiB; some ten are alive at a time.
    let (values, most) = ((nodes * size * 4) as u64, info.bytes_max);
    assert!(most < values / 8, "{most} bytes of {values}");
}
