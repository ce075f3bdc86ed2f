//! The forces of cells, `K_e u`, for each kind of cell.
//!
//! A kernel is written once, for lanes that are trajectories at one cell or the cells of one trajectory. What differs is where
//! values come from and go to ([`Nodes`]) and whether coefficients of cells differ from lane to lane ([`Coefficients`]).
//! Coefficients are stored bundle after bundle (`space/sweep.rs`) in rows of [`BUNDLE`] cells.

mod lines;
mod spectral;

use crate::real::Real;
use crate::simd::{Packs, Prefix};
use crate::space::sweep::BUNDLE;
use lines::Antisymmetric;
pub(super) use spectral::{AlignedQuads, Bilinear, BilinearQuads, MappedQuads, map_rows};

/// The values at the nodes `[row][column]` of cells.
pub(super) trait Nodes<V, const ROWS: usize, const COLUMNS: usize> {
    /// A row.
    fn row(&self, row: usize) -> [V; COLUMNS];
    /// A column.
    fn column(&self, column: usize) -> [V; ROWS];
    /// Adds to the forces at a column. Every column comes once, the last one first.
    fn add_column(&mut self, column: usize, forces: [V; ROWS]);
}

/// The coefficients of cells.
pub(super) trait Coefficients<T: Real, P: Packs<T>>: Copy {
    /// The coefficient with this number.
    fn at(self, packs: P, number: usize) -> P::Pack;
}

/// The coefficients of one cell, for all lanes.
#[derive(Clone, Copy)]
pub(super) struct OfCell<'a, T> {
    /// Those of its bundle.
    pub(super) rows: &'a [[T; BUNDLE]],
    /// Its number in the bundle.
    pub(super) cell: usize,
}

impl<T: Real, P: Packs<T>> Coefficients<T, P> for OfCell<'_, T> {
    #[inline(always)]
    fn at(self, packs: P, number: usize) -> P::Pack {
        packs.splat(self.rows[number][self.cell])
    }
}

/// The coefficients of consecutive cells of a bundle, one a lane.
#[derive(Clone, Copy)]
pub(super) struct OfLanes<'a, T, M> {
    /// Those of the bundle.
    pub(super) rows: &'a [[T; BUNDLE]],
    /// The first cell.
    pub(super) from: usize,
    /// The lanes with cells.
    pub(super) lanes: Prefix<M>,
}

impl<T: Real, P: Packs<T>> Coefficients<T, P> for OfLanes<'_, T, P::Mask> {
    #[inline(always)]
    fn at(self, packs: P, number: usize) -> P::Pack {
        self.lanes.load(packs, &self.rows[number][self.from..])
    }
}

/// Computes the forces of cells with `ROWS × COLUMNS` nodes.
pub(super) trait CellKernel<T: Real, const ROWS: usize, const COLUMNS: usize>: Copy {
    /// Constants in registers.
    type Tables<P: Packs<T>>: Copy;
    /// Loads the constants.
    fn tables<P: Packs<T>>(self, packs: P) -> Self::Tables<P>;
    /// How many coefficients a cell has.
    fn coefficient_count(self) -> usize;
    /// The coefficients of a bundle, where they are stored or computed into `scratch`, which has as many rows.
    fn coefficients<'s, P: Packs<T>>(
        &'s self,
        packs: P,
        bundle: usize,
        scratch: &'s mut [[T; BUNDLE]],
    ) -> &'s [[T; BUNDLE]];
    /// Adds `K_e u`.
    fn add_force<P: Packs<T>>(
        self,
        packs: P,
        tables: &Self::Tables<P>,
        coefficients: impl Coefficients<T, P>,
        nodes: &mut impl Nodes<P::Pack, ROWS, COLUMNS>,
    );
}

/// Linear triangles: one gradient and one metric (xx, xy, yy) a cell.
#[derive(Clone, Copy)]
pub(super) struct Triangles<'a, T> {
    pub(super) metric: &'a [[T; BUNDLE]],
}

impl<T: Real> CellKernel<T, 3, 1> for Triangles<'_, T> {
    type Tables<P: Packs<T>> = ();

    #[inline(always)]
    fn tables<P: Packs<T>>(self, _: P) {}

    #[inline(always)]
    fn coefficient_count(self) -> usize {
        3
    }

    #[inline(always)]
    fn coefficients<'s, P: Packs<T>>(
        &'s self,
        _: P,
        bundle: usize,
        _: &'s mut [[T; BUNDLE]],
    ) -> &'s [[T; BUNDLE]] {
        &self.metric[bundle * 3..][..3]
    }

    #[inline(always)]
    fn add_force<P: Packs<T>>(
        self,
        packs: P,
        (): &(),
        metric: impl Coefficients<T, P>,
        nodes: &mut impl Nodes<P::Pack, 3, 1>,
    ) {
        let [xx, xy, yy] = [0, 1, 2].map(|entry| metric.at(packs, entry));
        let u = nodes.column(0);
        let gx = packs.sub(u[1], u[0]);
        let gy = packs.sub(u[2], u[0]);
        let fx = packs.mul_add(xx, gx, packs.mul(xy, gy));
        let fy = packs.mul_add(xy, gx, packs.mul(yy, gy));
        let zero = packs.splat(T::ZERO);
        nodes.add_column(0, [packs.sub(zero, packs.add(fx, fy)), fx, fy]);
    }
}

/// Bilinear quadrilaterals with 2×2 Gauss points.
#[derive(Clone, Copy)]
pub(super) struct GaussQuads<'a, T> {
    /// Per cell: xx at all points, xy at all, yy at all.
    pub(super) metric: &'a [[T; BUNDLE]],
    /// Basis at the Gauss points, `[point][basis]`.
    pub(super) values: [[T; 2]; 2],
    /// Slopes at the Gauss points of the Lagrange basis on them, `[point][basis]`.
    pub(super) slopes: [[T; 2]; 2],
}

/// Values at the Gauss points of cells, and the forces there.
struct AtPoints<V> {
    values: [[V; 2]; 2],
    forces: [[V; 2]; 2],
}

impl<V: Copy> Nodes<V, 2, 2> for AtPoints<V> {
    #[inline(always)]
    fn row(&self, row: usize) -> [V; 2] {
        self.values[row]
    }
    #[inline(always)]
    fn column(&self, column: usize) -> [V; 2] {
        [self.values[0][column], self.values[1][column]]
    }
    #[inline(always)]
    fn add_column(&mut self, column: usize, forces: [V; 2]) {
        self.forces[0][column] = forces[0];
        self.forces[1][column] = forces[1];
    }
}

impl<T: Real> CellKernel<T, 2, 2> for GaussQuads<'_, T> {
    type Tables<P: Packs<T>> = Antisymmetric<P::Pack, 2>;

    #[inline(always)]
    fn tables<P: Packs<T>>(self, packs: P) -> Self::Tables<P> {
        Antisymmetric::new(packs, &self.slopes)
    }

    #[inline(always)]
    fn coefficient_count(self) -> usize {
        12
    }

    #[inline(always)]
    fn coefficients<'s, P: Packs<T>>(
        &'s self,
        _: P,
        bundle: usize,
        _: &'s mut [[T; BUNDLE]],
    ) -> &'s [[T; BUNDLE]] {
        &self.metric[bundle * 12..][..12]
    }

    #[inline(always)]
    fn add_force<P: Packs<T>>(
        self,
        packs: P,
        tables: &Self::Tables<P>,
        metric: impl Coefficients<T, P>,
        nodes: &mut impl Nodes<P::Pack, 2, 2>,
    ) {
        let [[a, b], [c, d]] = self.values;
        let zero = packs.splat(T::ZERO);
        let u = [nodes.row(0), nodes.row(1)];
        let mut points = AtPoints {
            values: along_both_axes(packs, &self.values, &u),
            forces: [[zero; 2]; 2],
        };
        spectral::add_mapped_force(packs, tables, metric, &mut points);
        let force = along_both_axes(packs, &[[a, c], [b, d]], &points.forces);
        for i in [1, 0] {
            nodes.add_column(i, [force[0][i], force[1][i]]);
        }
    }
}

/// `out[j][i] = Σ_kl a[j][l] a[i][k] x[l][k]`.
#[inline(always)]
fn along_both_axes<T: Real, P: Packs<T>>(
    packs: P,
    a: &[[T; 2]; 2],
    x: &[[P::Pack; 2]; 2],
) -> [[P::Pack; 2]; 2] {
    let zero = packs.splat(T::ZERO);
    let mut half = [[zero; 2]; 2];
    let mut out = [[zero; 2]; 2];
    for j in 0..2 {
        for i in 0..2 {
            for k in 0..2 {
                half[j][i] = packs.mul_add(packs.splat(a[i][k]), x[j][k], half[j][i]);
            }
        }
    }
    for j in 0..2 {
        for i in 0..2 {
            for l in 0..2 {
                out[j][i] = packs.mul_add(packs.splat(a[j][l]), half[l][i], out[j][i]);
            }
        }
    }
    out
}
