//! Pruning of dense networks, end to end.

use crate::traces::{generate, text, train_unet, weights, with_run};

#[test]
fn dense_networks_are_pruned_into_ordinary_runs() {
    let place = with_run();
    let prune =
        |more: &[&'static str]| [&["prune", "run", "--retrain-steps", "10"][..], more].concat();
    let out = place.ok(&prune(&[
        "--epsilon",
        "auto",
        "--max-error-rise",
        "0.5",
        "-o",
        "pruned",
    ]));
    assert!(out.contains("kept") && out.contains("fewer"), "{out}");
    let csv = text(&place, "pruned/pruning.csv");
    assert!(
        csv.lines().nth(1).unwrap().starts_with("0,0e0,12 10,"),
        "{csv}"
    );
    assert!(text(&place, "pruned/report/index.html").contains("pruning-1-pruned"));
    assert!(!place.path("pruned/rounds").exists());
    place.ok(&["evaluate", "pruned", "--data", "data"]);
    place.ok(&["compare", "run", "pruned", "--data", "data", "-o", "report"]);
    assert!(text(&place, "report/index.html").contains("Pruning of pruned"));
    let shown = place.ok(&["inspect", "pruned"]);
    assert!(
        shown.contains(&format!("pruned         from {}", weights(&place, "run"))),
        "{shown}"
    );
    // the same again gives the same weights
    place.ok(&prune(&[
        "--epsilon",
        "auto",
        "--max-error-rise",
        "0.5",
        "-o",
        "again",
        "--quiet",
    ]));
    assert_eq!(weights(&place, "again"), weights(&place, "pruned"));
    place.fails(
        2,
        &prune(&["--epsilon", "0.1", "-o", "pruned"]),
        &["pruned run", "--force"],
    );
    place.ok(&prune(&["--epsilon", "0.1", "-o", "pruned", "--force"]));
    // nothing falls below a tiny tolerance: the same bits
    let out = place.ok(&["prune", "run", "--epsilon", "1e-9", "-o", "kept"]);
    assert!(out.contains("kept as it is"), "{out}");
    assert_eq!(weights(&place, "kept"), weights(&place, "run"));
    place.ok(&["evaluate", "kept", "--data", "data", "--quiet"]);
}

#[test]
fn a_pruning_that_was_cut_off_goes_on_with_the_rounds_that_are_done() {
    let place = with_run();
    let arguments = [
        "prune",
        "run",
        "--epsilon",
        "0.5",
        "--max-error-rise",
        "9",
        "--retrain-steps",
        "10",
        "--rounds",
        "3",
    ];
    let whole = [&arguments[..], &["-o", "whole"]].concat();
    place.ok(&whole);
    // one round alone leaves what a pruning that was killed in its second leaves, less the folder of that round
    let child = place
        .command(&[&arguments[..], &["-o", "cut", "--quiet"]].concat())
        .spawn();
    let mut child = child.unwrap();
    let record = place.path("cut/rounds/001/round.json");
    while !record.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    if !place.path("cut/pruning.csv").exists() {
        place.ok(&[&arguments[..], &["-o", "cut", "--quiet"]].concat());
    }
    assert_eq!(weights(&place, "cut"), weights(&place, "whole"));
}

#[test]
fn what_cannot_be_pruned_is_refused_with_a_remedy() {
    let place = with_run();
    for (epsilon, word) in [
        ("0", "above 0"),
        ("-1", "above 0"),
        ("nan", "above 0"),
        ("1.5", "at most 1"),
        ("much", "auto"),
    ] {
        place.fails_somehow(
            &["prune", "run", "--epsilon", epsilon, "-o", "never"],
            &["--epsilon", word],
        );
    }
    place.fails_somehow(
        &[
            "prune",
            "run",
            "--epsilon",
            "0.1",
            "--max-error-rise",
            "-1",
            "-o",
            "never",
        ],
        &["--max-error-rise"],
    );
    place.fails_somehow(
        &[
            "prune",
            "run",
            "--epsilon",
            "0.1",
            "--retrain-steps",
            "0",
            "-o",
            "never",
        ],
        &["--retrain-steps"],
    );
    let backwards = ["prune", "run", "--epsilon", "0.1", "-o", "never"];
    place.fails_somehow(
        &[&backwards[..], &["--retrain-rate", "0"]].concat(),
        &["--retrain-rate", "half of the training's"],
    );
    place.fails(
        2,
        &["prune", "run", "--epsilon", "0.1", "-o", "run"],
        &["stays as it is"],
    );
    train_unet(&place);
    let unet = ["prune", "unet", "--epsilon", "0.1", "-o", "never"];
    place.fails_somehow(&unet, &["convolutional", "fewave train", "network.scheme"]);
    generate(&place, "other", &["seed=9"]);
    let other = [
        "prune",
        "run",
        "--epsilon",
        "0.1",
        "-o",
        "never",
        "--data",
        "other",
    ];
    place.fails_somehow(&other, &["content of", "trained on", "--data"]);
    std::fs::rename(place.path("data"), place.path("moved")).unwrap();
    let gone = ["prune", "run", "--epsilon", "0.1", "-o", "never"];
    place.fails_somehow(&gone, &["--data"]);
    let moved = [&gone[..], &["--data", "moved", "--retrain-steps", "10"]].concat();
    place.ok(&moved);
}

#[test]
fn a_report_that_could_not_be_written_is_made_by_the_same_command() {
    let place = with_run();
    let prune = [
        "prune",
        "run",
        "--epsilon",
        "0.5",
        "--max-error-rise",
        "9",
        "--retrain-steps",
        "10",
        "--rounds",
        "2",
        "-o",
        "p.1=x",
    ];
    // a file where the folder of the report is to be
    place.write_in("p.1=x", "report", "");
    std::fs::create_dir_all(place.path("p.1=x/rounds")).unwrap();
    place.fails_somehow(&prune, &["report"]);
    assert!(
        place.path("p.1=x/pruning.csv").exists(),
        "the rounds are lost"
    );
    let record = place.bytes("p.1=x/rounds/001/round.json");
    assert!(!record.is_empty());
    std::fs::remove_file(place.path("p.1=x/report")).unwrap();
    place.ok(&prune);
    assert!(
        place
            .path("p.1=x/report/figures/pruning-1-p-1-x.svg")
            .exists()
    );
    assert!(!place.path("p.1=x/rounds").exists());
    place.fails(2, &prune, &["pruned run", "--force"]);
    place.ok(&["evaluate", "p.1=x", "--data", "data", "--quiet"]);
}

#[test]
fn a_round_whose_retraining_diverges_is_judged_as_it_was_folded() {
    let place = with_run();
    let prune = |folder: &str, more: &[&str]| {
        let all = [
            &["prune", "run", "--epsilon", "0.5", "--rounds", "2"],
            &["--retrain-rate", "1e37", "--retrain-steps", "10"][..],
            &["-o", folder],
            more,
        ];
        place.ok(&all.concat())
    };
    let out = prune("wild", &["--max-error-rise", "1e6"]);
    assert!(out.contains("kept, retraining diverged"), "{out}");
    let csv = text(&place, "wild/pruning.csv");
    let first: Vec<&str> = csv.lines().nth(2).unwrap().split(',').collect();
    assert_eq!(first[5], first[6], "folded and kept: {csv}");
    place.ok(&["inspect", "wild"]);
    place.ok(&["evaluate", "wild", "--data", "data", "--quiet"]);
    // refused, it ends as any pruning whose first round is refused
    let out = prune("kept", &["--max-error-rise", "0"]);
    assert!(out.contains("refused, retraining diverged"), "{out}");
    assert_eq!(weights(&place, "kept"), weights(&place, "run"));
}
