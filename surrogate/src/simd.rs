//! Closures compiled for the widest registers of the machine that runs them.

use pulp::{Arch, NullaryFnOnce};

/// Runs `kernel` compiled for AVX-512 or AVX2 where the processor has them. Mark the closure and all that it calls
/// `#[inline(always)]`: what is not inlined is compiled for the oldest processor.
#[inline(always)]
pub(crate) fn vectorised<R>(kernel: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Kernel(kernel))
}

/// Calls a closure through `FnMut`: pulp's own implementation for closures goes through `FnOnce`, whose shim is not
/// inlined, so that kernels would be compiled without wide registers.
struct Kernel<F>(F);

impl<R, F: FnMut() -> R> NullaryFnOnce for Kernel<F> {
    type Output = R;

    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}
