//! A-priori factorised convolutional networks on candle: ops, schemes, networks, training and evaluation.
//!
//! A [`Scheme`] says how the kernel of a convolution layer is parametrised: `dense`, as products or chains of one-way (1-D)
//! filters that are themselves the trainable parameters, by few values in a structure, or by hashed frequency
//! coefficients. Every scheme builds a [`Layer`] that can show the dense kernel
//! that it stands for, and what it costs.
//!
//! [`train`](fn@train) fits a [`Network`] of such layers to a data set, in a folder from which [`Surrogate::load`] brings it back
//! and [`evaluate`](fn@evaluate) says what it is worth.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use fewave_surrogate::{ConvolutionShape, Form, OneWay, Parameters, Rank, Scheme};
//! use rand::SeedableRng;
//!
//! let mut parameters = Parameters::new(DType::F32, &Device::Cpu);
//! let mut rng = rand_chacha::ChaCha12Rng::seed_from_u64(0);
//! let scheme = Scheme::OneWay(OneWay { form: Form::Filter, rank: Rank::Fixed(1) });
//! let shape = ConvolutionShape { inputs: 64, outputs: 64, kernel: vec![3, 3], bias: true };
//! let layer = scheme.build(&shape, &mut parameters.scope("convolution"), &mut rng)?;
//! let maps = Tensor::zeros((2, 64, 20, 30), DType::F32, &Device::Cpu)?;
//! assert_eq!(layer.forward(&maps)?.dims(), [2, 64, 20, 30]);
//! assert_eq!(layer.footprint(20 * 30).parameters, 4480 + 64); // dense: 36 864 + 64
//! assert_eq!(parameters.count(), 4480 + 64);
//! # Ok::<(), fewave_surrogate::SurrogateError>(())
//! ```

pub mod bench;
pub mod checkpoint;
#[cfg(feature = "cuda")]
mod cuda;
mod error;
pub mod evaluate;
#[doc(hidden)]
pub mod host;
pub mod metrics;
pub mod network;
pub mod ops;
mod parameters;
mod pieces;
mod pool;
pub mod project;
pub mod prune;
mod ranges;
mod rollout;
mod scheme;
mod simd;
mod surrogate;
mod tape;
pub mod task;
mod trace_prediction;
pub mod train;
mod whole_field;

pub use error::{Result, SurrogateError};
pub use evaluate::{EvaluateOptions, Evaluation, evaluate};
pub use network::{LayerFootprint, Network, NetworkConfig};
pub use parameters::{Parameters, Scope};
pub use project::{Projection, project};
pub use prune::{Epsilon, PruneOptions, prune};
pub use ranges::{OutOfRange, Ranges};
pub use scheme::flattened::Flattened;
pub use scheme::folding::{Execution, LayerExecution};
pub use scheme::fresh::{Bands, Domain, Fresh};
pub use scheme::one_way::{Form, OneWay, Rank};
pub use scheme::structured::{Permutation, Permutations, Structured};
pub use scheme::{ConvolutionShape, Equivalence, Footprint, Layer, Scheme};
pub use surrogate::{Provenance, Span, Surrogate};
pub use task::{Grid, TaskConfig};
pub use train::config::{TrainConfig, TrainSettings};
pub use train::find_rate::{RatePoint, RateSweep, find_rate};
pub use train::settings::Precision;
pub use train::{Start, TrainObserver, TrainPlan, TrainSummary, train};
