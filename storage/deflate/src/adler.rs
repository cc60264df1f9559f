//! Adler-32, RFC 1950 section 8.2.

use multiversion::multiversion;

const MODULUS: u32 = 65521;
/// Sums kept side by side, which is what lets the compiler use vectors.
const LANES: usize = 64;
/// Rows of lanes whose sums have 16 bits: 255 * n (n - 1) / 2 stays below 2^16.
const ROWS: u32 = 16;
const BLOCK: usize = LANES * ROWS as usize;
/// Blocks of rows until the sums are reduced: with n rows in all, 255 * n (n - 1) / 2 stays below 2^32.
const BLOCKS: usize = 256;

/// Adler-32 of `bytes`, the check sum of zlib streams.
///
/// ```
/// assert_eq!(widefield_deflate::adler32(b"Wikipedia"), 0x11e6_0398);
/// ```
#[multiversion(targets("x86_64+avx2"))]
pub fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u64, 0_u64);
    for run in bytes.chunks(BLOCK * BLOCKS) {
        let (blocks, rest) = run.as_chunks::<BLOCK>();
        let (mut first, mut second) = ([0_u32; LANES], [0_u32; LANES]);
        for block in blocks {
            let (mut sum, mut sums) = ([0_u16; LANES], [0_u16; LANES]);
            for row in block.as_chunks::<LANES>().0 {
                for lane in 0..LANES {
                    sums[lane] += sum[lane];
                    sum[lane] += u16::from(row[lane]);
                }
            }
            for lane in 0..LANES {
                second[lane] += first[lane] * ROWS + u32::from(sums[lane]);
                first[lane] += u32::from(sum[lane]);
            }
        }
        b += a * (blocks.len() * BLOCK) as u64;
        for lane in 0..LANES {
            a += u64::from(first[lane]);
            // A byte counts once for itself and each byte after it.
            b += u64::from(second[lane]) * LANES as u64
                + u64::from(first[lane]) * (LANES - lane) as u64;
        }
        for &byte in rest {
            a += u64::from(byte);
            b += a;
        }
        a %= u64::from(MODULUS);
        b %= u64::from(MODULUS);
    }
    pack(a, b)
}

/// Adler-32 of two runs of bytes from that of each and the length of the second.
pub fn combine(first: u32, second: u32, length: usize) -> u32 {
    let modulus = u64::from(MODULUS);
    let (a1, b1) = (u64::from(first & 0xffff), u64::from(first >> 16));
    let (a2, b2) = (u64::from(second & 0xffff), u64::from(second >> 16));
    // The second sum began at a = 1 instead of a1, and at b = 0 instead of b1.
    let a = (a1 + a2 + modulus - 1) % modulus;
    let b = (b1 + b2 + (length as u64 % modulus) * ((a1 + modulus - 1) % modulus)) % modulus;
    pack(a, b)
}

/// Two sums, each below the modulus, hence of 16 bits.
fn pack(a: u64, b: u64) -> u32 {
    u32::try_from(b << 16 | a).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length as u64)
            .map(|i| (i * i / 7).to_le_bytes()[0])
            .collect()
    }

    /// The definition.
    fn slow(bytes: &[u8]) -> u32 {
        let (mut a, mut b) = (1, 0);
        for &byte in bytes {
            a = (a + u32::from(byte)) % MODULUS;
            b = (b + a) % MODULUS;
        }
        b << 16 | a
    }

    #[test]
    fn sums_equal_the_definition() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        for length in [0, 1, 63, 64, 65, 1023, 1024, 1025, 65537, 600_000] {
            assert_eq!(adler32(&bytes(length)), slow(&bytes(length)), "{length}");
        }
        let highest = vec![255; 2 * BLOCK * BLOCKS + 5];
        assert_eq!(adler32(&highest), slow(&highest));
    }

    #[test]
    fn sum_of_parts_equals_that_of_the_whole() {
        let data = bytes(200_000);
        for cut in [0, 1, 5552, 70_000, 200_000] {
            let (first, second) = data.split_at(cut);
            assert_eq!(
                combine(adler32(first), adler32(second), second.len()),
                adler32(&data)
            );
        }
    }
}
