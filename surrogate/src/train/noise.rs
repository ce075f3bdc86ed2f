//! Noise on the given snapshots in training, so that a network has seen states that are slightly wrong, as its own are in a rollout.
//!
//! Every given snapshot of a sample gets `σ·ε`, in units of the displacement's deviation, with `ε ~ N(0, 1)` for every point inside
//! the domain, or of the sample's own root mean square where waves are relative to it; what is to be predicted stays the true snapshot (Sanchez-Gonzalez et al., arXiv:2002.09405, section 4.3). The
//! noise is a function of the run's seed, the update and the sample's position in it: the same for any thread count, however
//! an update is divided into passes, and in a resumed run.

use crate::scheme::hash::{Use, hash};
use crate::task::Domain;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rand_distr::StandardNormal;

/// Noise of one standard deviation.
#[derive(Debug, Clone)]
pub(super) struct InputNoise {
    pub(super) seed: u64,
    pub(super) deviation: f64,
    /// Whether that is in units of each sample's root mean square.
    pub(super) relative: bool,
    pub(super) domain: Option<Domain>,
}

impl InputNoise {
    /// Adds noise to the given snapshots of one sample, maps of `points` values one after the other; returns the noise of the
    /// last.
    pub(super) fn add(
        &self,
        step: usize,
        position: usize,
        snapshots: &mut [f32],
        points: usize,
    ) -> Vec<f32> {
        let seed = hash(
            hash(self.seed, Use::InputNoise, step),
            Use::InputNoise,
            position,
        );
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let size = if self.relative {
            let squares = snapshots.iter().map(|v| f64::from(*v).powi(2));
            (squares.sum::<f64>() / snapshots.len().max(1) as f64).sqrt()
        } else {
            1.0
        };
        let deviation = self.deviation * size;
        let mut noise = vec![0.0; points];
        for snapshot in snapshots.chunks_exact_mut(points) {
            noise.fill_with(|| (deviation * random.sample::<f64, _>(StandardNormal)) as f32);
            if let Some(domain) = &self.domain {
                domain.fill_outside(&mut noise, 0.0);
            }
            for (value, noise) in snapshot.iter_mut().zip(&noise) {
                *value += noise;
            }
        }
        noise
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn noise_is_normal_depends_on_its_place_alone_and_stays_inside() {
        let inside = Array2::from_shape_fn((100, 200), |(i, _)| i >= 10);
        let noise = InputNoise {
            seed: 3,
            deviation: 0.5,
            relative: false,
            domain: Domain::new(&inside),
        };
        let of = |step: usize, position: usize| {
            let mut maps = vec![1.0; 40_000];
            let last = noise.add(step, position, &mut maps, 20_000);
            (maps, last)
        };
        let (maps, last) = of(5, 1);
        assert_eq!((maps.clone(), last.clone()), of(5, 1));
        assert_ne!(maps, of(6, 1).0);
        assert_ne!(maps, of(5, 2).0);
        for (value, noise) in maps[20_000..].iter().zip(&last) {
            assert_eq!(*value, 1.0 + noise);
        }
        assert!(
            maps[..2_000]
                .iter()
                .chain(&last[..2_000])
                .all(|v| *v == 1.0 || *v == 0.0)
        );
        let moment = |power: i32| {
            let values = last[2_000..]
                .iter()
                .map(|e| f64::from(*e / 0.5).powi(power));
            values.sum::<f64>() / 18_000.0
        };
        // five standard errors of 0 and 1
        assert!(moment(1).abs() < 0.037 && (moment(2) - 1.0).abs() < 0.053);
    }
}
