//! **The figures that are reported are those that the oracle counts itself: RPO to the newest usable point, RTO, and what was lost.**
//!
//! Why it holds: reported figures come from `metrics`, which follows facts as they are logged; the oracle keeps an account of its own from
//! what it saw (writes, marks, lives, states, points that were processed, workloads that answered) and makes each sum anew at the end of
//! the run. A figure that is too good would make every verdict on a plan too good. Spreads are kept with three digits, so they may differ
//! by so much; the longest and all sums agree to the millisecond. Reference: facts §1.3 (RPO), §2.6 (RTO).

crate::law! {
    "figures-agree", "reported RPO, RTO and loss are what the oracle counts from what it saw itself";

    RpoDiffers { figure: String, reported: Option<u64>, counted: Option<u64> } =>
        "{figure}: {} is reported, {} was counted", words(*reported), words(*counted);
    RtoDiffers { figure: String, reported: Option<u64>, counted: Option<u64> } =>
        "{figure}: {} is reported, {} was counted", words(*reported), words(*counted);
    LossDiffers { figure: String, reported: Option<u64>, counted: Option<u64> } =>
        "{figure}: {} is reported, {} was counted", words(*reported), words(*counted);
}

/// A kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A figure of RPO.
    Rpo,
    /// RTO.
    Rto,
    /// A figure of what was lost.
    Loss,
}

/// A figure that was reported, and what the oracle counts; none where there is nothing to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure<'a> {
    /// What kind of figure it is.
    pub kind: Kind,
    /// What it is.
    pub what: &'a str,
    /// As reported.
    pub reported: Option<u64>,
    /// As counted.
    pub counted: Option<u64>,
    /// It is kept with three digits.
    pub rounded: bool,
}

/// Checks a figure.
#[must_use]
pub fn check(figure: &Figure<'_>) -> Option<Broken> {
    let Figure {
        kind,
        what,
        reported,
        counted,
        rounded,
    } = *figure;
    let agree = match (reported, counted) {
        (Some(reported), Some(counted)) if rounded => reported.abs_diff(counted) <= 2 + counted / 200,
        (reported, counted) => reported == counted,
    };
    let figure = what.to_owned();
    (!agree).then_some(match kind {
        Kind::Rpo => Broken::RpoDiffers {
            figure,
            reported,
            counted,
        },
        Kind::Rto => Broken::RtoDiffers {
            figure,
            reported,
            counted,
        },
        Kind::Loss => Broken::LossDiffers {
            figure,
            reported,
            counted,
        },
    })
}

fn words(figure: Option<u64>) -> String {
    figure.map_or_else(|| "nothing".to_owned(), |figure| figure.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(reported: Option<u64>, counted: Option<u64>, rounded: bool) -> Option<Broken> {
        check(&Figure {
            kind: Kind::Rpo,
            what: "RPO",
            reported,
            counted,
            rounded,
        })
    }

    #[test]
    fn a_figure_that_is_too_good_is_found() {
        assert_eq!(figure(Some(5_000), Some(5_000), false), None);
        assert_eq!(figure(None, None, false), None);
        assert_eq!(figure(Some(5_010), Some(5_000), true), None);
        assert!(figure(Some(4_999), Some(5_000), false).is_some());
        assert!(figure(Some(4_700), Some(5_000), true).is_some());
        assert!(figure(None, Some(5_000), true).is_some());
        assert!(figure(Some(0), None, false).is_some());
    }
}
