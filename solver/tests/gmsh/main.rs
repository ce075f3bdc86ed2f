//! Reading Gmsh meshes: what Gmsh writes, what is wrong with a mesh and what the error says about it, damaged files.

mod catalogue;
mod damaged;
mod waves;

use std::f64::consts::PI;

use fewave_solver::mesh::gmsh;
use fewave_solver::{CellShape, Mesh};

/// Written by Gmsh 4.15 from a disc of radius 1 m around the origin: physical curve 7 `rim`, physical surface 9 `disc`.
const DISCS: [&[u8]; 4] = [
    include_bytes!("meshes/disc_triangles.msh"),
    include_bytes!("meshes/disc_curved_triangles.msh"),
    include_bytes!("meshes/disc_curved_quads.msh"),
    include_bytes!("meshes/disc_quads_binary.msh"),
];

/// Area by the midpoint rule on a fine lattice, which knows nothing of the elements' quadrature.
fn area(mesh: &Mesh) -> f64 {
    const N: usize = 60;
    let mut sum = 0.0;
    for cell in 0..mesh.cell_count() {
        let map = mesh.cell_map(cell);
        for j in 0..N {
            for i in 0..N {
                let [s, t] = [i, j].map(|k| (k as f64 + 0.5) / N as f64);
                let (point, weight) = match mesh.shape() {
                    CellShape::Quadrilateral => ([2.0 * s - 1.0, 2.0 * t - 1.0], 4.0),
                    // the square collapsed onto the triangle
                    CellShape::Triangle => ([s, t * (1.0 - s)], 1.0 - s),
                };
                sum += map.jacobian(point).determinant() * weight / (N * N) as f64;
            }
        }
    }
    sum
}

#[test]
fn discs_of_every_kind_are_read() {
    let kinds = [
        (CellShape::Triangle, 1),
        (CellShape::Triangle, 2),
        (CellShape::Quadrilateral, 2),
        (CellShape::Quadrilateral, 1),
    ];
    for (bytes, (shape, degree)) in DISCS.into_iter().zip(kinds) {
        let mesh = gmsh::read(bytes).unwrap();
        assert_eq!((mesh.shape(), mesh.degree()), (shape, degree));
        assert_eq!(mesh.groups(), ["rim"]);
        assert_eq!(mesh.cell_groups(), ["disc"]);
        let rim: f64 = mesh
            .facets()
            .iter()
            .map(|facet| {
                let map = mesh.cell_map(facet.cell);
                let point = |t| map.position(mesh.shape().on_side(facet.side, t));
                for t in [-1.0, 1.0] {
                    let [x, y] = point(t);
                    assert!((x.hypot(y) - 1.0).abs() < 1e-12);
                }
                // Simpson's rule on the tangent's length
                (map.side_stretch(facet.side, -1.0)
                    + 4.0 * map.side_stretch(facet.side, 0.0)
                    + map.side_stretch(facet.side, 1.0))
                    / 3.0
            })
            .sum();
        // polygons of about 9 and 18 corners; arcs as parabolas
        let tolerance = if degree == 2 { 2e-3 } else { 0.12 };
        assert!(
            (area(&mesh) / PI - 1.0).abs() < tolerance,
            "{}",
            area(&mesh)
        );
        assert!((rim / (2.0 * PI) - 1.0).abs() < tolerance, "{rim}");
        let (lower, upper) = mesh.bounds();
        for axis in 0..2 {
            assert!(lower[axis] > -1.01 && lower[axis] < -0.93, "{lower:?}");
            assert!(upper[axis] < 1.01 && upper[axis] > 0.93, "{upper:?}");
        }
    }
}

#[test]
fn every_place_in_curved_cells_is_found_again() {
    for bytes in DISCS {
        let mesh = gmsh::read(bytes).unwrap();
        let locator = fewave_solver::space::locate::Locator::new(&mesh);
        for cell in 0..mesh.cell_count() {
            let map = mesh.cell_map(cell);
            for j in 0..=8 {
                for i in 0..=8 {
                    let [s, t] = [i, j].map(|k| f64::from(k) / 8.0);
                    let reference = match mesh.shape() {
                        CellShape::Quadrilateral => [2.0 * s - 1.0, 2.0 * t - 1.0],
                        CellShape::Triangle => [s, t * (1.0 - s)],
                    };
                    let position = map.position(reference);
                    let found = locator.locate(&mesh, position);
                    let found = found.unwrap_or_else(|| panic!("{position:?} in cell {cell}"));
                    let again = mesh.cell_map(found.cell).position(found.reference);
                    assert!((again[0] - position[0]).hypot(again[1] - position[1]) < 1e-9);
                }
            }
        }
        assert!(locator.locate(&mesh, [0.75, 0.75]).is_none());
        assert!(locator.locate(&mesh, [1.02, 0.0]).is_none());
    }
}

#[test]
fn the_box_of_a_disc_touches_its_rim() {
    let mesh = gmsh::read(DISCS[2]).unwrap();
    for end in mesh.groups_on_box() {
        assert_eq!(end, [(0, 0.0)]);
    }
}
