//! A trained surrogate: a checkpoint, ready to predict, which knows what it costs and where it came from.

use crate::checkpoint::{Checkpoint, Metadata};
use crate::network::{LayerFootprint, Network};
use crate::ranges::{OutOfRange, Ranges};
use crate::rollout::Predictor;
use crate::scheme::Footprint;
use crate::scheme::folding::{Execution, Executions, LayerExecution};
use crate::task::field::{Field, Scene};
use crate::task::propagate::Propagate;
use crate::task::scenes::read_scene;
use crate::task::traces::TraceConstants;
use crate::task::{Domain, Grid, Task, TaskConfig};
use crate::trace_prediction::TracePredictor;
use crate::train::config::TrainConfig;
use crate::whole_field::FieldPredictor;
use crate::{Result, SurrogateError};
use candle_core::{Device, Tensor};
use fewave_datasets::{Split, WindowStart, Windows};
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView3, ArrayView4, Axis};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A trained network with its task.
#[derive(Debug)]
pub struct Surrogate {
    path: PathBuf,
    metadata: Metadata,
    weights_hash: String,
    network: Box<dyn Network>,
    parameters: usize,
    executions: Arc<Executions>,
    task: Task,
    device: Device,
}

/// What of a trajectory is given and what is predicted, in snapshots of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// First snapshot that is given.
    pub first: usize,
    /// Snapshots given, from the first on.
    pub given: usize,
    /// Snapshots predicted, in order.
    pub predicted: Vec<usize>,
}

impl Span {
    /// Places in [`predicted`](Self::predicted) of those snapshots that are in `only`, of all without it.
    pub(crate) fn measured(&self, only: Option<&[usize]>) -> Vec<usize> {
        let wanted = |snapshot: &usize| only.is_none_or(|only| only.contains(snapshot));
        let places = self.predicted.iter().enumerate();
        places
            .filter(|(_, snapshot)| wanted(snapshot))
            .map(|(place, _)| place)
            .collect()
    }
}

/// Where a surrogate came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// The checkpoint's file.
    pub path: PathBuf,
    /// Version of the program that trained it.
    pub version: String,
    /// SHA-256 of the training data.
    pub data_hash: String,
    /// SHA-256 of the configuration.
    pub config_hash: String,
    /// SHA-256 of the weights.
    pub weights_hash: String,
    /// Updates made.
    pub step: usize,
    /// Updates of the whole run.
    pub steps: usize,
    /// Wall time of training up to this checkpoint, s.
    pub training_seconds: f64,
}

impl Surrogate {
    /// Loads a run's best checkpoint from its folder, or the checkpoint of a file.
    ///
    /// # Errors
    /// [`SurrogateError::Io`] when there is none, [`SurrogateError::Checkpoint`]
    /// when it is damaged or its tensors do not fit its own configuration.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let checkpoint = Checkpoint::read(path)?;
        let (network, parameters) = checkpoint.network(device)?;
        let task = Task::of_checkpoint(&checkpoint.metadata)?;
        let Checkpoint {
            path,
            metadata,
            weights_hash,
            ..
        } = checkpoint;
        Ok(Self {
            path,
            metadata,
            weights_hash,
            network,
            parameters: parameters.count(),
            executions: parameters.executions().unwrap_or_default(),
            task,
            device: device.clone(),
        })
    }

    /// The configuration that it was trained with.
    pub fn config(&self) -> &TrainConfig {
        &self.metadata.config
    }

    /// Grid and snapshot interval of its training data.
    pub fn grid(&self) -> &Grid {
        &self.metadata.grid
    }

    /// The domain of its training data, which it serves; none where it is the whole grid.
    pub fn domain(&self) -> Option<&Domain> {
        self.task.domain()
    }

    /// Snapshots that a prediction starts from; of a whole field the first one.
    pub fn history(&self) -> usize {
        self.config().task.history()
    }

    /// Whether it predicts step by step, and not a whole field at once.
    pub fn rolls_out(&self) -> bool {
        matches!(self.task, Task::Propagate(_))
    }

    /// Whether it looks at the speed.
    pub fn takes_medium(&self) -> bool {
        match &self.config().task {
            TaskConfig::Propagate(task) => task.medium,
            TaskConfig::Field(task) => task.medium,
            TaskConfig::Traces(_) => false,
        }
    }

    /// Everything else that its checkpoint says.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Trainable reals.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// How its layers are run: as they are written, unless [`set_execution`](Self::set_execution) said otherwise.
    pub fn execution(&self) -> Execution {
        self.executions.get()
    }

    /// Runs all layers so from now on.
    pub fn set_execution(&self, execution: Execution) {
        self.executions.set(execution);
    }

    /// What was measured so far to run layers fastest, one entry for every size of layer and shape of maps.
    pub fn measured_executions(&self) -> Vec<LayerExecution> {
        self.executions.measured()
    }

    /// Every layer with parameters, on the grid of the training data.
    pub fn layers(&self) -> Vec<LayerFootprint> {
        self.network.layers(&self.maps(self.metadata.grid.shape))
    }

    /// The maps that the network is given on a snapshot grid.
    fn maps(&self, grid: [usize; 2]) -> Vec<usize> {
        self.config().task.maps(grid)
    }

    /// Cost of one prediction on the grid of the training data.
    pub fn footprint(&self) -> Footprint {
        self.layers()
            .iter()
            .fold(Footprint::default(), |total, layer| {
                total
                    + Footprint {
                        parameters: layer.parameters,
                        stored_bits: layer.stored_bits,
                        multiply_adds: layer.multiply_adds,
                    }
            })
    }

    /// Where it came from.
    pub fn provenance(&self) -> Provenance {
        Provenance {
            path: self.path.clone(),
            version: self.metadata.version.clone(),
            data_hash: self.metadata.data_hash.clone(),
            config_hash: self.metadata.config_hash.clone(),
            weights_hash: self.weights_hash.clone(),
            step: self.metadata.step,
            steps: self.metadata.steps,
            training_seconds: self.metadata.training_seconds,
        }
    }

    /// Whether it may be applied to a split: spacing, snapshot interval and domain must be those of training, the network must
    /// be able to serve the grid, and the split must have what the network was trained to look at.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] or [`SurrogateError::Shape`] naming the axis or the field.
    pub fn check(&self, split: &Split) -> Result<()> {
        if let Task::Traces(task) = &self.task {
            return task.check(split);
        }
        let grid = Grid::of(split)?;
        self.metadata.grid.check_same_spacing(&grid)?;
        self.metadata.grid.check_same_domain(&grid, split)?;
        self.network.check_grid(&self.maps(grid.shape))?;
        match &self.task {
            Task::Propagate(_) | Task::Traces(_) => Ok(()),
            Task::Field(task) => task.check_scenes(split),
        }
    }

    /// What of the trajectories of a split leaves the ranges of the training data; none where the checkpoint does not know them.
    ///
    /// # Errors
    /// Errors of reading.
    pub fn out_of_range(&self, split: &Split) -> Result<Option<Vec<OutOfRange>>> {
        let check = |ranges: &Ranges| self.task.out_of_range(ranges, split);
        self.metadata.ranges.as_ref().map(check).transpose()
    }

    /// What would be given and predicted of each trajectory of a split: step by step from the first snapshots after the
    /// sources have stopped to the last, `None` where there are too few; of a whole field from t = 0 what it was trained on.
    ///
    /// # Errors
    /// [`SurrogateError::Dataset`] or [`SurrogateError::Data`] where nothing can be predicted.
    pub fn spans(&self, split: &Split) -> Result<Vec<Option<Span>>> {
        match &self.task {
            Task::Propagate(task) => {
                let given = task.history();
                let windows = Windows::new(split, given, 1, WindowStart::AfterSource)?;
                let times = split.times().len();
                let span = |first: usize| Span {
                    first,
                    given,
                    predicted: (first + given..times).collect(),
                };
                Ok((0..split.len())
                    .map(|position| windows.start(position).map(span))
                    .collect())
            }
            Task::Field(task) => {
                task.config().check_times(split)?;
                let span = Span {
                    first: 0,
                    given: 1,
                    predicted: task.config().predicted().collect(),
                };
                Ok(vec![Some(span); split.len()])
            }
            Task::Traces(_) => Err(self.other_task(
                "propagate or field",
                "traces have no snapshots: predict the traces",
            )),
        }
    }

    /// Predicts the snapshots `every, 2·every, …` of a trajectory in one pass, from its first snapshot and what else
    /// determines its waves: `(snapshots, x, y)`, in the unit of the data.
    ///
    /// # Errors
    /// [`SurrogateError::Setting`] for a surrogate of another task; errors of reading and of the network.
    pub fn predict_field(&self, split: &Split, trajectory: usize) -> Result<Array3<f32>> {
        match self.scene(split, trajectory)? {
            Some(scene) => scene.predict(),
            None => Err(self.other_task("field", "use a rollout")),
        }
    }

    /// The scene of a trajectory, ready to predict; none for a surrogate that rolls out.
    pub(crate) fn scene(&self, split: &Split, trajectory: usize) -> Result<Option<ReadScene<'_>>> {
        let Task::Field(task) = &self.task else {
            return Ok(None);
        };
        let [x, y] = split.axes();
        Ok(Some(ReadScene {
            scene: read_scene(task, split, trajectory)?,
            shape: [x.len(), y.len()],
            predictor: self.field_predictor(task),
        }))
    }

    /// Predicts `steps` snapshots after the given ones, each from those before it.
    ///
    /// `history` is `(K, x, y)`, oldest first, `speed` `(x, y)` in m/s (not looked at without a medium channel); the result is
    /// `(steps, x, y)`, in the unit of the given snapshots, exactly 0 outside of the [`domain`](Self::domain).
    ///
    /// # Errors
    /// [`SurrogateError::Shape`] where the arrays do not fit, [`SurrogateError::Setting`] for a surrogate of whole fields.
    pub fn rollout(
        &self,
        history: ArrayView3<'_, f32>,
        speed: ArrayView2<'_, f32>,
        steps: usize,
    ) -> Result<Array3<f32>> {
        let predictions = self.rollout_batch(
            history.insert_axis(Axis(0)),
            speed.insert_axis(Axis(0)),
            steps,
        )?;
        Ok(predictions.index_axis_move(Axis(0), 0))
    }

    /// [`rollout`](Self::rollout) of several trajectories at once: `(B, K, x, y)` and `(B, x, y)` to `(B, steps, x, y)`.
    ///
    /// # Errors
    /// As [`rollout`](Self::rollout).
    pub fn rollout_batch(
        &self,
        histories: ArrayView4<'_, f32>,
        speeds: ArrayView3<'_, f32>,
        steps: usize,
    ) -> Result<Array4<f32>> {
        match self.predictor() {
            Some(predictor) => predictor.rollout(histories, speeds, steps),
            None => Err(self.other_task("propagate", "predict the whole field")),
        }
    }

    /// Predictions of each snapshot of a trajectory `(time, x, y)` from the true ones before it; none for whole fields.
    pub(crate) fn one_step(
        &self,
        snapshots: ArrayView3<'_, f32>,
        speed: ArrayView2<'_, f32>,
        batch: usize,
    ) -> Option<Result<Array3<f32>>> {
        Some(self.predictor()?.one_step(snapshots, speed, 0, batch))
    }

    /// Synaptic operations of one prediction: of the step from the given snapshots, or of a trajectory's whole field.
    pub(crate) fn synaptic_operations(
        &self,
        split: &Split,
        trajectory: usize,
        history: ArrayView3<'_, f32>,
        speed: ArrayView2<'_, f32>,
    ) -> Result<f64> {
        let input = match (self.scene(split, trajectory)?, self.predictor()) {
            (Some(scene), _) => scene.input()?,
            (None, Some(predictor)) => {
                predictor.input(history.insert_axis(Axis(0)), speed.insert_axis(Axis(0)))?
            }
            (None, None) => return Ok(0.0),
        };
        self.network.synaptic_operations(&input)
    }

    fn predictor(&self) -> Option<Predictor<'_>> {
        match &self.task {
            Task::Propagate(task) => Some(self.step_predictor(task)),
            Task::Field(_) | Task::Traces(_) => None,
        }
    }

    fn step_predictor<'a>(&'a self, task: &'a Propagate) -> Predictor<'a> {
        Predictor {
            network: self.network.as_ref(),
            task,
            device: &self.device,
        }
    }

    fn field_predictor<'a>(&'a self, task: &'a Field) -> FieldPredictor<'a> {
        FieldPredictor {
            network: self.network.as_ref(),
            task,
            device: &self.device,
        }
    }

    /// What a surrogate of traces was trained on; none for other tasks.
    pub fn traces(&self) -> Option<&TraceConstants> {
        self.task.traces()
    }

    /// Predicts the traces of trajectories from their scalars by name: for each trajectory one array `(row, time)` a quantity, in its
    /// unit, in the order of [`TraceConstants::quantities`]; rows are receivers, of the gradient `(receiver, axis)`.
    ///
    /// # Errors
    /// [`SurrogateError::Data`] for a scalar that is missing or other than in training, [`SurrogateError::Setting`] for a surrogate of
    /// another task.
    pub fn predict_traces(
        &self,
        scalars: &[BTreeMap<String, f64>],
    ) -> Result<Vec<Vec<Array2<f32>>>> {
        let predictor = self.trace_predictor()?;
        let constants = predictor.constants;
        let width = constants.channels().inputs;
        let mut inputs = vec![0.0; scalars.len() * width];
        let each = inputs.chunks_exact_mut(width.max(1)).zip(scalars);
        for (number, (input, scalars)) in each.enumerate() {
            constants.fill_input(scalars, &format!("trajectory {number}"), input)?;
        }
        predictor.predict(&inputs)
    }

    /// Whether the scalars of a split are those that a surrogate of traces was trained to look at: its receivers do not matter for a
    /// prediction.
    ///
    /// # Errors
    /// As [`predict_traces`](Self::predict_traces).
    pub fn check_scalars(&self, split: &Split) -> Result<()> {
        let constants = self.trace_predictor()?.constants;
        crate::task::trace_store::inputs(constants, split).map(drop)
    }

    /// The network as a predictor of traces.
    pub(crate) fn trace_predictor(&self) -> Result<TracePredictor<'_>> {
        match &self.task {
            Task::Traces(task) => Ok(TracePredictor {
                network: self.network.as_ref(),
                constants: task.constants(),
                device: &self.device,
            }),
            _ => Err(self.other_task("traces", "use a rollout or predict the whole field")),
        }
    }

    /// The network alone.
    pub(crate) fn network(&self) -> &dyn Network {
        self.network.as_ref()
    }

    fn other_task(&self, expected: &str, remedy: &str) -> SurrogateError {
        SurrogateError::Setting {
            key: format!("task.kind of {}", self.path.display()),
            found: self.config().task.kind().into(),
            expected: expected.into(),
            remedy: remedy.into(),
        }
    }
}

/// A scene in memory with the network that predicts its waves.
pub(crate) struct ReadScene<'a> {
    scene: Scene,
    shape: [usize; 2],
    predictor: FieldPredictor<'a>,
}

impl ReadScene<'_> {
    /// The network's input, `(1, inputs, N, x, y)`.
    fn input(&self) -> Result<Tensor> {
        let scenes = std::slice::from_ref(&self.scene);
        self.predictor.input(scenes, self.shape)
    }

    /// The predicted snapshots, `(N, x, y)`.
    pub(crate) fn predict(&self) -> Result<Array3<f32>> {
        let block = self
            .predictor
            .scenes(std::slice::from_ref(&self.scene), self.shape)?;
        Ok(block.index_axis_move(Axis(0), 0))
    }
}
