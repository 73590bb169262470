//! What storage holds and nobody told, what was cut and never came: a power cut or a race leaves it behind.

use actors::facts::Fact;
use datapath::replica::{Consistency, CutTime, Mark};
use datapath::segment::SegmentKind;
use datapath::{Grain, SimTime, WriteSeq};

use super::story::{DISKS, SKEW, SOURCE, Shown, Story, Told};
use super::{VM, broken, change, drop_facts};

/// A tag that was durable when its store lost the power is told when the store is back.
fn tag_is_found(fact: &Fact) -> Fact {
    let Fact::TagStored {
        vm,
        protection,
        batch,
        last,
        mark,
    } = fact.clone()
    else {
        panic!("{fact:?} is no tag");
    };
    Fact::TagFound {
        vm,
        protection,
        batch,
        last,
        mark,
    }
}

fn piece_is_found(fact: &Fact) -> Fact {
    let Fact::SegmentsStored {
        protection,
        kind,
        segments,
    } = fact
    else {
        panic!("{fact:?} is no segment");
    };
    Fact::SegmentFound {
        disk: segments[0].disk,
        protection: *protection,
        kind: *kind,
        epoch: segments[0].epoch,
        first_counter: segments[0].first_counter,
        stored_bytes: segments[0].stored_bytes,
    }
}

fn is_tag(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::TagStored {
            protection: 1,
            batch: 3,
            ..
        }
    )
}

fn is_piece(fact: &Fact) -> bool {
    let kind = SegmentKind::Copy { copy: 1, part: 0 };
    matches!(fact, Fact::SegmentsStored { protection: 1, kind: of, .. } if *of == kind)
}

#[test]
fn what_is_found_after_a_power_cut_counts_as_stored_once() {
    for (what, of, found) in [
        ("a tag", is_tag as fn(&Fact) -> bool, tag_is_found as fn(&Fact) -> Fact),
        ("a piece", is_piece, piece_is_found),
    ] {
        let mut story = Story::journey(Grain::Real);
        change(&mut story, |told| {
            let it_is = of(&told.fact);
            if it_is {
                told.fact = found(&told.fact);
            }
            it_is
        });
        assert_eq!(broken(&story), Vec::<String>::new(), "{what} that was not told before");

        // All that is kept is told each time.
        let mut story = Story::journey(Grain::Real);
        let at = story
            .told
            .iter()
            .position(|told| of(&told.fact))
            .expect("the story has one");
        let again = Told {
            fact: found(&story.told[at].fact),
            ..story.told[at].clone()
        };
        story.told.insert(at + 1, again);
        assert_eq!(broken(&story), Vec::<String>::new(), "{what} that was told before");

        let mut story = Story::journey(Grain::Real);
        drop_facts(&mut story, of);
        assert_ne!(broken(&story), Vec::<String>::new(), "{what} that nobody finds");
    }
}

#[test]
fn batches_may_be_missing_only_where_every_disk_was_copied_again() {
    for (disks, found) in [(0, true), (1, true), (DISKS.len(), false)] {
        let mut story = Story::journey(Grain::Real);
        drop_facts(&mut story, is_tag);
        let next = story.told.iter().position(|told| {
            matches!(
                told.fact,
                Fact::BatchCut {
                    protection: 1,
                    batch: 4,
                    ..
                }
            )
        });
        let next = next.expect("the story goes on");
        let at = story.told[next].at;
        for (disk, bytes) in DISKS.into_iter().take(disks) {
            let fact = Fact::CopyStarted {
                disk,
                protection: 1,
                copy: 2,
                bytes,
                by_checksum: true,
            };
            let shown = Shown::Nothing;
            story.told.insert(next, Told { at, fact, shown });
        }
        let broken = broken(&story);
        let law = broken.iter().any(|law| law == "tags-in-order");
        assert_eq!(law, found, "{disks} of {} disks copied: {broken:?}", DISKS.len());
    }
}

/// A failover gives its boundary the next number; the agent, which goes on, may give it too, to a mark that never arrives.
#[test]
fn a_boundary_keeps_its_number_where_the_agent_gives_it_too() {
    let mut story = Story::journey(Grain::Real);
    let (mut newest, mut unmark) = ((0, WriteSeq(0)), 0);
    for told in &story.told {
        if let Fact::BatchCut {
            protection: 1,
            batch,
            last,
            ..
        } = told.fact
        {
            newest = (batch, last);
        }
    }
    let (batch, last) = newest;
    let mut number = 0;
    for told in &mut story.told {
        match &mut told.fact {
            Fact::BatchCut {
                protection: 1,
                batch: of,
                mark,
                ..
            }
            | Fact::TagStored {
                protection: 1,
                batch: of,
                mark,
                ..
            } if *of == batch => {
                number = mark.take().map_or(number, |mark| mark.point);
                unmark += 1;
            }
            _ => {}
        }
    }
    assert_eq!(unmark, 2, "the newest batch is cut and stored without a point");
    let dark = story
        .told
        .iter()
        .position(|told| matches!(told.fact, Fact::Power { machine, on: false } if machine == SOURCE))
        .expect("the site is lost");
    let wrote = |told: &Told| match told.fact {
        Fact::Wrote { vm: VM, seq, .. } => Some(seq),
        _ => None,
    };
    let end = story.told[..dark]
        .iter()
        .rev()
        .find_map(wrote)
        .expect("the guest wrote");
    assert!(end > last, "something is lost");
    let before = &story.told[dark - 1];
    let at = before.at;
    let skewed = SimTime(at.0.saturating_add_signed(SKEW));
    let fact = Fact::BatchCut {
        vm: VM,
        protection: 1,
        batch: batch + 1,
        first: WriteSeq(last.0 + 1),
        last: end,
        cut: CutTime {
            at,
            source: skewed,
            life: 0,
        },
        mark: Some(Mark {
            point: number,
            seq: end,
            consistency: Consistency::Crash,
            marked: at,
            marked_source: skewed,
            life: 0,
            shared: None,
        }),
    };
    let shown = Shown::Nothing;
    story.told.insert(dark, Told { at, fact, shown });
    assert_eq!(broken(&story), Vec::<String>::new());
}
