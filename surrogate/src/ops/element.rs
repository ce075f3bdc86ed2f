//! The two element types of the host kernels, f32 and f64, over whatever SIMD registers the machine has.

use std::ops::{AddAssign, MulAssign};
use std::sync::LazyLock;

use candle_core::{CpuStorage, Layout, Tensor, WithDType};
use pulp::{Arch, MemMask, Simd, WithSimd};

/// A real number that fills SIMD registers.
pub(super) trait Element: WithDType + Default + MulAssign + AddAssign {
    /// A register full of these.
    type Lanes<S: Simd>: Copy;
    /// Which lanes of a register are in memory.
    type Mask<S: Simd>: Copy;

    /// How many fit a register.
    fn lanes<S: Simd>() -> usize;
    /// The same value in every lane.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
    /// The mask of the first `count` lanes.
    fn mask<S: Simd>(simd: S, count: usize) -> Self::Mask<S>;
    /// Reads a register.
    ///
    /// # Safety
    /// As many values as the register has lanes must be readable at `source`, at any alignment.
    unsafe fn load<S: Simd>(simd: S, source: *const Self) -> Self::Lanes<S>;
    /// Reads the masked lanes; the others are 0.
    ///
    /// # Safety
    /// The masked lanes must be readable at `source`.
    unsafe fn load_masked<S: Simd>(
        simd: S,
        mask: Self::Mask<S>,
        source: *const Self,
    ) -> Self::Lanes<S>;
    /// Writes a register.
    ///
    /// # Safety
    /// As many values as the register has lanes must be writable at `target`, at any alignment.
    unsafe fn store<S: Simd>(simd: S, target: *mut Self, value: Self::Lanes<S>);
    /// Writes the masked lanes.
    ///
    /// # Safety
    /// The masked lanes must be writable at `target`.
    unsafe fn store_masked<S: Simd>(
        simd: S,
        mask: Self::Mask<S>,
        target: *mut Self,
        value: Self::Lanes<S>,
    );
    /// `a·b + c` per lane, fused where the machine can.
    fn multiply_add<S: Simd>(
        simd: S,
        a: Self::Lanes<S>,
        b: Self::Lanes<S>,
        c: Self::Lanes<S>,
    ) -> Self::Lanes<S>;
    /// The sum of all lanes, in an order that depends on the register alone.
    fn sum<S: Simd>(simd: S, value: Self::Lanes<S>) -> Self;
}

macro_rules! element {
    ($real:ty, $lanes:ident, $mask:ident, $splat:ident, $less:ident, $load:ident, $store:ident, $fma:ident, $sum:ident) => {
        impl Element for $real {
            type Lanes<S: Simd> = S::$lanes;
            type Mask<S: Simd> = MemMask<S::$mask>;

            #[inline(always)]
            fn lanes<S: Simd>() -> usize {
                size_of::<S::$lanes>() / size_of::<Self>()
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$lanes {
                simd.$splat(value)
            }

            #[inline(always)]
            fn mask<S: Simd>(simd: S, count: usize) -> MemMask<S::$mask> {
                // pulp's own constructor of masks reads and writes through calls; a plain mask becomes one instruction.
                const INDEX: [$real; 16] = [
                    0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0,
                    15.0,
                ];
                const { assert!(size_of::<S::$lanes>() <= size_of_val(&INDEX)) };
                // SAFETY: there are as many indices as the widest register has lanes.
                let index = unsafe { Self::load(simd, INDEX.as_ptr()) };
                simd.$less(index, simd.$splat(count as $real)).into()
            }

            #[inline(always)]
            unsafe fn load<S: Simd>(_: S, source: *const Self) -> S::$lanes {
                // SAFETY: the caller vouches for the memory; the read needs no alignment.
                unsafe { source.cast::<S::$lanes>().read_unaligned() }
            }

            #[inline(always)]
            unsafe fn load_masked<S: Simd>(
                simd: S,
                mask: MemMask<S::$mask>,
                source: *const Self,
            ) -> S::$lanes {
                // SAFETY: the caller vouches for the masked lanes.
                unsafe { simd.$load(mask, source) }
            }

            #[inline(always)]
            unsafe fn store<S: Simd>(_: S, target: *mut Self, value: S::$lanes) {
                // SAFETY: the caller vouches for the memory; the write needs no alignment.
                unsafe { target.cast::<S::$lanes>().write_unaligned(value) }
            }

            #[inline(always)]
            unsafe fn store_masked<S: Simd>(
                simd: S,
                mask: MemMask<S::$mask>,
                target: *mut Self,
                value: S::$lanes,
            ) {
                // SAFETY: the caller vouches for the masked lanes.
                unsafe { simd.$store(mask, target, value) }
            }

            #[inline(always)]
            fn multiply_add<S: Simd>(
                simd: S,
                a: S::$lanes,
                b: S::$lanes,
                c: S::$lanes,
            ) -> S::$lanes {
                simd.$fma(a, b, c)
            }

            #[inline(always)]
            fn sum<S: Simd>(simd: S, value: S::$lanes) -> Self {
                simd.$sum(value)
            }
        }
    };
}

element!(
    f32,
    f32s,
    m32s,
    splat_f32s,
    less_than_f32s,
    mask_load_ptr_f32s,
    mask_store_ptr_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s
);
element!(
    f64,
    f64s,
    m64s,
    splat_f64s,
    less_than_f64s,
    mask_load_ptr_f64s,
    mask_store_ptr_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s
);

/// Runs a kernel with the widest registers of this machine.
#[inline(always)]
pub(super) fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);
    ARCH.dispatch(kernel)
}

/// The values of a contiguous tensor on the host.
pub(super) fn slice<'a, E: Element>(
    storage: &'a CpuStorage,
    layout: &Layout,
) -> candle_core::Result<&'a [E]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&E::cpu_storage_as_slice(storage)?[start..end]),
        None => Err(candle_core::Error::RequiresContiguous {
            op: "a host kernel",
        }
        .bt()),
    }
}

/// Calls `f` with the values of a tensor on the host, made contiguous first where it is not.
pub(super) fn with_slice<E: Element, O>(
    tensor: &Tensor,
    f: impl FnOnce(&[E]) -> candle_core::Result<O>,
) -> candle_core::Result<O> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(storage) => f(slice(storage, layout)?),
        _ => candle_core::bail!("a host kernel was given a tensor of another device"),
    }
}

/// The sum of all values, by interleaved partial sums: fast, and of small rounding error.
pub(super) fn total<E: Element>(values: &[E]) -> E {
    dispatch(Total(values))
}

struct Total<'a, E>(&'a [E]);

impl<E: Element> WithSimd for Total<'_, E> {
    type Output = E;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> E {
        const CHAINS: usize = 4;
        let (lanes, length) = (E::lanes::<S>(), self.0.len());
        let one = E::splat(simd, E::from_f64(1.0));
        let mut sums = [E::splat(simd, E::default()); CHAINS];
        let mut p = 0;
        // SAFETY: reads end at `length`, the last by its mask.
        unsafe {
            while p + CHAINS * lanes <= length {
                for (chain, sum) in sums.iter_mut().enumerate() {
                    let value = E::load(simd, self.0.as_ptr().add(p + chain * lanes));
                    *sum = E::multiply_add(simd, one, value, *sum);
                }
                p += CHAINS * lanes;
            }
            while p < length {
                let mask = E::mask(simd, lanes.min(length - p));
                let value = E::load_masked(simd, mask, self.0.as_ptr().add(p));
                sums[0] = E::multiply_add(simd, one, value, sums[0]);
                p += lanes;
            }
        }
        let mut total = E::default();
        for sum in sums {
            total += E::sum(simd, sum);
        }
        total
    }
}
