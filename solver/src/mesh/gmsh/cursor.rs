//! Reading numbers one after the other from an ASCII or binary Gmsh file, with the place of whatever is wrong.

use super::bad;
use crate::SolverError;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Words between blanks.
    Ascii,
    /// Integers of 4 bytes, sizes and floating-point numbers of 8, least significant byte first.
    Little,
    /// The same, most significant byte first.
    Big,
}

/// A position in the bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: Encoding,
}

impl<'a> Cursor<'a> {
    /// At the first byte.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            encoding: Encoding::Ascii,
        }
    }

    /// Whether numbers are words or bytes from here on.
    pub(super) fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Where the next number begins, in bytes.
    pub(super) fn start(&mut self) -> usize {
        if self.encoding == Encoding::Ascii {
            self.skip_blanks();
        }
        self.at
    }

    /// The place reached: a line, or a byte of binary files.
    pub(super) fn place(&self) -> String {
        self.place_of(self.at)
    }

    /// The place of a byte; lines are counted only here, for errors.
    pub(super) fn place_of(&self, at: usize) -> String {
        match self.encoding {
            Encoding::Ascii => {
                let lines = self.bytes[..at].iter().filter(|b| **b == b'\n').count();
                format!("line {}", lines + 1)
            }
            _ => format!("byte {at}"),
        }
    }

    /// Goes on to the next byte that is no blank, and whether there is one.
    pub(super) fn skip_blanks(&mut self) -> bool {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.at < self.bytes.len()
    }

    /// The rest of the line, trimmed; the next line begins afterwards.
    pub(super) fn rest_of_line(&mut self) -> String {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        self.at += (end + 1).min(rest.len());
        // lines of text are short: names of sections and groups
        String::from_utf8_lossy(&rest[..end.min(1024)])
            .trim()
            .to_owned()
    }

    /// Skips to the line after the one that is `tag`; the bytes in between.
    pub(super) fn skip_past(&mut self, tag: &str) -> Result<&'a [u8], SolverError> {
        let start = self.at;
        let found = find(&self.bytes[start..], tag.as_bytes());
        let Some(found) = found else {
            return Err(bad(
                self.place(),
                "the end of the file",
                format!("{tag} after the section that begins before here"),
                TRUNCATED,
            ));
        };
        self.at = start + found + tag.len();
        self.rest_of_line();
        Ok(&self.bytes[start..start + found])
    }

    fn word(&mut self, what: &str) -> Result<&'a str, SolverError> {
        if !self.skip_blanks() {
            return Err(bad(self.place(), "the end of the file", what, TRUNCATED));
        }
        let rest = &self.bytes[self.at..];
        let end = rest
            .iter()
            .take(400)
            .position(u8::is_ascii_whitespace)
            .unwrap_or(rest.len().min(400));
        let word = std::str::from_utf8(&rest[..end])
            .map_err(|_| bad(self.place(), "bytes that are no text", what, DAMAGED))?;
        if word.starts_with('$') {
            let remedy = "the counts before do not fit what follows; export the mesh again";
            return Err(bad(self.place(), word, what, remedy));
        }
        self.at += end;
        Ok(word)
    }

    fn raw<const N: usize>(&mut self, what: &str) -> Result<[u8; N], SolverError> {
        let chunk = self.bytes[self.at..].first_chunk::<N>();
        let Some(chunk) = chunk else {
            return Err(bad(self.place(), "the end of the file", what, TRUNCATED));
        };
        self.at += N;
        Ok(*chunk)
    }

    /// A whole number of 4 bytes.
    pub(super) fn int(&mut self, what: &str) -> Result<i32, SolverError> {
        match self.encoding {
            Encoding::Ascii => self.parsed(what),
            Encoding::Little => Ok(i32::from_le_bytes(self.raw(what)?)),
            Encoding::Big => Ok(i32::from_be_bytes(self.raw(what)?)),
        }
    }

    /// A tag of a node or an element, or a count, of 8 bytes.
    pub(super) fn size(&mut self, what: &str) -> Result<u64, SolverError> {
        match self.encoding {
            Encoding::Ascii => self.parsed(what),
            Encoding::Little => Ok(u64::from_le_bytes(self.raw(what)?)),
            Encoding::Big => Ok(u64::from_be_bytes(self.raw(what)?)),
        }
    }

    /// A floating-point number.
    pub(super) fn float(&mut self, what: &str) -> Result<f64, SolverError> {
        match self.encoding {
            Encoding::Ascii => self.parsed(what),
            Encoding::Little => Ok(f64::from_le_bytes(self.raw(what)?)),
            Encoding::Big => Ok(f64::from_be_bytes(self.raw(what)?)),
        }
    }

    /// How many things follow, each of at least `numbers` numbers: no more than the file has bytes for.
    pub(super) fn count(&mut self, what: &str, numbers: usize) -> Result<usize, SolverError> {
        let start = self.start();
        let count = self.size(what)?;
        // a number takes a digit and a blank, or 4 bytes; the last blank may be missing
        let least = numbers
            * if self.encoding == Encoding::Ascii {
                2
            } else {
                4
            };
        let most = (self.left() + 1) / least.max(1);
        match usize::try_from(count) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(bad(
                self.place_of(start),
                format!("{count} as {what}"),
                format!("at most {most}, for which {} bytes are left", self.left()),
                TRUNCATED,
            )),
        }
    }

    fn parsed<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, SolverError> {
        let start = self.start();
        let word = self.word(what)?;
        word.parse().map_err(|_| {
            let shown: String = word.chars().take(40).collect();
            bad(self.place_of(start), format!("`{shown}`"), what, DAMAGED)
        })
    }
}

const TRUNCATED: &str = "the file is cut off or its counts are wrong; copy or export it again";
const DAMAGED: &str = "the file is damaged; export it again";

fn find(bytes: &[u8], tag: &[u8]) -> Option<usize> {
    let first = *tag.first()?;
    let mut from = 0;
    while let Some(next) = bytes[from..].iter().position(|b| *b == first) {
        let at = from + next;
        if bytes[at..].starts_with(tag) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
