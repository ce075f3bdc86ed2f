//! The message `Event` in protobuf's encoding: wall time (field 1, double), step (2, varint), the file's version (3, text) or a
//! `Summary` (5), which repeats (field 1) values of a tag (1, text) and a number (2, float).
//!
//! Source: TensorFlow's `event.proto` and `summary.proto`; *Protocol buffers: encoding*.

/// What an event tells.
pub(super) enum Kind<'a> {
    /// The first of a file.
    Version(&'a str),
    /// Numbers by tag.
    Scalars(&'a [(&'a str, f64)]),
}

/// Wire types.
const VARINT: u8 = 0;
const EIGHT_BYTES: u8 = 1;
const BYTES: u8 = 2;
const FOUR_BYTES: u8 = 5;

/// The message of an event at a wall time (s since 1970) and a step.
pub(super) fn event(seconds: f64, step: u64, kind: Kind<'_>) -> Vec<u8> {
    let mut message = vec![key(1, EIGHT_BYTES)];
    message.extend(seconds.to_le_bytes());
    message.push(key(2, VARINT));
    varint(&mut message, step);
    match kind {
        Kind::Version(text) => bytes(&mut message, 3, text.as_bytes()),
        Kind::Scalars(scalars) => {
            let mut summary = Vec::new();
            for (tag, number) in scalars {
                let mut value = Vec::new();
                bytes(&mut value, 1, tag.as_bytes());
                value.push(key(2, FOUR_BYTES));
                value.extend((*number as f32).to_le_bytes());
                bytes(&mut summary, 1, &value);
            }
            bytes(&mut message, 5, &summary);
        }
    }
    message
}

/// The step of an event; none for a message that is no event of ours.
pub(super) fn step_of(message: &[u8]) -> Option<u64> {
    let (first, rest) = message.split_first()?;
    let (_, rest) = rest.split_first_chunk::<8>()?;
    let (second, rest) = rest.split_first()?;
    if (*first, *second) != (key(1, EIGHT_BYTES), key(2, VARINT)) {
        return None;
    }
    let mut step = 0u64;
    for (place, byte) in rest.iter().take(10).enumerate() {
        step |= u64::from(byte & 0x7F).checked_shl(7 * place as u32)?;
        if byte & 0x80 == 0 {
            return Some(step);
        }
    }
    None
}

fn key(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn bytes(message: &mut Vec<u8>, field: u8, content: &[u8]) {
    message.push(key(field, BYTES));
    varint(message, content.len() as u64);
    message.extend(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_protobufs_bytes() {
        let found = event(1.5, 300, Kind::Scalars(&[("a/b", 0.25)]));
        let mut expected = vec![0x09];
        expected.extend(1.5f64.to_le_bytes());
        expected.extend([0x10, 0xAC, 0x02]);
        // Summary of 12 bytes: Value of 10 bytes: tag of 3 bytes, float
        expected.extend([0x2A, 12, 0x0A, 10, 0x0A, 3, b'a', b'/', b'b', 0x15]);
        expected.extend(0.25f32.to_le_bytes());
        assert_eq!(found, expected);
        let version = event(0.0, 0, Kind::Version("brain.Event:2"));
        assert!(version.ends_with(b"\x1A\x0Dbrain.Event:2"));
    }

    #[test]
    fn steps_are_read_back_and_foreign_messages_are_none() {
        for step in [0, 1, 127, 128, 1 << 40, u64::MAX] {
            assert_eq!(step_of(&event(2.0, step, Kind::Scalars(&[]))), Some(step));
        }
        for bad in [&b""[..], b"\x09", b"\x0A\x03abc", &[0x10; 20]] {
            assert_eq!(step_of(bad), None);
        }
    }
}
