//! The fast part of the verification suite, as a user runs it.

use crate::support::Workplace;

#[test]
fn the_fast_suite_passes_and_writes_its_report() {
    let place = Workplace::new();
    let out = place.ok(&["verify", "-o", "report", "--json", "--quiet"]);
    let result: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(result["passed"], true, "{out}");
    let checks = result["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 9, "{out}");
    for check in checks {
        let criteria = check["criteria"].as_array().unwrap();
        assert!(!criteria.is_empty(), "{check}");
        assert!(criteria.iter().all(|c| c["measured"].is_f64()), "{check}");
    }
    let page = String::from_utf8(place.bytes("report/index.html")).unwrap();
    assert!(page.contains("Verification of the FE solver") && page.contains("id=\"interface\""));
    for name in ["checks.csv", "tables.tex", "figures/interface.pdf"] {
        assert!(!place.bytes(&format!("report/{name}")).is_empty());
    }
    // another run needs --force, and replaces what is there
    let only = ["verify", "--only", "reciprocity", "-o", "report"];
    place.fails(2, &only, &["report", "--force"]);
    let out = place.ok(&[&only[..], &["--force"]].concat());
    assert!(
        out.contains("passed reciprocity") && out.contains("1 of 1 checks passed"),
        "{out}"
    );
    assert!(!place.path("report/figures/interface.pdf").exists());
}

#[test]
fn unknown_checks_are_listed() {
    let place = Workplace::new();
    place.fails(
        2,
        &["verify", "--only", "grean"],
        &["grean", "green", "interface"],
    );
}
