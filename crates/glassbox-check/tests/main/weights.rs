//! Weights are compared while they are at hand: none is read again when others have been read since.

use std::sync::{Arc, Mutex};

use glassbox_check::difference::{WeightKind, between};
use glassbox_check::skeleton::{Skeleton, of_graph};
use glassbox_tensor::{DType, ParamError, ParamId, ParamInfo, ParamSource, Tensor};

use crate::graph;

/// How many weights a model has.
const COUNT: usize = 5;

/// Parameters that remember when each was read.
struct Noted {
    infos: Vec<ParamInfo>,
    factor: f32,
    log: Arc<Mutex<Vec<usize>>>,
}

impl ParamSource for Noted {
    fn params(&self) -> &[ParamInfo] {
        &self.infos
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        let place = self.infos.iter().position(|info| info.name == name).expect("it is there");
        self.log.lock().expect("nobody panics").push(place);
        let values = (0..8).map(|index| self.factor * (place * 8 + index) as f32).collect();
        Ok(Tensor::from_vec(&[8], values).expect("eight values"))
    }
}

/// A chain of additions of weights with this beginning of their names.
fn model(prefix: &str, factor: f32, log: &Arc<Mutex<Vec<usize>>>) -> Skeleton {
    let mut text = "graph \"sums\" {\n  input %v0: f32[8]\n".to_owned();
    let mut infos = Vec::new();
    for place in 0..COUNT {
        let name = format!("{prefix}.{place}");
        text += &format!(
            "  %p{place} = parameter() {{name = \"{name}\", type = f32[8]}}\n  %v{} = add(%v{place}, %p{place})\n",
            place + 1
        );
        infos.push(ParamInfo { name, dtype: DType::F32, shape: vec![8], id: ParamId(place as u128) });
    }
    text += &format!("  output %v{COUNT}\n}}");
    let params: Arc<dyn ParamSource> = Arc::new(Noted { infos, factor, log: log.clone() });
    of_graph(&graph(&text), &params, &[], None)
}

#[test]
fn weights_that_differ_are_read_together_whatever_they_are_called() {
    for (theirs, renamed) in [("layer", 0), ("block", COUNT)] {
        let log = Arc::new(Mutex::new(Vec::new()));
        let (ours, theirs) = (model("layer", 1.0, &log), model(theirs, 1.5, &log));
        let found = glassbox_tensor::on_one_thread(|| between(&ours, &theirs)).expect("all can be read");
        assert_eq!(found.weights_changed.len(), COUNT, "{renamed}");
        assert!(found.weights_changed.iter().all(|weight| weight.kind == WeightKind::Values));
        assert_eq!(found.weights_changed.iter().filter(|weight| weight.theirs.is_some()).count(), renamed);
        let read = log.lock().expect("nobody panics").clone();
        assert!(read.is_sorted(), "a weight was read again after others: {read:?}");
    }
}
