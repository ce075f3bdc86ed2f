//! What a training is made of before anything is trained or written: data, task, network, batches, loss.

use super::augment::{self, Augmentation};
use super::average::Average;
use super::config::TrainConfig;
use super::loader::Loader;
use super::loss::Criterion;
use super::noise::InputNoise;
use super::optimiser::AdamW;
use super::order::WindowOrder;
use super::settings::Precision;
use crate::Result;
use crate::network::{Mixed, Network};
use crate::parameters::Parameters;
use crate::task::samples::Samples;
use crate::task::{Grid, Task};
use candle_core::{DType, Device};
use fewave_datasets::{Split, SplitName, Statistics, content_hash};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

/// The parts that a configuration and its data determine.
pub(super) struct Setup<'a> {
    pub(super) config: &'a TrainConfig,
    pub(super) data: TrainingData,
    pub(super) task: Task,
    pub(super) criterion: Criterion,
}

impl<'a> Setup<'a> {
    /// Opens the data and checks that they and the configuration fit.
    pub(super) fn new(config: &'a TrainConfig) -> Result<Self> {
        config.validate()?;
        let mut data = TrainingData::open(config)?;
        if config.task.axes() == 0 {
            // numbers have no place on the grid
            data.grid.domain = None;
        }
        let domain = data.grid.domain.clone();
        let task = Task::of(&config.task, &data.train, &data.statistics, domain)?;
        if let Task::Field(field) = &task {
            field.config().check_times(&data.valid)?;
        }
        augment::check(&config.train.augment, &config.task, &data.grid, &data.train)?;
        let criterion = Criterion::new(&config.train, &data.grid)?;
        Ok(Self {
            config,
            data,
            task,
            criterion,
        })
    }

    /// A new network with its parameters.
    pub(super) fn network(&self, device: &Device) -> Result<(Box<dyn Network>, Parameters)> {
        let config = self.config;
        let mut parameters = Parameters::new(DType::F32, device);
        let mut random = ChaCha12Rng::seed_from_u64(config.seed);
        let network = config.network.build(
            self.task.channels(&config.task),
            config.task.axes(),
            &mut parameters,
            &mut random,
        )?;
        network.check_grid(&config.task.maps(self.data.grid.shape))?;
        let network = match config.train.precision {
            Precision::F32 => network,
            Precision::Bf16 => Box::new(Mixed::new(network)),
        };
        Ok((config.task.around(network), parameters))
    }

    pub(super) fn optimiser(&self, parameters: &Parameters) -> Result<AdamW> {
        let settings = &self.config.train;
        let named = parameters
            .iter()
            .map(|(name, variable)| (name.to_owned(), variable.clone()))
            .collect();
        let clip = (settings.clip > 0.0).then_some(settings.clip);
        Ok(AdamW::new(named, settings.weight_decay, clip)?)
    }

    /// The running mean of the weights, where the configuration asks for one.
    pub(super) fn average(&self, parameters: &Parameters) -> Result<Option<Average>> {
        let decay = self.config.train.ema;
        decay
            .map(|decay| Average::new(decay, parameters))
            .transpose()
    }

    /// The training samples, with so many bytes of them kept in memory.
    pub(super) fn samples(&self, budget: usize) -> Result<Box<dyn Samples + '_>> {
        let targets = self.config.train.longest_unroll();
        self.task.samples(&self.data.train, targets, budget)
    }

    /// What makes the batches.
    pub(super) fn loader(&self, device: &Device) -> Result<Loader<'_>> {
        let TrainConfig { seed, train, .. } = self.config;
        let store = self.samples(train.cache_mib.saturating_mul(1 << 20))?;
        let grid = &self.data.grid;
        let augmentation = (!train.augment.is_empty()).then(|| {
            Augmentation::new(
                *seed,
                &train.augment,
                &self.config.task,
                self.task.normalisation(),
                grid.shape,
                grid.domain.clone(),
            )
        });
        let noise = (train.input_noise > 0.0).then(|| InputNoise {
            seed: *seed,
            deviation: train.input_noise,
            relative: self.config.task.is_relative(),
            domain: grid.domain.clone(),
        });
        Ok(Loader {
            order: WindowOrder::new(*seed, store.len(), train.windows_per_update()),
            store,
            batch: train.batch,
            augmentation,
            noise,
            history: self.config.task.history(),
            device: device.clone(),
        })
    }
}

/// The splits that training reads.
pub(super) struct TrainingData {
    pub(super) train: Split,
    pub(super) valid: Split,
    statistics: Statistics,
    pub(super) grid: Grid,
    pub(super) hash: String,
}

impl TrainingData {
    fn open(config: &TrainConfig) -> Result<Self> {
        let train = config.training_split(&config.data)?;
        let valid = Split::open(&config.data, SplitName::Valid)?;
        let grid = Grid::of(&train)?;
        let valid_grid = Grid::of(&valid)?;
        grid.check_same_spacing(&valid_grid)?;
        grid.check_same_domain(&valid_grid, &valid)?;
        let statistics = match config.train.trajectories {
            None => Statistics::read(&config.data)?,
            // what is not learnt from is not known
            Some(_) => Statistics::compute(&train)?,
        };
        Ok(Self {
            train,
            valid,
            statistics,
            grid,
            hash: content_hash(&config.data)?,
        })
    }
}
