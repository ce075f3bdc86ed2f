//! One speed per cell group of the mesh (Gmsh's physical surfaces), exact in every cell, curved ones included.

use crate::{Medium, Mesh, SolverError, check};

/// One speed per cell group.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    speeds: Vec<f64>,
}

impl Groups {
    /// `speeds` in m/s by index into [`Mesh::cell_groups`].
    ///
    /// # Errors
    /// [`SolverError::InvalidParameter`] for a mesh with another number of groups, or a speed that is not finite and above 0.
    pub fn new(mesh: &Mesh, speeds: Vec<f64>) -> Result<Self, SolverError> {
        let names = mesh.cell_groups();
        if speeds.len() != names.len() {
            return Err(SolverError::invalid(
                "group speeds",
                format!("{} speeds", speeds.len()),
                format!("one for each of {}", names.join(", ")),
                "give every cell group its speed",
            ));
        }
        for (name, &speed) in names.iter().zip(&speeds) {
            check::positive(&format!("speed of group {name}"), speed)?;
        }
        Ok(Self { speeds })
    }
}

impl Medium for Groups {
    /// NaN, which is refused wherever a speed is used: without its cell, a position has no group.
    fn speed(&self, _position: [f64; 2]) -> f64 {
        f64::NAN
    }

    fn speed_in_group(&self, _position: [f64; 2], group: usize) -> f64 {
        self.speeds.get(group).copied().unwrap_or(f64::NAN)
    }

    fn max_speed(&self) -> f64 {
        self.speeds.iter().copied().fold(0.0, f64::max)
    }

    fn min_speed(&self) -> f64 {
        self.speeds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rectangle;

    #[test]
    fn every_group_has_its_speed() {
        let mesh = Rectangle::default().build().unwrap();
        let mut parts = mesh.into_parts();
        parts.cell_group_names.push("inclusion".to_owned());
        let mesh = Mesh::from_parts(parts).unwrap();
        let medium = Groups::new(&mesh, vec![2.0, 0.5]).unwrap();
        assert_eq!(medium.speed_in_group([0.0; 2], 1), 0.5);
        assert!(medium.speed([0.0; 2]).is_nan());
        assert_eq!((medium.min_speed(), medium.max_speed()), (0.5, 2.0));
        let message = Groups::new(&mesh, vec![1.0]).unwrap_err().to_string();
        assert!(message.contains("domain, inclusion"), "{message}");
        let message = Groups::new(&mesh, vec![1.0, -1.0]).unwrap_err().to_string();
        assert!(message.contains("group inclusion"), "{message}");
    }
}
