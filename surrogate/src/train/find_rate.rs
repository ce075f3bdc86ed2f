//! Learning-rate finder: a short training whose rate rises from [`LOWEST`] to [`HIGHEST`], each rate the same factor above the one before.
//!
//! The loss is smoothed as `s_n = (0.9·m_{n−1} + 0.1·l_n)/(1 − 0.9ⁿ)`, m the sum before the division. The sweep ends where `s`
//! exceeds four times its least value, or the loss is no number. Suggested is a tenth of the rate at which `s` was least: the
//! loss falls there, and a peak rate that is held for long must stay clear of where it rises; none where the loss never
//! fell below nine tenths of its start. Source: Smith, arXiv:1506.01186, section 3.3; smoothing, end and the tenth are fast.ai's.

use super::config::TrainConfig;
use super::profile::Stopwatch;
use super::setup::Setup;
use super::step::{Computed, Step};
use crate::Result;
use crate::pool;
use candle_core::Device;
use std::ops::ControlFlow;

/// First rate of a sweep.
pub const LOWEST: f64 = 1e-6;
/// Last rate of a sweep that does not end before.
pub const HIGHEST: f64 = 1.0;
/// Updates of a sweep that does not end before.
pub const UPDATES: usize = 150;

const SMOOTHING: f64 = 0.9;
/// The sweep ends at so many times the least smoothed loss.
const DIVERGED: f64 = 4.0;
/// The loss must fall to this share of its start for a rate to be suggested.
const FALL: f64 = 0.9;

/// One update of a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatePoint {
    /// Learning rate of the update.
    pub rate: f64,
    /// Loss of its batch, before it.
    pub loss: f64,
    /// The smoothed loss.
    pub smoothed: f64,
}

/// A sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct RateSweep {
    /// Its updates whose loss is a number, in order.
    pub points: Vec<RatePoint>,
    /// The peak rate to try; none where the loss never fell.
    pub suggestion: Option<f64>,
}

/// Sweeps the learning rate from new weights; nothing is written. `progress` is told (updates made, all) and may end the sweep.
///
/// # Errors
/// As [`train`](super::train), less those of writing.
pub fn find_rate(
    config: &TrainConfig,
    device: &Device,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<RateSweep> {
    let setup = Setup::new(config)?;
    let (network, parameters) = setup.network(device)?;
    let mut optimiser = setup.optimiser(&parameters)?;
    let loader = setup.loader(device)?;
    let stopwatch = Stopwatch::new(device, false);
    let step = Step {
        stopwatch: &stopwatch,
        setup: &setup,
        network: network.as_ref(),
        parameters: &parameters,
    };
    let mut sweep = Sweep::default();
    std::thread::scope(|scope| {
        let batches = loader.run_ahead(scope, 0..UPDATES, config.train.accumulate)?;
        for update in 0..UPDATES {
            let Computed {
                loss, gradients, ..
            } = step.compute(&batches, update)?;
            let rate = rate(update);
            if sweep.add(rate, loss).is_break() {
                break;
            }
            let norm = pool::within(|| optimiser.update(&gradients, rate))?;
            if !norm.is_finite() || progress(update + 1, UPDATES).is_break() {
                break;
            }
        }
        Ok(sweep.finish())
    })
}

/// The rate of an update, from 0.
fn rate(update: usize) -> f64 {
    LOWEST * (HIGHEST / LOWEST).powf(update as f64 / (UPDATES - 1) as f64)
}

/// A sweep in progress.
#[derive(Default)]
struct Sweep {
    points: Vec<RatePoint>,
    sum: f64,
}

impl Sweep {
    /// Adds an update; `Break` where the loss has diverged.
    fn add(&mut self, rate: f64, loss: f64) -> ControlFlow<()> {
        if !loss.is_finite() {
            return ControlFlow::Break(());
        }
        self.sum = SMOOTHING * self.sum + (1.0 - SMOOTHING) * loss;
        let seen = self.points.len() as i32 + 1;
        let smoothed = self.sum / (1.0 - SMOOTHING.powi(seen));
        self.points.push(RatePoint {
            rate,
            loss,
            smoothed,
        });
        let least = self.least().map_or(smoothed, |point| point.smoothed);
        if smoothed > DIVERGED * least {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn least(&self) -> Option<&RatePoint> {
        let points = self.points.iter();
        points.min_by(|a, b| a.smoothed.total_cmp(&b.smoothed))
    }

    fn finish(self) -> RateSweep {
        let start = self.points.first().map_or(0.0, |point| point.smoothed);
        let least = self.least().filter(|least| least.smoothed < FALL * start);
        RateSweep {
            suggestion: least.map(|least| least.rate / 10.0),
            points: self.points,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep over losses by the rate.
    fn over(loss: impl Fn(f64) -> f64) -> RateSweep {
        let mut sweep = Sweep::default();
        for update in 0..UPDATES {
            if sweep.add(rate(update), loss(rate(update))).is_break() {
                break;
            }
        }
        sweep.finish()
    }

    #[test]
    fn rates_rise_by_one_factor_between_the_bounds() {
        assert_eq!(rate(0), LOWEST);
        assert!((rate(UPDATES - 1) - HIGHEST).abs() < 1e-12);
        assert!((rate(41) / rate(40) - rate(91) / rate(90)).abs() < 1e-12);
    }

    #[test]
    fn suggests_a_tenth_of_the_rate_of_the_least_loss_and_ends_where_it_diverges() {
        // falls until 1e-2, then rises steeply
        let sweep = over(|rate| (rate.log10() + 2.0).powi(2) + 0.1 + (rate / 0.02).powi(4));
        let suggestion = sweep.suggestion.unwrap();
        assert!((5e-4..2e-3).contains(&suggestion), "{suggestion}");
        assert!(sweep.points.len() < UPDATES);
        assert!(sweep.points.iter().all(|point| point.rate < 0.2));
    }

    #[test]
    fn suggests_nothing_where_nothing_falls() {
        assert_eq!(over(|_| 1.0).suggestion, None);
        assert_eq!(over(|rate| 1.0 + rate).suggestion, None);
        let broken = over(|rate| if rate > 1e-5 { f64::NAN } else { 1.0 });
        assert!(broken.suggestion.is_none() && broken.points.len() < 30);
        assert!(over(|_| f64::NAN).points.is_empty());
    }
}
