//! Whole passes on one thread of rayon's pool.
//!
//! A parallel loop that begins on another thread is handed to the pool and waited for: two changes of threads, which cost more
//! than the loop where maps are small. Begun by a thread of the pool, it costs nothing. So a pass goes there once, whole.
//! Nothing that waits for another thread may be done within: with one thread the pool would stand still, and a thread that waits for
//! others may meanwhile do another's work, whole passes included.

use crate::host;

/// Does `work` on a thread of the pool (the current one, if it is of the pool) and waits for it.
pub(crate) fn within<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if host::is_portable() {
        // which holds for this thread alone
        return work();
    }
    rayon::scope(|_| work())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_by_the_pool_and_stays_on_its_thread() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .build()
            .unwrap();
        assert_eq!(index(), None);
        assert!(within(index).is_some());
        let (outer, inner) = pool.install(|| (index(), within(index)));
        assert!(outer.is_some() && outer == inner);
    }

    #[test]
    fn what_does_without_kernels_stays_on_its_thread() {
        let seen = host::without_kernels(|| within(|| (host::is_portable(), index())));
        assert_eq!(seen, (true, None));
        assert!(!within(host::is_portable));
    }

    fn index() -> Option<usize> {
        rayon::current_thread_index()
    }
}
