//! What the networks of a report have seen of the split that they are measured on.

use fewave_datasets::{Split, SplitName};
use fewave_surrogate::Surrogate;

/// What named surrogates have seen of a split of the dataset with this hash, run by run where they were trained on different data.
pub(crate) fn origin<'a>(
    split: &Split,
    data_hash: &str,
    runs: impl Iterator<Item = (&'a str, &'a Surrogate)>,
) -> String {
    let (own, foreign): (Vec<_>, Vec<_>) =
        runs.partition(|(_, surrogate)| surrogate.provenance().data_hash == data_hash);
    let labels = |runs: &[(&str, &Surrogate)]| -> String {
        let labels: Vec<&str> = runs.iter().map(|(label, _)| *label).collect();
        labels.join(", ")
    };
    let mut sentences = Vec::new();
    if !own.is_empty() {
        let who = if foreign.is_empty() {
            "The networks were".to_owned()
        } else {
            let verb = if own.len() == 1 { "was" } else { "were" };
            format!("{} {verb}", labels(&own))
        };
        sentences.push(match split.provenance().split {
            SplitName::Test => {
                format!("{who} trained on the train split of this dataset, and neither trained nor tuned on this one.")
            }
            SplitName::Valid => format!(
                "{who} trained on the train split of this dataset; their checkpoints were chosen by this one, so errors on new data are larger."
            ),
            SplitName::Train => {
                format!("{who} trained on these very trajectories, so errors on new data are larger.")
            }
        });
    }
    if !foreign.is_empty() {
        sentences.push(format!(
            "Trained on another dataset, of which this report knows only the hash: {}.",
            labels(&foreign)
        ));
    }
    sentences.join(" ")
}
