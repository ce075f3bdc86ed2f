//! Vectors that several threads work on at the same time, each on entries of its own.

use std::marker::PhantomData;
use std::ops::Range;

use pulp::bytemuck::Pod;

use crate::simd::{Packs, Prefix};

/// A mutable vector that can be copied to every thread of a sweep.
///
/// Cells of a block read and write entries scattered over the vector, so it cannot be split into slices, one a thread.
#[derive(Debug)]
pub(crate) struct Shared<'a, V> {
    start: *mut V,
    len: usize,
    lifetime: PhantomData<&'a mut [V]>,
}

impl<V> Clone for Shared<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Shared<'_, V> {}

// SAFETY: whoever makes one promises that threads do not meet at an entry
unsafe impl<V: Send> Send for Shared<'_, V> {}
// SAFETY: as above
unsafe impl<V: Send> Sync for Shared<'_, V> {}

impl<'a, V: Pod> Shared<'a, V> {
    /// A vector to read and write.
    ///
    /// # Safety
    /// While a thread writes an entry, no other thread reads or writes it.
    pub(crate) unsafe fn new(values: &'a mut [V]) -> Self {
        Self {
            start: values.as_mut_ptr(),
            len: values.len(),
            lifetime: PhantomData,
        }
    }

    /// A vector to read.
    ///
    /// # Safety
    /// Nothing is ever written through it.
    pub(crate) unsafe fn read_only(values: &'a [V]) -> Self {
        Self {
            start: values.as_ptr().cast_mut(),
            len: values.len(),
            lifetime: PhantomData,
        }
    }

    /// Number of entries.
    pub(crate) fn len(self) -> usize {
        self.len
    }

    /// Some of the entries.
    #[inline(always)]
    pub(crate) fn part(self, entries: Range<usize>) -> Self {
        assert!(entries.start <= entries.end && entries.end <= self.len);
        Self {
            // SAFETY: in range
            start: unsafe { self.start.add(entries.start) },
            len: entries.end - entries.start,
            lifetime: PhantomData,
        }
    }

    /// The same memory as packs of values.
    pub(crate) fn packs<P: Pod>(self) -> Shared<'a, P> {
        let width = size_of::<P>() / size_of::<V>();
        assert!(align_of::<P>() <= align_of::<V>() && self.len.is_multiple_of(width));
        Shared {
            start: self.start.cast(),
            len: self.len / width,
            lifetime: PhantomData,
        }
    }

    /// An entry.
    #[inline(always)]
    pub(crate) fn get(self, index: usize) -> V {
        assert!(index < self.len);
        // SAFETY: in range, and no other thread writes it
        unsafe { self.start.add(index).read() }
    }

    /// Asks for the cache line of an entry that will soon be needed; beyond the end, for nothing.
    #[inline(always)]
    pub(crate) fn prefetch(self, index: usize) {
        #[cfg(target_arch = "x86_64")]
        if index < self.len {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: prefetches have no effect but on caches
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.start.add(index).cast()) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = index;
    }

    /// Overwrites an entry.
    #[inline(always)]
    pub(crate) fn set(self, index: usize, value: V) {
        assert!(index < self.len);
        // SAFETY: in range, and no other thread has it
        unsafe { self.start.add(index).write(value) }
    }

    /// The entries from `index` on, as many as `prefix` has lanes.
    #[inline(always)]
    pub(crate) fn run<P: Packs<V>>(
        self,
        packs: P,
        prefix: Prefix<P::Mask>,
        index: usize,
    ) -> P::Pack {
        assert!(index + prefix.count <= self.len);
        // SAFETY: the lanes of the mask are in range, the others are not accessed
        unsafe { packs.load(prefix.mask, self.start.add(index)) }
    }

    /// Overwrites the entries from `index` on, as many as `prefix` has lanes.
    #[inline(always)]
    pub(crate) fn set_run<P: Packs<V>>(
        self,
        packs: P,
        prefix: Prefix<P::Mask>,
        index: usize,
        values: P::Pack,
    ) {
        assert!(index + prefix.count <= self.len);
        // SAFETY: the lanes of the mask are in range, the others are not accessed
        unsafe { packs.store(prefix.mask, self.start.add(index), values) }
    }
}

/// Forces under way: entries of a range in memory of their own, all others in a vector.
#[derive(Debug)]
pub(crate) struct Accumulator<'a, V> {
    /// Entries from `start` on.
    pub(crate) local: Shared<'a, V>,
    /// Where they begin.
    pub(crate) start: usize,
    /// All others.
    pub(crate) elsewhere: Shared<'a, V>,
}

impl<V> Clone for Accumulator<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Accumulator<'_, V> {}

impl<'a, V: Pod> Accumulator<'a, V> {
    /// Where an entry is.
    #[inline(always)]
    pub(crate) fn place(self, index: usize) -> (Shared<'a, V>, usize) {
        let local = index.wrapping_sub(self.start);
        if local < self.local.len {
            (self.local, local)
        } else {
            (self.elsewhere, index)
        }
    }
}
