//! Folding: in prediction, a factorised layer is run as it is written, or as one dense convolution with its rebuilt kernel,
//! whichever is faster on this machine and for these maps.
//!
//! Both are exact, to rounding error. The choice is by a small measurement, made once for every layer and shape of maps, and
//! shared by equal layers of a network. Training never folds, so that a run is a function of its configuration; nor does a
//! prediction unless it is asked to, because timings, and with them last bits, differ from run to run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use candle_core::Tensor;
use serde::Serialize;

use super::{Equivalence, Footprint, Layer};
use crate::{Result, ops};

/// How the layers of a trained network are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Execution {
    /// As their scheme is written, and as they were trained: the same bits every time.
    #[default]
    AsWritten,
    /// Each as it is written or as a dense convolution, whichever was faster in a small measurement.
    Fastest,
}

/// A measurement that decided how a layer is run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerExecution {
    /// Scheme in short.
    pub scheme: String,
    /// The kernel that it stands for, (T, S, d, …).
    pub kernel: Vec<usize>,
    /// The maps that it was given, (B, S, N, …).
    pub maps: Vec<usize>,
    /// Least time of a forward pass as written, ms.
    pub as_written_ms: f64,
    /// Least time of the dense convolution, ms.
    pub dense_ms: f64,
}

impl LayerExecution {
    /// Whether the dense convolution was chosen.
    pub fn is_dense(&self) -> bool {
        self.dense_ms < self.as_written_ms
    }
}

/// How the layers of one network are run, and what was measured for it.
#[derive(Debug, Default)]
pub(crate) struct Executions {
    fastest: AtomicBool,
    measured: Mutex<Vec<LayerExecution>>,
}

impl Executions {
    /// Runs all layers so from now on.
    pub(crate) fn set(&self, execution: Execution) {
        let fastest = execution == Execution::Fastest;
        self.fastest.store(fastest, Ordering::Relaxed);
    }

    /// How layers are run now.
    pub(crate) fn get(&self) -> Execution {
        if self.fastest.load(Ordering::Relaxed) {
            Execution::Fastest
        } else {
            Execution::AsWritten
        }
    }

    /// All measurements so far.
    pub(crate) fn measured(&self) -> Vec<LayerExecution> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<LayerExecution>> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Timed passes of each execution, after one to warm up.
const REPEATS: usize = 3;

/// A layer that is not trained any more and may be run in two ways.
#[derive(Debug)]
pub(super) struct Folding {
    layer: Box<dyn Layer>,
    scheme: String,
    executions: Arc<Executions>,
    kernel: OnceLock<Tensor>,
    /// The answer to zeros on the last grid, where it is not the bias everywhere.
    offset: Mutex<Option<(Vec<usize>, Tensor)>>,
}

impl Folding {
    /// The layer, folded where that is asked for; as it is, where it has no exact kernel.
    pub(super) fn wrap(
        layer: Box<dyn Layer>,
        scheme: String,
        executions: Arc<Executions>,
    ) -> Box<dyn Layer> {
        match layer.equivalence() {
            Equivalence::Inside(_) => layer,
            Equivalence::Exact | Equivalence::Offset => Box::new(Self {
                layer,
                scheme,
                executions,
                kernel: OnceLock::new(),
                offset: Mutex::new(None),
            }),
        }
    }

    fn kernel(&self) -> Result<&Tensor> {
        if let Some(kernel) = self.kernel.get() {
            return Ok(kernel);
        }
        let kernel = self.layer.equivalent_kernel()?.detach();
        Ok(self.kernel.get_or_init(|| kernel))
    }

    /// The layer as a dense convolution.
    fn dense(&self, input: &Tensor) -> Result<Tensor> {
        let kernel = self.kernel()?;
        if self.layer.equivalence() == Equivalence::Exact {
            return ops::convolution(input, kernel, self.layer.bias());
        }
        ops::add_offset(
            &ops::convolution(input, kernel, None)?,
            &self.offset(input)?,
        )
    }

    /// The layer's answer to zeros on the grid of these maps: (1, T, N₁, …).
    fn offset(&self, input: &Tensor) -> Result<Tensor> {
        let grid = input.dims().get(2..).unwrap_or_default();
        let kept = || self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, offset)) = kept().as_ref().filter(|(of, _)| of == grid) {
            return Ok(offset.clone());
        }
        // not under the lock: a thread that waits within may be given another pass through this layer
        let offset = self.layer.forward(&input.narrow(0, 0, 1)?.zeros_like()?)?;
        *kept() = Some((grid.to_vec(), offset.clone()));
        Ok(offset)
    }

    /// Whether the dense convolution is the faster one for these maps.
    fn prefers_dense(&self, input: &Tensor) -> Result<bool> {
        let kernel = self.kernel()?.dims();
        let known = self
            .executions
            .lock()
            .iter()
            .find(|one| {
                one.maps == input.dims() && one.kernel == kernel && one.scheme == self.scheme
            })
            .map(LayerExecution::is_dense);
        if let Some(known) = known {
            return Ok(known);
        }
        let mut least = [f64::INFINITY; 2];
        for repeat in 0..=REPEATS {
            let ways: [&dyn Fn() -> Result<Tensor>; 2] =
                [&|| self.layer.forward(input), &|| self.dense(input)];
            for (least, run) in least.iter_mut().zip(ways) {
                let clock = Instant::now();
                run()?;
                // a GPU has only been told so far
                input.device().synchronize()?;
                if repeat > 0 {
                    *least = least.min(clock.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
        let measured = LayerExecution {
            scheme: self.scheme.clone(),
            kernel: kernel.to_vec(),
            maps: input.dims().to_vec(),
            as_written_ms: least[0],
            dense_ms: least[1],
        };
        let dense = measured.is_dense();
        self.executions.lock().push(measured);
        Ok(dense)
    }
}

impl Layer for Folding {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let fastest = self.executions.get() == Execution::Fastest && input.elem_count() > 0;
        if fastest && self.prefers_dense(input)? {
            self.dense(input)
        } else {
            self.layer.forward(input)
        }
    }

    fn equivalent_kernel(&self) -> Result<Tensor> {
        Ok(self.kernel()?.clone())
    }

    fn bias(&self) -> Option<&Tensor> {
        self.layer.bias()
    }

    fn equivalence(&self) -> Equivalence {
        self.layer.equivalence()
    }

    fn footprint(&self, positions: usize) -> Footprint {
        self.layer.footprint(positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConvolutionShape, Parameters, Scheme};
    use candle_core::{DType, Device};
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    fn random(shape: Vec<usize>, seed: u64) -> Tensor {
        let mut parameters = Parameters::new(DType::F32, &Device::Cpu);
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let tensor = parameters.root().normal("x", shape, 1.0, &mut rng);
        tensor.unwrap().detach()
    }

    fn difference(a: &Tensor, b: &Tensor) -> f32 {
        let largest = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
        largest.max(0).unwrap().to_scalar::<f32>().unwrap()
    }

    #[test]
    fn both_executions_agree_and_each_shape_is_measured_once() {
        for (scheme, folds) in [
            (r#"{"kind":"one-way","form":"filter","rank":2}"#, true),
            (r#"{"kind":"one-way","form":"layer","rank":3}"#, true),
            (r#"{"kind":"flattened","chains":1}"#, true),
            (
                r#"{"kind":"flattened","chains":1,"inner_bias":false}"#,
                true,
            ),
            (r#"{"kind":"flattened","chains":2}"#, false),
            (r#"{"kind":"one-way","form":"kernel"}"#, false),
            (r#"{"kind":"fresh","compression":2}"#, false),
            (r#"{"kind":"dense"}"#, false),
        ] {
            let scheme: Scheme = serde_json::from_str(scheme).unwrap();
            let shape = ConvolutionShape {
                inputs: 3,
                outputs: 5,
                kernel: vec![3, 5],
                bias: true,
            };
            let mut rng = ChaCha12Rng::seed_from_u64(1);
            let mut trained = Parameters::new(DType::F32, &Device::Cpu);
            scheme.build(&shape, &mut trained.root(), &mut rng).unwrap();
            for (_, bias) in trained.iter().filter(|(name, _)| name.contains("bias")) {
                bias.set(&random(bias.dims().to_vec(), 2)).unwrap();
            }
            let mut frozen = Parameters::frozen(trained.tensors(), &Device::Cpu);
            let layer = scheme.build(&shape, &mut frozen.root(), &mut rng).unwrap();
            let executions = frozen.executions().unwrap();
            for grid in [[9, 12], [4, 3], [9, 12]] {
                let maps = random([vec![2, 3], grid.to_vec()].concat(), 3);
                executions.set(Execution::AsWritten);
                let written = layer.forward(&maps).unwrap();
                executions.set(Execution::Fastest);
                let fastest = layer.forward(&maps).unwrap();
                assert!(difference(&written, &fastest) < 1e-5, "{scheme}");
            }
            let measured = executions.measured();
            assert_eq!(measured.len(), if folds { 2 } else { 0 }, "{scheme}");
            if !folds {
                continue;
            }
            // Whatever the clock said, the dense execution must be right.
            let mut frozen = Parameters::frozen(trained.tensors(), &Device::Cpu);
            let folding = Folding {
                layer: scheme.build(&shape, &mut frozen.root(), &mut rng).unwrap(),
                scheme: scheme.to_string(),
                executions: Arc::default(),
                kernel: OnceLock::new(),
                offset: Mutex::new(None),
            };
            for grid in [[9, 12], [4, 3], [9, 12]] {
                let maps = random([vec![2, 3], grid.to_vec()].concat(), 4);
                let (dense, written) = (
                    folding.dense(&maps).unwrap(),
                    folding.layer.forward(&maps).unwrap(),
                );
                assert!(difference(&dense, &written) < 1e-5, "{scheme}");
            }
        }
    }
}
