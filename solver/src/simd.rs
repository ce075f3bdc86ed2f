//! Kernels compiled for the widest registers of the machine that runs them.

use std::marker::PhantomData;

use pulp::bytemuck::{Pod, cast_slice, pod_read_unaligned};
use pulp::{Arch, MemMask, NullaryFnOnce, Scalar, Simd, WithSimd};

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
    /// The first so many lanes.
    type Mask: Copy;
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
    /// The mask of the first `count` lanes.
    fn first(self, count: usize) -> Self::Mask;
    /// `a` in the lanes of the mask, `b` in the others.
    fn select(self, mask: Self::Mask, a: Self::Pack, b: Self::Pack) -> Self::Pack;
    /// Lane `i + count` moved to lane `i`, around the end.
    fn rotate_left(self, a: Self::Pack, count: usize) -> Self::Pack;
    /// Consecutive values in the lanes of the mask, 0 in the others.
    ///
    /// # Safety
    /// `from` is valid for reading the lanes of the mask; the others are not accessed.
    unsafe fn load(self, mask: Self::Mask, from: *const T) -> Self::Pack;
    /// Writes the lanes of the mask.
    ///
    /// # Safety
    /// `to` is valid for writing the lanes of the mask; the others are not accessed.
    unsafe fn store(self, mask: Self::Mask, to: *mut T, values: Self::Pack);
}

/// Packs of one lane.
#[derive(Debug, Clone, Copy)]
pub struct Single;

impl<T: Real> Packs<T> for Single {
    type Pack = T;
    type Mask = bool;
    #[inline(always)]
    fn first(self, count: usize) -> bool {
        count > 0
    }
    #[inline(always)]
    fn select(self, mask: bool, a: T, b: T) -> T {
        if mask { a } else { b }
    }
    #[inline(always)]
    fn rotate_left(self, a: T, _: usize) -> T {
        a
    }
    #[inline(always)]
    unsafe fn load(self, mask: bool, from: *const T) -> T {
        if mask {
            // SAFETY: the caller's promise
            unsafe { from.read() }
        } else {
            T::ZERO
        }
    }
    #[inline(always)]
    unsafe fn store(self, mask: bool, to: *mut T, value: T) {
        if mask {
            // SAFETY: the caller's promise
            unsafe { to.write(value) }
        }
    }
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
    (
        $t:ty, $pack:ident, $mask:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $mul_add:ident,
        $less_than:ident, $select:ident, $rotate:ident, $load:ident, $store:ident
    ) => {
        impl<S: Simd> Packs<$t> for Registers<S> {
            type Pack = S::$pack;
            type Mask = S::$mask;
            #[inline(always)]
            fn first(self, count: usize) -> S::$mask {
                let numbers: [$t; MOST_LANES] = std::array::from_fn(|lane| lane as $t);
                let lanes = size_of::<S::$pack>() / size_of::<$t>();
                let numbers = pod_read_unaligned(cast_slice(&numbers[..lanes]));
                self.0.$less_than(numbers, self.0.$splat(count as $t))
            }
            #[inline(always)]
            fn select(self, mask: S::$mask, a: S::$pack, b: S::$pack) -> S::$pack {
                self.0.$select(mask, a, b)
            }
            #[inline(always)]
            fn rotate_left(self, a: S::$pack, count: usize) -> S::$pack {
                self.0.$rotate(a, count)
            }
            #[inline(always)]
            unsafe fn load(self, mask: S::$mask, from: *const $t) -> S::$pack {
                // SAFETY: the caller's promise
                unsafe { self.0.$load(MemMask::new(mask), from) }
            }
            #[inline(always)]
            unsafe fn store(self, mask: S::$mask, to: *mut $t, values: S::$pack) {
                // SAFETY: the caller's promise
                unsafe { self.0.$store(MemMask::new(mask), to, values) }
            }
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
    m64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    mul_add_f64s,
    less_than_f64s,
    select_f64s,
    rotate_left_f64s,
    mask_load_ptr_f64s,
    mask_store_ptr_f64s
);
packs_of_registers!(
    f32,
    f32s,
    m32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    mul_add_f32s,
    less_than_f32s,
    select_f32s,
    rotate_left_f32s,
    mask_load_ptr_f32s,
    mask_store_ptr_f32s
);

/// Lanes of the widest register there is, of the smallest type.
const MOST_LANES: usize = 16;

/// A kernel written for packs.
pub(crate) trait PackKernel<T> {
    /// Does its work with these packs. Must be `#[inline(always)]`.
    fn run<P: Packs<T>>(self, packs: P);
}

/// Runs a kernel for trajectories side by side with the widest registers of this machine, or with single values where
/// `lanes` do not fill them.
///
/// The lanes are spelled as packs because arrays in loops are not reliably turned into registers by the compiler: with
/// 8 lanes of f64, spectral kernels ran six times slower.
pub(crate) fn run<T: Real>(lanes: usize, kernel: impl PackKernel<T>) {
    Arch::new().dispatch(Run {
        lanes,
        kernel,
        value: PhantomData,
    });
}

/// Runs a kernel that brings its own lanes with the widest registers of this machine; where it has fewer lanes than these (a bundle
/// of cells in f32 with AVX-512) a part of them is idle.
pub(crate) fn run_wide<T: Real>(kernel: impl PackKernel<T>) {
    Arch::new().dispatch(Wide(kernel, PhantomData));
}

/// As [`run`], for kernels so large that compiling them for single values too, once per instruction set, would double the time
/// of a build: lanes that do not fill registers get the oldest one.
pub(crate) fn run_large<T: Real>(lanes: usize, kernel: impl PackKernel<T>) {
    if lanes.is_multiple_of(width::<T>()) {
        run_wide(kernel);
    } else {
        Scalar::new().vectorize(Wide(kernel, PhantomData));
    }
}

struct Wide<K, T>(K, PhantomData<T>);

impl<K: PackKernel<T>, T: Real> WithSimd for Wide<K, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run(T::registers(simd));
    }
}

/// How many values the widest registers of this machine hold.
pub(crate) fn width<T: Real>() -> usize {
    struct Width<T>(PhantomData<T>);
    impl<T: Real> WithSimd for Width<T> {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            lanes_of::<T, T::Registers<S>>()
        }
    }
    Arch::new().dispatch(Width::<T>(PhantomData))
}

/// How many values a pack holds.
pub(crate) const fn lanes_of<T, P: Packs<T>>() -> usize {
    size_of::<P::Pack>() / size_of::<T>()
}

struct Run<K, T> {
    lanes: usize,
    kernel: K,
    value: PhantomData<T>,
}

impl<K: PackKernel<T>, T: Real> WithSimd for Run<K, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = lanes_of::<T, T::Registers<S>>();
        if self.lanes.is_multiple_of(width) {
            self.kernel.run(T::registers(simd));
        } else {
            self.kernel.run(Single);
        }
    }
}

/// The first lanes of a pack: where rows are shorter than registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prefix<M> {
    /// Their mask.
    pub(crate) mask: M,
    /// Their number.
    pub(crate) count: usize,
}

impl<M: Copy> Prefix<M> {
    /// The first `count` lanes.
    #[inline(always)]
    pub(crate) fn new<T, P: Packs<T, Mask = M>>(packs: P, count: usize) -> Self {
        assert!(count <= lanes_of::<T, P>());
        Self {
            mask: packs.first(count),
            count,
        }
    }

    /// The first values of a slice, which has at least that many; 0 in the other lanes.
    #[inline(always)]
    pub(crate) fn load<T, P: Packs<T, Mask = M>>(self, packs: P, values: &[T]) -> P::Pack {
        assert!(self.count <= values.len());
        // SAFETY: the lanes of the mask are in range
        unsafe { packs.load(self.mask, values.as_ptr()) }
    }

    /// Overwrites the first values of a slice, which has at least that many.
    #[inline(always)]
    pub(crate) fn store<T, P: Packs<T, Mask = M>>(self, packs: P, values: &mut [T], pack: P::Pack) {
        assert!(self.count <= values.len());
        // SAFETY: the lanes of the mask are in range
        unsafe { packs.store(self.mask, values.as_mut_ptr(), pack) }
    }
}
