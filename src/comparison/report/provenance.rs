//! Where a report's numbers come from: program, data, configurations and weights, with their hashes.

use fewave_datasets::Split;
use fewave_plots::Provenance;
use fewave_surrogate::Surrogate;

/// Everything that the measurements of named surrogates on a split rest on.
pub(crate) fn provenance<'a>(
    split: &Split,
    data_hash: &str,
    runs: impl Iterator<Item = (&'a str, &'a Surrogate)>,
) -> Vec<Provenance> {
    let entry = |what: &str, source: String, sha256: &str| Provenance {
        what: what.to_owned(),
        source,
        sha256: sha256.to_owned(),
    };
    let program = format!("fewave {}", env!("CARGO_PKG_VERSION"));
    let of_data = split.provenance();
    let mut list = vec![
        entry("program", program, ""),
        entry("data", split.dataset_name().to_owned(), data_hash),
        entry(
            "data configuration",
            format!("seed {}", of_data.seed),
            &of_data.config_hash,
        ),
    ];
    for (label, surrogate) in runs {
        let origin = surrogate.provenance();
        let step = format!("{label}, step {} of {}", origin.step, origin.steps);
        list.extend([
            entry(
                "training configuration",
                label.to_owned(),
                &origin.config_hash,
            ),
            entry("training data", label.to_owned(), &origin.data_hash),
            entry("weights", step, &origin.weights_hash),
        ]);
        if let Some(record) = &surrogate.metadata().pruning {
            let parent = format!("{label}, before pruning");
            list.push(entry("weights", parent, &record.parent_weights));
        }
    }
    list
}
