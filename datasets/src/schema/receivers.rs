//! Receivers: where, when and what they record.
//!
//! On disk under `fewave/receivers`: one dataset a quantity, `(trajectory, receiver, time)`, the gradient
//! `(trajectory, receiver, axis, time)`, f32.

/// What receivers record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReceiverQuantity {
    /// u, m.
    Displacement,
    /// ∂u/∂t, m/s.
    Velocity,
    /// (∂u/∂x, ∂u/∂y).
    Gradient,
}

impl ReceiverQuantity {
    /// All quantities, in the order of the file.
    pub const ALL: [ReceiverQuantity; 3] = [
        ReceiverQuantity::Displacement,
        ReceiverQuantity::Velocity,
        ReceiverQuantity::Gradient,
    ];

    /// Name of its dataset.
    pub fn name(self) -> &'static str {
        match self {
            ReceiverQuantity::Displacement => "displacement",
            ReceiverQuantity::Velocity => "velocity",
            ReceiverQuantity::Gradient => "gradient",
        }
    }

    /// Its SI unit.
    pub fn unit(self) -> &'static str {
        match self {
            ReceiverQuantity::Displacement => "m",
            ReceiverQuantity::Velocity => "m/s",
            ReceiverQuantity::Gradient => "1",
        }
    }

    /// One line for a reader of the file.
    pub(crate) fn description(self) -> &'static str {
        match self {
            ReceiverQuantity::Displacement => {
                "displacement at the receivers, (trajectory, receiver, time)"
            }
            ReceiverQuantity::Velocity => {
                "velocity at the receivers at the times of the samples, (trajectory, receiver, time)"
            }
            ReceiverQuantity::Gradient => {
                "gradient of the displacement at the receivers, (trajectory, receiver, axis, time)"
            }
        }
    }

    /// Where its dataset is.
    pub(crate) fn place(self) -> String {
        format!("fewave/receivers/{}", self.name())
    }

    /// Shape of one trajectory's signals: `(receiver, time)`, or `(receiver, axis, time)` of the gradient.
    pub fn shape(self, receivers: usize, times: usize) -> Vec<usize> {
        match self {
            ReceiverQuantity::Gradient => vec![receivers, 2, times],
            _ => vec![receivers, times],
        }
    }
}

/// Points at which signals are recorded in time.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiverSpec {
    /// `(x, y)` in m.
    pub positions: Vec<[f64; 2]>,
    /// Sample times, s.
    pub times: Vec<f64>,
    /// What is recorded, in the order of [`ReceiverQuantity::ALL`].
    pub quantities: Vec<ReceiverQuantity>,
}

impl ReceiverSpec {
    /// Shape of one trajectory's signals of a quantity.
    pub fn shape(&self, quantity: ReceiverQuantity) -> Vec<usize> {
        quantity.shape(self.positions.len(), self.times.len())
    }
}
