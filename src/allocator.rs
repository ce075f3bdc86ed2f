//! The program's allocator: mimalloc, which keeps freed memory because fresh pages cost more than most kernels here (see
//! `benches/`), with a count of the bytes in use, so that `fewave bench` can say what a case needs.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_long;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

/// The same number in versions 2 and 3 of mimalloc; the crate does not name it.
const PURGE_DELAY: mi_option_t = 15;
/// How long freed memory is kept, in ms. mimalloc gives it back after 10 ms by default, about as long as a layer takes, so that
/// every training step paid for fresh pages; a second or never are equally fast.
const KEPT_MS: c_long = 10_000;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// mimalloc that counts.
pub struct Counting;

/// Keeps freed memory for longer; `MIMALLOC_PURGE_DELAY` still has the last word.
pub fn keep_freed_memory() {
    // SAFETY: sets a number that the allocator reads whenever it frees
    unsafe { mi_option_set_default(PURGE_DELAY, KEPT_MS) };
}

/// Runs `work`; also the most bytes that were in use meanwhile beyond those in use before.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = USED.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = work();
    (result, PEAK.load(Relaxed).saturating_sub(before))
}

fn add(bytes: usize) {
    PEAK.fetch_max(USED.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

fn remove(bytes: usize) {
    USED.fetch_sub(bytes, Relaxed);
}

// SAFETY: every call is passed on unchanged; the counts do not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        remove(layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        remove(layout.size());
        // SAFETY: the caller keeps the contract of `realloc`
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_in_use_at_once() {
        const BLOCK: usize = 128 << 20;
        let ((), bytes) = peak_of(|| {
            for _ in 0..5 {
                drop(std::hint::black_box(vec![1u8; BLOCK]));
            }
        });
        // other tests allocate beside this one, but not as much as four blocks
        assert!((BLOCK..5 * BLOCK).contains(&bytes), "{bytes}");
    }
}
