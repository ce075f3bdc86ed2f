//! One pass over the trajectories of a comparison for what the report shows of all of them: maps of the error and spectra.
//!
//! The error map of a trajectory is the RMS over its compared snapshots of prediction − FE at each point, divided by the
//! RMS of FE over the same snapshots and all points inside the domain; the report shows its mean and its largest value over
//! trajectories. Spectra are means over evenly chosen trajectories and snapshots that all runs predict. Fields are read
//! trajectory by trajectory, so that memory does not grow with their number.

use fewave_plots::{ErrorMap, ErrorMaps, Spectra, Spectrum};
use fewave_surrogate::metrics;
use fewave_surrogate::task::Domain;
use ndarray::{Array2, ArrayView2, Axis};

use super::Comparison;
use super::figures::{extent, shared};
use crate::console::Progress;

/// Snapshots of a trajectory that go into the spectra, at most.
const SPECTRA_SNAPSHOTS: usize = 6;
/// Trajectories that go into the spectra, at most.
const SPECTRA_TRAJECTORIES: usize = 16;

/// What is summed up of one run.
struct Sums {
    mean: Array2<f32>,
    worst: Array2<f32>,
    trajectories: usize,
    /// Trajectories whose spectra are summed up.
    transformed: usize,
    reference: Vec<f64>,
    energy: Vec<f64>,
    error: Vec<f64>,
}

/// The two figures.
pub(super) struct Survey {
    pub(super) maps: ErrorMaps,
    pub(super) spectra: Spectra,
    /// Trajectories and snapshots each that the spectra are means of, at most.
    pub(super) sampled: (usize, usize),
}

/// Goes over all trajectories that were measured.
///
/// # Errors
/// When the data cannot be read.
pub(super) fn survey(comparison: &Comparison<'_>, progress: &Progress) -> anyhow::Result<Survey> {
    let (split, measured) = (comparison.split, comparison.measured);
    let [x, y] = split.axes();
    let shape = (x.len(), y.len());
    let spectrum = metrics::Spectrum::new([shape.0, shape.1]);
    let [x0, x1, y0, y1] = extent(split);
    // the transform's period is one interval longer than the grid
    let period = |length: f64, nodes: usize| length * nodes as f64 / (nodes.max(2) - 1) as f64;
    let size = [period(x1 - x0, shape.0), period(y1 - y0, shape.1)];
    let shells = spectrum.shells(&vec![0.0; shape.0 * shape.1], size).len();
    let mut sums: Vec<Sums> = measured.iter().map(|_| Sums::new(shape, shells)).collect();
    let every = split.len().div_ceil(SPECTRA_TRAJECTORIES).max(1);
    let domain = measured.first().and_then(|item| item.surrogate.domain());
    let inside = domain.map(Domain::points);
    let points = domain.map_or(shape.0 * shape.1, Domain::count);
    let mut sampled = (0, 0);
    for position in 0..split.len() {
        let mut truth = split.read_snapshots("displacement", position, 0..split.times().len())?;
        if let Some(inside) = &inside {
            truth.outer_iter_mut().for_each(|snapshot| {
                ndarray::Zip::from(snapshot)
                    .and(inside)
                    .for_each(|u, inside| {
                        if !inside {
                            *u = 0.0;
                        }
                    });
            });
        }
        // spectra beside each other are of the same snapshots
        let mut chosen = match position % every {
            0 => shared(measured, position),
            _ => Vec::new(),
        };
        let stride = chosen.len().div_ceil(SPECTRA_SNAPSHOTS).max(1);
        chosen = chosen.into_iter().step_by(stride).collect();
        sampled.0 += usize::from(!chosen.is_empty());
        sampled.1 = sampled.1.max(chosen.len());
        for (item, sums) in measured.iter().zip(&mut sums) {
            let Some(own) = item
                .evaluation
                .trajectories
                .iter()
                .find(|t| t.position == position)
            else {
                continue;
            };
            let predicted = item.evaluation.predictions.index_axis(Axis(0), position);
            let pair = |n: &usize| {
                (
                    predicted.index_axis(Axis(0), *n),
                    truth.index_axis(Axis(0), *n),
                )
            };
            sums.add_map(own.snapshots.iter().map(pair), points);
            let chosen: Vec<_> = chosen.iter().map(pair).collect();
            if !chosen.is_empty() {
                sums.add_spectra(&spectrum, size, &chosen);
            }
        }
        progress.set(position as u64 + 1, "");
    }
    let maps = measured.iter().zip(&sums).map(|(item, sums)| ErrorMap {
        label: item.label.clone(),
        mean: sums.mean.mapv(|v| v / sums.trajectories.max(1) as f32),
        worst: sums.worst.clone(),
    });
    let longest = size[0].max(size[1]);
    let models = measured.iter().zip(&sums).map(|(item, sums)| Spectrum {
        label: item.label.clone(),
        energy: sums.mean_spectrum(&sums.energy),
        error: sums.mean_spectrum(&sums.error),
    });
    Ok(Survey {
        maps: ErrorMaps {
            name: "error-maps".to_owned(),
            title: format!("Errors over the domain, {} split", split.provenance().split),
            metric: "RMS error over time / RMS of FE".to_owned(),
            extent: extent(split),
            models: maps.collect(),
            inside,
        },
        spectra: Spectra {
            name: "spectra".to_owned(),
            title: "Energy over wavenumbers".to_owned(),
            quantity: "energy of the displacement".to_owned(),
            unit: "m²".to_owned(),
            wavenumber_unit: "1/m".to_owned(),
            wavenumbers: (1..=shells).map(|k| k as f64 / longest).collect(),
            reference: sums
                .first()
                .map_or_else(Vec::new, |sums| sums.mean_spectrum(&sums.reference)),
            models: models.collect(),
        },
        sampled,
    })
}

impl Sums {
    /// Nothing yet, on a grid of this shape and with so many shells of wavenumbers.
    fn new(shape: (usize, usize), shells: usize) -> Self {
        Self {
            mean: Array2::zeros(shape),
            worst: Array2::zeros(shape),
            trajectories: 0,
            transformed: 0,
            reference: vec![0.0; shells],
            energy: vec![0.0; shells],
            error: vec![0.0; shells],
        }
    }

    /// A sum of spectra over trajectories as their mean.
    fn mean_spectrum(&self, sum: &[f64]) -> Vec<f64> {
        let count = self.transformed.max(1) as f64;
        sum.iter().map(|energy| energy / count).collect()
    }

    /// Adds the map of one trajectory, from its pairs of prediction and FE, which is 0 but for so many points.
    fn add_map<'a>(
        &mut self,
        pairs: impl Iterator<Item = (ArrayView2<'a, f32>, ArrayView2<'a, f32>)>,
        points: usize,
    ) {
        let mut squares = Array2::<f64>::zeros(self.mean.dim());
        let (mut energy, mut count) = (0.0, 0usize);
        for (p, u) in pairs {
            ndarray::Zip::from(&mut squares)
                .and(&p)
                .and(&u)
                .for_each(|sum, p, u| *sum += f64::from(p - u).powi(2));
            energy += u.iter().map(|u| f64::from(*u).powi(2)).sum::<f64>();
            count += 1;
        }
        if count == 0 || energy == 0.0 {
            return;
        }
        let scale = points as f64 / energy;
        self.trajectories += 1;
        ndarray::Zip::from(&mut self.mean)
            .and(&mut self.worst)
            .and(&squares)
            .for_each(|mean, worst, square| {
                let error = (square * scale).sqrt() as f32;
                *mean += error;
                // what is not finite stays
                if error.is_nan() || error > *worst {
                    *worst = error;
                }
            });
    }

    /// Adds the mean spectra of some snapshots of one trajectory.
    fn add_spectra(
        &mut self,
        spectrum: &metrics::Spectrum,
        size: [f64; 2],
        pairs: &[(ArrayView2<'_, f32>, ArrayView2<'_, f32>)],
    ) {
        self.transformed += 1;
        let add = |sums: &mut [f64], field: Vec<f64>| {
            for (sum, energy) in sums.iter_mut().zip(spectrum.shells(&field, size)) {
                *sum += energy / pairs.len() as f64;
            }
        };
        let wide = |field: ArrayView2<'_, f32>| field.iter().map(|v| f64::from(*v)).collect();
        for (p, u) in pairs {
            add(&mut self.reference, wide(*u));
            add(&mut self.energy, wide(*p));
            let error = p.iter().zip(u).map(|(p, u)| f64::from(p - u));
            add(&mut self.error, error.collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spectra_are_means_over_snapshots_and_trajectories() {
        let spectrum = metrics::Spectrum::new([8, 8]);
        let wave = Array2::from_shape_fn((8, 8), |(i, j)| (i as f32 * 0.7 + j as f32).sin());
        let shells = spectrum.shells(
            &wave.mapv(f64::from).into_raw_vec_and_offset().0,
            [1.0, 1.0],
        );
        let mut sums = Sums::new((8, 8), shells.len());
        for snapshots in [1, 3] {
            let pairs = vec![(wave.view(), wave.view()); snapshots];
            sums.add_spectra(&spectrum, [1.0, 1.0], &pairs);
        }
        for sum in [&sums.reference, &sums.energy] {
            for (found, expected) in sums.mean_spectrum(sum).iter().zip(&shells) {
                assert!((found - expected).abs() <= 1e-12 * (1.0 + expected));
            }
        }
        assert!(sums.error.iter().all(|error| *error == 0.0));
    }

    #[test]
    fn maps_are_relative_to_the_points_inside() {
        // on half of the grid a field of 2, predicted as 3: an error of one half, wherever it is
        let inside = |(i, _): (usize, usize)| i < 2;
        let field =
            |value: f32| Array2::from_shape_fn((4, 3), |at| if inside(at) { value } else { 0.0 });
        let (predicted, truth) = (field(3.0), field(2.0));
        let mut sums = Sums::new((4, 3), 0);
        sums.add_map([(predicted.view(), truth.view())].into_iter(), 6);
        for (at, error) in sums.mean.indexed_iter() {
            let expected = if inside(at) { 0.5 } else { 0.0 };
            assert!((error - expected).abs() < 1e-6, "{at:?}: {error}");
        }
    }
}
