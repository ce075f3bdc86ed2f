//! Prediction of seismograms from scalars, and their mean error over a split.
//!
//! Shapes: scalars of B trajectories → one array `(row, time)` for each predicted quantity of each.

use crate::metrics::traces::traces_relative_l2;
use crate::network::Network;
use crate::task::trace_store::inputs;
use crate::task::traces::TraceConstants;
use crate::{Result, SurrogateError};
use candle_core::{DType, Device, Tensor};
use fewave_datasets::Split;
use ndarray::{Array2, Axis, concatenate};

/// Trajectories per pass through the network.
const BATCH: usize = 256;

/// A network with its constants, ready to predict.
#[derive(Clone, Copy)]
pub(crate) struct TracePredictor<'a> {
    pub(crate) network: &'a dyn Network,
    pub(crate) constants: &'a TraceConstants,
    pub(crate) device: &'a Device,
}

impl TracePredictor<'_> {
    /// The traces of the trajectories whose inputs lie one after the other.
    pub(crate) fn predict(&self, inputs: &[f32]) -> Result<Vec<Vec<Array2<f32>>>> {
        let channels = self.constants.channels();
        let width = channels.inputs.max(1);
        let mut traces = Vec::with_capacity(inputs.len() / width);
        for block in inputs.chunks(BATCH * width) {
            let shape = (block.len() / width, width);
            let input = Tensor::from_slice(block, shape, self.device)?;
            let output = self.network.forward(&input)?.to_dtype(DType::F32)?;
            let output = output.flatten_all()?.to_vec1::<f32>()?;
            for own in output.chunks_exact(channels.outputs.max(1)) {
                traces.push(self.constants.read_output(own)?);
            }
        }
        Ok(traces)
    }

    /// The traces of all trajectories of a split.
    pub(crate) fn split(&self, split: &Split) -> Result<Vec<Vec<Array2<f32>>>> {
        self.predict(&inputs(self.constants, split)?)
    }

    /// For each trajectory of a split the relative L2 error of all its traces at once, each quantity over its RMS in the training data.
    pub(crate) fn errors(&self, split: &Split) -> Result<Vec<f64>> {
        self.constants.check_receivers(split)?;
        self.constants.check_quantities(split)?;
        let predicted = self.split(split)?;
        let pairs = predicted.iter().enumerate();
        pairs
            .map(|(trajectory, predicted)| {
                let truth = self.constants.read_traces(split, trajectory)?;
                self.scaled_error(predicted, &truth)
            })
            .collect()
    }

    /// Relative L2 error of all traces of one trajectory, each quantity over its RMS in the training data.
    pub(crate) fn scaled_error(
        &self,
        predicted: &[Array2<f32>],
        truth: &[Array2<f32>],
    ) -> Result<f64> {
        let scaled = |traces: &[Array2<f32>]| -> Result<Array2<f32>> {
            let parts = traces.iter().zip(&self.constants.quantities);
            let parts: Vec<Array2<f32>> = parts
                .map(|(array, scaled)| array * (1.0 / scaled.rms) as f32)
                .collect();
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            concatenate(Axis(0), &views).map_err(|error| SurrogateError::Shape {
                place: "predicted traces".into(),
                found: error.to_string(),
                expected: "quantities of one number of samples".into(),
                remedy: "report this: it is a defect of fewave".into(),
            })
        };
        let (predicted, truth) = (scaled(predicted)?, scaled(truth)?);
        Ok(traces_relative_l2(predicted.view(), truth.view()))
    }
}
