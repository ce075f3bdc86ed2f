//! Keeps workers close to the writer, so that finished groups never pile up in memory.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a waiting worker looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// Lets group `n` begin once group `n − window` is written.
#[derive(Debug)]
pub(super) struct Gate {
    window: usize,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    written: usize,
    closed: bool,
}

impl Gate {
    /// A gate for at most `window` groups at a time.
    pub(super) fn new(window: usize) -> Self {
        Self {
            window,
            state: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    /// Waits until the group may begin; false where the gate is closed or work is `unwanted`.
    pub(super) fn enter(&self, group: usize, unwanted: impl Fn() -> bool) -> bool {
        let mut state = self.lock();
        loop {
            if state.closed || unwanted() {
                return false;
            }
            if group < state.written.saturating_add(self.window) {
                return true;
            }
            state = match self.moved.wait_timeout(state, LOOK) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// One more group is written.
    pub(super) fn advance(&self) {
        self.lock().written += 1;
        self.moved.notify_all();
    }

    /// Sends everyone home.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.moved.notify_all();
    }

    /// Closes the gate if the holder panics: nobody would advance it past the group that is lost.
    pub(super) fn close_on_panic(&self) -> impl Drop {
        CloseOnPanic(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // two plain numbers: valid whatever panicked beside them
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct CloseOnPanic<'a>(&'a Gate);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_wait_for_the_writer() {
        let gate = Gate::new(2);
        assert!(gate.enter(0, || false) && gate.enter(1, || false));
        assert!(!gate.enter(2, || true));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.enter(2, || false));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!waiting.is_finished());
            gate.advance();
            assert!(waiting.join().unwrap());
            let waiting = scope.spawn(|| gate.enter(3, || false));
            gate.close();
            assert!(!waiting.join().unwrap());
        });
    }

    #[test]
    fn a_panic_sends_the_others_home() {
        let gate = Gate::new(1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| gate.enter(1, || false));
            let panicking = scope.spawn(|| {
                let _closing = gate.close_on_panic();
                panic!("as a worker might");
            });
            assert!(panicking.join().is_err());
            assert!(!waiting.join().unwrap());
        });
    }
}
