//! How strongly a layer damps: zero at the domain, growing smoothly outwards.
//!
//! At the distance `s` from the domain, in a layer of thickness `L`, `ζ(s) = 3c/(2L) ln(1/R) (s/L)²` (Collino and Tsogka 2001,
//! "Application of the perfectly matched absorbing layer model …", section on damping). Its integral is `c/2 ln(1/R)`, so that a wave that
//! crosses the layer twice at the angle θ to the normal comes back with `exp(−2 cos θ/c ∫ζ) = R^cos θ`. Measured against
//! degrees 1 and 3 and the sine of Grote and Sim, degree 2 reflects least over all elements.

/// The damping across one side's layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Profile {
    thickness: f64,
    /// ζ at the outer end, 1/s.
    strength: f64,
}

impl Profile {
    /// A layer of `thickness` (m) that returns the share `reflection` of a wave of `speed` (m/s) at normal incidence.
    pub(crate) fn new(thickness: f64, reflection: f64, speed: f64) -> Self {
        Self {
            thickness,
            strength: -1.5 * speed / thickness * reflection.ln(),
        }
    }

    /// Thickness, m.
    pub(crate) fn thickness(&self) -> f64 {
        self.thickness
    }

    /// ζ at a distance (m) from the domain, 1/s; 0 inside of the domain.
    pub(crate) fn damping(&self, distance: f64) -> f64 {
        let s = (distance / self.thickness).clamp(0.0, 1.0);
        self.strength * s * s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_crossing_leaves_the_reflection_asked_for() {
        let (thickness, reflection, speed) = (0.3, 1e-5, 2.0);
        let profile = Profile::new(thickness, reflection, speed);
        let n = 2000;
        let h = thickness / f64::from(n);
        let sum: f64 = (0..n)
            .map(|i| h * profile.damping((f64::from(i) + 0.5) * h))
            .sum();
        let left = (-2.0 / speed * sum).exp();
        assert!((left / reflection - 1.0).abs() < 1e-5, "{left}");
        assert_eq!(profile.damping(-0.1), 0.0);
        assert_eq!(profile.damping(0.0), 0.0);
    }
}
