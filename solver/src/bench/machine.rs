//! Microbenchmarks of the machine: bandwidth of vector updates, peak of fused multiply-adds.

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;

use crate::field::Field;
use crate::real::Real;
use crate::simd::{self, PackKernel, Packs, Prefix, lanes_of};

/// How often a measurement is repeated; the best counts.
const REPEATS: usize = 7;

/// Bytes per second that the update `v += g u; u += v` of three vectors moves (three read, two written), with `bytes` of
/// vectors altogether, shared by the threads of the pool that this runs in.
pub fn update_bandwidth(bytes: usize) -> f64 {
    let threads = rayon::current_num_threads();
    let length = (bytes / threads / 3 / size_of::<f64>()).max(64);
    let mut vectors: Vec<[Field<f64, 1>; 3]> = (0..threads)
        .map(|_| std::array::from_fn(|_| Field::zeros(length)))
        .collect();
    // about 16 MiB a thread and repetition
    let sweeps = ((16 << 20) / (length * 5 * size_of::<f64>())).max(1);
    let mut best = 0.0_f64;
    for _ in 0..REPEATS {
        let start = Instant::now();
        vectors.par_iter_mut().for_each(|[u, v, g]| {
            for _ in 0..sweeps {
                simd::run_wide(Stream {
                    u: u.as_flattened_mut(),
                    v: v.as_flattened_mut(),
                    g: g.as_flattened(),
                });
            }
        });
        let moved = threads * length * 5 * size_of::<f64>() * sweeps;
        best = best.max(moved as f64 / start.elapsed().as_secs_f64());
    }
    best
}

struct Stream<'a> {
    u: &'a mut [f64],
    v: &'a mut [f64],
    g: &'a [f64],
}

impl PackKernel<f64> for Stream<'_> {
    #[inline(always)]
    fn run<P: Packs<f64>>(self, packs: P) {
        let width = lanes_of::<f64, P>();
        let all = Prefix::new(packs, width);
        let vectors = self
            .u
            .chunks_exact_mut(width)
            .zip(self.v.chunks_exact_mut(width))
            .zip(self.g.chunks_exact(width));
        for ((u, v), g) in vectors {
            let old = all.load(packs, u);
            let new = packs.mul_add(all.load(packs, g), old, all.load(packs, v));
            all.store(packs, v, new);
            all.store(packs, u, packs.add(old, new));
        }
    }
}

/// Independent sums, enough to hide the latency of a multiply-add.
const CHAINS: usize = 16;

/// Operations per second of fused multiply-adds in registers (two operations each), by all threads of the pool that this
/// runs in.
pub fn multiply_add_flops<T: Real>() -> f64 {
    const ROUNDS: usize = 1 << 20;
    let threads = rayon::current_num_threads();
    let width = simd::width::<T>();
    let mut best = 0.0_f64;
    for _ in 0..REPEATS {
        let start = Instant::now();
        (0..threads).into_par_iter().for_each(|_| {
            simd::run_wide::<T>(MultiplyAdds { rounds: ROUNDS });
        });
        let operations = threads * ROUNDS * CHAINS * width * 2;
        best = best.max(operations as f64 / start.elapsed().as_secs_f64());
    }
    best
}

struct MultiplyAdds {
    rounds: usize,
}

impl<T: Real> PackKernel<T> for MultiplyAdds {
    #[inline(always)]
    fn run<P: Packs<T>>(self, packs: P) {
        let factor = packs.splat(black_box(T::from_f64(0.999)));
        let summand = packs.splat(black_box(T::from_f64(1e-3)));
        let mut sums = [summand; CHAINS];
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = packs.mul_add(factor, *sum, summand);
            }
        }
        black_box(sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_this_world() {
        for figure in [
            update_bandwidth(1 << 16),
            multiply_add_flops::<f64>(),
            multiply_add_flops::<f32>(),
        ] {
            assert!((1e8..1e15).contains(&figure), "{figure:e}");
        }
    }
}
