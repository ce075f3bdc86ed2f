//! Reading values: hyperslabs of exactly what is asked for, refused where a value is not finite.

use std::ops::Range;
use std::sync::PoisonError;

use hdf5::{Dataset, File};
use ndarray::{Array, Array2, Array3, ArrayD, Dimension, s};

use super::Split;
use crate::error::{Error, Hdf5Context, Result, Violation};
use crate::schema::sources::PLACES;
use crate::schema::{ReceiverQuantity, Sources};

/// Files kept open at a time.
const OPEN_FILES: usize = 32;

const DAMAGED: &str = "list every violation with `fewave validate`, and generate the file again";

impl Split {
    /// Snapshots `range` of a time-varying field, shape (snapshot, x, y).
    ///
    /// # Errors
    /// [`Error::Input`] for a field, trajectory or snapshot that does not exist, or a static field; [`Error::Layout`]
    /// for values that are not finite; [`Error::Hdf5`] where the file cannot be read.
    pub fn read_snapshots(
        &self,
        field: &str,
        trajectory: usize,
        range: Range<usize>,
    ) -> Result<Array3<f32>> {
        self.field(field, true)?;
        let (part, _, slot) = self.locate(trajectory)?;
        if range.start > range.end || range.end > self.spec.times.len() {
            let expected = format!("snapshots within 0..{}", self.spec.times.len());
            let what = format!("snapshots of `{field}`");
            return Err(Error::input(
                what,
                expected,
                format!("{range:?}"),
                "ask for snapshots that exist",
            ));
        }
        let place = format!("t0_fields/{field}");
        self.read(part, &place, |at| {
            at.read_slice::<f32, _, _>(s![slot, range.clone(), .., ..])
        })
    }

    /// A static field, shape (x, y).
    ///
    /// # Errors
    /// As [`Split::read_snapshots`]; also for a time-varying field.
    pub fn read_static(&self, field: &str, trajectory: usize) -> Result<Array2<f32>> {
        self.field(field, false)?;
        let (part, _, slot) = self.locate(trajectory)?;
        self.read(part, &format!("t0_fields/{field}"), |at| {
            at.read_slice::<f32, _, _>(s![slot, .., ..])
        })
    }

    /// The displacement at the receivers, shape (receiver, time); `None` where it is not recorded.
    ///
    /// # Errors
    /// As [`Split::read_snapshots`].
    pub fn receivers(&self, trajectory: usize) -> Result<Option<Array2<f32>>> {
        let (part, _, slot) = self.locate(trajectory)?;
        let quantity = ReceiverQuantity::Displacement;
        if !self.records(quantity) {
            return Ok(None);
        }
        self.read(part, &quantity.place(), |at| {
            at.read_slice::<f32, _, _>(s![slot, .., ..])
        })
        .map(Some)
    }

    /// A quantity at the receivers, shape (receiver, time), of the gradient (receiver, axis, time).
    ///
    /// # Errors
    /// As [`Split::read_snapshots`]; also for a quantity that is not recorded.
    pub fn receiver_signals(
        &self,
        quantity: ReceiverQuantity,
        trajectory: usize,
    ) -> Result<ArrayD<f32>> {
        let (part, _, slot) = self.locate(trajectory)?;
        if !self.records(quantity) {
            let recorded = self.spec.receivers.iter().flat_map(|spec| &spec.quantities);
            let names: Vec<_> = recorded.map(|quantity| quantity.name()).collect();
            let found = match names.as_slice() {
                [] => "no receivers".to_owned(),
                _ => format!("receivers of {} only", names.join(" and ")),
            };
            return Err(Error::input(
                format!("the receivers of {}", self.root.display()),
                quantity.name(),
                found,
                "generate the data with receivers.quantities that include it",
            ));
        }
        let place = quantity.place();
        if quantity == ReceiverQuantity::Gradient {
            let signals = self.read(part, &place, |at| {
                at.read_slice::<f32, _, _>(s![slot, .., .., ..])
            })?;
            return Ok(Array3::into_dyn(signals));
        }
        let signals = self.read(part, &place, |at| {
            at.read_slice::<f32, _, _>(s![slot, .., ..])
        })?;
        Ok(Array2::into_dyn(signals))
    }

    fn records(&self, quantity: ReceiverQuantity) -> bool {
        let receivers = self.spec.receivers.as_ref();
        receivers.is_some_and(|spec| spec.quantities.contains(&quantity))
    }

    /// Where the trajectory's sources are and what they emit; empty without sources.
    ///
    /// # Errors
    /// As [`Split::read_snapshots`].
    pub fn sources(&self, trajectory: usize) -> Result<Sources> {
        let (part, _, slot) = self.locate(trajectory)?;
        if self.spec.sources == 0 {
            return Ok(Sources::default());
        }
        let read = |place: &str| {
            self.read(part, place, |at| {
                at.read_slice::<f32, _, _>(s![slot, .., ..])
            })
        };
        let [position, signal] = PLACES;
        Ok(Sources {
            position: read(position)?,
            signal: read(signal)?,
        })
    }

    /// The energy at every snapshot; `None` where it is not stored.
    ///
    /// # Errors
    /// [`Error::Input`] for a trajectory that does not exist; [`Error::Hdf5`] where the file cannot be read.
    pub fn energy(&self, trajectory: usize) -> Result<Option<Vec<f64>>> {
        let (part, _, slot) = self.locate(trajectory)?;
        if !self.spec.energy {
            return Ok(None);
        }
        let place = "fewave/energy";
        let energy = self.with(part, place, |at| at.read_slice_1d::<f64, _>(s![slot, ..]))?;
        Ok(Some(energy.to_vec()))
    }

    /// The field, which must vary in time or not as asked.
    fn field(&self, name: &str, time_varying: bool) -> Result<()> {
        let word = |varies: bool| if varies { "time-varying" } else { "static" };
        let names = || {
            let fields = self
                .spec
                .fields
                .iter()
                .filter(|field| field.time_varying == time_varying);
            let names: Vec<_> = fields.map(|field| field.name.as_str()).collect();
            format!(
                "a {} field of {}: {}",
                word(time_varying),
                self.root.display(),
                names.join(", ")
            )
        };
        let remedy = "choose one of them";
        match self.spec.fields.iter().find(|field| field.name == name) {
            None => Err(Error::input(
                "the field",
                names(),
                format!("`{name}`"),
                remedy,
            )),
            Some(field) if field.time_varying != time_varying => Err(Error::input(
                "the field",
                names(),
                format!("`{name}`, which is {}", word(!time_varying)),
                remedy,
            )),
            Some(_) => Ok(()),
        }
    }

    /// Reads values and refuses those that are not finite.
    fn read<D: Dimension>(
        &self,
        part: usize,
        place: &str,
        read: impl FnOnce(&Dataset) -> hdf5::Result<Array<f32, D>>,
    ) -> Result<Array<f32, D>> {
        let values = self.with(part, place, read)?;
        match values.iter().find(|value| !value.is_finite()) {
            None => Ok(values),
            Some(value) => Err(Error::Layout {
                violation: Box::new(Violation {
                    file: self.parts[part].path.clone(),
                    place: format!("/{place}"),
                    expected: "finite values".to_owned(),
                    found: value.to_string(),
                    rule: "data are finite",
                }),
                others: 0,
            }),
        }
    }

    fn with<T>(
        &self,
        part: usize,
        place: &str,
        read: impl FnOnce(&Dataset) -> hdf5::Result<T>,
    ) -> Result<T> {
        let file = self.file(part)?;
        file.dataset(place).and_then(|at| read(&at)).at(
            &self.parts[part].path,
            place,
            "read",
            DAMAGED,
        )
    }

    fn file(&self, part: usize) -> Result<File> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|(number, _)| *number == part) {
            let entry = open.remove(at);
            let file = entry.1.clone();
            open.push(entry);
            return Ok(file);
        }
        let path = &self.parts[part].path;
        let file = File::open(path).at(path, "/", "open", DAMAGED)?;
        if open.len() == OPEN_FILES {
            open.remove(0);
        }
        open.push((part, file.clone()));
        Ok(file)
    }
}
