//! The points of a snapshot grid that are inside the domain: a grid covers the bounding box, the waves may not.
//!
//! Values outside mean nothing: networks are given zero displacement there, predictions are exactly 0 there, and neither losses
//! nor metrics nor statistics look at them. A surrogate knows one domain, that of its training data, and serves no other.
//! In a checkpoint a domain is a list of rows along y, one a point of x, of `1` inside and `0` outside.

use crate::{Result, SurrogateError};
use candle_core::Tensor;
use fewave_datasets::{INSIDE_FIELD, Split};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Which points of a grid `(x, y)` are inside; at least one is, and at least one is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Domain {
    shape: [usize; 2],
    /// Row-major.
    inside: Vec<bool>,
    count: usize,
}

impl Domain {
    /// The domain of these points; `None` where all of them, or none, are inside.
    pub fn new(inside: &Array2<bool>) -> Option<Self> {
        let count = inside.iter().filter(|inside| **inside).count();
        (count > 0 && count < inside.len()).then(|| Self {
            shape: inside.dim().into(),
            inside: inside.iter().copied().collect(),
            count,
        })
    }

    /// The domain that all trajectories of a split share; `None` where it is the whole grid.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] where trajectories have different domains, no point is inside, or a value is neither 0 nor 1.
    pub fn of(split: &Split) -> Result<Option<Self>> {
        let fields = split.field_specs();
        let masked = |name: &str, varies: bool| name == INSIDE_FIELD && !varies;
        if !fields.iter().any(|f| masked(&f.name, f.time_varying)) {
            return Ok(None);
        }
        let refuse = |found: String, expected: &str, remedy: &str| SurrogateError::Data {
            place: format!("field {INSIDE_FIELD} of {}", split.path().display()),
            found,
            expected: expected.into(),
            remedy: remedy.into(),
        };
        let mut shared: Option<Array2<bool>> = None;
        for trajectory in 0..split.len() {
            let values = split.read_static(INSIDE_FIELD, trajectory)?;
            if let Some(value) = values.iter().find(|value| ![0.0, 1.0].contains(*value)) {
                let found = format!("{value} in trajectory {trajectory}");
                return Err(refuse(
                    found,
                    "1 inside and 0 outside",
                    "generate the data again",
                ));
            }
            let inside = values.mapv(|value| value == 1.0);
            match &shared {
                Some(first) if *first != inside => {
                    return Err(refuse(
                        format!(
                            "{} in trajectory 0, {} in trajectory {trajectory}",
                            describe(Self::new(first).as_ref()),
                            describe(Self::new(&inside).as_ref()),
                        ),
                        "the same points in all trajectories, since a surrogate serves one domain",
                        "make one dataset for each domain",
                    ));
                }
                Some(_) => {}
                None if !inside.iter().any(|inside| *inside) => {
                    let expected = "points inside the domain";
                    return Err(refuse("none".into(), expected, "refine the snapshot grid"));
                }
                None => shared = Some(inside),
            }
        }
        Ok(shared.as_ref().and_then(Self::new))
    }

    /// Points along x and y.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// How many points are inside.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Share of the grid's points that are inside.
    pub(crate) fn share(&self) -> f64 {
        self.count as f64 / self.inside.len() as f64
    }

    /// Which points are inside, `(x, y)`.
    pub fn points(&self) -> Array2<bool> {
        Array2::from_shape_fn(self.shape, |(i, j)| self.holds(i * self.shape[1] + j))
    }

    /// Whether the point at a place in row-major order is inside.
    pub(crate) fn holds(&self, place: usize) -> bool {
        self.inside[place]
    }

    /// Whether a point has a neighbour along x or y that is outside.
    pub(crate) fn ends_beside(&self, [i, j]: [usize; 2]) -> bool {
        let [nx, ny] = self.shape;
        let outside = |i: usize, j: usize| i < nx && j < ny && !self.holds(i * ny + j);
        let before = |i: usize| i.checked_sub(1).unwrap_or(usize::MAX);
        outside(before(i), j) || outside(i + 1, j) || outside(i, before(j)) || outside(i, j + 1)
    }

    /// Writes `value` outside, in every map `(x, y)` of `values`.
    pub(crate) fn fill_outside(&self, values: &mut [f32], value: f32) {
        for map in values.chunks_exact_mut(self.inside.len()) {
            for (target, _) in map
                .iter_mut()
                .zip(&self.inside)
                .filter(|(_, inside)| !**inside)
            {
                *target = value;
            }
        }
    }

    /// Maps `(…, x, y)` with zeros outside; for maps of the type and on the device of `maps`.
    pub(crate) fn clear(&self, maps: &Tensor) -> candle_core::Result<Tensor> {
        let flags: Vec<f32> = self
            .inside
            .iter()
            .map(|v| f32::from(u8::from(*v)))
            .collect();
        let mask = Tensor::from_vec(flags, &self.shape, maps.device())?.to_dtype(maps.dtype())?;
        maps.broadcast_mul(&mask)
    }

    /// Refuses maps of another shape.
    pub(crate) fn check_shape(&self, found: [usize; 2]) -> Result<()> {
        if found == self.shape {
            return Ok(());
        }
        Err(SurrogateError::Shape {
            place: "snapshot grid".into(),
            found: format!("shape {found:?}"),
            expected: format!("shape {:?}, the surrogate's domain has {}", self.shape, describe(Some(self))),
            remedy: "give the grid of the training data: a surrogate of a domain with points outside serves no other".into(),
        })
    }
}

/// A domain in words that tell it from others: `1712 of 50 × 40 points inside (mask 1f00d5a1c3e7)`.
pub fn describe(domain: Option<&Domain>) -> String {
    let Some(domain) = domain else {
        return "all points inside".into();
    };
    let bytes: Vec<u8> = domain.inside.iter().map(|v| u8::from(*v)).collect();
    let hash = format!("{:x}", Sha256::digest(bytes));
    let [nx, ny] = domain.shape;
    let count = domain.count;
    format!(
        "{count} of {nx} × {ny} points inside (mask {})",
        &hash[..12]
    )
}

impl From<Domain> for Vec<String> {
    fn from(domain: Domain) -> Self {
        let digit = |inside: &bool| if *inside { '1' } else { '0' };
        let rows = domain.inside.chunks_exact(domain.shape[1]);
        rows.map(|row| row.iter().map(digit).collect()).collect()
    }
}

impl TryFrom<Vec<String>> for Domain {
    type Error = String;

    fn try_from(rows: Vec<String>) -> std::result::Result<Self, String> {
        let width = rows.first().map_or(0, String::len);
        let even = rows
            .iter()
            .all(|row| row.len() == width && row.bytes().all(|digit| matches!(digit, b'0' | b'1')));
        let inside: Vec<bool> = rows
            .iter()
            .flat_map(|row| row.bytes().map(|d| d == b'1'))
            .collect();
        Array2::from_shape_vec((rows.len(), width), inside)
            .ok()
            .filter(|_| even)
            .and_then(|inside| Self::new(&inside))
            .ok_or_else(|| "the points inside the domain are not equal rows of both 0 and 1".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn domain() -> Domain {
        Domain::new(&Array2::from_shape_fn((3, 4), |at| {
            at != (1, 2) && at != (0, 0)
        }))
        .unwrap()
    }

    #[test]
    fn rows_are_read_back_and_damaged_ones_refused() {
        let text = serde_json::to_string(&domain()).unwrap();
        assert_eq!(text, r#"["0111","1101","1111"]"#);
        assert_eq!(serde_json::from_str::<Domain>(&text).unwrap(), domain());
        for bad in [r#"["01","1"]"#, r#"["02"]"#, "[]", r#"["11"]"#, r#"["0"]"#] {
            assert!(serde_json::from_str::<Domain>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn outside_is_filled_in_every_map_and_in_tensors() {
        let mut values = [1.0f32; 24];
        domain().fill_outside(&mut values, -2.0);
        let outside = |at: usize| at.is_multiple_of(12) || at % 12 == 6;
        for (at, value) in values.iter().enumerate() {
            assert_eq!(*value, if outside(at) { -2.0 } else { 1.0 });
        }
        let maps = Tensor::ones((2, 1, 3, 4), candle_core::DType::F64, &Device::Cpu).unwrap();
        let cleared = domain().clear(&maps).unwrap().flatten_all().unwrap();
        for (at, value) in cleared.to_vec1::<f64>().unwrap().into_iter().enumerate() {
            assert_eq!(value, if outside(at) { 0.0 } else { 1.0 });
        }
    }

    #[test]
    fn neighbours_of_a_hole_are_told() {
        let found: Vec<[usize; 2]> = (0..3)
            .flat_map(|i| (0..4).map(move |j| [i, j]))
            .filter(|at| domain().ends_beside(*at))
            .collect();
        assert_eq!(found, [[0, 1], [0, 2], [1, 0], [1, 1], [1, 3], [2, 2]]);
    }

    #[test]
    fn domains_are_told_apart_in_words() {
        assert_eq!(describe(None), "all points inside");
        let words = describe(Some(&domain()));
        assert!(
            words.starts_with("10 of 3 × 4 points inside (mask "),
            "{words}"
        );
        let other = Domain::new(&Array2::from_shape_fn((3, 4), |(i, j)| (i + j) % 6 != 0));
        assert_ne!(describe(other.as_ref()), words);
    }
}
