//! **Nothing passes a link that is cut, and a cut loses what was in it.**
//!
//! Why it holds: a cut cable carries nothing, and what was on its way in it is gone; nobody is told. Judged by what the world saw at the
//! link's doors, not by what the link says. Reference: design §3, "Links are actors"; facts §6 (F6, F7: a blocked way is silence).

use datapath::SimTime;

crate::law! {
    "cut-links-carry-nothing", "no packet comes out of a link that is cut, and none that was in it when it was cut comes out ever";

    PassedWhileCut { link: String, cut: SimTime, at: SimTime, connection: u64 } =>
        "link {link} was cut at {cut}; at {at} ({} ns) a packet of connection {connection} came out of it", at.0;
    CameBackAfterCut { link: String, cut: SimTime, at: SimTime, connection: u64 } =>
        "link {link} was cut at {cut} while packets of connection {connection} were in it; at {at} ({} ns) one of them came out", at.0;
}

/// Checks a packet that came out of a link that was cut at `cut`, if it is.
#[must_use]
pub fn check(link: &str, at: SimTime, cut: Option<SimTime>, flow: u64) -> Vec<Broken> {
    let passed = cut.map(|cut| Broken::PassedWhileCut {
        link: link.to_owned(),
        cut,
        at,
        connection: flow / 2,
    });
    passed.into_iter().collect()
}

/// Checks a packet that came out at `at` of a flow whose packets were lost when the link was cut at `lost`.
#[must_use]
pub fn check_lost(link: &str, at: SimTime, lost: SimTime, flow: u64) -> Vec<Broken> {
    vec![Broken::CameBackAfterCut {
        link: link.to_owned(),
        cut: lost,
        at,
        connection: flow / 2,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_through_a_cut_link_is_found() {
        assert!(check("wan", SimTime(5), None, 6).is_empty());
        assert_eq!(check("wan", SimTime(5), Some(SimTime(4)), 6).len(), 1);
        assert_eq!(check_lost("wan", SimTime(9), SimTime(4), 6).len(), 1);
    }
}
