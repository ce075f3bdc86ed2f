//! Perfectly matched layers (Grote and Sim 2010, "Efficient PML for the wave equation", arXiv:1001.0319).
//!
//! Outside of the domain, coordinates are stretched by `1 + ζᵢ(xᵢ)/(iω)`. With density `m` and stiffness 1 that gives, without
//! convolutions and with one auxiliary vector field,
//! `m u_tt + m (ζ₁ + ζ₂) u_t + m ζ₁ζ₂ u = ∇·(∇u + φ)`, `φ_t = Γ₁ φ + Γ₂ ∇u`,
//! `Γ₁ = diag(−ζ₁, −ζ₂)`, `Γ₂ = diag(ζ₂ − ζ₁, ζ₁ − ζ₂)`. Damping of the medium, `α m u_t`, adds `α m (ζ₁ + ζ₂) u`; its third term,
//! `α m ζ₁ζ₂ ∫u dt` in the corners, is left out. An absorbing side that runs on along the layer, `u_t/c`, adds `ζ u/c`.
//!
//! In time everything is centred: `u_t` by the central difference, `u` in the terms with ζ by `(uⁿ⁺¹ + 2uⁿ + uⁿ⁻¹)/4`, φ by the
//! trapezoidal rule. All three replace `iω` by the same `σ = 2/dt (z − 1)/(z + 1)`, so the layer stays perfectly matched in time,
//! and where ζ is constant, a plane wave grows only beyond the step that limits central difference without a layer: its
//! `z` solves `σ²(σ + ζ)² + (1 − dt²σ²/4)(λ_x σ² + λ_y (σ + ζ)²) = 0`, whose roots lie left of the imaginary axis if
//! `dt² (λ_x + λ_y) < 4` (Routh–Hurwitz). The limit of domain and layer together is therefore that of their stiffness and mass.
//! The layer ends in `u = 0`.

pub(crate) mod extend;
pub(crate) mod operator;
mod profile;

use crate::SolverError;
use crate::space::Space;
use extend::{Wanted, extend};
use profile::Profile;

/// The layer around a domain.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// The sides left, right, bottom, top.
    sides: [Option<Profile>; 4],
    /// Fewest cells across a side's layer.
    pub(crate) cells_across: usize,
    bounds: [[f64; 2]; 2],
}

impl Layer {
    /// Extends a space by the layers of its boundary groups, whose damping is that for waves of `speed` (m/s); `None`
    /// where no group asks for one.
    ///
    /// # Errors
    /// As [`extend`], and for layers without thickness or with a reflection outside of (0, 1).
    pub(crate) fn around(
        space: &Space,
        groups: &[Option<Wanted>],
        speed: f64,
    ) -> Result<Option<(Self, Space)>, SolverError> {
        for wanted in groups.iter().flatten() {
            let Wanted {
                thickness,
                reflection,
            } = *wanted;
            if !(thickness.is_finite() && thickness > 0.0) {
                return Err(SolverError::invalid(
                    "pml thickness (m)",
                    thickness,
                    "a finite number above 0",
                    "half the dominant wavelength or more absorbs well",
                ));
            }
            if !(reflection > 0.0 && reflection < 1.0) {
                return Err(SolverError::invalid(
                    "pml reflection",
                    reflection,
                    "a share of the amplitude above 0 and below 1",
                    "use 1e-7",
                ));
            }
        }
        let mesh = space.mesh();
        let used = mesh
            .facets()
            .iter()
            .any(|facet| groups[facet.group].is_some());
        if !used {
            return Ok(None);
        }
        let extension = extend(mesh, groups)?;
        let counts = extension
            .sides
            .iter()
            .flatten()
            .map(|(_, count)| *count)
            .min();
        let layer = Self {
            sides: extension.sides.map(|side| {
                side.map(|(wanted, _)| Profile::new(wanted.thickness, wanted.reflection, speed))
            }),
            cells_across: counts.unwrap_or(0),
            bounds: mesh.bounds().into(),
        };
        let (cells, bounds) = (mesh.cell_count(), mesh.bounds());
        let space = Space::with_layers(extension.mesh, space.element(), cells, bounds)?;
        Ok(Some((layer, space)))
    }

    /// The thinnest side's thickness, m.
    pub(crate) fn thickness(&self) -> f64 {
        let sides = self.sides.iter().flatten();
        sides.map(Profile::thickness).fold(f64::INFINITY, f64::min)
    }

    /// ζ₁ and ζ₂ at a position, 1/s; 0 in the domain.
    pub(crate) fn damping(&self, position: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| {
            let distances = [
                self.bounds[0][axis] - position[axis],
                position[axis] - self.bounds[1][axis],
            ];
            let sides = self.sides[2 * axis..].iter().zip(distances);
            sides
                .filter_map(|(profile, distance)| Some(profile.as_ref()?.damping(distance)))
                .sum()
        })
    }

    /// The place whose medium continues outwards through a position: the nearest one of the domain's bounding box, just
    /// inside of it.
    pub(crate) fn continued(&self, position: [f64; 2]) -> [f64; 2] {
        const INWARD: f64 = 1e-9;
        [0, 1].map(|axis| {
            let [lower, upper] = self.bounds.map(|corner| corner[axis]);
            let inset = INWARD * (upper - lower);
            position[axis].clamp(lower + inset, upper - inset)
        })
    }

    /// Factor of initial states that reach into the layer: 1 at the domain, falling smoothly to 0 at the outer end.
    pub(crate) fn taper(&self, position: [f64; 2]) -> f64 {
        let mut factor = 1.0;
        for (side, profile) in self.sides.iter().enumerate() {
            let Some(profile) = profile else { continue };
            let (axis, end) = (side / 2, side % 2);
            let outwards = if end == 0 { -1.0 } else { 1.0 };
            let distance = outwards * (position[axis] - self.bounds[end][axis]);
            let share = (distance / profile.thickness()).clamp(0.0, 1.0);
            factor *= (0.5 * std::f64::consts::PI * share).cos().powi(2);
        }
        factor
    }
}
