//! The ways of wires between placed items, and polylines as paths of SVG.

use std::fmt::Write;

use crate::diagram::Point;

/// Leaves out points that are there twice, and those on a straight line between their neighbours.
pub(crate) fn simplify(points: Vec<Point>) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        if kept.last() == Some(&point) {
            continue;
        }
        if let [.., a, b] = kept[..] {
            let upright = a.x == b.x && b.x == point.x && (b.y - a.y) * (point.y - b.y) >= 0.0;
            let level = a.y == b.y && b.y == point.y && (b.x - a.x) * (point.x - b.x) >= 0.0;
            if upright || level {
                kept.pop();
            }
        }
        kept.push(point);
    }
    kept
}

/// Where lines end on a side of this half width, each as near to where it comes from as the others allow.
pub(crate) fn spread(comes_from: &[f64], half: f64) -> Vec<f64> {
    const WANTED: f64 = 8.0;
    let step = WANTED.min(2.0 * half / comes_from.len().max(1) as f64);
    let mut ends: Vec<f64> = comes_from.iter().map(|x| x.clamp(-half, half)).collect();
    for index in 1..ends.len() {
        ends[index] = ends[index].max(ends[index - 1] + step);
    }
    let mut most = half;
    for end in ends.iter_mut().rev() {
        *end = end.min(most);
        most = *end - step;
    }
    ends
}

/// A polyline as the `d` of an SVG path, with corners that are rounded by up to `radius`. Empty for less than two points.
///
/// ```
/// use glassbox_layout::{Point, svg_path};
///
/// let line = [Point { x: 0.0, y: 0.0 }, Point { x: 0.0, y: 10.0 }, Point { x: 8.0, y: 10.0 }];
/// assert_eq!(svg_path(&line, 0.0), "M0 0L0 10L8 10");
/// assert_eq!(svg_path(&line, 2.0), "M0 0L0 8Q0 10 2 10L8 10");
/// ```
pub fn svg_path(points: &[Point], radius: f64) -> String {
    let mut path = String::new();
    let [first, .., last] = points else {
        return path;
    };
    let _ = write!(path, "M{} {}", short(first.x), short(first.y));
    for corner in points.windows(3) {
        let [before, at, after] = corner else {
            continue;
        };
        // Half of each side is left to the corner at its other end.
        let reach = radius.min(distance(*before, *at) / 2.0).min(distance(*at, *after) / 2.0);
        if reach > 0.0 {
            let (from, to) = (towards(*at, *before, reach), towards(*at, *after, reach));
            let numbers = [from.x, from.y, at.x, at.y, to.x, to.y].map(short);
            let [a, b, c, d, e, f] = numbers;
            let _ = write!(path, "L{a} {b}Q{c} {d} {e} {f}");
        } else {
            let _ = write!(path, "L{} {}", short(at.x), short(at.y));
        }
    }
    let _ = write!(path, "L{} {}", short(last.x), short(last.y));
    path
}

fn distance(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

fn towards(from: Point, to: Point, by: f64) -> Point {
    let part = by / distance(from, to);
    Point { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part }
}

/// Two digits after the point are enough for a screen.
fn short(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_keep_their_distance_and_stay_on_the_side() {
        assert_eq!(spread(&[3.0], 10.0), [3.0]);
        assert_eq!(spread(&[-50.0, -50.0, 50.0], 10.0), [-10.0, -10.0 + 20.0 / 3.0, 10.0]);
        assert_eq!(spread(&[50.0, 50.0], 10.0), [2.0, 10.0]);
        assert_eq!(spread(&[1.0, 2.0], 0.0), [0.0, 0.0]);
    }

    #[test]
    fn straight_lines_have_two_points() {
        let line = [(0.0, 0.0), (0.0, 0.0), (0.0, 5.0), (0.0, 9.0), (3.0, 9.0)].map(|(x, y)| Point { x, y });
        assert_eq!(simplify(line.to_vec()).len(), 3);
    }
}
