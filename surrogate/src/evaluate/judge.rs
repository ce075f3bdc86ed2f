//! Errors of trajectories that come from elsewhere, measured as the surrogate's are: over the same snapshots, with the same measures.

use super::{Case, Errors, Evaluation, Yardstick};
use crate::metrics::relative_l2;
use crate::surrogate::{Span, Surrogate};
use crate::{Result, SurrogateError};
use fewave_datasets::Split;
use ndarray::{Array3, ArrayView3, Axis};
use std::fmt;

/// Measures trajectories over the snapshots that a surrogate was measured over.
#[derive(Debug)]
pub struct Judge<'a> {
    surrogate: &'a Surrogate,
    split: &'a Split,
    evaluation: &'a Evaluation,
    spans: Vec<Option<Span>>,
    yardstick: Yardstick<'a>,
}

/// The truth of one trajectory, read.
pub struct Reference<'a> {
    case: Case,
    /// The measured snapshots.
    truth: Array3<f32>,
    judge: &'a Judge<'a>,
}

impl fmt::Debug for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference")
            .field("position", &self.case.position)
            .finish_non_exhaustive()
    }
}

impl<'a> Judge<'a> {
    /// A judge over an evaluation of this surrogate on this split.
    ///
    /// # Errors
    /// As [`Surrogate::spans`].
    pub fn new(
        surrogate: &'a Surrogate,
        split: &'a Split,
        evaluation: &'a Evaluation,
    ) -> Result<Self> {
        Ok(Self {
            surrogate,
            split,
            evaluation,
            spans: surrogate.spans(split)?,
            yardstick: Yardstick::new(surrogate, split),
        })
    }

    /// Positions in the split of the trajectories that the evaluation measured.
    pub fn positions(&self) -> impl Iterator<Item = usize> + use<'_, 'a> {
        self.evaluation.trajectories.iter().map(|t| t.position)
    }

    /// Reads the truth of the trajectory at a position of the split; none where the evaluation left it out.
    ///
    /// # Errors
    /// Errors of reading.
    pub fn reference(&'a self, position: usize) -> Result<Option<Reference<'a>>> {
        let mut measured = self.evaluation.trajectories.iter();
        let Some(measured) = measured.find(|t| t.position == position) else {
            return Ok(None);
        };
        let span = self.spans.get(position).cloned().flatten();
        let only = Some(measured.snapshots.as_slice());
        let case = Case::read(self.surrogate, self.split, position, span, only)?;
        Ok(case.map(|case| Reference {
            truth: case.measured_of(&case.all, |snapshot| snapshot),
            case,
            judge: self,
        }))
    }
}

impl Reference<'_> {
    /// Errors of other snapshots `(time, x, y)` of the trajectory, t = 0 included.
    ///
    /// # Errors
    /// [`SurrogateError::Shape`] for another number of snapshots or another grid.
    pub fn errors(&self, fields: ArrayView3<'_, f32>) -> Result<Errors> {
        self.check(&fields)?;
        let predicted = fields.select(Axis(0), &self.case.span.predicted);
        Ok(self.judge.yardstick.sequence(&self.case, &predicted))
    }

    /// Their relative L2 error alone, which takes less time.
    ///
    /// # Errors
    /// As [`errors`](Self::errors).
    pub fn relative_l2(&self, fields: ArrayView3<'_, f32>) -> Result<f64> {
        self.check(&fields)?;
        let snapshots: Vec<usize> = self.case.snapshots().collect();
        let measured = fields.select(Axis(0), &snapshots);
        let domain = self.judge.surrogate.domain();
        Ok(relative_l2(measured.view(), self.truth.view(), domain))
    }

    fn check(&self, fields: &ArrayView3<'_, f32>) -> Result<()> {
        if fields.dim() == self.case.all.dim() {
            return Ok(());
        }
        Err(SurrogateError::Shape {
            place: format!("fields of trajectory {}", self.case.position),
            found: format!("shape {:?}", fields.shape()),
            expected: format!("shape {:?}, as in the data", self.case.all.shape()),
            remedy: "give all snapshots on the grid of the data".into(),
        })
    }
}
