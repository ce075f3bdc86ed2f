//! The register-blocked kernels that every convolution here is made of.
//!
//! On a padded map, shifting by a tap is adding a constant to an address: with an address offset `o_k` for each pair `k` of
//! input channel and tap, a convolution is a matrix product whose right-hand matrix need not be formed,
//!
//! - [`Products`]: `y[t][p] = b[t] + Σ_k W[t][k] x[o_k + p]`, and its weight gradient
//! - [`Dots`]: `dW[t][k] += Σ_p g[t][p] x[o_k + p]`, or, with `g` transposed, [`Outers`].
//!
//! Positions `p` run along the registers' lanes, in [`Outers`] outputs `t`. A block of results stays in registers while `k` (or `p`) runs, in an
//! order that depends on the shape alone: results do not depend on the number of threads.

mod dots;
mod outers;
mod products;

use rayon::prelude::*;

pub(super) use dots::Dots;
pub(super) use outers::{Outers, Transposed, in_registers};
pub(super) use products::{Products, fills_registers};

use super::element::Element;

/// Rows of `W` that are packed side by side: a panel is `[k][PANEL]`.
pub(super) const PANEL: usize = 8;

/// Address offsets `o_k` into a padded map.
#[derive(Debug, Clone)]
pub(super) struct Offsets {
    values: Vec<usize>,
    /// One more than the largest.
    reach: usize,
}

impl Offsets {
    pub(super) fn new(values: Vec<usize>) -> Self {
        let reach = values.iter().max().map_or(0, |largest| largest + 1);
        Self { values, reach }
    }

    /// The same place in each of `channels` maps, `stride` apart.
    pub(super) fn strided(channels: usize, stride: usize) -> Self {
        Self::new((0..channels).map(|channel| channel * stride).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether all of `x[o_k + p]`, `p < length`, exist.
    fn fits<E>(&self, x: &[E], length: usize) -> bool {
        self.reach == 0 || length == 0 || self.reach + length - 1 <= x.len()
    }
}

/// A matrix `W` laid out for [`Products`]: panels `[k][PANEL]` of its rows, the last filled up with zeros.
pub(super) struct Packed<E> {
    panels: Vec<E>,
    columns: usize,
}

impl<E: Element> Packed<E> {
    /// From a matrix `[t][k]`.
    pub(super) fn rows(matrix: &[E], columns: usize) -> Self {
        Self::build(matrix.len() / columns.max(1), columns, |t, k| {
            matrix[t * columns + k]
        })
    }

    /// The transpose of a matrix `[k][t]` with so many columns t.
    pub(super) fn columns(matrix: &[E], columns: usize) -> Self {
        Self::adjoint(matrix, columns, 1)
    }

    /// The kernel of the adjoint convolution: from (T, S, taps), flipped and with T and S exchanged.
    pub(super) fn adjoint(kernel: &[E], inputs: usize, taps: usize) -> Self {
        let outputs = kernel.len() / (inputs * taps).max(1);
        Self::build(inputs, outputs * taps, |s, k| {
            let (t, tap) = (k / taps, k % taps);
            kernel[(t * inputs + s) * taps + taps - 1 - tap]
        })
    }

    fn build(rows: usize, columns: usize, entry: impl Fn(usize, usize) -> E + Sync) -> Self {
        let mut panels = vec![E::default(); rows.div_ceil(PANEL) * columns * PANEL];
        if columns > 0 {
            panels
                .par_chunks_exact_mut(columns * PANEL)
                .enumerate()
                .for_each(|(index, panel)| {
                    for t in index * PANEL..rows.min((index + 1) * PANEL) {
                        for k in 0..columns {
                            panel[k * PANEL + t % PANEL] = entry(t, k);
                        }
                    }
                });
        }
        Self { panels, columns }
    }

    /// The panel of the rows from `index·PANEL` on.
    pub(super) fn panel(&self, index: usize) -> &[E] {
        &self.panels[index * self.columns * PANEL..(index + 1) * self.columns * PANEL]
    }
}
