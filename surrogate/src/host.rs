//! Which operations the host's own kernels take, and which are made of candle's tensor operations.
//!
//! Every operation of a network exists twice: as a kernel of this crate for f32 and f64 on the host, and as a composition of
//! candle's operations, which runs on every device and in every type. Both compute the same, to rounding;
//! `tests/device_contract.rs` holds the second to the first.

use std::cell::Cell;

use candle_core::{DType, Tensor};

thread_local! {
    static PORTABLE: Cell<bool> = const { Cell::new(false) };
}

/// Whether the host's kernels can take these tensors: on the host, all f32 or all f64.
pub(crate) fn serves(tensors: &[&Tensor]) -> bool {
    let Some(first) = tensors.first() else {
        return false;
    };
    matches!(first.dtype(), DType::F32 | DType::F64)
        && tensors
            .iter()
            .all(|t| t.device().is_cpu() && t.dtype() == first.dtype())
        && !is_portable()
}

/// Whether this thread does without the host's kernels.
pub(crate) fn is_portable() -> bool {
    PORTABLE.get()
}

/// Does `work` without the host's kernels, as other devices do; for tests and comparisons. It holds for this thread.
pub fn without_kernels<T>(work: impl FnOnce() -> T) -> T {
    /// Ends it, also when `work` panics.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            PORTABLE.set(self.0);
        }
    }
    let before = Before(PORTABLE.replace(true));
    let result = work();
    drop(before);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn kernels_take_one_type_of_float_and_can_be_switched_off() {
        let of = |dtype| Tensor::zeros(2, dtype, &Device::Cpu).unwrap();
        let (single, double, half) = (of(DType::F32), of(DType::F64), of(DType::BF16));
        assert!(serves(&[&single, &single]) && serves(&[&double]));
        assert!(!serves(&[&single, &double]) && !serves(&[&half]) && !serves(&[]));
        assert!(!without_kernels(|| serves(&[&single])));
        assert!(serves(&[&single]));
    }
}
