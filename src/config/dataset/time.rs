//! The section `[time]`.

use toml::Value;

use super::super::ConfigError;
use super::super::range::number;
use super::super::section::Section;
use super::whole;

/// Time integration and output times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeConfig {
    /// Simulated time in s.
    pub duration: f64,
    /// Snapshots including t = 0.
    pub snapshots: usize,
    /// Integrator.
    pub integrator: IntegratorConfig,
    /// Time step in s; none for `auto`.
    pub dt: Option<f64>,
    /// Share of the stability limit that `auto` uses.
    pub courant: f64,
    /// Whether the solver computes in single precision.
    pub single_precision: bool,
}

/// Time integrator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum IntegratorConfig {
    /// Explicit, second order.
    CentralDifference,
    /// Explicit, fourth order.
    ModifiedEquation,
    /// Implicit.
    Newmark {
        /// β.
        beta: f64,
        /// γ.
        gamma: f64,
    },
}

/// Reads `[time]`.
pub(super) fn read(section: &Section<'_>) -> Result<TimeConfig, ConfigError> {
    let positive = |value: &Value| number(value).filter(|t| t.is_finite() && *t > 0.0);
    let duration = section.required("duration", "a time in s above 0", positive)?;
    let snapshots = section.required(
        "snapshots",
        "a whole number from 2 to 100 000 (t = 0 included)",
        |value| whole(value, 2, 100_000),
    )?;
    let integrator = section.word(
        "integrator",
        &["central-difference", "modified-equation", "newmark"],
        false,
    )?;
    let beta = section.or("beta", "a number from 0 to 1", 0.25, |value| {
        number(value).filter(|b| (0.0..=1.0).contains(b))
    })?;
    let gamma = section.or(
        "gamma",
        "a number from 0.5 to 1 (below 0.5 every step size is unstable)",
        0.5,
        |value| number(value).filter(|g| (0.5..=1.0).contains(g)),
    )?;
    let integrator = if integrator == "newmark" {
        if 2.0 * beta < gamma {
            // the default of beta can only be wrong for a gamma that was given
            let (key, found) = if section.has("beta") {
                ("beta", format!("{beta} beside gamma = {gamma}"))
            } else {
                (
                    "gamma",
                    format!("{gamma} beside beta = {beta}, its default"),
                )
            };
            return Err(section.error_found(
                key,
                found,
                format!(
                    "2 beta ≥ gamma ≥ 1/2, which is stable for every time step: set time.beta = {} or more",
                    0.5 * gamma
                ),
            ));
        }
        IntegratorConfig::Newmark { beta, gamma }
    } else {
        for key in ["beta", "gamma"] {
            if section.has(key) {
                return Err(section.error(
                    key,
                    format!(
                        "no such key for {integrator}; set integrator = \"newmark\" or remove it"
                    ),
                ));
            }
        }
        match integrator {
            "modified-equation" => IntegratorConfig::ModifiedEquation,
            _ => IntegratorConfig::CentralDifference,
        }
    };
    let dt = section.or(
        "dt",
        "\"auto\" or a time step in s above 0",
        None,
        |value| {
            if value.as_str() == Some("auto") {
                Some(None)
            } else {
                positive(value).map(Some)
            }
        },
    )?;
    let courant = section.or(
        "courant",
        "a share of the stability limit above 0 and at most 1",
        0.9,
        |value| number(value).filter(|share| *share > 0.0 && *share <= 1.0),
    )?;
    let precision = section.word("precision", &["f64", "f32"], false)?;
    section.finish()?;
    Ok(TimeConfig {
        duration,
        snapshots,
        integrator,
        dt,
        courant,
        single_precision: precision == "f32",
    })
}
