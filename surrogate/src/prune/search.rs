//! Which tolerance ε the next round takes: the given one, or ever larger ones as long as the error allows.
//!
//! `auto` starts at [`START`] and goes up from round to round by a factor, [`GROWTH`] at first. Where a round is refused, the factor
//! becomes its square root and is tried from the last ε that did no harm: what is too much at once may go in smaller steps, with
//! retraining in between. The search ends once the factor is below [`CLOSE`].

/// Where `auto` starts.
const START: f64 = 0.01;
/// Factor from one ε to the next, as long as none was refused.
const GROWTH: f64 = 1.5;
/// Smallest factor that is tried.
const CLOSE: f64 = 1.03;

/// The tolerance of a pruning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Epsilon {
    /// This one in every round.
    Fixed(f64),
    /// Ever larger ones, as long as the error stays within what is allowed.
    Auto,
}

/// What came of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The smaller network was kept.
    Accepted,
    /// Its error was too large.
    Refused,
    /// No unit fell below ε.
    Nothing,
}

/// The search in progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    kind: Epsilon,
    next: Option<f64>,
    /// The largest ε that did no harm.
    good: f64,
    /// Factor to the next.
    growth: f64,
}

impl Search {
    pub(super) fn new(kind: Epsilon) -> Self {
        let start = match kind {
            Epsilon::Fixed(epsilon) => epsilon,
            Epsilon::Auto => START,
        };
        Self {
            kind,
            next: Some(start),
            good: START / GROWTH,
            growth: GROWTH,
        }
    }

    /// The ε of the next round; none where the search is over.
    pub(super) fn epsilon(&self) -> Option<f64> {
        self.next
    }

    /// Takes note of what became of the round of [`epsilon`](Self::epsilon).
    pub(super) fn note(&mut self, outcome: Outcome) {
        let Some(epsilon) = self.next else { return };
        self.next = match (self.kind, outcome) {
            (Epsilon::Fixed(_), Outcome::Accepted) => Some(epsilon),
            (Epsilon::Fixed(_), _) => None,
            (Epsilon::Auto, Outcome::Refused) => {
                self.growth = self.growth.sqrt();
                self.after()
            }
            (Epsilon::Auto, Outcome::Accepted | Outcome::Nothing) => {
                self.good = epsilon;
                self.after()
            }
        };
    }

    fn after(&self) -> Option<f64> {
        // all units but the one that varies most fall below 1
        let more = self.good < 1.0 && self.growth >= CLOSE;
        more.then(|| (self.good * self.growth).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_tolerance_is_repeated_until_it_does_nothing_or_harm() {
        for end in [Outcome::Nothing, Outcome::Refused] {
            let mut search = Search::new(Epsilon::Fixed(0.2));
            search.note(Outcome::Accepted);
            assert_eq!(search.epsilon(), Some(0.2));
            search.note(end);
            assert_eq!(search.epsilon(), None);
        }
    }

    #[test]
    fn the_automatic_tolerance_closes_in_on_the_largest_that_is_allowed() {
        for limit in [0.012, 0.03, 0.25, 0.9] {
            let mut search = Search::new(Epsilon::Auto);
            let (mut rounds, mut refused, mut largest) = (0, 0, 0.0f64);
            while let Some(epsilon) = search.epsilon() {
                rounds += 1;
                assert!(rounds < 60, "does not end for {limit}");
                search.note(if epsilon <= limit {
                    largest = largest.max(epsilon);
                    Outcome::Accepted
                } else {
                    refused += 1;
                    Outcome::Refused
                });
            }
            assert!(largest > limit / 1.06, "{largest} for {limit}");
            assert!(refused <= 4, "{refused} rounds in vain for {limit}");
        }
    }

    #[test]
    fn a_search_without_refusal_ends_at_one() {
        let mut search = Search::new(Epsilon::Auto);
        let mut last = 0.0;
        while let Some(epsilon) = search.epsilon() {
            last = epsilon;
            search.note(Outcome::Nothing);
        }
        assert_eq!(last, 1.0);
    }
}
