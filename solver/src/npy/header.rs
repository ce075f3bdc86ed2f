//! The dictionary at the start of a `.npy` file, e.g. `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.

use super::unreadable;
use crate::SolverError;

/// The type of an array's items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Item {
    double: bool,
    big_endian: bool,
}

impl Item {
    /// Reads NumPy's name of the type, e.g. `<f4`.
    fn parse(descr: &str) -> Result<Self, SolverError> {
        let (order, kind) = descr.split_at_checked(1).unwrap_or(("", descr));
        let big_endian = match order {
            "<" => Some(false),
            ">" => Some(true),
            "=" => Some(cfg!(target_endian = "big")),
            _ => None,
        };
        match (big_endian, kind) {
            (Some(big_endian), "f4" | "f8") => Ok(Self {
                double: kind == "f8",
                big_endian,
            }),
            _ => Err(unreadable(
                "type of the items",
                format!("'{descr}'"),
                "'<f4', '<f8', '>f4' or '>f8'",
                "convert with array.astype(\"float32\")",
            )),
        }
    }

    /// Bytes of one item.
    pub(super) fn bytes(self) -> usize {
        if self.double { 8 } else { 4 }
    }

    /// Turns the bytes of one item, as many as [`Item::bytes`], into its value.
    pub(super) fn reader(self) -> impl Fn(&[u8]) -> f64 {
        move |item| {
            let fold = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
            let bits = if self.big_endian {
                item.iter().fold(0, fold)
            } else {
                item.iter().rev().fold(0, fold)
            };
            if self.double {
                f64::from_bits(bits)
            } else {
                f64::from(f32::from_bits(bits as u32))
            }
        }
    }
}

/// The dictionary at the start of a file.
pub(super) struct Header {
    /// Type of the items.
    pub(super) item: Item,
    /// Whether the first axis is the fastest.
    pub(super) fortran_order: bool,
    /// One or two counts.
    pub(super) shape: Vec<usize>,
}

impl Header {
    /// Reads the text of a header.
    pub(super) fn parse(text: &str) -> Result<Self, SolverError> {
        let damaged = || {
            let shown: String = text.chars().take(80).collect();
            unreadable(
                "header",
                format!("\"{}\"", shown.trim_end().escape_debug()),
                "{'descr': ..., 'fortran_order': ..., 'shape': ...}",
                "write the file with numpy.save",
            )
        };
        let (mut item, mut fortran_order, mut shape) = (None, None, None);
        let mut scan = Scan(text);
        scan.symbol("{").ok_or_else(damaged)?;
        while scan.symbol("}").is_none() {
            let key = scan.string().ok_or_else(damaged)?;
            scan.symbol(":").ok_or_else(damaged)?;
            match key {
                "descr" if item.is_none() => {
                    // a structured type is a list; only names of simple types are strings
                    item = Some(Item::parse(scan.string().ok_or_else(damaged)?)?);
                }
                "fortran_order" if fortran_order.is_none() => {
                    fortran_order = Some(scan.boolean().ok_or_else(damaged)?);
                }
                "shape" if shape.is_none() => shape = Some(scan.tuple().ok_or_else(damaged)?),
                _ => return Err(damaged()),
            }
            if scan.symbol(",").is_none() && !scan.0.trim_start().starts_with('}') {
                return Err(damaged());
            }
        }
        let (Some(item), Some(fortran_order), Some(shape)) = (item, fortran_order, shape) else {
            return Err(damaged());
        };
        if !scan.0.trim().is_empty() {
            return Err(damaged());
        }
        if !matches!(shape.len(), 1 | 2) {
            return Err(unreadable(
                "shape",
                format!("{} axes, {shape:?}", shape.len()),
                "1 or 2 axes",
                "save one section of the array",
            ));
        }
        Ok(Self {
            item,
            fortran_order,
            shape,
        })
    }
}

/// What remains of a header to be read; each method skips white space and moves on only where it succeeds.
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    fn symbol(&mut self, symbol: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(symbol)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (string, rest) = text[1..].split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        let truth = self.symbol("True").map(|()| true);
        truth.or_else(|| self.symbol("False").map(|()| false))
    }

    /// Non-negative integers in parentheses; a number too large for memory counts as the largest.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut numbers = Vec::new();
        self.symbol("(")?;
        while self.symbol(")").is_none() {
            let text = self.0.trim_start();
            let digits = text
                .find(|c: char| !c.is_ascii_digit())
                .filter(|n| *n > 0)?;
            // more axes than NumPy allows only serve to fill memory
            if numbers.len() == 64 {
                return None;
            }
            numbers.push(text[..digits].parse().unwrap_or(usize::MAX));
            // Python 2 wrote long integers as 3L
            self.0 = text[digits..].trim_start_matches('L');
            if self.symbol(",").is_none() && !self.0.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(numbers)
    }
}
