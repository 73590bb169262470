//! What content compresses to.

use datapath::EXTENT_BYTES;

use crate::units;

/// Named classes and the ratio they compress to, in hundredths: measured on 64 KiB blocks with zstd level 1 (a Debian root file
/// system; pages of a database; its text export; plain text), and content that doesn't compress.
const CLASSES: &[(&str, u32)] = &[
    ("files", 220),
    ("database", 231),
    ("text", 228),
    ("log", 1050),
    ("media", 100),
];

/// The ratio that content compresses to, in hundredths: from 1:1 to 100:1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compressibility {
    hundredths: u32,
}

impl Default for Compressibility {
    fn default() -> Compressibility {
        Compressibility {
            hundredths: CLASSES[0].1,
        }
    }
}

impl Compressibility {
    /// A ratio in hundredths; none outside of 1:1 to 100:1.
    #[must_use]
    pub fn new(hundredths: u32) -> Option<Compressibility> {
        (100..=10_000)
            .contains(&hundredths)
            .then_some(Compressibility { hundredths })
    }

    /// The ratio in hundredths.
    #[must_use]
    pub fn hundredths(self) -> u32 {
        self.hundredths
    }

    /// The names of the classes.
    #[must_use]
    pub fn classes() -> Vec<&'static str> {
        CLASSES.iter().map(|(name, _)| *name).collect()
    }

    /// Reads a class or a ratio; none where it is neither.
    #[must_use]
    pub fn read(text: &str) -> Option<Compressibility> {
        if let Some((_, hundredths)) = CLASSES.iter().find(|(name, _)| *name == text) {
            return Compressibility::new(*hundredths);
        }
        let number = text.strip_suffix(":1").or_else(|| text.strip_suffix(": 1"))?;
        let thousandths = units::factor(number).ok()?;
        (1_000..=100_000)
            .contains(&thousandths)
            .then(|| Compressibility::new(thousandths / 10))?
    }

    /// As it is written.
    #[must_use]
    pub fn written(self) -> String {
        let class = CLASSES.iter().find(|(_, hundredths)| *hundredths == self.hundredths);
        class.map_or_else(|| units::write_ratio(self.hundredths), |(name, _)| (*name).to_owned())
    }

    /// Random bytes of each extent, so that it compresses to that ratio.
    #[must_use]
    pub fn random_bytes(self) -> u16 {
        let bytes = EXTENT_BYTES * 100 / u64::from(self.hundredths);
        u16::try_from(bytes).unwrap_or(4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ratio_is_read_as_it_is_written() {
        for hundredths in 100..=10_000 {
            let ratio = Compressibility::new(hundredths).unwrap();
            assert_eq!(Compressibility::read(&ratio.written()), Some(ratio));
        }
        assert_eq!(Compressibility::new(99), None);
        assert_eq!(Compressibility::read("0.9:1"), None);
        assert_eq!(Compressibility::read("100.1:1"), None);
        assert_eq!(Compressibility::default().written(), "files");
    }
}
