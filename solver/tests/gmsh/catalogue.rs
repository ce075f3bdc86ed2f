//! Two quadrangles side by side, with one thing wrong at a time.

use fewave_solver::mesh::gmsh;

/// Curves: 1 left, 2 right, 3 the rest, 4 the interface; nodes 1 to 6 in two rows of three.
pub(super) const TWO: &str = r#"$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
5
1 1 "left"
1 2 "right"
1 3 "rest"
2 1 "steel"
2 2 "glass"
$EndPhysicalNames
$Entities
0 4 2 0
1 0 0 0 0 1 0 1 1 0
2 2 0 0 2 1 0 1 2 0
3 0 0 0 2 1 0 1 3 0
4 1 0 0 1 1 0 0 0
1 0 0 0 1 1 0 1 1 0
2 1 0 0 2 1 0 1 2 0
$EndEntities
$Nodes
1 6 1 6
2 1 0 6
1
2
3
4
5
6
0 0 0
1 0 0
2 0 0
0 1 0
1 1 0
2 1 0
$EndNodes
$Elements
6 9 1 9
1 1 1 1
1 4 1
1 2 1 1
2 3 6
1 3 1 4
3 1 2
4 2 3
5 5 4
6 6 5
1 4 1 1
7 2 5
2 1 3 1
8 1 2 5 4
2 2 3 1
9 2 3 6 5
$EndElements
"#;

#[test]
fn a_side_in_two_physical_curves_is_refused() {
    let twice = |text: &str| {
        text.replace("4 1 0 0 1 1 0 0 0", "4 0 0 0 0 1 0 1 3 0")
            .replace("7 2 5", "7 1 4")
    };
    refused(twice, &["element 7", "two physical curves", "left", "rest"]);
}

fn refused(change: impl Fn(&str) -> String, words: &[&str]) {
    let text = change(TWO);
    assert_ne!(text, TWO, "the change changes nothing");
    let message = gmsh::read(text.as_bytes()).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
}

fn replaced(from: &'static str, to: &'static str) -> impl Fn(&str) -> String {
    move |text| text.replacen(from, to, 1)
}

#[test]
fn groups_and_orientation() {
    let mesh = gmsh::read(TWO.as_bytes()).unwrap();
    assert_eq!(mesh.groups(), ["left", "right", "rest"]);
    assert_eq!(mesh.cell_groups(), ["steel", "glass"]);
    assert_eq!([mesh.cell_group(0), mesh.cell_group(1)], [0, 1]);
    assert_eq!(mesh.facets().len(), 6);
    let lengths = |ends: &[(usize, f64)]| ends.to_vec();
    let [left, right, bottom, _] = mesh.groups_on_box();
    assert_eq!(
        [lengths(&left), lengths(&right), lengths(&bottom)],
        [vec![(0, 1.0)], vec![(1, 1.0)], vec![(2, 2.0)]]
    );
    // clockwise cells are turned over
    let clockwise = TWO.replace("8 1 2 5 4", "8 1 4 5 2");
    let turned = gmsh::read(clockwise.as_bytes()).unwrap();
    assert_eq!(turned.facets().len(), 6);
    assert!(turned.cell_map(0).min_determinant() > 0.0);
    // without names, groups go by number
    let start = TWO.find("$PhysicalNames").unwrap();
    let end = TWO.find("$Entities").unwrap();
    let unnamed = gmsh::read([&TWO[..start], &TWO[end..]].concat().as_bytes()).unwrap();
    assert_eq!(unnamed.groups(), ["1", "2", "3"]);
    // cells without a physical surface form a group, too
    let untagged = TWO.replace("1 0 0 0 1 1 0 1 1 0\n2 1", "1 0 0 0 1 1 0 0 0\n2 1");
    let untagged = gmsh::read(untagged.as_bytes()).unwrap();
    assert_eq!(untagged.cell_groups(), [gmsh::UNTAGGED, "glass"]);
}

#[test]
fn nodes_go_by_their_tags_in_any_order() {
    let swapped = TWO.replace(
        "1\n2\n3\n4\n5\n6\n0 0 0\n1 0 0\n2 0 0",
        "3\n2\n1\n4\n5\n6\n2 0 0\n1 0 0\n0 0 0",
    );
    assert_ne!(swapped, TWO);
    let mesh = gmsh::read(swapped.as_bytes()).unwrap();
    assert_eq!(mesh, gmsh::read(TWO.as_bytes()).unwrap());
}

#[test]
fn other_formats_are_named_with_the_command_that_converts() {
    for version in ["2.2", "4", "4.0", "5.0"] {
        let message = gmsh::read(TWO.replacen("4.1", version, 1).as_bytes())
            .unwrap_err()
            .to_string();
        for word in [&*format!("format {version}"), "line 2", "-format msh41"] {
            assert!(message.contains(word), "{message}");
        }
    }
    refused(
        replaced("4.1 0 8", "4.1 1 4"),
        &["data size 4", "-format msh41"],
    );
    refused(
        replaced("$MeshFormat", "solid cube"),
        &["line 1", "solid cube", "$MeshFormat"],
    );
    refused(|_| String::new(), &["line 1", "$MeshFormat"]);
}

#[test]
fn truncated_files_are_named_with_the_line() {
    for (cut, words) in [
        ("\n2 0 0\n0 1 0", ["line 22", "6 as the number of nodes"]),
        ("\n9 2 3 6 5", ["line 52", "1 as the number of elements"]),
        ("$Elements", ["$Elements", "cut off"]),
        ("4\n5\n6\n0 0", ["line 22", "for which 19 bytes are left"]),
        ("$EndNodes", ["line 36", "$EndNodes"]),
    ] {
        let text = &TWO[..TWO.find(cut).unwrap()];
        let message = gmsh::read(text.as_bytes()).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "no {word:?} in: {message}");
        }
    }
}

#[test]
fn counts_and_numbers_that_do_not_fit_are_named_with_their_line() {
    refused(
        replaced("1 6 1 6", "1 99999999999 1 6"),
        &["line 22", "99999999999"],
    );
    refused(replaced("2 1 0 6\n", "2 1 0 7\n"), &["line"]);
    refused(replaced("6 9 1 9", "6 8 1 9"), &["9 elements", "8"]);
    refused(
        replaced("1 0 0\n2 0 0\n0 1", "1 x 0\n2 0 0\n0 1"),
        &["line 31", "`x`"],
    );
    refused(
        replaced("2 0 0\n0 1", "2 nan 0\n0 1"),
        &["node 3", "line 32", "NaN"],
    );
    refused(
        replaced("$EndEntities", "$EndEntity"),
        &["line 20", "$EndEntity"],
    );
    refused(
        replaced("2\n3\n4\n5\n6\n0", "2\n2\n4\n5\n6\n0"),
        &["node 2", "second"],
    );
}

#[test]
fn bad_cells_are_named() {
    // folded over: the corners cross
    refused(
        replaced("8 1 2 5 4", "8 1 5 2 4"),
        &["element 8", "inverted"],
    );
    refused(
        replaced("0 1 0\n1 1 0", "0 0 0\n1 1 0"),
        &["element 8", "node 1", "degenerate"],
    );
    refused(
        replaced("8 1 2 5 4", "8 1 2 2 4"),
        &["element 8", "node 2 twice"],
    );
    refused(
        replaced("8 1 2 5 4", "8 1 2 5 77"),
        &["element 8", "node 77"],
    );
    refused(
        replaced("1 1 0\n2 1 0\n$", "1 1 0.5\n2 1 0\n$"),
        &["node 5", "z = 0.5"],
    );
    refused(
        replaced("9 2 3 6 5", "9 1 2 5 4"),
        &["element 9", "element 8"],
    );
}

#[test]
fn other_elements_are_named_with_what_to_do() {
    refused(
        replaced("2 2 3 1\n9 2 3 6 5", "2 2 2 1\n9 2 3 6"),
        &["element 9", "both triangles", "RecombineAll"],
    );
    refused(
        replaced("2 2 3 1\n9 2 3 6 5", "3 2 5 1\n9 1 2 3 4 5 6 1 2"),
        &["line 52", "3-D"],
    );
    refused(
        replaced("2 1 3 1\n8 1 2 5 4", "2 1 16 1\n8 1 2 5 4 1 2 3 4"),
        &["SecondOrderIncomplete"],
    );
    refused(
        replaced("2 1 3 1\n8 1 2 5 4", "2 1 21 1\n8 1 2 5 4 1 2 3 4 5 6"),
        &["ElementOrder"],
    );
    let no_cells = |text: &str| {
        let cut = text.find("2 1 3 1").unwrap();
        format!(
            "{}$EndElements\n",
            text[..cut].replace("6 9 1 9", "4 7 1 7")
        )
    };
    refused(no_cells, &["no cells", "Physical Surface"]);
}

#[test]
fn sides_without_a_group_are_named_with_the_reason() {
    // the right curve in no physical group
    refused(
        replaced("2 2 0 0 2 1 0 1 2 0", "2 2 0 0 2 1 0 0 0"),
        &["element 9", "node 3", "node 6", "(2, 1)", "Physical Curve"],
    );
    refused(
        replaced("1 0 0 0 0 1 0 1 1 0", "1 0 0 0 0 1 0 2 1 3 0"),
        &["curve 1", "`left`", "`rest`"],
    );
    refused(
        replaced("3 1 2\n", "3 1 6\n"),
        &["element 3", "`rest`", "nodes 1 and 6"],
    );
    // nodes 2 and 5 of the right cell doubled: a crack that nobody asked for
    let torn = |text: &str| {
        text.replace("1 6 1 6\n2 1 0 6\n", "1 8 1 8\n2 1 0 8\n")
            .replace("5\n6\n0 0 0", "5\n6\n7\n8\n0 0 0")
            .replace("2 1 0\n$EndNodes", "2 1 0\n1 0 0\n1 1 0\n$EndNodes")
            .replace("9 2 3 6 5", "9 7 3 6 8")
            .replace("4 2 3\n", "4 7 3\n")
            .replace("6 6 5\n", "6 6 8\n")
    };
    refused(torn, &["node 2", "node 7", "same place", "Coherence"]);
    // a third row of nodes on the left cell's right side only
    let hanging = |text: &str| {
        text.replace("1 6 1 6\n2 1 0 6\n", "1 8 1 8\n2 1 0 8\n")
            .replace("5\n6\n0 0 0", "5\n6\n7\n8\n0 0 0")
            .replace("2 1 0\n$EndNodes", "2 1 0\n1 0.5 0\n2 0.5 0\n$EndNodes")
            .replace("6 9 1 9", "6 11 1 11")
            .replace("2 2 3 1\n9 2 3 6 5", "2 2 3 2\n9 2 3 8 7\n11 7 8 6 5")
            .replace("1 2 1 1\n2 3 6\n", "1 2 1 2\n2 3 8\n10 8 6\n")
    };
    refused(hanging, &["node 7", "hanging", "nodes 2 and 5"]);
}
