//! Files damaged at random: an error or a mesh, never a panic, an endless loop or a huge allocation.

use fewave_solver::mesh::gmsh;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::DISCS;

#[test]
fn thousands_of_damaged_files_never_panic() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut refused = 0;
    for bytes in DISCS {
        for _ in 0..3000 {
            let mut damaged = bytes.to_vec();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..damaged.len());
                match rng.random_range(0..6) {
                    0 => damaged[at] = rng.random(),
                    1 => damaged[at] ^= 1 << rng.random_range(0..8),
                    2 => damaged.truncate(at.max(1)),
                    3 => drop(
                        damaged.drain(
                            at..(at + rng.random_range(1..40))
                                .min(damaged.len() - 1)
                                .max(at),
                        ),
                    ),
                    4 => damaged.insert(at, b"0123456789-.e $\n"[rng.random_range(0..16)]),
                    _ => {
                        let from = rng.random_range(0..damaged.len());
                        let piece = damaged[from..(from + 24).min(damaged.len())].to_vec();
                        let end = (at + piece.len()).min(damaged.len());
                        damaged[at..end].copy_from_slice(&piece[..end - at]);
                    }
                }
            }
            if let Err(error) = gmsh::read(&damaged) {
                refused += 1;
                let message = error.to_string();
                assert!(
                    message.len() < 1000 && message.contains("expected"),
                    "{message}"
                );
            }
        }
    }
    assert!(refused > 6000, "{refused}");
}

#[test]
fn every_cut_is_refused() {
    for bytes in DISCS {
        let whole = bytes.len() - "\n".len();
        for length in 0..whole - "$EndElements".len() {
            assert!(
                gmsh::read(&bytes[..length]).is_err(),
                "{length} of {whole} bytes"
            );
        }
    }
}
