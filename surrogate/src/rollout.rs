//! Prediction: one step from given snapshots, and many steps from a network's own (rollout).
//!
//! Shapes: histories `(B, K, x, y)`, oldest snapshot first; speeds `(B, x, y)`; predictions `(B, x, y)` or `(B, steps, x, y)`.

use crate::network::Network;
use crate::task::propagate::Propagate;
use crate::{Result, SurrogateError};
use candle_core::{DType, Device, Tensor};
use ndarray::{Array3, Array4, ArrayView2, ArrayView3, ArrayView4, Axis, s};

/// A network with its task, ready to predict.
#[derive(Clone, Copy)]
pub(crate) struct Predictor<'a> {
    pub(crate) network: &'a dyn Network,
    pub(crate) task: &'a Propagate,
    pub(crate) device: &'a Device,
}

impl Predictor<'_> {
    /// The network's input (B, C, x, y) for snapshots and media.
    pub(crate) fn input(
        &self,
        histories: ArrayView4<'_, f32>,
        speeds: ArrayView3<'_, f32>,
    ) -> Result<Tensor> {
        let (batch, history, nx, ny) = histories.dim();
        self.check(&histories, &speeds)?;
        let points = nx * ny;
        let channels = history + usize::from(self.task.medium());
        let (histories, speeds) = (histories.as_standard_layout(), speeds.as_standard_layout());
        let (snapshots, media) = (flat(histories.as_slice())?, flat(speeds.as_slice())?);
        let mut input = vec![0.0; batch * channels * points];
        for (b, input) in input.chunks_exact_mut(channels * points).enumerate() {
            self.task.fill_input(
                (0..history).map(|k| &snapshots[(b * history + k) * points..][..points]),
                &media[b * points..][..points],
                input,
            );
        }
        Ok(Tensor::from_vec(
            input,
            (batch, channels, nx, ny),
            self.device,
        )?)
    }

    /// The snapshots after the given ones.
    pub(crate) fn step(
        &self,
        histories: ArrayView4<'_, f32>,
        speeds: ArrayView3<'_, f32>,
    ) -> Result<Array3<f32>> {
        let (batch, history, nx, ny) = histories.dim();
        let points = nx * ny;
        let input = self.input(histories, speeds)?;
        let output = self
            .network
            .forward(&input)?
            .to_dtype(DType::F32)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        let histories = histories.as_standard_layout();
        let snapshots = flat(histories.as_slice())?;
        let last = |b: usize| &snapshots[(b * history + history - 1) * points..][..points];
        let mut next = Array3::zeros((batch, nx, ny));
        for (b, mut next) in next.axis_iter_mut(Axis(0)).enumerate() {
            if let Some(next) = next.as_slice_mut() {
                self.task
                    .advance(last(b), &output[b * points..][..points], next);
            }
        }
        Ok(next)
    }

    /// Predictions of snapshots `first + K …` of one trajectory `(time, x, y)`, each from the true ones before it.
    pub(crate) fn one_step(
        &self,
        snapshots: ArrayView3<'_, f32>,
        speed: ArrayView2<'_, f32>,
        first: usize,
        batch: usize,
    ) -> Result<Array3<f32>> {
        let (times, nx, ny) = snapshots.dim();
        let history = self.task.history();
        let count = times.saturating_sub(first + history);
        let mut predictions = Array3::zeros((count, nx, ny));
        for start in (0..count).step_by(batch.max(1)) {
            let size = batch.min(count - start);
            let mut histories = Array4::zeros((size, history, nx, ny));
            for (b, mut window) in histories.axis_iter_mut(Axis(0)).enumerate() {
                let begin = first + start + b;
                window.assign(&snapshots.slice(s![begin..begin + history, .., ..]));
            }
            let speeds = speed
                .broadcast((size, nx, ny))
                .ok_or_else(|| shape("speed", speed.shape(), &[nx, ny]))?;
            predictions
                .slice_mut(s![start..start + size, .., ..])
                .assign(&self.step(histories.view(), speeds)?);
        }
        Ok(predictions)
    }

    /// `steps` snapshots after the given ones, each predicted from the ones before it, predicted or given.
    pub(crate) fn rollout(
        &self,
        histories: ArrayView4<'_, f32>,
        speeds: ArrayView3<'_, f32>,
        steps: usize,
    ) -> Result<Array4<f32>> {
        let (batch, history, nx, ny) = histories.dim();
        let mut window = histories.to_owned();
        let mut predictions = Array4::zeros((batch, steps, nx, ny));
        for step in 0..steps {
            let next = self.step(window.view(), speeds)?;
            for k in 1..history {
                let (mut older, newer) =
                    window.multi_slice_mut((s![.., k - 1, .., ..], s![.., k, .., ..]));
                older.assign(&newer);
            }
            window.index_axis_mut(Axis(1), history - 1).assign(&next);
            predictions.index_axis_mut(Axis(1), step).assign(&next);
        }
        Ok(predictions)
    }

    fn check(&self, histories: &ArrayView4<'_, f32>, speeds: &ArrayView3<'_, f32>) -> Result<()> {
        let (batch, history, nx, ny) = histories.dim();
        if history != self.task.history() {
            return Err(shape(
                "given snapshots",
                histories.shape(),
                &[batch, self.task.history(), nx, ny],
            ));
        }
        if speeds.dim() != (batch, nx, ny) {
            return Err(shape("speed", speeds.shape(), &[batch, nx, ny]));
        }
        if let Some(domain) = self.task.domain() {
            domain.check_shape([nx, ny])?;
        }
        self.network.check_grid(&[nx, ny])
    }
}

fn shape(place: &str, found: &[usize], expected: &[usize]) -> SurrogateError {
    SurrogateError::Shape {
        place: place.into(),
        found: format!("shape {found:?}"),
        expected: format!("shape {expected:?}"),
        remedy: "give the snapshots and the medium of one grid, as many snapshots as task.history"
            .into(),
    }
}

fn flat(values: Option<&[f32]>) -> Result<&[f32]> {
    values.ok_or_else(|| SurrogateError::Shape {
        place: "arrays in memory".into(),
        found: "an array that is not row-major".into(),
        expected: "row-major order".into(),
        remedy: "report this: it is a defect of fewave".into(),
    })
}
