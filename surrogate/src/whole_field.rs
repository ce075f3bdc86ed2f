//! Prediction of whole fields: scenes to blocks in space-time, each in one pass.
//!
//! Shapes: blocks `(B, N, x, y)`, N predicted snapshots.

use crate::network::Network;
use crate::task::field::{Field, Scene};
use crate::task::scenes::read_scene;
use crate::{Result, SurrogateError};
use candle_core::{DType, Device, Tensor};
use fewave_datasets::Split;
use ndarray::{Array3, Array4, Axis};

/// A network with its task, ready to predict.
#[derive(Clone, Copy)]
pub(crate) struct FieldPredictor<'a> {
    pub(crate) network: &'a dyn Network,
    pub(crate) task: &'a Field,
    pub(crate) device: &'a Device,
}

impl FieldPredictor<'_> {
    /// The predicted snapshots of a trajectory, `(N, x, y)`.
    pub(crate) fn trajectory(&self, split: &Split, trajectory: usize) -> Result<Array3<f32>> {
        let [x, y] = split.axes();
        let scene = read_scene(self.task, split, trajectory)?;
        let block = self.scenes(&[scene], [x.len(), y.len()])?;
        Ok(block.index_axis_move(Axis(0), 0))
    }

    /// The network's input for several scenes on one grid, `(B, inputs, N, x, y)`.
    pub(crate) fn input(&self, scenes: &[Scene], shape: [usize; 2]) -> Result<Tensor> {
        let ([nx, ny], times) = (shape, self.task.config().snapshots);
        if let Some(domain) = self.task.domain() {
            domain.check_shape([nx, ny])?;
        }
        self.network.check_grid(&[times, nx, ny])?;
        let channels = self.task.channels().inputs;
        let size = channels * times * nx * ny;
        let mut input = vec![0.0; scenes.len() * size];
        for (scene, input) in scenes.iter().zip(input.chunks_exact_mut(size)) {
            self.task.fill_input(scene, input);
        }
        let dims = (scenes.len(), channels, times, nx, ny);
        Ok(Tensor::from_vec(input, dims, self.device)?)
    }

    /// The predicted snapshots of several scenes on one grid.
    pub(crate) fn scenes(&self, scenes: &[Scene], shape: [usize; 2]) -> Result<Array4<f32>> {
        let ([nx, ny], times) = (shape, self.task.config().snapshots);
        let input = self.input(scenes, shape)?;
        let mut output = self
            .network
            .forward(&input)?
            .to_dtype(DType::F32)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        self.task.read_output(&mut output);
        let found = output.len();
        Array4::from_shape_vec((scenes.len(), times, nx, ny), output).map_err(|_| {
            SurrogateError::Shape {
                place: "output of the network".into(),
                found: format!("{found} values"),
                expected: format!("{} blocks of ({times}, {nx}, {ny})", scenes.len()),
                remedy: "report this: it is a defect of fewave".into(),
            }
        })
    }
}
