//! Large vectors filled by all threads.
//!
//! `vec![0; n]` of recycled memory is cleared by one thread before the others begin, and its pages are touched by that thread
//! alone. Here every piece is cleared by the thread that fills it, while it is in that core's cache.

use rayon::prelude::*;

/// A vector of this length, cut into pieces of `piece` values (the last may be shorter), each of which one thread sets to
/// zeros and hands to `fill` with its number.
pub(crate) fn in_pieces<T: Copy + Default + Send + Sync>(
    length: usize,
    piece: usize,
    fill: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let mut values = Vec::with_capacity(length);
    values.spare_capacity_mut()[..length]
        .par_chunks_mut(piece.max(1))
        .enumerate()
        .for_each(|(number, places)| {
            for place in places.iter_mut() {
                place.write(T::default());
            }
            // SAFETY: every place of the piece has just been written, and `MaybeUninit<T>` is laid out as `T`.
            let places = unsafe { &mut *(std::ptr::from_mut(places) as *mut [T]) };
            fill(number, places);
        });
    // SAFETY: the pieces cover `length` places within the capacity, and all of them have been written.
    unsafe { values.set_len(length) };
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_cleared_and_filled_once() {
        for (length, piece) in [(0, 4), (1, 4), (8, 4), (11, 4), (5, 0)] {
            let found = in_pieces(length, piece, |number, values: &mut [f64]| {
                assert!(values.iter().all(|&v| v == 0.0));
                values.fill(number as f64 + 1.0);
            });
            let expected: Vec<f64> = (0..length)
                .map(|n| (n / piece.max(1)) as f64 + 1.0)
                .collect();
            assert_eq!(found, expected);
        }
    }
}
