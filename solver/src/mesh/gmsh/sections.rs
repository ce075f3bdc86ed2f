//! The sections of an MSH 4.1 file that matter here: `$PhysicalNames`, `$Entities`, `$Nodes`, `$Elements`
//! (<https://gmsh.info/doc/texinfo/gmsh.html#MSH-file-format>); all others are skipped.

use std::collections::HashMap;

use super::bad;
use super::cursor::{Cursor, Encoding};
use super::elements::{EXPECTED, Kind, kind};
use crate::{SolverError, memory};

/// What a file holds, as it stands there.
#[derive(Debug, Default)]
pub(super) struct Sections {
    /// Names by dimension and physical tag.
    pub(super) names: HashMap<(i32, i32), String>,
    /// Physical tags by dimension and entity.
    pub(super) physical: HashMap<(i32, i32), Vec<i32>>,
    /// Tag and coordinates (m) of every node.
    pub(super) nodes: Vec<(u64, [f64; 3])>,
    /// Elements of curves and surfaces.
    pub(super) blocks: Vec<Block>,
}

/// Elements of one kind on one entity.
#[derive(Debug)]
pub(super) struct Block {
    /// Kind of its elements.
    pub(super) kind: Kind,
    /// Entity that they belong to.
    pub(super) entity: i32,
    /// Tags of the elements.
    pub(super) tags: Vec<u64>,
    /// Tags of their nodes, element after element.
    pub(super) nodes: Vec<u64>,
}

/// Reads the sections of a file.
pub(super) fn read(bytes: &[u8]) -> Result<Sections, SolverError> {
    // node, maps from and to tags, elements: no more than about this multiple of the bytes that describe them
    memory::require(
        "reading the mesh file",
        (bytes.len() as u64).saturating_mul(8),
    )?;
    let mut cursor = Cursor::new(bytes);
    let encoding = header(&mut cursor)?;
    let mut sections = Sections::default();
    let mut seen: Vec<String> = Vec::new();
    while cursor.skip_blanks() {
        let place = cursor.place();
        let title = cursor.rest_of_line();
        let Some(name) = title.strip_prefix('$') else {
            let shown: String = title.chars().take(40).collect();
            return Err(bad(
                place,
                format!("`{shown}`"),
                "a section, which begins with $",
                "the counts of the section before do not fit what it holds; export the mesh again",
            ));
        };
        if matches!(name, "Nodes" | "Elements" | "Entities" | "PhysicalNames") {
            if seen.iter().any(|other| other == name) {
                return Err(bad(
                    place,
                    format!("a second ${name}"),
                    "one",
                    "merge them in Gmsh",
                ));
            }
            seen.push(name.to_owned());
        }
        cursor.set_encoding(encoding);
        match name {
            "PhysicalNames" => {
                cursor.set_encoding(Encoding::Ascii);
                physical_names(&mut cursor, &mut sections)?;
            }
            "Entities" => entities(&mut cursor, &mut sections)?,
            "Nodes" => nodes(&mut cursor, &mut sections)?,
            "Elements" => elements(&mut cursor, &mut sections)?,
            "PartitionedEntities" => {
                return Err(bad(
                    place,
                    "a mesh cut into partitions",
                    "a whole mesh",
                    "save it with `gmsh in.msh -unpartition -save -format msh41 -o out.msh`",
                ));
            }
            _ => {}
        }
        cursor.set_encoding(Encoding::Ascii);
        let end = format!("$End{name}");
        if matches!(name, "Nodes" | "Elements" | "Entities" | "PhysicalNames") {
            cursor.skip_blanks();
            let place = cursor.place();
            let found = cursor.rest_of_line();
            if found != end {
                let shown: String = found.chars().take(40).collect();
                return Err(bad(
                    place,
                    format!("`{shown}`"),
                    end,
                    "the file is cut off or its counts are wrong; copy or export it again",
                ));
            }
        } else {
            cursor.skip_past(&end)?;
        }
    }
    for needed in ["Nodes", "Elements"] {
        if !seen.iter().any(|name| name == needed) {
            return Err(bad(
                cursor.place(),
                "the end of the file",
                format!("a section ${needed}"),
                "the file is cut off or holds no mesh; generate the mesh (gmsh -2) and save it again",
            ));
        }
    }
    Ok(sections)
}

fn header(cursor: &mut Cursor<'_>) -> Result<Encoding, SolverError> {
    cursor.skip_blanks();
    let first = cursor.rest_of_line();
    if first != "$MeshFormat" {
        let shown: String = first.chars().take(40).collect();
        return Err(bad(
            "line 1".to_owned(),
            format!("`{shown}`"),
            "$MeshFormat",
            "give a mesh of Gmsh (.msh); `gmsh in.geo -2 -format msh41 -o out.msh` makes one",
        ));
    }
    let place = cursor.place();
    let line = cursor.rest_of_line();
    let words: Vec<&str> = line.split_whitespace().collect();
    let [version, kind, size] = words.as_slice() else {
        return Err(bad(
            place,
            format!("`{line}`"),
            "version, file type and data size",
            "the file is damaged; export it again",
        ));
    };
    if *version != "4.1" {
        return Err(bad(
            place,
            format!("format {version}"),
            "format 4.1",
            "convert it with `gmsh in.msh -save -format msh41 -o out.msh`",
        ));
    }
    let encoding = match (*kind, *size) {
        ("0", _) => Encoding::Ascii,
        ("1", "8") => {
            let mut little = cursor.clone();
            little.set_encoding(Encoding::Little);
            cursor.set_encoding(Encoding::Big);
            match (little.int("the number 1")?, cursor.int("the number 1")?) {
                (1, _) => Encoding::Little,
                (_, 1) => Encoding::Big,
                (other, _) => {
                    return Err(bad(
                        cursor.place(),
                        format!("{other}"),
                        "the number 1, which tells the order of the bytes",
                        "the file is damaged, perhaps copied as text; export it again",
                    ));
                }
            }
        }
        _ => {
            return Err(bad(
                place,
                format!("file type {kind} of data size {size}"),
                "0 (ASCII), or 1 (binary) of data size 8",
                "save it with `gmsh in.msh -save -format msh41 -o out.msh`",
            ));
        }
    };
    cursor.set_encoding(Encoding::Ascii);
    cursor.skip_past("$EndMeshFormat")?;
    Ok(encoding)
}

fn physical_names(cursor: &mut Cursor<'_>, sections: &mut Sections) -> Result<(), SolverError> {
    let count = cursor.count("number of physical names", 3)?;
    for _ in 0..count {
        let dimension = cursor.int("the dimension of a physical group")?;
        let tag = cursor.int("the tag of a physical group")?;
        let place = cursor.place();
        let quoted = cursor.rest_of_line();
        let name = quoted
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .filter(|name| !name.is_empty());
        let Some(name) = name else {
            return Err(bad(
                place,
                format!("`{quoted}`"),
                "the name of a physical group in \"…\"",
                "the file is damaged; export it again",
            ));
        };
        sections.names.insert((dimension, tag), name.to_owned());
    }
    Ok(())
}

fn entities(cursor: &mut Cursor<'_>, sections: &mut Sections) -> Result<(), SolverError> {
    let mut counts = [0; 4];
    for (dimension, count) in counts.iter_mut().enumerate() {
        // at least a tag, coordinates, and the number of physical groups
        let least = if dimension == 0 { 5 } else { 9 };
        *count = cursor.count("the number of entities", least)?;
    }
    for (dimension, count) in (0..).zip(counts) {
        for _ in 0..count {
            let tag = cursor.int("the tag of an entity")?;
            for _ in 0..if dimension == 0 { 3 } else { 6 } {
                cursor.float("a coordinate of an entity")?;
            }
            let physical = cursor.count("the number of physical groups", 1)?;
            let mut tags = Vec::with_capacity(physical);
            for _ in 0..physical {
                // the sign tells the orientation
                tags.push(cursor.int("a physical group")?.saturating_abs());
            }
            sections.physical.insert((dimension, tag), tags);
            if dimension > 0 {
                for _ in 0..cursor.count("the number of bounding entities", 1)? {
                    cursor.int("a bounding entity")?;
                }
            }
        }
    }
    Ok(())
}

fn nodes(cursor: &mut Cursor<'_>, sections: &mut Sections) -> Result<(), SolverError> {
    let blocks = cursor.count("the number of node blocks", 4)?;
    let total = cursor.count("the number of nodes", 4)?;
    cursor.size("the smallest node tag")?;
    cursor.size("the largest node tag")?;
    sections.nodes.reserve_exact(total);
    for _ in 0..blocks {
        let dimension = cursor.int("the dimension of a node block")?;
        cursor.int("the entity of a node block")?;
        let parametric = cursor.int("whether nodes are parametric")? != 0;
        let count = cursor.count("the number of nodes of a block", 4)?;
        let first = sections.nodes.len();
        for _ in 0..count {
            let tag = cursor.size("a node tag")?;
            sections.nodes.push((tag, [0.0; 3]));
        }
        for index in first..first + count {
            let start = cursor.start();
            let mut position = [0.0; 3];
            for x in &mut position {
                *x = cursor.float("a coordinate of a node")?;
            }
            if !position.iter().all(|x| x.is_finite()) {
                return Err(bad(
                    format!(
                        "node {} ({})",
                        sections.nodes[index].0,
                        cursor.place_of(start)
                    ),
                    format!("{position:?}"),
                    "finite coordinates",
                    "repair the mesh",
                ));
            }
            sections.nodes[index].1 = position;
            if parametric {
                for _ in 0..dimension.clamp(0, 3) {
                    cursor.float("a parameter of a node")?;
                }
            }
        }
    }
    if sections.nodes.len() != total {
        return Err(bad(
            cursor.place(),
            format!("{} nodes", sections.nodes.len()),
            format!("{total}, as the section says at its beginning"),
            "the file is damaged; export it again",
        ));
    }
    Ok(())
}

fn elements(cursor: &mut Cursor<'_>, sections: &mut Sections) -> Result<(), SolverError> {
    let blocks = cursor.count("the number of element blocks", 4)?;
    let total = cursor.count("the number of elements", 2)?;
    cursor.size("the smallest element tag")?;
    cursor.size("the largest element tag")?;
    let mut read = 0;
    for _ in 0..blocks {
        let start = cursor.start();
        cursor.int("the dimension of an element block")?;
        let entity = cursor.int("the entity of an element block")?;
        let code = cursor.int("the type of an element block")?;
        let kind = kind(code)
            .map_err(|(found, remedy)| bad(cursor.place_of(start), found, EXPECTED, remedy))?;
        let count = cursor.count("the number of elements of a block", 1 + kind.nodes)?;
        read += count;
        let mut block = Block {
            kind,
            entity,
            tags: Vec::with_capacity(count),
            nodes: Vec::with_capacity(count * kind.nodes),
        };
        for _ in 0..count {
            block.tags.push(cursor.size("an element tag")?);
            for _ in 0..kind.nodes {
                block.nodes.push(cursor.size("a node of an element")?);
            }
        }
        if kind.dimension > 0 && count > 0 {
            sections.blocks.push(block);
        }
    }
    if read != total {
        return Err(bad(
            cursor.place(),
            format!("{read} elements"),
            format!("{total}, as the section says at its beginning"),
            "the file is damaged; export it again",
        ));
    }
    Ok(())
}
