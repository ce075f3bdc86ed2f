//! A medium given by samples on a uniform grid, e.g. a velocity model read from a file.
//!
//! A [`SampledGrid`] is shared by all trajectories; a [`Sampled`] medium maps a window of it onto the domain and
//! interpolates bilinearly:
//! `c(x) = Σ_{a,b ∈ {0,1}} w_a(ξ) w_b(η) c[i+a, j+b]`, with (ξ, η) the place in the window in units of the spacing.

use std::sync::Arc;

use ndarray::Array2;

use crate::{Medium, SolverError, check};

/// How far a window may stick out of the grid, in spacings, before it is refused: rounding, not extrapolation.
const ROUNDING: f64 = 1e-6;

/// Wave speeds on a uniform grid.
#[derive(Debug, Clone, PartialEq)]
pub struct SampledGrid {
    values: Array2<f64>,
    spacing: [f64; 2],
    origin: [f64; 2],
    range: [f64; 2],
}

impl SampledGrid {
    /// A grid of speeds.
    ///
    /// * `values`: shape (nx, ny), m/s, at least 2 × 2.
    /// * `spacing`: distance between samples along x and y, m.
    /// * `origin`: position of `values[[0, 0]]`, m.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] if there are fewer than two samples along an axis, a sample is not finite and
    /// above 0, or spacing or origin are unusable.
    pub fn new(
        values: Array2<f64>,
        spacing: [f64; 2],
        origin: [f64; 2],
    ) -> Result<Self, SolverError> {
        let (nx, ny) = values.dim();
        if nx < 2 || ny < 2 {
            return Err(SolverError::invalid(
                "sampled medium shape",
                format!("({nx}, {ny})"),
                "at least 2 samples along x and y",
                "give a larger grid",
            ));
        }
        check::positive_size("sampled medium spacing", spacing)?;
        check::finite_point("sampled medium origin", origin)?;
        let mut range = [f64::INFINITY, 0.0_f64];
        for ((i, j), &speed) in values.indexed_iter() {
            if !(speed.is_finite() && speed > 0.0) {
                return Err(SolverError::invalid(
                    format!("sampled medium speed [{i}, {j}]"),
                    speed,
                    "a finite number above 0",
                    "correct the samples",
                ));
            }
            range = [range[0].min(speed), range[1].max(speed)];
        }
        Ok(Self {
            values: values.as_standard_layout().into_owned(),
            spacing,
            origin,
            range,
        })
    }

    /// The same grid with its speeds mapped linearly, lowest to `range[0]` and highest to `range[1]` (m/s).
    ///
    /// The extremes are those of the whole grid, so that all windows of it share one scale.
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] if the bounds are not finite, above 0 and in ascending order, or the grid has
    /// only one speed.
    pub fn rescaled(mut self, range: [f64; 2]) -> Result<Self, SolverError> {
        let [lower, upper] = check::positive_range("sampled medium rescale", range)?;
        let [lowest, highest] = self.range;
        if lowest == highest {
            return Err(SolverError::invalid(
                "sampled medium rescale",
                format!("one speed of {lowest} m/s everywhere"),
                "at least two different speeds",
                "leave out the rescaling",
            ));
        }
        let slope = (upper - lower) / (highest - lowest);
        let rescale = |speed: &f64| (lower + slope * (speed - lowest)).clamp(lower, upper);
        self.values = self.values.map(rescale);
        self.range = range;
        Ok(self)
    }

    /// Lowest and highest speed of the whole grid, m/s.
    pub fn speed_range(&self) -> [f64; 2] {
        self.range
    }

    /// Position of the first sample, m.
    pub fn origin(&self) -> [f64; 2] {
        self.origin
    }

    /// Distance from the first to the last sample along x and y, m.
    pub fn extent(&self) -> [f64; 2] {
        let (nx, ny) = self.values.dim();
        [
            (nx - 1) as f64 * self.spacing[0],
            (ny - 1) as f64 * self.spacing[1],
        ]
    }
}

/// An axis-aligned rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Lower corner, m.
    pub origin: [f64; 2],
    /// Extents along x and y, m.
    pub size: [f64; 2],
}

/// A window of a grid, mapped onto a domain.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    grid: Arc<SampledGrid>,
    domain: Window,
    /// Grid coordinates (in samples) of the domain's lower corner and their growth per metre of the domain.
    start: [f64; 2],
    rate: [f64; 2],
    range: [f64; 2],
}

impl Sampled {
    /// The speeds that `grid` has in the window `crop`, over `domain`.
    ///
    /// The window is stretched to the domain where their sizes differ, the speeds being kept; equal windows place the
    /// grid as it is. Outside of the domain the speed of the domain's nearest point continues.
    ///
    /// # Errors
    /// [`SolverError::CropOutsideGrid`] if the crop does not lie within the grid: nothing is extrapolated;
    /// [`SolverError::InvalidParameter`] if a window is not finite or is empty.
    pub fn new(grid: Arc<SampledGrid>, crop: Window, domain: Window) -> Result<Self, SolverError> {
        for (what, window) in [("crop", crop), ("domain", domain)] {
            check::finite_point(&format!("sampled medium {what} origin"), window.origin)?;
            check::positive_size(&format!("sampled medium {what} size"), window.size)?;
        }
        let counts: [usize; 2] = grid.values.dim().into();
        let (mut start, mut rate, mut touched) = ([0.0; 2], [0.0; 2], [[0; 2]; 2]);
        for axis in 0..2 {
            start[axis] = (crop.origin[axis] - grid.origin[axis]) / grid.spacing[axis];
            let end = start[axis] + crop.size[axis] / grid.spacing[axis];
            let last = (counts[axis] - 1) as f64;
            if start[axis] < -ROUNDING || end > last + ROUNDING {
                let upper = |window: &Window| {
                    [
                        window.origin[0] + window.size[0],
                        window.origin[1] + window.size[1],
                    ]
                };
                let whole = Window {
                    origin: grid.origin,
                    size: grid.extent(),
                };
                return Err(SolverError::CropOutsideGrid {
                    lower: crop.origin,
                    upper: upper(&crop),
                    grid_lower: grid.origin,
                    grid_upper: upper(&whole),
                });
            }
            rate[axis] = crop.size[axis] / grid.spacing[axis] / domain.size[axis];
            touched[axis] = [
                start[axis].max(0.0).floor() as usize,
                end.min(last).ceil() as usize,
            ];
        }
        let [[i0, i1], [j0, j1]] = touched;
        let window = grid.values.slice(ndarray::s![i0..=i1, j0..=j1]);
        let range = [
            window.iter().copied().fold(f64::INFINITY, f64::min),
            window.iter().copied().fold(0.0, f64::max),
        ];
        Ok(Self {
            grid,
            domain,
            start,
            rate,
            range,
        })
    }
}

impl Medium for Sampled {
    fn speed(&self, position: [f64; 2]) -> f64 {
        let values = &self.grid.values;
        let counts: [usize; 2] = values.dim().into();
        let (mut index, mut fraction) = ([0; 2], [0.0; 2]);
        for axis in 0..2 {
            let inside =
                (position[axis] - self.domain.origin[axis]).clamp(0.0, self.domain.size[axis]);
            let place =
                (self.start[axis] + inside * self.rate[axis]).clamp(0.0, (counts[axis] - 1) as f64);
            index[axis] = (place.floor() as usize).min(counts[axis] - 2);
            fraction[axis] = place - index[axis] as f64;
        }
        let ([i, j], [xi, eta]) = (index, fraction);
        let row = |i: usize| (1.0 - eta) * values[[i, j]] + eta * values[[i, j + 1]];
        ((1.0 - xi) * row(i) + xi * row(i + 1)).clamp(self.range[0], self.range[1])
    }

    fn is_continuous(&self) -> bool {
        true
    }

    fn max_speed(&self) -> f64 {
        self.range[1]
    }

    fn min_speed(&self) -> f64 {
        self.range[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Samples of a bilinear function, which bilinear interpolation reproduces, at x = 10 + 0.5 i, y = −1 + 0.25 j.
    fn exact([x, y]: [f64; 2]) -> f64 {
        2.0 + 0.1 * x + 0.2 * y + 0.05 * x * y
    }

    fn grid() -> SampledGrid {
        let values = Array2::from_shape_fn((9, 13), |(i, j)| {
            exact([10.0 + 0.5 * i as f64, -1.0 + 0.25 * j as f64])
        });
        SampledGrid::new(values, [0.5, 0.25], [10.0, -1.0]).unwrap()
    }

    fn window(origin: [f64; 2], size: [f64; 2]) -> Window {
        Window { origin, size }
    }

    proptest! {
        #[test]
        fn bilinear_functions_are_exact(x in 0.0..1.0f64, y in 0.0..1.0f64) {
            let whole = window([10.0, -1.0], [4.0, 3.0]);
            let medium = Sampled::new(Arc::new(grid()), whole, whole).unwrap();
            let position = [10.0 + 4.0 * x, -1.0 + 3.0 * y];
            prop_assert!((medium.speed(position) - exact(position)).abs() < 1e-12);
        }

        #[test]
        fn a_crop_is_stretched_to_the_domain(x in 0.0..1.0f64, y in 0.0..1.0f64) {
            let crop = window([10.6, -0.3], [2.2, 1.1]);
            let domain = window([5.0, 6.0], [0.5, 2.0]);
            let medium = Sampled::new(Arc::new(grid()), crop, domain).unwrap();
            let speed = medium.speed([5.0 + 0.5 * x, 6.0 + 2.0 * y]);
            prop_assert!((speed - exact([10.6 + 2.2 * x, -0.3 + 1.1 * y])).abs() < 1e-12);
            prop_assert!(medium.min_speed() <= speed && speed <= medium.max_speed());
        }
    }

    #[test]
    fn values_are_stored_by_axis_whatever_their_memory_order() {
        let fortran = grid().values.t().as_standard_layout().into_owned();
        let same = SampledGrid::new(fortran.reversed_axes(), [0.5, 0.25], [10.0, -1.0]);
        assert_eq!(same.unwrap(), grid());
    }

    #[test]
    fn outside_of_the_domain_the_edge_continues() {
        let whole = window([10.0, -1.0], [4.0, 3.0]);
        let medium = Sampled::new(Arc::new(grid()), whole, whole).unwrap();
        assert_eq!(medium.speed([9.0, 9.0]), medium.speed([10.0, 2.0]));
    }

    #[test]
    fn bounds_are_those_of_the_crop() {
        let crop = window([10.5, -0.75], [0.5, 0.25]);
        let medium = Sampled::new(Arc::new(grid()), crop, crop).unwrap();
        assert!((medium.min_speed() - exact([10.5, -0.75])).abs() < 1e-12);
        assert!((medium.max_speed() - exact([11.0, -0.5])).abs() < 1e-12);
    }

    #[test]
    fn rescaling_maps_the_extremes_of_the_grid() {
        let grid = grid().rescaled([0.7, 1.3]).unwrap();
        assert_eq!(grid.speed_range(), [0.7, 1.3]);
        let lowest = grid.values.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = grid.values.iter().copied().fold(0.0, f64::max);
        assert_eq!((lowest, highest), (0.7, 1.3));
        let flat = SampledGrid::new(Array2::ones((2, 2)), [1.0; 2], [0.0; 2]).unwrap();
        assert!(
            flat.rescaled([0.7, 1.3])
                .unwrap_err()
                .to_string()
                .contains("one speed")
        );
    }

    #[test]
    fn a_crop_outside_of_the_grid_is_refused() {
        let domain = window([0.0; 2], [1.0; 2]);
        for crop in [
            window([9.9, 0.0], [1.0, 1.0]),
            window([13.5, 0.0], [1.0, 1.0]),
            window([10.0, 1.5], [1.0, 1.0]),
        ] {
            let message = Sampled::new(Arc::new(grid()), crop, domain)
                .unwrap_err()
                .to_string();
            assert!(message.contains("[10, 14] x [-1, 2]"), "{message}");
        }
    }

    #[test]
    fn bad_samples_are_refused_with_their_place() {
        let mut values = Array2::ones((3, 3));
        values[[1, 2]] = f64::NAN;
        let error = SampledGrid::new(values, [1.0; 2], [0.0; 2]).unwrap_err();
        assert!(error.to_string().contains("[1, 2]"), "{error}");
        assert!(SampledGrid::new(Array2::ones((1, 3)), [1.0; 2], [0.0; 2]).is_err());
        assert!(SampledGrid::new(Array2::ones((3, 3)), [0.0, 1.0], [0.0; 2]).is_err());
        let window = window([0.0; 2], [f64::NAN, 1.0]);
        assert!(Sampled::new(Arc::new(grid()), window, window).is_err());
    }
}
