//! Kernels compiled for the widest registers of the machine that runs them.

use pulp::bytemuck::{Pod, cast_slice, cast_slice_mut};
use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

use crate::real::Real;

/// Runs `kernel` compiled for AVX-512 or AVX2 with fused multiply-add where the processor has them. Mark the closure
/// and all that it calls `#[inline(always)]`: what is not inlined is compiled for the oldest processor.
#[inline(always)]
pub(crate) fn vectorised<R>(kernel: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Kernel(kernel))
}

/// Calls a closure through `FnMut`. `FnOnce`, which pulp's own implementation for closures uses, goes through a shim
/// that is not inlined: all kernels would be compiled without vector registers, 50 times slower.
struct Kernel<F>(F);

impl<R, F: FnMut() -> R> NullaryFnOnce for Kernel<F> {
    type Output = R;

    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}

/// Arithmetic on packs: as many lanes as a register holds, or a single one. Fused multiply-add rounds once in either, so
/// that a lane gets the same bits.
pub trait Packs<T>: Copy {
    /// Some lanes side by side.
    type Pack: Copy + Pod;
    /// The same value in every lane.
    fn splat(self, value: T) -> Self::Pack;
    /// `a + b`.
    fn add(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a − b`.
    fn sub(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a · b`.
    fn mul(self, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// `a · b + c`.
    fn mul_add(self, a: Self::Pack, b: Self::Pack, c: Self::Pack) -> Self::Pack;
}

/// Packs of one lane.
#[derive(Debug, Clone, Copy)]
pub struct Single;

impl<T: Real> Packs<T> for Single {
    type Pack = T;
    #[inline(always)]
    fn splat(self, value: T) -> T {
        value
    }
    #[inline(always)]
    fn add(self, a: T, b: T) -> T {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: T, b: T) -> T {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: T, b: T) -> T {
        a * b
    }
    #[inline(always)]
    fn mul_add(self, a: T, b: T, c: T) -> T {
        a.mul_add(b, c)
    }
}

/// Packs that fill a register of the instruction set `S`.
#[derive(Debug, Clone, Copy)]
pub struct Registers<S>(pub S);

macro_rules! packs_of_registers {
    ($t:ty, $pack:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $mul_add:ident) => {
        impl<S: Simd> Packs<$t> for Registers<S> {
            type Pack = S::$pack;
            #[inline(always)]
            fn splat(self, value: $t) -> S::$pack {
                self.0.$splat(value)
            }
            #[inline(always)]
            fn add(self, a: S::$pack, b: S::$pack) -> S::$pack {
                self.0.$add(a, b)
            }
            #[inline(always)]
            fn sub(self, a: S::$pack, b: S::$pack) -> S::$pack {
                self.0.$sub(a, b)
            }
            #[inline(always)]
            fn mul(self, a: S::$pack, b: S::$pack) -> S::$pack {
                self.0.$mul(a, b)
            }
            #[inline(always)]
            fn mul_add(self, a: S::$pack, b: S::$pack, c: S::$pack) -> S::$pack {
                self.0.$mul_add(a, b, c)
            }
        }
    };
}

packs_of_registers!(
    f64,
    f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    mul_add_f64s
);
packs_of_registers!(
    f32,
    f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    mul_add_f32s
);

/// A linear operator on `[dof][lane]`, written for packs.
pub(crate) trait PackOperator<T> {
    /// Computes `product` from `u`; both have `stride` packs per row. Must be `#[inline(always)]`.
    fn run<P: Packs<T>>(self, packs: P, u: &[P::Pack], product: &mut [P::Pack], stride: usize);
}

/// Runs an operator on `L` lanes with the widest registers of this machine.
///
/// The lanes are spelled as packs because arrays in loops are not reliably turned into registers by the compiler: with
/// 8 lanes of f64, spectral kernels ran six times slower.
pub(crate) fn apply<T: Real, const L: usize>(
    operator: impl PackOperator<T>,
    u: &[[T; L]],
    product: &mut [[T; L]],
) {
    Arch::new().dispatch(Apply {
        operator,
        u,
        product,
    });
}

struct Apply<'a, K, T, const L: usize> {
    operator: K,
    u: &'a [[T; L]],
    product: &'a mut [[T; L]],
}

impl<K: PackOperator<T>, T: Real, const L: usize> WithSimd for Apply<'_, K, T, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (u, product) = (self.u.as_flattened(), self.product.as_flattened_mut());
        let width = size_of::<<T::Registers<S> as Packs<T>>::Pack>() / size_of::<T>();
        if L.is_multiple_of(width) {
            let product = cast_slice_mut(product);
            self.operator
                .run(T::registers(simd), cast_slice(u), product, L / width);
        } else {
            self.operator.run(Single, u, product, L);
        }
    }
}
