//! The framing TFRecord: length (u64), masked CRC-32C of the length, payload, masked CRC-32C of the payload; little-endian.
//!
//! CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected), masked as `rotr(crc, 15) + 0xA282EAD8`, so that checksums of data that
//! hold checksums stay sound. Source: TensorFlow's `record_writer.cc` and `crc32c.h`.

/// Appends a framed payload.
pub(super) fn push(content: &mut Vec<u8>, payload: &[u8]) {
    let length = (payload.len() as u64).to_le_bytes();
    content.extend(length);
    content.extend(masked(&length).to_le_bytes());
    content.extend(payload);
    content.extend(masked(payload).to_le_bytes());
}

/// The payloads in order, up to the first that is cut short or damaged.
pub(super) fn payloads(mut content: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = content.split_first_chunk::<8>()?;
        let (check, rest) = rest.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*check) != masked(length) {
            return None;
        }
        let size = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (payload, rest) = rest.split_at_checked(size)?;
        let (check, rest) = rest.split_first_chunk::<4>()?;
        if u32::from_le_bytes(*check) != masked(payload) {
            return None;
        }
        content = rest;
        Some(payload)
    })
}

fn masked(bytes: &[u8]) -> u32 {
    crc(bytes).rotate_right(15).wrapping_add(0xA282_EAD8)
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8)
    })
}

static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut place = 0;
    while place < 256 {
        let mut value = place as u32;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ if value & 1 == 1 { 0x82F6_3B78 } else { 0 };
            bit += 1;
        }
        table[place] = value;
        place += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // the check value of CRC-32C, and RFC 3720, B.4
        assert_eq!(crc(b"123456789"), 0xE306_9283);
        assert_eq!(crc(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc(&[0xFF; 32]), 0x62A8_AB43);
    }

    #[test]
    fn payloads_come_back_until_the_first_damage() {
        let mut content = Vec::new();
        let all: [&[u8]; 3] = [b"one", b"", b"three"];
        for payload in all {
            push(&mut content, payload);
        }
        assert_eq!(payloads(&content).collect::<Vec<_>>(), all);
        for place in 0..content.len() {
            let mut damaged = content.clone();
            damaged[place] ^= 0x10;
            let found = payloads(&damaged).collect::<Vec<_>>();
            assert!(found.len() < 3 && found == all[..found.len()], "{place}");
            assert!(payloads(&content[..place]).count() < 3);
        }
    }
}
