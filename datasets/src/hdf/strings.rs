//! Guards the place where HDF5 keeps variable-length strings.
//!
//! In the format of HDF5 1.8 object headers carry checksums, but the "global heap", which holds strings, does not, and
//! libhdf5 before 1.14 follows a damaged one out of bounds and crashes. So the heap's collections (signature `GCOL`,
//! version 1, size; "HDF5 File Format Specification" 3.0, section III.E) are digested when a file is written, and
//! compared before the first string is read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};

const SIGNATURE: &[u8; 4] = b"GCOL";

/// Signature, version, three reserved bytes, size.
const HEADER: usize = 16;

/// Header of an object in a collection: index, reference count, four reserved bytes, size.
const OBJECT: usize = 16;

/// Offsets and used sizes of the collections, `[offset, used, offset, used, …]`, and the SHA-256 over all of them.
///
/// Free space at their ends is left out: other tools may add strings there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) places: Vec<u64>,
    pub(crate) digest: [u8; 32],
}

impl Seal {
    /// Of the file at `path`, which HDF5 has flushed; `data` are offset and size of what is no metadata.
    pub(crate) fn new(path: &Path, mut data: Vec<(u64, u64)>) -> io::Result<Self> {
        let mut file = File::open(path)?;
        data.sort_unstable();
        data.push((file.metadata()?.len(), 0));
        let (mut places, mut hash, mut from) = (Vec::new(), Sha256::new(), 0);
        for (offset, size) in data {
            let bytes = read(&mut file, from, offset.saturating_sub(from))?;
            let mut at = 0;
            while let Some(found) = bytes[at..]
                .windows(HEADER)
                .position(|window| window.starts_with(SIGNATURE))
            {
                at += found;
                let size = size_of_collection(&bytes[at..]).map_or(0, |size| size as usize);
                let used = bytes.get(at..at.saturating_add(size)).and_then(walk);
                if let Some(used) = used {
                    places.extend([from + at as u64, used as u64]);
                    hash.update(&bytes[at..at + used]);
                }
                at += if used.is_some() {
                    size
                } else {
                    SIGNATURE.len()
                };
            }
            from = offset.saturating_add(size).max(from);
        }
        Ok(Seal {
            places,
            digest: hash.finalize().into(),
        })
    }

    /// Whether the file at `path`, `length` bytes long, still has these strings, or was rewritten by another tool, which
    /// put them elsewhere.
    pub(crate) fn holds(&self, path: &Path, length: u64) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        for place in self.places.chunks(2) {
            let &[offset, used] = place else {
                return Ok(false);
            };
            let header = read(&mut file, offset, HEADER as u64)?;
            if !header.starts_with(SIGNATURE) {
                return Ok(true);
            }
            let size = size_of_collection(&header).unwrap_or(u64::MAX);
            if offset.checked_add(size).is_none_or(|end| end > length) {
                return Ok(false);
            }
            let bytes = read(&mut file, offset, size)?;
            let sound = walk(&bytes).is_some_and(|end| end as u64 >= used);
            match bytes.get(..used as usize) {
                Some(used) if sound => hash.update(used),
                _ => return Ok(false),
            }
        }
        Ok(self.digest == <[u8; 32]>::from(hash.finalize()))
    }
}

/// The size that a collection gives itself.
fn size_of_collection(bytes: &[u8]) -> Option<u64> {
    let size = bytes.get(8..HEADER)?.try_into().ok()?;
    (bytes.starts_with(SIGNATURE) && bytes[4] == 1).then(|| u64::from_le_bytes(size))
}

/// Where the free space of a collection begins; `None` where its objects do not lie inside it, one after the other.
fn walk(collection: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    while let Some(object) = collection.get(at..at.checked_add(OBJECT)?) {
        let index = u16::from_le_bytes(object[..2].try_into().ok()?);
        let size = usize::try_from(u64::from_le_bytes(object[8..].try_into().ok()?)).ok()?;
        if index == 0 {
            // Free space, whose size counts its own header.
            return (at.checked_add(size)? == collection.len()).then_some(at);
        }
        at = at
            .checked_add(OBJECT)?
            .checked_add(size.checked_next_multiple_of(8)?)?;
    }
    (at <= collection.len() && collection.len() > HEADER).then_some(at)
}

/// At most `size` bytes from `offset`.
fn read(file: &mut File, offset: u64, size: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A collection of 64 bytes with one object of 5 bytes and free space.
    fn collection() -> Vec<u8> {
        let mut bytes = b"GCOL\x01\0\0\0".to_vec();
        bytes.extend(64u64.to_le_bytes());
        bytes.extend([1, 0, 1, 0, 0, 0, 0, 0]);
        bytes.extend(5u64.to_le_bytes());
        bytes.extend(b"hello\0\0\0");
        bytes.extend([0; 8]);
        bytes.extend(24u64.to_le_bytes());
        bytes.resize(64, 0);
        bytes
    }

    #[test]
    fn objects_must_tile_their_collection() {
        assert_eq!(walk(&collection()), Some(40));
        for (at, value) in [(24, 0xff), (31, 0x80), (48, 25), (48, 23), (55, 0xff)] {
            let mut bytes = collection();
            bytes[at] = value;
            assert_eq!(walk(&bytes), None, "byte {at}");
        }
        assert_eq!(
            walk(&collection()[..20]),
            Some(16),
            "too little is left for another object"
        );
        assert_eq!(walk(&collection()[..36]), None);
    }

    #[test]
    fn damage_shows_and_additions_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heap");
        let mut bytes = vec![7; 100];
        bytes.extend(collection());
        bytes.extend([9; 30]);
        let write = |bytes: &[u8]| std::fs::write(&path, bytes).unwrap();
        let length = bytes.len() as u64;
        write(&bytes);
        let seal = Seal::new(&path, vec![(164, 10), (0, 20)]).unwrap();
        assert_eq!(seal.places, [100, 40]);
        assert!(seal.holds(&path, length).unwrap());
        for at in 104..140 {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            write(&changed);
            assert!(!seal.holds(&path, length).unwrap(), "byte {at}");
        }
        // A second object where there was free space.
        let mut added = bytes.clone();
        added[140..142].copy_from_slice(&[2, 0]);
        added[148..156].copy_from_slice(&8u64.to_le_bytes());
        write(&added);
        assert!(seal.holds(&path, length).unwrap());
        // Something else in its place: another tool has moved the strings.
        bytes[100] = b'X';
        write(&bytes);
        assert!(seal.holds(&path, length).unwrap());
    }
}
