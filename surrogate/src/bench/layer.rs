//! Single layers of every scheme, on maps of two and three axes.

use candle_core::{DType, Device, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use super::{Effort, Measurement};
use crate::tape::Tape;
use crate::{
    ConvolutionShape, Flattened, Form, Fresh, OneWay, Parameters, Rank, Result, Scheme, Structured,
};

/// A layer of as many inputs as outputs on given maps, f32.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerCase {
    /// Name in tables: `dense`, `layer-1` (one-way, R = channels), `layer-1/2`, `filter-1` (R = 1), ….
    pub name: &'static str,
    /// How the layer is parametrised.
    pub scheme: Scheme,
    /// Samples.
    pub batch: usize,
    /// Inputs, and outputs.
    pub channels: usize,
    /// The maps' shape.
    pub map: Vec<usize>,
    /// Side of the kernel along each axis.
    pub kernel: usize,
}

/// Batch, channels, map.
type Maps = (usize, usize, &'static [usize]);

/// Maps that every scheme is timed on: large and small ones of a U-Net, and space-time.
const COMMON: [Maps; 3] = [
    (8, 64, &[64, 64]),
    (16, 64, &[16, 16]),
    (2, 32, &[32, 64, 64]),
];
/// Maps that dense and one-way layers are timed on besides.
const FURTHER: [Maps; 2] = [(8, 64, &[128, 128]), (16, 32, &[64, 64])];

/// The cases, with `quick` only small ones.
pub fn layer_cases(quick: bool) -> Vec<LayerCase> {
    let mut cases = Vec::new();
    let mut add = |(batch, channels, map): Maps, kernel, schemes: Vec<(&'static str, Scheme)>| {
        cases.extend(schemes.into_iter().map(|(name, scheme)| LayerCase {
            name,
            scheme,
            batch,
            channels,
            map: map.to_vec(),
            kernel,
        }));
    };
    if quick {
        add((2, 32, &[32, 32]), 3, [compared(32), others(3)].concat());
        return cases;
    }
    for kernel in [3, 5] {
        for maps in COMMON {
            // on three axes the dense layer with k = 5 takes seconds
            if maps.2.len() == 2 || kernel == 3 {
                add(maps, kernel, [compared(maps.1), others(kernel)].concat());
            }
        }
        for maps in FURTHER {
            add(maps, kernel, compared(maps.1));
        }
    }
    cases
}

/// The layers that the peers are timed on as well.
fn compared(channels: usize) -> Vec<(&'static str, Scheme)> {
    vec![
        ("dense", Scheme::Dense),
        ("layer-1", one_way(Form::Layer, channels)),
        ("layer-1/2", one_way(Form::Layer, channels / 2)),
        ("filter-1", one_way(Form::Filter, 1)),
    ]
}

/// The other schemes; kernels of more than three values along an axis have no structured form.
fn others(kernel: usize) -> Vec<(&'static str, Scheme)> {
    let flattened = Flattened {
        chains: 2,
        inner_bias: true,
    };
    let structured = Structured {
        ternary: false,
        permutations: None,
        seed: 0,
    };
    let mut others = vec![
        ("kernel-1", one_way(Form::Kernel, 1)),
        ("flattened", Scheme::Flattened(flattened)),
        ("fresh", Scheme::Fresh(Fresh::default())),
    ];
    if kernel == 3 {
        others.push(("structured", Scheme::Structured(structured)));
    }
    others
}

fn one_way(form: Form, rank: usize) -> Scheme {
    Scheme::OneWay(OneWay {
        form,
        rank: Rank::Fixed(rank),
    })
}

impl LayerCase {
    /// Builds and times the layer on a device.
    ///
    /// # Errors
    /// Those of the layer.
    pub fn measure(&self, device: &Device, effort: Effort) -> Result<Measurement> {
        let shape = ConvolutionShape {
            inputs: self.channels,
            outputs: self.channels,
            kernel: vec![self.kernel; self.map.len()],
            bias: true,
        };
        let mut parameters = Parameters::new(DType::F32, device);
        let mut random = ChaCha12Rng::seed_from_u64(0);
        let layer = self
            .scheme
            .build(&shape, &mut parameters.root(), &mut random)?;
        let dims = [&[self.batch, self.channels], self.map.as_slice()].concat();
        let input = Var::randn(0f32, 1f32, dims.as_slice(), device)?;
        let positions = self.map.iter().product();
        let multiply_adds = self.batch * layer.footprint(positions).multiply_adds;
        // The gradient of the result is given, as another layer would.
        let gradient = Tensor::ones(dims, DType::F32, device)?;
        Ok(Measurement {
            forward: effort.least(device, || layer.forward(&input))?,
            both: effort.least(device, || {
                let (output, tape) = Tape::record(|| layer.forward(&input))?;
                Ok(tape.backward(output, gradient.clone())?)
            })?,
            operations: 2.0 * multiply_adds as f64,
            parameters: parameters.count(),
        })
    }
}
