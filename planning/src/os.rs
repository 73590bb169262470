//! Operating systems by what their owners call them, and whether they may be protected: `planning/data/operating_systems.csv`, after the
//! support matrices. Names come in free text, in the words of VMware Tools (`CentOS 7 (64-bit)`) and in those of a VM's configuration
//! (`rhel7_64Guest`).

use crate::tables::{Era, Family, OperatingSystem, operating_systems};

/// What the matrices say of an operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It may be protected.
    Supported(&'static OperatingSystem),
    /// It may not.
    Unsupported(&'static OperatingSystem),
    /// It has 32 bits: Linux may not (site-recovery-support-matrix-to-azure.md, 2018-02).
    ThirtyTwoBits,
    /// Its name tells no version of a family that has versions.
    VersionUnknown(&'static OperatingSystem),
    /// No row has its name.
    Unknown,
    /// It is not given.
    Missing,
}

/// Looks an operating system up, in the words of vCenter or of its owner: "CentOS 4/5/6/7 (64-bit)", "Debian GNU/Linux 8".
#[must_use]
pub fn support(name: &str, era: Era) -> Support {
    let name = name.to_lowercase();
    if name.trim().is_empty() {
        return Support::Missing;
    }
    let rows = || operating_systems().iter().filter(|row| name.contains(&row.words));
    let Some(first) = rows().next() else {
        return Support::Unknown;
    };
    if name.contains("32-bit") && !is_windows(&name) {
        return Support::ThirtyTwoBits;
    }
    let versions = versions(&name, &first.words);
    if versions.is_empty() && rows().all(|row| row.words == first.words) && rows().any(|row| !row.versions.is_empty()) {
        return Support::VersionUnknown(first);
    }
    let matches = |row: &&OperatingSystem| {
        row.since <= era
            && (row.versions.is_empty() || row.versions.split('|').any(|version| versions.contains(&version)))
    };
    match rows().find(matches) {
        Some(row) if row.verdict == "supported" => Support::Supported(row),
        Some(row) if row.verdict == "unknown" => Support::Unknown,
        Some(row) => Support::Unsupported(row),
        None => Support::Unknown,
    }
}

/// Whether a name is that of a Windows.
#[must_use]
pub fn is_windows(name: &str) -> bool {
    family(name) == Some(Family::Windows)
}

/// Whether a name is that of a Windows or of a Linux that is known. Whether one can be protected is another question.
#[must_use]
pub fn is_known(name: &str) -> bool {
    matches!(family(name), Some(Family::Windows | Family::Linux))
}

/// The family of an operating system; none where its name is not known. Spaces and marks do not count.
#[must_use]
pub fn family(name: &str) -> Option<Family> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|char| char.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let name = plain(name);
    let row = operating_systems().iter().find(|row| name.contains(&plain(&row.words)));
    row.map(|row| row.family)
}

/// Major versions in a name after its family: "7.4" is 7, "4/5/6/7" are four, and bits are none.
fn versions<'a>(name: &'a str, words: &str) -> Vec<&'a str> {
    let after = name.find(words).map_or("", |at| &name[at + words.len()..]);
    let after = after.split('(').next().unwrap_or("");
    let words = after.split(|letter: char| letter.is_whitespace() || letter == '/' || letter == ',' || letter == '-');
    let major = words.filter_map(|word| word.split('.').next());
    major
        .filter(|word| !word.is_empty() && word.len() < 3 && word.bytes().all(|byte| byte.is_ascii_digit()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supported(name: &str, era: Era) -> bool {
        matches!(support(name, era), Support::Supported(_))
    }

    /// GH#51631, GH#54686: CentOS 7 and 8 and Debian were flagged as unsupported though they are supported.
    #[test]
    fn gh_51631_and_gh_54686_centos_and_debian_are_supported() {
        for name in [
            "CentOS 7 (64-bit)",
            "CentOS 4/5/6/7 (64-bit)",
            "CentOS Linux 7.4",
            "centos 6",
            "Debian GNU/Linux 8 (64-bit)",
        ] {
            assert!(supported(name, Era::December2017), "{name}");
            assert!(supported(name, Era::Late2019), "{name}");
        }
        assert!(supported("CentOS 8 (64-bit)", Era::Late2019));
        assert!(supported("Debian GNU/Linux 9 (64-bit)", Era::Late2019));
        assert!(!supported("CentOS 8 (64-bit)", Era::December2017));
    }

    #[test]
    fn complaint_gh_51631_centos_and_debian_are_known() {
        for os in [
            "CentOS 7",
            "CentOS 8 (64-bit)",
            "CentOS 4/5 or later (64-bit)",
            "centos7_64Guest",
            "Debian GNU/Linux 9 (64-bit)",
            "debian10_64Guest",
            "debian 8",
        ] {
            assert_eq!(family(os), Some(Family::Linux), "{os}");
        }
    }

    #[test]
    fn families_are_told_by_their_words() {
        for os in [
            "Microsoft Windows Server 2016 (64-bit)",
            "windows9Server64Guest",
            "winNetEnterpriseGuest",
            "winLonghorn64Guest",
            "Windows 10",
            "Win2012 R2",
        ] {
            assert!(is_windows(os), "{os}");
        }
        for os in [
            "Red Hat Enterprise Linux 7",
            "RedHat 7",
            "rhel7_64Guest",
            "SUSE Linux 12",
            "sles12_64Guest",
            "Ubuntu 16.04",
            "Oracle Linux 6",
            "oracleLinux7_64Guest",
            "Rocky Linux 8",
            "AlmaLinux 9",
            "Amazon Linux 2",
            "amazonlinux2_64Guest",
            "Scientific Linux 6",
        ] {
            assert_eq!(family(os), Some(Family::Linux), "{os}");
        }
        for os in [
            "",
            "Plan 9",
            "Other (64-bit)",
            "FreeBSD 11",
            "NetWare",
            "Oracle Solaris 11 (64-bit)",
        ] {
            assert!(!is_known(os), "{os}");
        }
        // A name that is known is not one of a matrix.
        assert_eq!(support("Rocky Linux 8", Era::Late2019), Support::Unknown);
    }

    #[test]
    fn a_name_is_looked_up_with_its_version() {
        for (name, era, expected) in [
            ("Microsoft Windows Server 2016 (64-bit)", Era::June2017, true),
            ("Microsoft Windows Server 2008 R2 (64-bit)", Era::December2017, true),
            ("Microsoft Windows Server 2008 (32-bit)", Era::December2017, false),
            ("Microsoft Windows Server 2019 (64-bit)", Era::December2017, false),
            ("Microsoft Windows Server 2003 (32-bit)", Era::Late2019, false),
            ("Microsoft Windows 10 (64-bit)", Era::Late2019, true),
            ("Red Hat Enterprise Linux 6 (64-bit)", Era::December2017, true),
            ("Red Hat Enterprise Linux 9", Era::Late2019, false),
            ("Ubuntu Linux 16.04", Era::December2017, true),
            ("Ubuntu 12.04 LTS", Era::Late2019, false),
            ("SUSE Linux Enterprise 12 (64-bit)", Era::December2017, false),
            ("SUSE Linux Enterprise 12 (64-bit)", Era::Late2019, true),
            ("Oracle Linux 4/5/6 (64-bit)", Era::December2017, true),
            ("FreeBSD (64-bit)", Era::Late2019, false),
        ] {
            assert_eq!(supported(name, era), expected, "{name}");
        }
        assert_eq!(support("CentOS 7 (32-bit)", Era::Late2019), Support::ThirtyTwoBits);
        assert_eq!(support("  ", Era::Late2019), Support::Missing);
        assert_eq!(support("TempleOS", Era::Late2019), Support::Unknown);
        assert!(matches!(
            support("Ubuntu Linux (64-bit)", Era::Late2019),
            Support::VersionUnknown(_)
        ));
    }
}
