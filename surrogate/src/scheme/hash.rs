//! The pseudo-random choices that a scheme makes instead of storing them: a pure function of the seed and the place.
//!
//! The mixer is the finaliser of SplitMix64 (Steele, Lea, Flood, *Fast splittable pseudorandom number generators*, 2014). It
//! is part of the format of checkpoints, which store the seed only: its values are pinned by a test and must never change.

/// What a hash is used for, so that choices at one place are independent of each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    /// The bucket of a coefficient.
    Bucket = 1,
    /// The sign of a coefficient.
    Sign = 2,
    /// The permutations of a kernel.
    Permutations = 3,
    /// Noise in training.
    Noise = 4,
    /// Noise on the inputs of training.
    InputNoise = 5,
    /// Symmetries that training samples are turned by.
    Symmetry = 6,
}

/// 64 bits for a place.
#[inline]
pub(crate) fn hash(seed: u64, purpose: Use, place: usize) -> u64 {
    let stream = mix(seed ^ (purpose as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mix(stream.wrapping_add((place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

/// A number below `count` (at least 1), uniform up to `count/2³²`.
#[inline]
pub(super) fn below(count: usize, hash: u64) -> usize {
    (((hash >> 32) * count as u64) >> 32) as usize
}

#[inline]
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_that_files_rely_on_never_change() {
        let found = [
            hash(0, Use::Bucket, 0),
            hash(0, Use::Sign, 1),
            hash(7, Use::Permutations, 123_456),
        ];
        let pinned = [
            5_197_578_548_964_807_871,
            5_095_610_196_844_313_600,
            14_201_262_852_220_110_095,
        ];
        assert_eq!(found, pinned);
    }

    #[test]
    fn choices_are_even_and_uses_independent() {
        let (count, draws) = (7, 70_000);
        let (mut counts, mut signs) = ([0usize; 7], [0i64; 7]);
        for place in 0..draws {
            let choice = below(count, hash(3, Use::Bucket, place));
            counts[choice] += 1;
            signs[choice] += if hash(3, Use::Sign, place) & 1 == 0 {
                1
            } else {
                -1
            };
        }
        for (count, sign) in counts.iter().zip(&signs) {
            // five standard deviations
            assert!(count.abs_diff(draws / 7) < 470, "{counts:?}");
            assert!(sign.abs() < 500, "{signs:?}");
        }
    }
}
