//! NumPy's array format: 1-D and 2-D arrays of f4 or f8 from the bytes of a `.npy` file.
//!
//! ```text
//! \x93NUMPY  major  minor  header length (u16 in version 1, u32 in versions 2 and 3, little endian)  header  data
//! ```
//! The header is the text of a Python dictionary with exactly the keys `descr`, `fortran_order` and `shape`. Source:
//! NumPy's documentation, `numpy.lib.format`. The bytes are untrusted: the size of the data follows from the header
//! and must be what the bytes hold, before anything is allocated.

mod header;

use ndarray::{Array2, ShapeBuilder};

use crate::SolverError;
use header::Header;

const MAGIC: &[u8] = b"\x93NUMPY";

/// An array of a `.npy` file.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyArray {
    /// Number of axes in the file, 1 or 2.
    pub axes: usize,
    /// The values: shape as in the file, or (n, 1) for a file of one axis.
    pub values: Array2<f64>,
}

/// Reads the bytes of a `.npy` file of versions 1 to 3.
///
/// # Errors
/// [`SolverError::UnreadableNpy`] if the bytes are no such file, are cut short or too long, or hold another type than
/// f4 and f8 or another number of axes than 1 and 2.
pub fn parse(bytes: &[u8]) -> Result<NpyArray, SolverError> {
    let (header, data) = split(bytes)?;
    let header = Header::parse(header)?;
    let item = header.item.bytes();
    let expected = header
        .shape
        .iter()
        .try_fold(item, |size, &n| size.checked_mul(n));
    if expected != Some(data.len()) {
        return Err(unreadable(
            "data",
            format!("{} bytes", data.len()),
            match expected {
                Some(size) => format!("{size} bytes for the shape {:?}", header.shape),
                None => format!(
                    "a shape that fits into memory instead of {:?}",
                    header.shape
                ),
            },
            "the file is cut short or damaged: write it again",
        ));
    }
    let values = data.chunks_exact(item).map(header.item.reader()).collect();
    let rows = header.shape[0];
    let columns = header.shape.get(1).copied().unwrap_or(1);
    let values = Array2::from_shape_vec((rows, columns).set_f(header.fortran_order), values)
        .map_err(|error| {
            unreadable(
                "shape",
                format!("{:?}", header.shape),
                error.to_string(),
                "write the file again",
            )
        })?;
    Ok(NpyArray {
        axes: header.shape.len(),
        values,
    })
}

/// The header's text and the data after it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), SolverError> {
    let again = "check that it is a NumPy array file and was copied completely";
    let Some(([major, _minor], rest)) = bytes
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.split_first_chunk::<2>())
    else {
        let start = &bytes[..bytes.len().min(8)];
        return Err(unreadable(
            "start of the file",
            format!("\"{}\"", start.escape_ascii()),
            "\"\\x93NUMPY\" and a version",
            again,
        ));
    };
    let length = match major {
        1 => rest
            .split_first_chunk::<2>()
            .map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest)),
        2 | 3 => rest
            .split_first_chunk::<4>()
            .map(|(n, rest)| (u32::from_le_bytes(*n) as usize, rest)),
        _ => {
            return Err(unreadable(
                "version",
                major.to_string(),
                "1, 2 or 3",
                "write the file with numpy.save",
            ));
        }
    };
    let Some((text, data)) = length.and_then(|(length, rest)| rest.split_at_checked(length)) else {
        return Err(unreadable(
            "header",
            format!("only {} bytes", rest.len()),
            "the whole header",
            again,
        ));
    };
    let text = std::str::from_utf8(text)
        .map_err(|error| unreadable("header", error.to_string(), "text", "write the file again"))?;
    Ok((text, data))
}

fn unreadable(
    what: &'static str,
    found: impl Into<String>,
    expected: impl Into<String>,
    remedy: &'static str,
) -> SolverError {
    SolverError::UnreadableNpy {
        what,
        found: found.into(),
        expected: expected.into(),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[version, 0]].concat();
        let length = header.len() as u32;
        match version {
            1 => bytes.extend((length as u16).to_le_bytes()),
            _ => bytes.extend(length.to_le_bytes()),
        }
        [&bytes, header.as_bytes(), data].concat()
    }

    fn header(descr: &str, fortran_order: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}   \n")
    }

    #[test]
    fn every_kind_of_array_is_read() {
        let values = array![[1.0, -2.5, 3.0], [4.0, 0.125, 6.0]];
        let columns: Vec<f64> = values.t().iter().copied().collect();
        let rows: Vec<f64> = values.iter().copied().collect();
        for version in 1..=3 {
            for (order, numbers) in [("False", &rows), ("True", &columns)] {
                let bytes = |one: &dyn Fn(f64) -> Vec<u8>| -> Vec<u8> {
                    numbers.iter().flat_map(|x| one(*x)).collect()
                };
                for (descr, data) in [
                    ("<f8", bytes(&|x| x.to_le_bytes().to_vec())),
                    (">f8", bytes(&|x| x.to_be_bytes().to_vec())),
                    ("<f4", bytes(&|x| (x as f32).to_le_bytes().to_vec())),
                    (">f4", bytes(&|x| (x as f32).to_be_bytes().to_vec())),
                ] {
                    let bytes = file(version, &header(descr, order, "(2, 3)"), &data);
                    let read = parse(&bytes).unwrap();
                    assert_eq!((read.axes, &read.values), (2, &values), "{descr} {order}");
                }
            }
        }
    }

    #[test]
    fn one_axis_becomes_a_column() {
        let data: Vec<u8> = [1.0f32, 2.0, 3.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let read = parse(&file(1, &header("<f4", "False", "(3,)"), &data)).unwrap();
        assert_eq!(read.axes, 1);
        assert_eq!(read.values, array![[1.0], [2.0], [3.0]]);
    }

    #[test]
    fn headers_may_be_spaced_and_ordered_differently() {
        let text = "{\"shape\":(1L,1L),\"fortran_order\":False,\"descr\":\"<f4\"}";
        let read = parse(&file(1, text, &2.0f32.to_le_bytes())).unwrap();
        assert_eq!(read.values, array![[2.0]]);
    }

    #[test]
    fn each_fault_is_named() {
        let data = [0u8; 16];
        let good = header("<f8", "False", "(2,)");
        for (bytes, expected) in [
            (b"PK\x03\x04".to_vec(), "start of the file"),
            (Vec::new(), "start of the file"),
            (file(9, &good, &data), "version"),
            (file(1, &good, &data)[..40].to_vec(), "whole header"),
            (file(1, &good, &data[..15]), "15 bytes"),
            (file(1, &good, &[0; 17]), "17 bytes"),
            (file(1, &header("<i4", "False", "(4,)"), &data), "'<i4'"),
            (file(1, &header("|O", "False", "(2,)"), &data), "'|O'"),
            (file(1, &header("<f8", "False", "()"), &data[..8]), "0 axes"),
            (
                file(1, &header("<f8", "False", "(1, 1, 2)"), &data),
                "3 axes",
            ),
            (file(1, &header("<f8", "Maybe", "(2,)"), &data), "Maybe"),
            (file(1, &header("<f8", "False", "(-2,)"), &data), "(-2,)"),
            (
                file(1, "{'descr': '<f8', 'shape': (2,)}", &data),
                "fortran_order",
            ),
            (
                file(
                    1,
                    &header("<f8", "False", "(4294967296, 4294967296)"),
                    &data,
                ),
                "fits into memory",
            ),
            (
                file(
                    1,
                    &header("<f8", "False", "(99999999999999999999999, 1)"),
                    &data,
                ),
                "fits into memory",
            ),
            (
                file(1, &header("<f8", "False", "(1000000000, 1000)"), &data),
                "8000000000000 bytes",
            ),
        ] {
            let error = parse(&bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn an_empty_array_is_read_as_empty() {
        let read = parse(&file(1, &header("<f8", "False", "(0, 5)"), &[])).unwrap();
        assert_eq!(read.values.dim(), (0, 5));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = parse(&[MAGIC, &bytes].concat());
        }

        #[test]
        fn arbitrary_headers_never_panic(version in 0u8..5, text: String, data: Vec<u8>) {
            let _ = parse(&file(version, &text, &data));
        }

        #[test]
        fn damaged_files_never_panic(at in 0usize..96, byte: u8, cut in 0usize..97) {
            let mut bytes = file(1, &header("<f4", "False", "(2, 2)"), &[0; 16]);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = parse(&bytes);
            bytes.truncate(cut);
            let _ = parse(&bytes);
        }
    }
}
