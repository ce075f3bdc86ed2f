//! Which cells meet at which sides: on the boundary one, inside two that run along the side in opposite directions.

use std::collections::HashMap;

use crate::geometry::CellShape;

/// Who uses a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// One cell.
    Boundary {
        /// The cell.
        cell: usize,
        /// Its side.
        side: usize,
    },
    /// Two cells.
    Interior,
}

/// Two cells that do not fit together at a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clash {
    /// The cells.
    pub(crate) cells: [usize; 2],
    /// Point indices of the side's corners.
    pub(crate) corners: [usize; 2],
    /// What is wrong with them.
    pub(crate) problem: &'static str,
}

/// The sides of a mesh by the indices of their corners, the lower first.
#[derive(Debug, Clone)]
pub(crate) struct Sides {
    uses: HashMap<(usize, usize), Use>,
    /// Keys in the order in which cells first touch them.
    order: Vec<(usize, usize)>,
}

impl Sides {
    /// Collects the sides of cells of `nodes` nodes each (corners first, then the middles of sides).
    pub(crate) fn new(shape: CellShape, nodes: usize, cells: &[usize]) -> Result<Self, Clash> {
        let corners = shape.corners();
        let curved = nodes > corners;
        let mut this = Self {
            uses: HashMap::with_capacity(cells.len() / nodes * 2),
            order: Vec::new(),
        };
        for (cell, points) in cells.chunks_exact(nodes).enumerate() {
            for side in 0..corners {
                let (a, b) = (points[side], points[(side + 1) % corners]);
                let key = (a.min(b), a.max(b));
                let clash = |first: usize, problem: &'static str| Clash {
                    cells: [first, cell],
                    corners: [a, b],
                    problem,
                };
                match this.uses.get(&key).copied() {
                    None => {
                        this.uses.insert(key, Use::Boundary { cell, side });
                        this.order.push(key);
                    }
                    Some(Use::Interior) => {
                        return Err(clash(cell, "shares with two others"));
                    }
                    Some(Use::Boundary {
                        cell: first,
                        side: other,
                    }) => {
                        let neighbour = &cells[first * nodes..(first + 1) * nodes];
                        if neighbour[other] == a {
                            return Err(clash(first, "has too, on the same side of it"));
                        }
                        if curved && neighbour[corners + other] != points[corners + side] {
                            return Err(clash(first, "has too, with another node in its middle"));
                        }
                        this.uses.insert(key, Use::Interior);
                    }
                }
            }
        }
        Ok(this)
    }

    /// Who uses the side between two corners, the lower index first.
    pub(crate) fn of(&self, key: (usize, usize)) -> Option<Use> {
        self.uses.get(&key).copied()
    }

    /// Corners, cell and side of all sides on the boundary, in the order of the cells.
    pub(crate) fn boundary(&self) -> impl Iterator<Item = ((usize, usize), usize, usize)> + '_ {
        self.order
            .iter()
            .filter_map(|key| match self.uses.get(key) {
                Some(Use::Boundary { cell, side }) => Some((*key, *cell, *side)),
                _ => None,
            })
    }
}
