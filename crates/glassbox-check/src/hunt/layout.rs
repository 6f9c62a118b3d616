//! Values that the other side keeps in another layout: with the same dims in another order, as programs do that optimise.

use glassbox_tensor::Tensor;

use crate::distance::{Bounds, distance};

/// The most axes whose orders are tried.
const MAX_AXES: usize = 5;
/// How far the right order may be from ours, relative to the size of the elements. A wrong order is farther.
const NEAR: f64 = 1e-2;

/// In which order the axes of theirs are those of ours. `None` where no order makes it nearly the same.
pub(super) fn order(ours: &Tensor, theirs: &Tensor) -> Option<Vec<usize>> {
    let axes = ours.shape().len();
    if axes != theirs.shape().len() || axes > MAX_AXES || !ours.dtype().is_float() || !theirs.dtype().is_float() {
        return None;
    }
    let is_near = |order: &Vec<usize>| {
        let fits = order.iter().zip(ours.shape()).all(|(axis, size)| theirs.shape()[*axis] == *size);
        let arranged = fits.then(|| theirs.permute(order).ok()).flatten();
        let found = arranged.and_then(|arranged| distance(ours, &arranged, &Bounds::default()).ok().flatten());
        found.is_some_and(|found| found.apart.special == 0 && found.apart.rms_rel <= NEAR)
    };
    orders(axes).into_iter().find(is_near)
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
        let other = Tensor::from_vec(&[4, 2, 3], vec![1f32; 24]).unwrap();
        assert!(order(&ours, &other).is_none());
        assert_eq!(orders(4).len(), 24);
    }
}
