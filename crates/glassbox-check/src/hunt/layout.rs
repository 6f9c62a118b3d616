//! Values that the other side keeps in another layout: with the same dims in another order, as programs do that optimise.

use glassbox_tensor::Tensor;

use crate::distance::{Bounds, distance};

/// The most axes whose orders are tried.
const MAX_AXES: usize = 5;
/// How far the right order may be from ours, relative to the size of the elements. A wrong order is farther.
const NEAR: f64 = 1e-2;

/// In which order the axes of theirs are those of ours: the one in which both are nearly the same; where they differ more
/// than that, the only one that the sizes allow. `None` where neither tells.
pub(super) fn order(ours: &Tensor, theirs: &Tensor) -> Option<Vec<usize>> {
    let axes = ours.shape().len();
    if axes != theirs.shape().len() || axes > MAX_AXES || !ours.dtype().is_float() || !theirs.dtype().is_float() {
        return None;
    }
    let fits = |order: &Vec<usize>| order.iter().zip(ours.shape()).all(|(axis, size)| theirs.shape()[*axis] == *size);
    let mut fitting = orders(axes).into_iter().filter(fits).peekable();
    // Where an axis of one element stands makes no difference.
    let mut sizes: Vec<usize> = ours.shape().iter().copied().filter(|size| *size != 1).collect();
    sizes.sort_unstable();
    let by_sizes = fitting.peek().filter(|_| sizes.windows(2).all(|pair| pair[0] != pair[1])).cloned();
    let is_near = |order: &Vec<usize>| {
        let arranged = theirs.permute(order).ok();
        let found = arranged.and_then(|arranged| distance(ours, &arranged, &Bounds::default()).ok().flatten());
        found.is_some_and(|found| found.apart.special == 0 && found.apart.rms_rel <= NEAR)
    };
    fitting.find(is_near).or(by_sizes)
}

/// Every order of so many axes.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let with_last = |order: &Vec<usize>| {
        let order = order.clone();
        (0..count).map(move |place| {
            let mut order = order.clone();
            order.insert(place, count - 1);
            order
        })
    };
    shorter.iter().flat_map(with_last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_axes_is_found() {
        let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let ours = Tensor::from_vec(&[2, 3, 4], values).unwrap();
        let theirs = ours.permute(&[2, 0, 1]).unwrap().contiguous().unwrap();
        assert_eq!(theirs.shape(), [4, 2, 3]);
        let arranged = theirs.permute(&order(&ours, &theirs).unwrap()).unwrap();
        assert!(arranged.contiguous().unwrap().bit_eq(&ours));
        let ones = |dims: &[usize]| Tensor::from_vec(dims, vec![1f32; dims.iter().product()]).unwrap();
        assert_eq!(order(&ours, &ones(&[4, 2, 3])), Some(vec![1, 2, 0]), "the sizes tell");
        assert!(order(&ours, &ones(&[4, 3, 3])).is_none());
        let twice = Tensor::from_vec(&[2, 4, 4], (0..32).map(|value| value as f32).collect::<Vec<_>>()).unwrap();
        assert!(order(&twice, &ones(&[4, 2, 4])).is_none(), "which of two axes is which, nothing tells");
        assert_eq!(orders(4).len(), 24);
    }
}
