//! Displacement prescribed in time on boundary groups: measured there, or recorded by the receivers of a larger model, whose
//! zone of interest a sub-model then solves alone.
//!
//! In time, samples at equal intervals become natural cubic splines (de Boor 1978, chapter IV), which go on straight before
//! and after the samples. Along a side, values between points come from the cubic through the four nearest (Lagrange), or
//! from fewer where there are fewer points. Sides end at corners of more than 0.2 rad (`KINK`): across a corner, the displacement
//! along the boundary has a kink.
//!
//! Driven degrees of freedom take the values of the interpolant, so that the wave equation is solved for the others alone,
//! `M_ff a_f + K_ff u_f = f_f − K_fp u_p − M_fp a_p` (Hughes 2000, section 1.6, in time); a diagonal mass has no `M_fp`.

mod chain;

use std::sync::Arc;

use ndarray::Array2;

use crate::SolverError;
use crate::digits::short;
use crate::simulator::setup::Prepared;
use crate::source::{Interpolation, SampledSignal};
use crate::space::Space;
use chain::{Chain, Gap, chains};

/// Turn of the boundary, in radians, at which a side ends and another one begins.
const KINK: f64 = 0.2;
/// How far beside a group a point may lie, relative to the domain's extent, and still be on it.
const BESIDE: f64 = 1e-6;

/// The displacement of boundary points over time.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundaryHistory {
    /// None where one signal holds everywhere.
    points: Option<Vec<[f64; 2]>>,
    signals: Vec<SampledSignal>,
    duration: f64,
    /// The duration, less what rounding puts beyond the last sample.
    last: f64,
}

/// What drives one boundary group of [`BoundaryKind::Prescribed`](super::BoundaryKind::Prescribed).
#[derive(Debug, Clone, PartialEq)]
pub struct Prescribed {
    /// Name of the boundary group.
    pub group: String,
    /// Displacement over time.
    pub history: Arc<BoundaryHistory>,
}

impl BoundaryHistory {
    /// The same displacement (m) at all points, at `t = 0, interval, 2·interval, …` (s).
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for fewer than two samples, samples that are not finite, or an interval that is
    /// not finite and above 0.
    pub fn uniform(interval: f64, values: Vec<f64>) -> Result<Self, SolverError> {
        Self::build(None, interval, vec![values])
    }

    /// The displacement (m, `values[[point, time]]`) at points (m) at `t = 0, interval, 2·interval, …` (s). Points that lie on
    /// none of the groups that it drives are ignored.
    ///
    /// # Errors
    /// As [`BoundaryHistory::uniform`], and where there is not one row of values a point.
    pub fn along(
        points: Vec<[f64; 2]>,
        interval: f64,
        values: &Array2<f64>,
    ) -> Result<Self, SolverError> {
        if points.is_empty() || points.len() != values.nrows() {
            return Err(SolverError::invalid(
                "prescribed displacement",
                format!("{} points and {} signals", points.len(), values.nrows()),
                "one signal a point, and at least one",
                "give every point its signal",
            ));
        }
        let rows = values.rows().into_iter().map(|row| row.to_vec()).collect();
        Self::build(Some(points), interval, rows)
    }

    fn build(
        points: Option<Vec<[f64; 2]>>,
        interval: f64,
        rows: Vec<Vec<f64>>,
    ) -> Result<Self, SolverError> {
        let samples = rows.first().map_or(0, Vec::len);
        if samples < 2 {
            return Err(SolverError::invalid(
                "prescribed displacement",
                format!("{samples} samples in time"),
                "at least 2, from t = 0 to the end of the run",
                "record more samples",
            ));
        }
        let signals = rows
            .into_iter()
            .map(|row| SampledSignal::new(interval, row, Interpolation::Cubic))
            .collect::<Result<Vec<_>, _>>()?;
        let duration = interval * (samples - 1) as f64;
        let mut last = duration;
        while last / interval > (samples - 1) as f64 {
            last = last.next_down();
        }
        Ok(Self {
            points,
            signals,
            duration,
            last,
        })
    }

    /// Time of the last sample, s.
    pub fn duration(&self) -> f64 {
        self.duration
    }

    /// A signal or a derivative of it at time `t` (s).
    fn at(&self, signal: usize, t: f64, derivative: Derivative) -> f64 {
        let signal = &self.signals[signal];
        let inside = t.clamp(0.0, self.last);
        match derivative {
            Derivative::Zeroth if inside == t => signal.value(t),
            Derivative::Zeroth => signal.value(inside) + (t - inside) * signal.derivative(inside),
            Derivative::First => signal.derivative(inside),
            Derivative::Second if inside == t => signal.second_derivative(t),
            Derivative::Second => 0.0,
        }
    }
}

/// The prescribed degrees of freedom of a mesh, group by group; a fixed side wins where it meets a prescribed one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PrescribedDofs {
    groups: Vec<(String, Vec<Chain>)>,
    /// Largest extent of the domain, m.
    extent: f64,
}

impl PrescribedDofs {
    /// Finds the sides of the groups (index and name) that are prescribed; `free` tells degrees of freedom that no other
    /// side fixes.
    pub(crate) fn new(space: &Space, groups: &[(usize, String)], free: &[bool]) -> Self {
        let (lower, upper) = space.domain_bounds();
        Self {
            groups: groups
                .iter()
                .map(|(group, name)| (name.clone(), chains(space, *group, KINK, free)))
                // a default condition may name groups without sides
                .filter(|(_, chains)| !chains.is_empty())
                .collect(),
            extent: (upper[0] - lower[0]).max(upper[1] - lower[1]),
        }
    }

    /// Its degrees of freedom; those at corners may come twice.
    pub(crate) fn dofs(&self) -> impl Iterator<Item = usize> + '_ {
        let chains = self.groups.iter().flat_map(|(_, chains)| chains);
        chains.flat_map(Chain::dofs)
    }

    /// Whether nothing is prescribed.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// What a scene prescribes, for a run of `duration` (s).
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] naming the group without values or which the mesh does not prescribe, the part of a side
    /// that no point covers, or times that end too early.
    pub(crate) fn drive(
        &self,
        prescribed: &[Prescribed],
        duration: f64,
    ) -> Result<Vec<Driven>, SolverError> {
        let names: Vec<&str> = self.groups.iter().map(|(name, _)| name.as_str()).collect();
        if let Some(other) = prescribed
            .iter()
            .find(|one| !names.contains(&one.group.as_str()))
        {
            return Err(refused(
                &other.group,
                "values for a side that is not prescribed",
                format!("values for prescribed sides: {}", names.join(", ")),
                "make the boundary condition of that group prescribed",
            ));
        }
        let mut driven = Vec::new();
        for (name, chains) in &self.groups {
            let Some(one) = prescribed.iter().find(|one| one.group == *name) else {
                return Err(refused(
                    name,
                    "no values",
                    "a displacement over time",
                    "give the scene values for that group",
                ));
            };
            let history = &one.history;
            if history.duration < duration * (1.0 - 1e-9) {
                return Err(refused(
                    name,
                    format!("values until {} s", history.duration),
                    format!("values until the end of the run, {duration} s"),
                    "shorten the run, or record a longer one",
                ));
            }
            let mut slots = vec![usize::MAX; history.signals.len()];
            let mut used = Vec::new();
            let mut dofs = Vec::new();
            for chain in chains {
                let weights = match &history.points {
                    None => chain.dofs().map(|dof| (dof, vec![(0, 1.0)])).collect(),
                    Some(points) => chain
                        .interpolate(points, BESIDE * self.extent)
                        .map_err(|gap| uncovered(name, &gap))?,
                };
                for (dof, weights) in weights {
                    let weights = weights.into_iter().map(|(signal, weight)| {
                        if slots[signal] == usize::MAX {
                            slots[signal] = used.len();
                            used.push(signal);
                        }
                        (slots[signal], weight)
                    });
                    dofs.push((dof, weights.collect()));
                }
            }
            // a corner between two sides of the group belongs to both
            dofs.sort_by_key(|(dof, _)| *dof);
            dofs.dedup_by_key(|(dof, _)| *dof);
            driven.push(Driven {
                history: Arc::clone(history),
                used,
                dofs,
            });
        }
        Ok(driven)
    }
}

fn refused(
    group: &str,
    found: impl ToString,
    expected: impl Into<String>,
    remedy: &str,
) -> SolverError {
    SolverError::invalid(
        format!("prescribed displacement of the boundary group `{group}`"),
        found,
        expected,
        remedy,
    )
}

fn uncovered(group: &str, gap: &Gap) -> SolverError {
    let [from, to] = gap.ends;
    let between = format!(
        "no points between ({}, {}) and ({}, {}) m",
        from[0], from[1], to[0], to[1]
    );
    let found = match gap.nearest {
        Some(([x, y], distance)) => format!(
            "{between}: none lies on this side, the nearest one, ({x}, {y}) m, {} m beside it",
            short(distance)
        ),
        None => between,
    };
    refused(
        group,
        found,
        "points on the side, from one of its ends to the other, at about equal distances",
        "record receivers along the whole side, its ends included",
    )
}

/// What drives one group in one trajectory.
#[derive(Debug, Clone)]
pub(crate) struct Driven {
    history: Arc<BoundaryHistory>,
    /// Those of the history's signals that matter.
    used: Vec<usize>,
    /// Degrees of freedom with the (places in `used` of) signals that make them up.
    dofs: Vec<(usize, Vec<(usize, f64)>)>,
}

/// What is asked of the signals.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Derivative {
    /// Displacement, m.
    Zeroth,
    /// Velocity, m/s.
    First,
    /// Acceleration, m/s².
    Second,
}

impl Driven {
    /// All that drives the lanes of a group, each with its lane.
    pub(crate) fn of_lanes<const L: usize>(lanes: &[Option<Prepared>; L]) -> Vec<(usize, Self)> {
        let lanes = lanes.iter().enumerate();
        lanes
            .filter_map(|(lane, prepared)| Some((lane, prepared.as_ref()?)))
            .flat_map(|(lane, prepared)| prepared.driven.iter().map(move |d| (lane, d.clone())))
            .collect()
    }

    /// Calls `set` with every degree of freedom and its displacement or a derivative of it at time `t` (s).
    pub(crate) fn each(&self, t: f64, derivative: Derivative, mut set: impl FnMut(usize, f64)) {
        let values: Vec<f64> = self
            .used
            .iter()
            .map(|&signal| self.history.at(signal, t, derivative))
            .collect();
        for (dof, weights) in &self.dofs {
            set(*dof, weights.iter().map(|&(i, w)| w * values[i]).sum());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_go_on_straight_without_jumps() {
        // an interval whose multiples round
        let values: Vec<f64> = (0..8).map(|n| (0.7 * f64::from(n)).cos()).collect();
        let history = BoundaryHistory::uniform(0.1 / 3.0, values).unwrap();
        let at = |t: f64, derivative| history.at(0, t, derivative);
        for end in [0.0, history.duration()] {
            for derivative in [Derivative::Zeroth, Derivative::First, Derivative::Second] {
                let [before, here, after] = [-1e-10, 0.0, 1e-10].map(|d| at(end + d, derivative));
                assert!((before - here).abs() < 1e-4 && (after - here).abs() < 1e-4);
            }
            let slope = at(end, Derivative::First);
            let outwards = if end > 0.0 { 0.5 } else { -0.5 };
            let expected = at(end, Derivative::Zeroth) + outwards * slope;
            let found = at(end + outwards, Derivative::Zeroth);
            assert!(slope.abs() > 0.1 || end == 0.0, "{slope}");
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }
}
