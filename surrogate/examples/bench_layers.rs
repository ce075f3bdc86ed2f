//! Times whole layers inside candle's autograd, and candle's own convolutions beside them, as CSV on standard output.
//!
//! `RAYON_NUM_THREADS=2 cargo run --release -p fewave-surrogate --example bench_layers [-- quick] [cpu] [LAYER]`, with retained
//! memory as the binary has: `MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592
//! MALLOC_TOP_PAD_=268435456`. The same cases in torch: `benches/peers/torch_layers.py`.
//!
//! Times are the least of many repeats, in milliseconds; "backward" is a forward and a backward pass with the gradients of
//! the input and of all parameters. With `cpu` they are processor time (Linux), to be used with one thread: comparable
//! even while the machine has other work.

use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor, Var};
use fewave_surrogate::{ConvolutionShape, Form, OneWay, Parameters, Rank, Scheme};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

/// batch, channels, side of the square map.
const CASES: [(usize, usize, usize); 7] = [
    (8, 64, 64),
    (8, 64, 128),
    (16, 32, 64),
    (16, 32, 32),
    (16, 16, 64),
    (16, 16, 32),
    (16, 64, 16),
];

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let quick = std::env::args().any(|argument| argument == "quick");
    let cpu = std::env::args().any(|argument| argument == "cpu");
    let clock: Clock = if cpu { processor_time } else { wall_time };
    let only = std::env::args()
        .skip(1)
        .find(|argument| argument != "quick" && argument != "cpu");
    println!("side,layer,batch,channels,size,kernel,forward_ms,backward_ms");
    for (batch, channels, size) in CASES {
        for kernel in [3, 5] {
            let input = Var::randn(0f32, 1f32, (batch, channels, size, size), &Device::Cpu)?;
            let one_way = |form, rank| {
                Scheme::OneWay(OneWay {
                    form,
                    rank: Rank::Fixed(rank),
                })
            };
            for (name, scheme) in [
                ("dense", Scheme::Dense),
                ("layer-1", one_way(Form::Layer, channels)),
                ("layer-1/2", one_way(Form::Layer, channels / 2)),
                ("filter-1", one_way(Form::Filter, 1)),
            ] {
                if only.as_ref().is_some_and(|only| only != name) {
                    continue;
                }
                let shape = ConvolutionShape {
                    inputs: channels,
                    outputs: channels,
                    kernel: vec![kernel; 2],
                    bias: true,
                };
                let mut parameters = Parameters::new(DType::F32, &Device::Cpu);
                let mut rng = ChaCha12Rng::seed_from_u64(0);
                let layer = scheme.build(&shape, &mut parameters.root(), &mut rng)?;
                let (forward, backward) = time(quick, clock, || {
                    layer.forward(&input).map_err(candle_core::Error::wrap)
                })?;
                println!(
                    "fewave,{name},{batch},{channels},{size},{kernel},{forward:.3},{backward:.3}"
                );
            }
            if only.is_none() && channels == 64 && size == 64 {
                let weight = Var::randn(
                    0f32,
                    0.1f32,
                    (channels, channels, kernel, kernel),
                    &Device::Cpu,
                )?;
                let (forward, backward) =
                    time(quick, clock, || input.conv2d(&weight, kernel / 2, 1, 1, 1))?;
                println!(
                    "candle,dense,{batch},{channels},{size},{kernel},{forward:.3},{backward:.3}"
                );
                let points = Var::randn(0f32, 0.1f32, (channels, channels, 1, 1), &Device::Cpu)?;
                let vertical = Var::randn(0f32, 0.1f32, (channels, 1, kernel, 1), &Device::Cpu)?;
                let horizontal = Var::randn(0f32, 0.1f32, (channels, 1, 1, kernel), &Device::Cpu)?;
                let (forward, backward) = time(quick, clock, || {
                    // candle pads both axes alike: what was padded too much is cut off.
                    let maps = input.conv2d(&points, 0, 1, 1, 1)?;
                    let maps = maps.conv2d(&vertical, kernel / 2, 1, 1, channels)?.narrow(
                        3,
                        kernel / 2,
                        size,
                    )?;
                    let maps = maps
                        .conv2d(&horizontal, kernel / 2, 1, 1, channels)?
                        .narrow(2, kernel / 2, size)?;
                    maps.conv2d(&points, 0, 1, 1, 1)
                })?;
                println!(
                    "candle,layer-1,{batch},{channels},{size},{kernel},{forward:.3},{backward:.3}"
                );
            }
        }
    }
    Ok(())
}

/// Milliseconds since some moment.
type Clock = fn() -> f64;

fn wall_time() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64() * 1e3
}

/// What all threads of this process have used.
fn processor_time() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let used = threads.filter_map(|thread| {
        let statistics = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        statistics.split(' ').next()?.parse::<f64>().ok()
    });
    used.sum::<f64>() / 1e6
}

/// The least times of a forward pass, and of a forward and a backward pass.
fn time(quick: bool, clock: Clock, forward: impl Fn() -> Result<Tensor>) -> Result<(f64, f64)> {
    let budget = if quick { 150.0 } else { 700.0 };
    let least = |work: &dyn Fn() -> Result<()>| -> Result<f64> {
        let (start, mut least, mut repeats) = (clock(), f64::INFINITY, 0);
        while repeats < 5 || (clock() - start < budget && repeats < 200) {
            let one = clock();
            work()?;
            least = least.min(clock() - one);
            repeats += 1;
        }
        Ok(least)
    };
    let only = least(&|| forward().map(drop))?;
    let both = least(&|| forward()?.backward().map(drop))?;
    Ok((only, both))
}
