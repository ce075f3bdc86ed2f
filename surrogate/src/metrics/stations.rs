//! Seismograms of a wavefield on the snapshot grid: its values at the places of receivers, snapshot by snapshot.
//!
//! Between the grid's points values are bilinear; beside a hole or a curved side, where some of the four points are outside of the
//! domain, they are weighted means of those inside.

use ndarray::{Array2, ArrayView3};

/// Places on a grid, with the points around each and their weights.
#[derive(Debug, Clone)]
pub struct Stations {
    corners: Vec<Vec<([usize; 2], f64)>>,
}

impl Stations {
    /// The places (m) on the grid of these axes (m, ascending), of which only the points `inside` count, if given. A place without a
    /// point inside around it reads 0 ([`hears`](Self::hears)).
    pub fn new(axes: &[Vec<f64>; 2], places: &[[f64; 2]], inside: Option<&Array2<bool>>) -> Self {
        let around = |place: &[f64; 2]| {
            let ([i, i1], right) = between(&axes[0], place[0]);
            let ([j, j1], up) = between(&axes[1], place[1]);
            let mut corners = vec![
                ([i, j], (1.0 - right) * (1.0 - up)),
                ([i1, j], right * (1.0 - up)),
                ([i, j1], (1.0 - right) * up),
                ([i1, j1], right * up),
            ];
            corners.retain(|(point, weight)| {
                *weight > 0.0 && inside.is_none_or(|inside| inside[*point])
            });
            let total: f64 = corners.iter().map(|(_, weight)| weight).sum();
            for (_, weight) in &mut corners {
                *weight /= total;
            }
            corners
        };
        Self {
            corners: places.iter().map(around).collect(),
        }
    }

    /// Whether there is a point of the domain around a place.
    pub fn hears(&self, place: usize) -> bool {
        !self.corners[place].is_empty()
    }

    /// The seismograms `(place, time)` of a wavefield `(time, x, y)`, in its unit.
    pub fn traces(&self, fields: ArrayView3<'_, f32>) -> Array2<f32> {
        Array2::from_shape_fn((self.corners.len(), fields.dim().0), |(place, n)| {
            let parts = self.corners[place].iter();
            let value: f64 = parts
                .map(|([i, j], weight)| f64::from(fields[[n, *i, *j]]) * weight)
                .sum();
            value as f32
        })
    }
}

/// The points of an axis beside a coordinate, and the fraction of the way from the first to the second.
fn between(axis: &[f64], at: f64) -> ([usize; 2], f64) {
    let node = axis.partition_point(|x| *x <= at).saturating_sub(1);
    let node = node.min(axis.len().saturating_sub(2));
    match axis.get(node + 1) {
        Some(next) => {
            let way = (at - axis[node]) / (next - axis[node]);
            ([node, node + 1], way.clamp(0.0, 1.0))
        }
        None => ([node; 2], 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn a_bilinear_field_is_met_everywhere() {
        let axes = [vec![0.0, 1.0, 2.0], vec![-1.0, 0.0]];
        let fields = Array3::from_shape_fn((2, 3, 2), |(n, i, j)| {
            (n as f32 + 1.0) * (axes[0][i] * (axes[1][j] + 3.0)) as f32
        });
        let places = [[0.0, -1.0], [2.0, 0.0], [1.25, -0.5], [0.5, 0.0]];
        let found = Stations::new(&axes, &places, None).traces(fields.view());
        for (place, found) in places.iter().zip(found.outer_iter()) {
            let exact = (place[0] * (place[1] + 3.0)) as f32;
            assert!((found[0] - exact).abs() < 1e-6 && (found[1] - 2.0 * exact).abs() < 1e-6);
        }
    }

    #[test]
    fn beside_a_hole_points_inside_count_alone() {
        let axes = [vec![0.0, 1.0], vec![0.0, 1.0]];
        let inside = Array2::from_shape_fn((2, 2), |at| at != (1, 1));
        // 3 wherever there is a domain, 0 outside
        let value = |(_, i, j)| if inside[[i, j]] { 3.0 } else { 0.0 };
        let fields = Array3::from_shape_fn((1, 2, 2), value);
        let places = [[0.5, 0.5], [0.9, 0.8], [0.0, 1.0], [1.0, 1.0]];
        let stations = Stations::new(&axes, &places, Some(&inside));
        let found = stations.traces(fields.view());
        for place in 0..3 {
            assert!(stations.hears(place) && (found[[place, 0]] - 3.0).abs() < 1e-6);
        }
        assert!(!stations.hears(3) && found[[3, 0]] == 0.0);
    }
}
