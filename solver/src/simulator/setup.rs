//! What a scene means on a space: nodal density, initial values and loads, all checked.

use crate::assembly::mass::{nodal_areas, sum_over_cells};
use crate::boundary::BoundaryDofs;
use crate::boundary::pml::Layer;
use crate::boundary::prescribed::{Derivative, Driven};
use crate::real::Real;
use crate::source::line_weights;
use crate::space::Space;
use crate::{Scene, Signal, SolverError, SourceShape};

/// The parts of the discretisation that all trajectories share.
#[derive(Debug, Clone)]
pub(crate) struct SpaceMatrices {
    /// Lumped mass at unit density, m².
    pub(crate) mass: Vec<f64>,
    /// Its parts, per cell and node.
    areas: Vec<f64>,
    /// Fixed and absorbing degrees of freedom.
    pub(crate) boundary: BoundaryDofs,
    /// The layer that the space has around the domain.
    pub(crate) layer: Option<Layer>,
}

impl SpaceMatrices {
    /// Integrates the basis; `space` is the domain with its layer.
    pub(crate) fn new(space: &Space, boundary: BoundaryDofs, layer: Option<Layer>) -> Self {
        let areas = nodal_areas(space);
        Self {
            mass: sum_over_cells(space, areas.iter().copied()),
            areas,
            boundary,
            layer,
        }
    }
}

/// A scene on a space; one value per degree of freedom, unless said otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// Density `m = 1/c²` per cell and node, s²/m².
    pub(crate) density: Vec<f64>,
    /// Lumped mass, s².
    pub(crate) mass: Vec<f64>,
    /// The part of it that lies in the layer; empty without one.
    pub(crate) layer_mass: Vec<f64>,
    /// Damping rate α, 1/s.
    pub(crate) damping: f64,
    /// Initial displacement, m; 0 where fixed, and what is prescribed where it is.
    pub(crate) displacement: Vec<f64>,
    /// Initial velocity, m/s; 0 where fixed.
    pub(crate) velocity: Vec<f64>,
    /// Sources.
    pub(crate) loads: Vec<Load>,
    /// What drives prescribed sides.
    pub(crate) driven: Vec<Driven>,
}

/// What an absorbing layer adds at a degree of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LayerTerm {
    /// The degree of freedom.
    pub(crate) dof: usize,
    /// The layer's part of the mass, s².
    pub(crate) mass: f64,
    /// Damping `m (ζ₁ + ζ₂)`, s.
    pub(crate) damping: f64,
    /// Stiffness `m (ζ₁ζ₂ + α (ζ₁ + ζ₂))`, and `ζ k/c` on absorbing sides that run along the layer.
    pub(crate) stiffness: f64,
}

/// A source tested with the basis: `∫ a δ(x − x_s) φ_i dx = a φ_i(x_s)` at a point, `a ∫ φ_i ds` along a line.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    signal: Signal,
    weights: Vec<(usize, f64)>,
}

impl Prepared {
    /// Evaluates a scene at the degrees of freedom, for a run of `duration` (s).
    pub(crate) fn new(
        space: &Space,
        matrices: &SpaceMatrices,
        scene: &Scene,
        max_speed: f64,
        duration: f64,
    ) -> Result<Self, SolverError> {
        if !(scene.damping.is_finite() && scene.damping >= 0.0) {
            return Err(SolverError::invalid(
                "damping (1/s)",
                scene.damping,
                "a finite number of at least 0",
                "use 0 for no damping",
            ));
        }
        let n = space.dof_count();
        let layer = matrices.layer.as_ref();
        let density = cell_densities(space, layer, scene, max_speed)?;
        let parts = density.iter().zip(&matrices.areas);
        let mut this = Self {
            mass: sum_over_cells(space, parts.map(|(density, area)| density * area)),
            layer_mass: Vec::new(),
            density,
            damping: scene.damping,
            displacement: vec![0.0; n],
            velocity: vec![0.0; n],
            loads: Vec::with_capacity(scene.sources.len()),
            driven: matrices
                .boundary
                .prescribed
                .drive(&scene.prescribed, duration)?,
        };
        for (dof, &position) in space.dof_positions().iter().enumerate() {
            // of the cells around it
            let speed = (matrices.mass[dof] / this.mass[dof]).sqrt();
            for state in &scene.initial {
                this.displacement[dof] += state.displacement(position);
                this.velocity[dof] += state.velocity(position, speed);
            }
            if let Some(layer) = layer {
                let taper = layer.taper(position);
                this.displacement[dof] *= taper;
                this.velocity[dof] *= taper;
            }
            check_finite("initial displacement", this.displacement[dof], position)?;
            check_finite("initial velocity", this.velocity[dof], position)?;
            if matrices.boundary.fixed[dof] {
                this.displacement[dof] = 0.0;
                this.velocity[dof] = 0.0;
            }
        }
        for driven in &this.driven {
            let (u, v) = (&mut this.displacement, &mut this.velocity);
            driven.each(0.0, Derivative::Zeroth, |dof, value| u[dof] = value);
            driven.each(0.0, Derivative::First, |dof, value| v[dof] = value);
        }
        if layer.is_some() {
            let first = space.domain_cells() * space.reference().nodes();
            this.layer_mass = vec![0.0; n];
            for slot in first..this.density.len() {
                let dof = space.all_cell_dofs()[slot] as usize;
                this.layer_mass[dof] += this.density[slot] * matrices.areas[slot];
            }
        }
        for (index, source) in scene.sources.iter().enumerate() {
            check_finite("source amplitude", source.amplitude, source.position)?;
            // a line begins at a place of the mesh, too
            let mut weights = point_weights(space, "source", index, source.position)?;
            if let SourceShape::Line { direction } = source.shape {
                check_finite("direction of a source", direction, source.position)?;
                weights = line_weights(space, source.position, direction);
            }
            this.loads.push(Load {
                signal: source.signal.clone(),
                weights: weights
                    .into_iter()
                    .map(|(dof, value)| (dof, source.amplitude * value))
                    .collect(),
            });
        }
        Ok(this)
    }

    /// What the layer adds at every degree of freedom that its cells touch and that is not fixed, in ascending order; the same
    /// ones for every scene.
    pub(crate) fn layer_terms(&self, space: &Space, matrices: &SpaceMatrices) -> Vec<LayerTerm> {
        let Some(layer) = &matrices.layer else {
            return Vec::new();
        };
        let rate = |dof: usize| layer.damping(space.dof_positions()[dof]);
        let mut sides = vec![0.0; self.mass.len()];
        for (dof, value) in self.absorbing(matrices) {
            let [z1, z2] = rate(dof);
            sides[dof] += (z1 + z2) * value;
        }
        let touched = self.layer_mass.iter().enumerate();
        touched
            .filter(|&(dof, &mass)| mass > 0.0 && !matrices.boundary.fixed[dof])
            .map(|(dof, &mass)| {
                let [z1, z2] = rate(dof);
                LayerTerm {
                    dof,
                    mass,
                    damping: (z1 + z2) * mass,
                    stiffness: mass * (z1 * z2 + self.damping * (z1 + z2)) + sides[dof],
                }
            })
            .collect()
    }

    /// The part of the damping that absorbing sides add: `∫ φ_i k/c ds` with `1/c = √m`, in the order of
    /// [`BoundaryDofs::absorbing`].
    pub(crate) fn absorbing<'a>(
        &'a self,
        matrices: &'a SpaceMatrices,
    ) -> impl Iterator<Item = (usize, f64)> + 'a {
        matrices
            .boundary
            .absorbing
            .iter()
            .map(|node| (node.dof, node.length * self.density[node.slot].sqrt()))
    }
}

/// The density at the nodes of every cell, as seen from inside of it: at an interface along its side, a cell has the
/// density of its own side.
///
/// In the layer, the medium of the domain's side continues outwards.
fn cell_densities(
    space: &Space,
    layer: Option<&Layer>,
    scene: &Scene,
    max_speed: f64,
) -> Result<Vec<f64>, SolverError> {
    // far below the size of any cell, far above rounding
    const INWARD: f64 = 1e-9;
    let density_of = |speed: f64, dof: usize| {
        check_speed(speed, space.dof_positions()[dof], max_speed)?;
        Ok(1.0 / (speed * speed))
    };
    if scene.medium.is_continuous() {
        // of its final size at once: every size that a vector grows through is a fresh page in every worker
        let mut nodal = Vec::with_capacity(space.dof_count());
        for (dof, &position) in space.dof_positions().iter().enumerate() {
            let place = match layer {
                Some(layer) => layer.continued(position),
                None => position,
            };
            nodal.push(density_of(scene.medium.speed(place), dof)?);
        }
        let dofs = space.all_cell_dofs().iter();
        return Ok(dofs.map(|&dof| nodal[dof as usize]).collect());
    }
    let reference = space.reference();
    let centre = space.mesh().shape().centre();
    let points: Vec<[f64; 2]> = (0..reference.nodes())
        .map(|a| {
            let node = reference.node(a);
            [0, 1].map(|axis| node[axis] + INWARD * (centre[axis] - node[axis]))
        })
        .collect();
    let mut density = Vec::with_capacity(space.all_cell_dofs().len());
    for cell in 0..space.mesh().cell_count() {
        let map = space.mesh().cell_map(cell);
        let group = space.mesh().cell_group(cell);
        let outside = layer.filter(|_| cell >= space.domain_cells());
        for (&point, &dof) in points.iter().zip(space.cell_dofs(cell)) {
            let mut position = map.position(point);
            if let Some(layer) = outside {
                position = layer.continued(position);
            }
            let speed = scene.medium.speed_in_group(position, group);
            density.push(density_of(speed, dof as usize)?);
        }
    }
    Ok(density)
}

/// Basis values at a place, or an error that names what lies outside.
pub(crate) fn point_weights(
    space: &Space,
    what: &'static str,
    index: usize,
    position: [f64; 2],
) -> Result<Vec<(usize, f64)>, SolverError> {
    let Some(location) = space.locate(position) else {
        let (lower, upper) = space.domain_bounds();
        return Err(SolverError::OutsideMesh {
            what,
            index,
            position,
            lower,
            upper,
        });
    };
    Ok(space.basis_at(&location))
}

pub(crate) fn check_speed(speed: f64, position: [f64; 2], maximum: f64) -> Result<(), SolverError> {
    if !(speed.is_finite() && speed > 0.0) {
        return Err(SolverError::BadSpeed { speed, position });
    }
    // a medium may round its own bound up
    if speed > maximum * (1.0 + 1e-9) {
        return Err(SolverError::SpeedAboveMaximum {
            speed,
            position,
            maximum,
        });
    }
    Ok(())
}

fn check_finite(what: &'static str, value: f64, position: [f64; 2]) -> Result<(), SolverError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(SolverError::NotFinite {
        what,
        value,
        position,
    })
}

/// The loads of all lanes.
#[derive(Debug, Clone)]
pub(crate) struct Loads {
    entries: Vec<(usize, Load)>,
}

impl Loads {
    /// Loads of the lanes that have a trajectory.
    pub(crate) fn new<const L: usize>(lanes: [Option<&[Load]>; L]) -> Self {
        let entries = lanes
            .into_iter()
            .enumerate()
            .flat_map(|(lane, loads)| {
                loads
                    .unwrap_or_default()
                    .iter()
                    .map(move |load| (lane, load.clone()))
            })
            .collect();
        Self { entries }
    }

    /// The degrees of freedom that loads act on; some more than once.
    pub(crate) fn dofs(&self) -> impl Iterator<Item = u32> {
        let weights = self.entries.iter().flat_map(|(_, load)| &load.weights);
        weights.map(|&(dof, _)| dof as u32)
    }

    /// Whether any signal has a property.
    pub(crate) fn any(&self, property: impl Fn(&Signal) -> bool) -> bool {
        self.entries.iter().any(|(_, load)| property(&load.signal))
    }

    /// `target −= f(t)`.
    pub(crate) fn subtract<T: Real, const L: usize>(&self, t: f64, target: &mut [[T; L]]) {
        self.subtract_with(target, |signal| signal.value(t));
    }

    /// Subtracts the loads with `value` of their signals in the place of the signals.
    pub(crate) fn subtract_with<T: Real, const L: usize>(
        &self,
        target: &mut [[T; L]],
        value: impl Fn(&Signal) -> f64,
    ) {
        for (lane, load) in &self.entries {
            let value = value(&load.signal);
            if value == 0.0 {
                continue;
            }
            for &(dof, weight) in &load.weights {
                target[dof][*lane] -= T::from_f64(weight * value);
            }
        }
    }
}
