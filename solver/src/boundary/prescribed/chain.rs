//! A side of the boundary as a line: its facets one after the other, with the distance along it as the coordinate.

use std::collections::HashMap;

use crate::mesh::Facet;
use crate::space::Space;

/// Chords that a curved facet is followed by.
const PIECES: i32 = 64;

/// How much farther apart than usual (the median) neighbouring points of a side may be.
const WIDEST: f64 = 4.0;

/// Facets one after the other without a kink.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chain {
    /// Places along the side in ascending order: distance from its start (m) and position (m); several a facet.
    places: Vec<(f64, [f64; 2])>,
    /// Degrees of freedom to be driven, with their distance from the start.
    dofs: Vec<(usize, f64)>,
    /// Whether the end is the start.
    closed: bool,
    /// Whether its places are chords of a curve.
    curved: bool,
}

/// A part of a side that points do not cover.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gap {
    /// Where it starts and ends, m.
    pub(super) ends: [[f64; 2]; 2],
    /// Where no point lies on the side: the one nearest to it, and its distance (m).
    pub(super) nearest: Option<([f64; 2], f64)>,
}

/// A facet in the direction of its chain.
#[derive(Debug, Clone, Copy)]
struct Link {
    facet: Facet,
    from: usize,
    to: usize,
}

/// The chains of a boundary group, split where it turns by more than `kink` (rad); of their degrees of freedom, those that
/// are `free` are driven.
pub(super) fn chains(space: &Space, group: usize, kink: f64, free: &[bool]) -> Vec<Chain> {
    let mesh = space.mesh();
    // facets run counter-clockwise around their cells: each goes on where the one before ended
    let facets = mesh.facets().iter().filter(|facet| facet.group == group);
    let links: Vec<Link> = facets
        .map(|facet| {
            let cell = mesh.cell(facet.cell);
            Link {
                facet: *facet,
                from: cell[facet.side],
                to: cell[(facet.side + 1) % cell.len()],
            }
        })
        .collect();
    // more than one where lines of the boundary touch
    let mut starting: HashMap<usize, Vec<usize>> = HashMap::new();
    for (number, link) in links.iter().enumerate() {
        starting.entry(link.from).or_default().push(number);
    }
    let following: Vec<Option<usize>> = links
        .iter()
        .map(|link| {
            let candidates = starting.get(&link.to)?.iter();
            let end = direction(space, link, 1.0);
            let turns =
                candidates.map(|&next| (angle(end, direction(space, &links[next], -1.0)), next));
            let (turn, next) = turns.min_by(|a, b| a.0.total_cmp(&b.0))?;
            (turn < kink).then_some(next)
        })
        .collect();
    let mut follows = vec![false; links.len()];
    for next in following.iter().flatten() {
        follows[*next] = true;
    }
    let mut seen = vec![false; links.len()];
    let mut chains = Vec::new();
    // open chains start where nothing leads; what is left are closed ones
    let heads = (0..links.len()).filter(|&link| !follows[link]);
    for head in heads.chain(0..links.len()) {
        if seen[head] {
            continue;
        }
        seen[head] = true;
        let mut chain = vec![links[head]];
        let mut last = head;
        let mut closed = false;
        while let Some(next) = following[last] {
            if seen[next] {
                closed = next == head;
                break;
            }
            seen[next] = true;
            chain.push(links[next]);
            last = next;
        }
        chains.push(Chain::new(space, &chain, closed, free));
    }
    chains
}

/// Direction of a link at its start (−1) or end (1).
fn direction(space: &Space, link: &Link, end: f64) -> [f64; 2] {
    const STEP: f64 = 1e-3;
    let at = |t: f64| position(space, link, t);
    let (a, b) = if end < 0.0 {
        (at(-1.0), at(-1.0 + STEP))
    } else {
        (at(1.0 - STEP), at(1.0))
    };
    [b[0] - a[0], b[1] - a[1]]
}

fn angle(a: [f64; 2], b: [f64; 2]) -> f64 {
    let cross = a[0] * b[1] - a[1] * b[0];
    let dot = a[0] * b[0] + a[1] * b[1];
    cross.abs().atan2(dot)
}

/// Position (m) at `t` in [−1, 1] of a link.
fn position(space: &Space, link: &Link, t: f64) -> [f64; 2] {
    let mesh = space.mesh();
    let map = mesh.cell_map(link.facet.cell);
    map.position(mesh.shape().on_side(link.facet.side, t))
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (b[0] - a[0]).hypot(b[1] - a[1])
}

impl Chain {
    fn new(space: &Space, links: &[Link], closed: bool, free: &[bool]) -> Self {
        // curved facets are followed by chords
        let pieces = if space.mesh().degree() > 1 { PIECES } else { 1 };
        let reference = space.reference();
        let mut places = vec![(0.0, position(space, &links[0], -1.0))];
        let mut dofs = Vec::new();
        for link in links {
            let start = places.len() - 1;
            for piece in 1..=pieces {
                let here = position(
                    space,
                    link,
                    -1.0 + 2.0 * f64::from(piece) / f64::from(pieces),
                );
                let (along, before) = places[places.len() - 1];
                places.push((along + distance(before, here), here));
            }
            let nodes = reference.side_nodes(link.facet.side);
            for (k, node) in nodes.into_iter().enumerate() {
                let dof = space.cell_dofs(link.facet.cell)[node] as usize;
                let t = 0.5 * (reference.line().point(k) + 1.0) * f64::from(pieces);
                let piece = (t as usize).min(pieces as usize - 1);
                let [a, b] = [places[start + piece].0, places[start + piece + 1].0];
                if free[dof] {
                    dofs.push((dof, a + (t - piece as f64) * (b - a)));
                }
            }
        }
        dofs.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        dofs.dedup_by_key(|(dof, _)| *dof);
        Self {
            places,
            dofs,
            closed,
            curved: pieces > 1,
        }
    }

    /// The degrees of freedom to be driven.
    pub(super) fn dofs(&self) -> impl Iterator<Item = usize> + '_ {
        self.dofs.iter().map(|(dof, _)| *dof)
    }

    fn length(&self) -> f64 {
        self.places[self.places.len() - 1].0
    }

    /// The place on the chain that is nearest to a position: its distance from it and from the start of the chain, m.
    fn nearest(&self, position: [f64; 2]) -> (f64, f64) {
        let feet = self.places.windows(2).map(|pair| {
            let [(from, a), (to, b)] = [pair[0], pair[1]];
            let chord = [b[0] - a[0], b[1] - a[1]];
            let square = chord[0] * chord[0] + chord[1] * chord[1];
            let dot = (position[0] - a[0]) * chord[0] + (position[1] - a[1]) * chord[1];
            let share = (dot / square).clamp(0.0, 1.0);
            let foot = [a[0] + share * chord[0], a[1] + share * chord[1]];
            (distance(foot, position), from + share * (to - from))
        });
        feet.min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap_or((f64::INFINITY, 0.0))
    }

    /// Weights of the points (index, weight) for every driven degree of freedom.
    ///
    /// # Errors
    /// A part that no points cover: an end of the side, or more than `WIDEST` times the usual distance between points.
    #[expect(clippy::type_complexity, reason = "a sparse matrix, row by row")]
    pub(super) fn interpolate(
        &self,
        points: &[[f64; 2]],
        beside: f64,
    ) -> Result<Vec<(usize, Vec<(usize, f64)>)>, Gap> {
        let length = self.length();
        // a curved side follows the shape that is meant to within a hundredth of its facets
        let facets = (self.places.len() - 1) as f64 / PIECES as f64;
        let sag = if self.curved {
            0.01 * length / facets
        } else {
            0.0
        };
        let places: Vec<(f64, f64)> = points.iter().map(|point| self.nearest(*point)).collect();
        let on_side = |(index, place): (usize, &(f64, f64))| {
            (place.0 <= beside + sag).then_some((place.1, index))
        };
        let mut known: Vec<(f64, usize)> = places.iter().enumerate().filter_map(on_side).collect();
        known.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        // two points at one place say the same
        let slack = 2.0 * beside;
        known.dedup_by(|b, a| b.0 - a.0 <= slack);
        if known.is_empty() {
            let nearest = places
                .iter()
                .zip(points)
                .min_by(|a, b| a.0.0.total_cmp(&b.0.0));
            return Err(Gap {
                ends: [self.place(0.0), self.place(length)],
                nearest: nearest.map(|(place, point)| (*point, place.0)),
            });
        }
        if self.closed {
            if known.len() > 1 && length - known[known.len() - 1].0 + known[0].0 <= slack {
                known.pop();
            }
            known = around(&known, length);
        }
        let gap = |from: f64, to: f64| Gap {
            ends: [self.place(from), self.place(to)],
            nearest: None,
        };
        let (start, end) = (known[0].0, known[known.len() - 1].0);
        if start > slack {
            return Err(gap(0.0, start));
        }
        if end < length - slack {
            return Err(gap(end, length));
        }
        let mut distances: Vec<f64> = known.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        distances.sort_by(f64::total_cmp);
        let widest = WIDEST
            * distances
                .get(distances.len() / 2)
                .copied()
                .unwrap_or(length);
        if let Some(pair) = known.windows(2).find(|pair| pair[1].0 - pair[0].0 > widest) {
            return Err(gap(pair[0].0.max(0.0), pair[1].0.min(length)));
        }
        Ok(self
            .dofs
            .iter()
            .map(|&(dof, s)| (dof, lagrange(&known, s)))
            .collect())
    }

    /// Position (m) at a distance from the start.
    fn place(&self, s: f64) -> [f64; 2] {
        let after = self.places.partition_point(|(along, _)| *along < s);
        let after = after.clamp(1, self.places.len() - 1);
        let [(from, a), (to, b)] = [self.places[after - 1], self.places[after]];
        let share = ((s - from) / (to - from)).clamp(0.0, 1.0);
        [0, 1].map(|axis| (1.0 - share) * a[axis] + share * b[axis])
    }
}

/// The points of a closed line with enough of them repeated beyond both ends.
fn around(known: &[(f64, usize)], length: f64) -> Vec<(f64, usize)> {
    let shifted = |by: f64| known.iter().map(move |&(s, index)| (s + by, index));
    shifted(-length)
        .chain(shifted(0.0))
        .chain(shifted(length))
        .collect()
}

/// Weights of the polynomial through the (at most four) nearest points, as many on either side as there are.
fn lagrange(known: &[(f64, usize)], s: f64) -> Vec<(usize, f64)> {
    let count = known.len().min(4);
    let after = known.partition_point(|(place, _)| *place < s);
    let first = after.saturating_sub(count / 2).min(known.len() - count);
    let stencil = &known[first..first + count];
    stencil
        .iter()
        .map(|&(place, index)| {
            let others = stencil.iter().filter(|(other, _)| *other != place);
            let weight = others
                .map(|(other, _)| (s - other) / (place - other))
                .product();
            (index, weight)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use crate::mesh::disc::Disc;
    use crate::mesh::rectangle::Rectangle;
    use std::f64::consts::TAU;

    #[test]
    fn sides_are_cut_at_corners_and_cubics_along_them_are_exact() {
        let mesh = Rectangle {
            size: [2.0, 1.0],
            cells: [5, 3],
            distortion: 0.2,
            ..Rectangle::default()
        };
        let space = Space::new(mesh.build().unwrap(), Element::GllQuad { order: 3 }).unwrap();
        let cubic = |[x, y]: [f64; 2]| 1.0 - x + 0.5 * x * x * x + y * y * y;
        // the outline in no order, and places that lie on no side
        let points: Vec<[f64; 2]> = (0..=10)
            .rev()
            .flat_map(|i| {
                let s = f64::from(i) / 10.0;
                [
                    [2.0 * s, 0.0],
                    [2.0 * s, 1.0],
                    [0.0, s],
                    [2.0, s],
                    [s + 0.5, 0.5],
                ]
            })
            .collect();
        for group in 0..4 {
            let chains = chains(&space, group, 0.2, &vec![true; space.dof_count()]);
            assert_eq!(chains.len(), 1);
            let rows = chains[0].interpolate(&points, 1e-6).unwrap();
            assert_eq!(rows.len(), if group < 2 { 10 } else { 16 });
            for (dof, weights) in rows {
                let found: f64 = weights.iter().map(|&(i, w)| w * cubic(points[i])).sum();
                let expected = cubic(space.dof_positions()[dof]);
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
            // from the first tenth on only: the side is not covered
            let inner: Vec<[f64; 2]> = points
                .iter()
                .filter(|[x, y]| *x > 0.1 && *y > 0.1)
                .copied()
                .collect();
            if group % 2 == 0 {
                assert!(chains[0].interpolate(&inner, 1e-6).is_err());
            }
            // two neighbours missing are no gap yet, four are
            let without = |from: f64, to: f64| -> Vec<[f64; 2]> {
                let share = |[x, y]: [f64; 2]| if group < 2 { y } else { 0.5 * x };
                let kept = points.iter().filter(|p| !(from..to).contains(&share(**p)));
                kept.copied().collect()
            };
            assert!(chains[0].interpolate(&without(0.35, 0.55), 1e-6).is_ok());
            let gap = chains[0]
                .interpolate(&without(0.35, 0.75), 1e-6)
                .unwrap_err();
            let [from, to] = gap.ends;
            assert!((distance(from, to) - if group < 2 { 0.5 } else { 1.0 }).abs() < 1e-12);
            assert_eq!(gap.nearest, None);
        }
    }

    #[test]
    fn a_curved_side_that_closes_is_one_line_around() {
        let mesh = Disc {
            cells: 4,
            ..Disc::default()
        };
        let space = Space::new(mesh.build().unwrap(), Element::GllQuad { order: 3 }).unwrap();
        let chains = chains(&space, 0, 0.2, &vec![true; space.dof_count()]);
        assert_eq!(chains.len(), 1);
        let at = |n: usize| TAU * (n as f64 + 0.3) / 64.0;
        let points: Vec<[f64; 2]> = (0..64).map(|n| [at(n).cos(), at(n).sin()]).collect();
        let wave = |[x, y]: [f64; 2]| (2.0 * y.atan2(x)).cos();
        let rows = chains[0].interpolate(&points, 2e-6).unwrap();
        assert_eq!(rows.len(), 16 * 3);
        for (dof, weights) in rows {
            let found: f64 = weights.iter().map(|&(i, w)| w * wave(points[i])).sum();
            let expected = wave(space.dof_positions()[dof]);
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
        for missing in [0..6, 30..36, 61..64] {
            let kept = (0..64).filter(|n| !missing.contains(n));
            let kept: Vec<[f64; 2]> = kept.map(|n| points[n]).collect();
            let result = chains[0].interpolate(&kept, 2e-6);
            assert_eq!(result.is_err(), missing.len() > 3, "{missing:?}");
        }
        let gap = chains[0].interpolate(&[[0.5, 0.0]], 2e-6).unwrap_err();
        assert!((gap.nearest.unwrap().1 - 0.5).abs() < 1e-3);
    }
}
