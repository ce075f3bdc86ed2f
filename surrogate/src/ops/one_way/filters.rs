//! The filters of one inner channel along height and width, over some rows.
//!
//! The filter along height leaves zeros between its rows, so that the one along width may read over their ends.

use super::super::element::Element;
use super::super::shifted::{Rows, Start, shifted_products, weighted_sums};
use super::slide::Extents;

/// Rows of a width, and the sides of the filters.
#[derive(Clone, Copy)]
pub(super) struct Filters {
    rows: Rows,
    /// Distance between rows with zeros between them.
    pitch: usize,
    lead: usize,
    half: usize,
}

impl Filters {
    /// For so many rows.
    pub(super) fn new(extents: &Extents, rows: usize, width: usize, across: usize) -> Self {
        Self {
            rows: Rows { rows, width },
            pitch: extents.pitch,
            lead: extents.lead,
            half: across / 2,
        }
    }

    /// Values of rows with zeros between them.
    pub(super) fn spaced(&self) -> usize {
        self.lead + self.rows.rows * self.pitch
    }

    /// `spaced` becomes the filter along height of the rows `x`, which include the neighbours that it reaches; without taps (on
    /// maps of one axis) it becomes these rows.
    pub(super) fn along_height<E: Element>(&self, spaced: &mut [E], x: &[E], taps: &[E]) {
        if taps.is_empty() {
            return self.space(spaced, x);
        }
        let width = self.rows.width;
        let target = (&mut spaced[self.lead..], self.pitch);
        weighted_sums(
            self.rows,
            target,
            (x, width),
            taps,
            width,
            Start::At(E::default()),
        );
    }

    /// `spaced` becomes the rows `x`.
    pub(super) fn space<E: Element>(&self, spaced: &mut [E], x: &[E]) {
        self.along_height(spaced, x, &[E::from_f64(1.0)]);
    }

    /// `y` becomes, or has added, the filter along width.
    pub(super) fn along_width<E: Element>(
        &self,
        y: &mut [E],
        spaced: &[E],
        taps: &[E],
        start: Start<E>,
    ) {
        let source = (&spaced[self.lead - self.half..], self.pitch);
        weighted_sums(self.rows, (y, self.rows.width), source, taps, 1, start);
    }

    /// Adds `Σ_p map[p] g[p + j − ⌊d/2⌋]` along width for each tap `j` of `sums`, with g as rows with zeros between them.
    pub(super) fn width_products<E: Element>(&self, sums: &mut [E], map: &[E], spaced: &[E]) {
        let source = (&spaced[self.lead - self.half..], self.pitch);
        shifted_products(self.rows, sums, (map, self.rows.width), source, 1);
    }

    /// Adds `Σ_p map[p] g[p + j·stride]` for each tap `j` of `sums`.
    pub(super) fn products<E: Element>(&self, sums: &mut [E], map: &[E], g: &[E], stride: usize) {
        let width = self.rows.width;
        shifted_products(self.rows, sums, (map, width), (g, width), stride);
    }
}
