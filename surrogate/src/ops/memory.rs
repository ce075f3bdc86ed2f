//! Memory for the kernels: scratch that each thread keeps, and outputs that are written once, by many threads.
//!
//! Fresh memory costs page faults, more than most kernels here, so that scratch is retained per thread.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::element::Element;

/// One cache line, so that scratch starts on one.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

thread_local! {
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Scratch above this is given back after use.
const RETAINED_LINES: usize = (128 << 20) / size_of::<Line>();

/// Calls `f` with buffers of these lengths, whose contents are what the thread's last user left (numbers all the same).
pub(super) fn with_scratch<E: Element, const N: usize, O>(
    lengths: [usize; N],
    f: impl FnOnce([&mut [E]; N]) -> O,
) -> O {
    let lines = lengths.map(|length| (length * size_of::<E>()).div_ceil(size_of::<Line>()));
    // Taken, not borrowed: were `f` to ask for scratch itself, it would get fresh memory instead of a panic.
    let mut scratch = SCRATCH.take();
    let total = lines.iter().sum();
    if scratch.len() < total {
        scratch.resize(total, Line([0; 64]));
    }
    let mut rest = scratch.as_mut_slice();
    let mut index = 0;
    let buffers = lengths.map(|length| {
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(lines[index]);
        rest = tail;
        index += 1;
        // SAFETY: the lines are initialised, aligned to 64 bytes, long enough, and any bits are a valid f32 or f64.
        unsafe { std::slice::from_raw_parts_mut(head.as_mut_ptr().cast::<E>(), length) }
    });
    let result = f(buffers);
    if scratch.len() <= RETAINED_LINES {
        SCRATCH.set(scratch);
    }
    result
}

/// The least number of values, at least `length`, that fill an odd number of cache lines: rows so far apart do not compete for
/// the same places of the caches.
pub(super) fn odd_lines<E>(length: usize) -> usize {
    let line = size_of::<Line>() / size_of::<E>();
    (length.div_ceil(line) | 1) * line
}

/// Asks for `length` values from `start` on to be brought to the second-level cache, where the machine has a way to; nothing is
/// read, any address will do.
#[inline(always)]
pub(super) fn prefetch<E>(start: *const E, length: usize) {
    #[cfg(target_arch = "x86_64")]
    for place in (0..length).step_by(size_of::<Line>() / size_of::<E>()) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint, without effect on what a program computes, at any address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(start.wrapping_add(place).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, length);
}

/// An output that several threads fill, each its own places.
#[derive(Clone, Copy)]
pub(super) struct Output<'a, E> {
    pointer: *mut E,
    length: usize,
    lifetime: PhantomData<&'a mut [E]>,
}

// SAFETY: an `Output` only hands out places through unsafe methods, whose callers vouch that no two threads share one.
unsafe impl<E: Send> Send for Output<'_, E> {}
// SAFETY: as above.
unsafe impl<E: Send> Sync for Output<'_, E> {}

impl<'a, E: Element> Output<'a, E> {
    /// The places of a slice.
    pub(super) fn new(values: &'a mut [E]) -> Self {
        Self {
            pointer: values.as_mut_ptr(),
            length: values.len(),
            lifetime: PhantomData,
        }
    }

    /// The places `start..start + length`.
    ///
    /// # Safety
    /// While the slice lives nobody else may use these places.
    pub(super) unsafe fn slice(&self, start: usize, length: usize) -> &'a mut [E] {
        assert!(
            start + length <= self.length,
            "a kernel wrote outside its output"
        );
        // SAFETY: inside the allocation by the check above, unshared by the caller's word.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(start), length) }
    }

    /// The places from `start` on, for a kernel that writes `rows` runs of `length` values, `stride` apart.
    pub(super) fn rows(&self, start: usize, rows: usize, stride: usize, length: usize) -> *mut E {
        assert!(
            rows == 0 || start + (rows - 1) * stride + length <= self.length,
            "a kernel wrote outside its output"
        );
        self.pointer.wrapping_add(start)
    }
}

/// A vector of this length, every value of which `fill` must write: memory that is not written twice.
pub(super) fn filled<E: Element>(length: usize, fill: impl FnOnce(Output<'_, E>)) -> Vec<E> {
    let mut values = Vec::with_capacity(length);
    fill(Output {
        pointer: values.as_mut_ptr(),
        length,
        lifetime: PhantomData,
    });
    // SAFETY: the capacity suffices; `fill` has written every value (the kernels' tests compare all of them).
    unsafe { values.set_len(length) };
    values
}
