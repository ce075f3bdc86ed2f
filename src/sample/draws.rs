//! Draws that depend on (seed, split, index, name) alone.
//!
//! Every sampled number has its own stream, keyed by its name: adding a key to a configuration leaves all other numbers of
//! a dataset as they were.

use sha2::{Digest, Sha256};

use crate::config::range::{IntegerRange, Range};

/// A drawn number with what a reader of the dataset needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Name of the scalar, for example `initial_0_pulse_2_amplitude`.
    pub name: String,
    /// SI unit, `1` where there is none.
    pub unit: &'static str,
    /// The value.
    pub value: f64,
    /// Whether other trajectories of the dataset may have another value.
    pub varies: bool,
}

/// The draws of one trajectory.
#[derive(Debug)]
pub struct Draws {
    key: String,
    values: Vec<Drawn>,
}

impl Draws {
    /// Draws for trajectory `index` of `split`.
    pub fn new(seed: u64, split: &str, index: u64) -> Self {
        Self {
            key: format!("fewave/1/{seed}/{split}/{index}/"),
            values: Vec::new(),
        }
    }

    /// A number of a range.
    pub fn number(&mut self, name: impl Into<String>, unit: &'static str, range: Range) -> f64 {
        let name = name.into();
        let value = range.at(self.share(&name));
        self.record(name, unit, value, range.varies());
        value
    }

    /// A whole number of a range.
    pub fn integer(&mut self, name: impl Into<String>, range: IntegerRange) -> i64 {
        let name = name.into();
        let value = range.at(self.share(&name));
        self.record(name, "1", value as f64, range.varies());
        value
    }

    /// A position.
    pub fn position(&mut self, name: &str, position: [Range; 2]) -> [f64; 2] {
        [
            self.number(format!("{name}_x"), "m", position[0]),
            self.number(format!("{name}_y"), "m", position[1]),
        ]
    }

    /// An amplitude of something that may be absent in this trajectory (then 0) or in others.
    pub fn amplitude(
        &mut self,
        name: impl Into<String>,
        unit: &'static str,
        range: Range,
        present: bool,
        always: bool,
    ) -> f64 {
        let name = name.into();
        let value = if present {
            range.at(self.share(&name))
        } else {
            0.0
        };
        self.record(name, unit, value, range.varies() || !always);
        value
    }

    /// 64 random bits for a generator of its own.
    pub fn seed(&self, name: &str) -> u64 {
        let digest = Sha256::digest(format!("{}{name}", self.key));
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        u64::from_le_bytes(bytes)
    }

    /// All numbers drawn so far: names and order are the same for every trajectory of a configuration.
    pub fn into_values(self) -> Vec<Drawn> {
        self.values
    }

    /// Uniform in [0, 1), 53 bits.
    fn share(&self, name: &str) -> f64 {
        (self.seed(name) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn record(&mut self, name: String, unit: &'static str, value: f64, varies: bool) {
        self.values.push(Drawn {
            name,
            unit,
            value,
            varies,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_its_name_and_trajectory_only() {
        let range = Range::Uniform(0.0, 1.0);
        let mut a = Draws::new(1, "train", 3);
        let mut b = Draws::new(1, "train", 3);
        b.number("other", "m", range);
        let value = a.number("x", "m", range);
        assert_eq!(value, b.number("x", "m", range));
        for (seed, split, index) in [(2, "train", 3), (1, "test", 3), (1, "train", 4)] {
            assert_ne!(
                value,
                Draws::new(seed, split, index).number("x", "m", range)
            );
        }
    }

    #[test]
    fn draws_are_uniform() {
        let n = 4000;
        let values: Vec<f64> = (0..n)
            .map(|i| Draws::new(7, "train", i).number("x", "m", Range::Uniform(2.0, 4.0)))
            .collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
        // standard error of the mean 0.009, of the variance 0.005
        assert!((mean - 3.0).abs() < 0.04, "{mean}");
        assert!((variance - 4.0 / 12.0).abs() < 0.02, "{variance}");
    }
}
