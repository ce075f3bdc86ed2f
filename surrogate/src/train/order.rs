//! Which windows make up which batch: a function of the seed and the step alone.
//!
//! Epoch `e` visits all windows in the order of a Fisher–Yates shuffle by ChaCha12 on stream `e + 1` of the seed (stream 0
//! belongs to the weights). Epochs follow one another without a gap, so a batch may hold the end of one and the start of the
//! next. A run resumed at any step therefore continues exactly.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;

/// The endless sequence of batches over a fixed number of windows.
#[derive(Debug)]
pub(crate) struct WindowOrder {
    seed: u64,
    batch: usize,
    epoch: Option<usize>,
    order: Vec<usize>,
}

impl WindowOrder {
    /// An order over `windows` windows in batches of `batch`; both at least 1.
    pub(crate) fn new(seed: u64, windows: usize, batch: usize) -> Self {
        Self {
            seed,
            batch,
            epoch: None,
            order: (0..windows).collect(),
        }
    }

    /// Windows of the batch of `step` (from 0).
    pub(crate) fn batch(&mut self, step: usize) -> Vec<usize> {
        let first = step * self.batch;
        (first..first + self.batch)
            .map(|position| self.window(position))
            .collect()
    }

    fn window(&mut self, position: usize) -> usize {
        let (epoch, index) = (position / self.order.len(), position % self.order.len());
        if self.epoch != Some(epoch) {
            let mut random = ChaCha12Rng::seed_from_u64(self.seed);
            random.set_stream(epoch as u64 + 1);
            // Every epoch shuffles the same start, not the previous epoch's order.
            for (index, window) in self.order.iter_mut().enumerate() {
                *window = index;
            }
            self.order.shuffle(&mut random);
            self.epoch = Some(epoch);
        }
        self.order[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_visits_every_window_once_in_its_own_order() {
        let mut order = WindowOrder::new(3, 10, 4);
        let visited: Vec<usize> = (0..5).flat_map(|step| order.batch(step)).collect();
        let (mut first, mut second) = (visited[..10].to_vec(), visited[10..].to_vec());
        assert_ne!(first, second);
        first.sort_unstable();
        second.sort_unstable();
        assert_eq!(first, (0..10).collect::<Vec<_>>());
        assert_eq!(second, first);
    }

    #[test]
    fn a_batch_depends_on_the_step_alone() {
        let mut straight = WindowOrder::new(3, 10, 4);
        let all: Vec<_> = (0..20).map(|step| straight.batch(step)).collect();
        assert_eq!(WindowOrder::new(3, 10, 4).batch(17), all[17]);
        assert_ne!(WindowOrder::new(4, 10, 4).batch(17), all[17]);
    }

    #[test]
    fn a_batch_may_be_larger_than_an_epoch() {
        assert_eq!(WindowOrder::new(0, 1, 3).batch(5), vec![0, 0, 0]);
    }
}
