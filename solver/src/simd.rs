//! Kernels compiled for the widest registers of the machine that runs them.

use pulp::{Arch, NullaryFnOnce};

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
