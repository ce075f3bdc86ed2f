//! A-posteriori compression: the kernels of a trained dense network projected onto one-way filters, as a run to be trained
//! further. The control for factorising before training.
//!
//! Every dense kernel `K` becomes its closest sum of R products in the one-way scheme of the new network, each piece on its
//! own: in `kernel` form the d×d matrix of every pair of channels by its singular value decomposition, in `filter` form the
//! S×d×d tensor of every output channel (`low_rank`). Biases, normalisations and the last 1×1 layer are copied. Axis
//! vectors have length 1 and the channel vectors carry the rest, as in drawn networks; in `kernel` form all share it evenly.

mod low_rank;

use crate::checkpoint::{self, Checkpoint};
use crate::parameters::Parameters;
use crate::scheme::Scheme;
use crate::scheme::one_way::{Form, OneWay};
use crate::train::config::TrainConfig;
use crate::{Result, SurrogateError};
use candle_core::{DType, Device, Tensor};
use low_rank::Products;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::Path;

/// What a projection did.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// SHA-256 of the weights that were projected.
    pub source: String,
    /// Kernels that were projected.
    pub kernels: usize,
    /// Distance of the projected kernels from the trained ones, relative to the trained ones, all in one norm.
    pub relative_error: f64,
}

/// Starts the run of `config` in the folder `run`, which must not hold one, from the projected weights of a trained dense
/// network: afterwards `run` is resumed at step 0. Its training time counts from that of the dense network.
///
/// # Errors
/// [`SurrogateError::Setting`] where the new network is no one-way network in `kernel` or `filter` form of the same task, data
/// and sizes as the trained dense one; [`SurrogateError::Io`] and [`SurrogateError::Checkpoint`] of its files.
pub fn project(source: &Path, config: &TrainConfig, run: &Path) -> Result<Projection> {
    config.validate()?;
    let source = Checkpoint::read(source)?;
    let scheme = check(&source.metadata.config, config)?;
    let trained = source.weights();
    let mut parameters = Parameters::new(DType::F32, &Device::Cpu);
    let channels = config.task.channels(&source.metadata.normalisation);
    let mut random = ChaCha12Rng::seed_from_u64(config.seed);
    config
        .network
        .build(channels, config.task.axes(), &mut parameters, &mut random)?;
    let mut values: HashMap<String, Tensor> = HashMap::new();
    let (mut kernels, mut distance, mut scale) = (0, 0.0, 0.0);
    for (name, tensor) in trained {
        let Some(layer) = name.strip_suffix(".kernel") else {
            values.insert(name.clone(), tensor.clone());
            continue;
        };
        if parameters.get(name).is_some() {
            // a layer that is dense in both, as the last one
            values.insert(name.clone(), tensor.clone());
            continue;
        }
        let projected = Projected::of(tensor, &scheme)?;
        kernels += 1;
        distance += projected.distance;
        scale += projected.scale;
        for (suffix, factor) in projected.factors {
            values.insert(format!("{layer}.{suffix}"), factor);
        }
    }
    parameters.assign(&values)?;
    let mut metadata = checkpoint::anew(&source.metadata, config)?;
    metadata.projected_from = Some(source.weights_hash.clone());
    checkpoint::begin(run, &metadata, &parameters)?;
    Ok(Projection {
        source: source.weights_hash,
        kernels,
        relative_error: if scale > 0.0 {
            (distance / scale).sqrt()
        } else {
            0.0
        },
    })
}

/// The scheme to project onto, where the trained network and the new one differ in nothing else that weights depend on.
fn check(trained: &TrainConfig, config: &TrainConfig) -> Result<OneWay> {
    let refuse = |key: &str, found: String, expected: &str, remedy: &str| SurrogateError::Setting {
        key: key.into(),
        found,
        expected: expected.into(),
        remedy: remedy.into(),
    };
    if *trained.network.scheme() != Scheme::Dense {
        return Err(refuse(
            "network.scheme of the network to project",
            trained.network.scheme().to_string(),
            "a dense network",
            "project a run whose scheme is { kind = \"dense\" }",
        ));
    }
    let scheme = match config.network.scheme() {
        Scheme::OneWay(scheme) if scheme.form != Form::Layer => *scheme,
        other => {
            return Err(refuse(
                "network.scheme",
                other.to_string(),
                "one-way in kernel or filter form, whose closest factors can be found piece by piece",
                "use { kind = \"one-way\", form = \"filter\", rank = 1 }, or train this scheme from drawn weights",
            ));
        }
    };
    let mut twin = config.network.clone();
    if let Some(scheme) = twin.scheme_mut() {
        *scheme = Scheme::Dense;
    }
    if twin != trained.network || config.task != trained.task {
        let mut dense = config.clone();
        dense.network = twin;
        let mut differences = dense.differences(trained)?;
        differences.retain(|key| key.starts_with("network.") || key.starts_with("task."));
        return Err(refuse(
            "network",
            differences.join(", "),
            "the dense network's own task and sizes, but for the scheme",
            "give this run the settings of the run that it is projected from",
        ));
    }
    Ok(scheme)
}

/// A kernel's factors.
struct Projected {
    /// By the end of their names.
    factors: Vec<(String, Tensor)>,
    /// Squared distance from the kernel.
    distance: f64,
    /// Squared norm of the kernel.
    scale: f64,
}

impl Projected {
    fn of(kernel: &Tensor, scheme: &OneWay) -> Result<Self> {
        let dims = kernel.dims().to_vec();
        let (outputs, inputs, sides) = (dims[0], dims[1], &dims[2..]);
        let values = kernel
            .to_dtype(DType::F64)?
            .flatten_all()?
            .to_vec1::<f64>()?;
        let rank = scheme.resolve_rank(&crate::ConvolutionShape {
            inputs,
            outputs,
            kernel: sides.to_vec(),
            bias: true,
        })?;
        let taps: usize = sides.iter().product();
        // the sides of a piece, and the values of each
        let (piece, size) = match scheme.form {
            Form::Filter => ([&[inputs], sides].concat(), inputs * taps),
            Form::Kernel | Form::Layer => (sides.to_vec(), taps),
        };
        let pieces: Vec<Products> = values
            .par_chunks(size)
            .map(|tensor| Products::closest(tensor, &piece, rank))
            .collect();
        let mut distance = 0.0;
        for (tensor, products) in values.chunks(size).zip(&pieces) {
            let own = products.tensor();
            distance += own
                .iter()
                .zip(tensor)
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f64>();
        }
        Ok(Self {
            factors: match scheme.form {
                Form::Filter => filter_factors(&pieces, &piece, rank)?,
                Form::Kernel | Form::Layer => kernel_factors(&pieces, [outputs, inputs], &piece)?,
            },
            distance,
            scale: values.iter().map(|value| value * value).sum(),
        })
    }
}

/// `channels` (R·T, S) and `axis.n` (R·T, d), the products of output t at rows r·T + t.
fn filter_factors(
    pieces: &[Products],
    sides: &[usize],
    rank: usize,
) -> Result<Vec<(String, Tensor)>> {
    let rows = rank * pieces.len();
    let mut factors = Vec::with_capacity(sides.len());
    for (axis, &side) in sides.iter().enumerate() {
        let mut values: Vec<f32> = Vec::with_capacity(rows * side);
        for product in 0..rank {
            for piece in pieces {
                values.extend(
                    piece.vectors[product][axis]
                        .iter()
                        .map(|&value| value as f32),
                );
            }
        }
        let name = match axis {
            0 => "channels".to_owned(),
            _ => format!("axis.{}", axis - 1),
        };
        factors.push((name, Tensor::from_vec(values, (rows, side), &Device::Cpu)?));
    }
    Ok(factors)
}

/// `axis.n` (T, S, R, d), every vector of a product of the same length.
fn kernel_factors(
    pieces: &[Products],
    [outputs, inputs]: [usize; 2],
    sides: &[usize],
) -> Result<Vec<(String, Tensor)>> {
    let rank = pieces.first().map_or(0, |piece| piece.vectors.len());
    let mut factors = Vec::with_capacity(sides.len());
    for (axis, &side) in sides.iter().enumerate() {
        let mut values: Vec<f32> = Vec::with_capacity(pieces.len() * rank * side);
        for product in pieces.iter().flat_map(|piece| &piece.vectors) {
            let length = product[0]
                .iter()
                .map(|value| value * value)
                .sum::<f64>()
                .sqrt();
            let share = length.powf(1.0 / sides.len() as f64);
            // the first vector has the product's length, the others have length 1
            let factor = match (axis, length > 0.0) {
                (0, true) => share / length,
                _ => share,
            };
            values.extend(product[axis].iter().map(|&value| (factor * value) as f32));
        }
        let shape = (outputs, inputs, rank, side);
        factors.push((
            format!("axis.{axis}"),
            Tensor::from_vec(values, shape, &Device::Cpu)?,
        ));
    }
    Ok(factors)
}
