//! Waves on meshes of Gmsh: media by group.

use std::sync::Arc;

use fewave_solver::initial::{Pulse, Pulses};
use fewave_solver::medium::{Axis, Groups, Layers};
use fewave_solver::mesh::gmsh;
use fewave_solver::{
    BoundaryConditions, BoundaryKind, Element, Medium, Observers, Precision, Recording, Scene,
    Simulator, Space, TimeSettings,
};

use super::catalogue::TWO;

fn run(medium: impl Fn(&Space) -> Arc<dyn Medium>) -> Recording {
    let mesh = gmsh::read(TWO.as_bytes()).unwrap();
    let space = Space::new(mesh, Element::GllQuad { order: 8 }).unwrap();
    let medium = medium(&space);
    let time = TimeSettings {
        duration: 1.0,
        max_speed: 2.0,
        ..TimeSettings::default()
    };
    let boundary = BoundaryConditions::all(BoundaryKind::Fixed);
    let observers = Observers {
        grid: [21, 11],
        ..Observers::default()
    };
    let simulator = Simulator::new(space, boundary, time, observers, Precision::F64).unwrap();
    let pulse = Pulse::new([0.5, 0.5], 0.2, 1.0).unwrap();
    let scene = Scene {
        medium,
        damping: 0.0,
        initial: vec![Arc::new(Pulses::new(vec![pulse]))],
        sources: vec![],
        prescribed: vec![],
    };
    simulator.run(&[scene]).remove(0).unwrap()
}

#[test]
fn a_speed_for_each_group_is_layers_along_their_sides() {
    let groups = run(|space| {
        assert_eq!(space.mesh().cell_groups(), ["steel", "glass"]);
        Arc::new(Groups::new(space.mesh(), vec![2.0, 1.0]).unwrap())
    });
    let layers = run(|_| Arc::new(Layers::new(Axis::X, vec![1.0], vec![2.0, 1.0], 0.0).unwrap()));
    let peak = |recording: &Recording| {
        let values = recording.snapshots.iter();
        values.fold(0.0f32, |peak, value| peak.max(value.abs()))
    };
    assert!(peak(&groups) > 0.1);
    for (a, b) in groups.snapshots.iter().zip(&layers.snapshots) {
        assert!((a - b).abs() < 1e-6 * peak(&layers), "{a} and {b}");
    }
}
