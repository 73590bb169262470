//! Findings: what does not hold, as values that a program can tell apart.
//!
//! A law says what must hold ([`Law`]). Each law's file lists, with the macro [`crate::law!`], the shapes in which it can be broken: a
//! variant each, with the evidence as its fields and the words that are made of them. That is the one place of its text. A finding is
//! made of such a value alone ([`Finding::new`]), so that there is none without law, shape, component and evidence.
//!
//! Two findings have the same [`Identity`] where the same law is broken in the same shape for the same kind of component: whatever the
//! names, numbers and times of the run. Evidence and text belong to one finding.

mod component;
mod figure;
mod identity;
mod law;

use datapath::{SimTime, VmId};
use serde::{Deserialize, Serialize};

pub use component::Component;
pub use figure::{Bytes, Evidence, Evident, Figure, Nanoseconds};
pub use identity::{Identity, LawName, Shape};
pub use law::{Law, Violation};

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingClass {
    /// Firedrill, or the protocol that it models, is wrong.
    Invariant,
    /// The plan does not hold.
    Expectation,
    /// Something that the scenario is about was not looked at: nothing is said of it.
    Untested,
}

impl FindingClass {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            FindingClass::Invariant => "invariant",
            FindingClass::Expectation => "expectation",
            FindingClass::Untested => "not tested",
        }
    }
}

/// Something that does not hold. Made of a [`Violation`] only, or read from a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// What it is about.
    pub class: FindingClass,
    /// The law that does not hold: an invariant, or an expectation.
    pub law: LawName,
    /// How it does not.
    pub shape: Shape,
    /// For what.
    pub component: Component,
    /// When.
    pub at: SimTime,
    /// The figures, by name.
    pub evidence: Evidence,
    /// All of it in words.
    pub text: String,
}

impl Finding {
    /// A violation that was found at a time. It concerns `component`, unless the violation itself names one.
    #[must_use]
    pub fn new<V: Violation>(
        class: FindingClass,
        at: SimTime,
        component: impl Into<Component>,
        violation: &V,
    ) -> Finding {
        Finding {
            class,
            law: LawName::of(&V::LAW),
            shape: Shape::of(violation),
            component: violation.component().unwrap_or_else(|| component.into()),
            at,
            evidence: violation.evidence(),
            text: violation.text(),
        }
    }

    /// Says its words, and those of its evidence, otherwise: in the names that the scenario has for disks and machines.
    pub fn reword(&mut self, named: impl Fn(&str) -> String) {
        self.text = named(&self.text);
        self.evidence.reword(named);
    }

    /// What it has in common with others like it.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::new(&self.law, self.component.kind(), &self.shape)
    }

    /// The protected machine, where it concerns one.
    #[must_use]
    pub fn vm(&self) -> Option<VmId> {
        self.component.vm()
    }
}

#[cfg(test)]
mod tests {
    use datapath::{DiskId, WriteSeq};

    use super::*;

    mod bent {
        crate::law! {
            "spoons-are-straight", "a spoon is as straight at the end as it was at the start";
            Bent { degrees: u64, at: datapath::SimTime } => "a spoon is bent by {degrees} degrees at {at}";
            BrokenInTwo of disk { disk: datapath::DiskId, write: datapath::WriteSeq, why: String } =>
                "{disk} broke at write {write}: {}", why.to_uppercase();
        }
    }
    use bent::Broken;

    fn bent(vm: u32, degrees: u64) -> Finding {
        let at = SimTime(degrees);
        let broken = Broken::Bent { degrees, at };
        Finding::new(FindingClass::Invariant, at, VmId(vm), &broken)
    }

    #[test]
    fn shapes_are_listed_and_words_made_of_the_evidence() {
        assert_eq!(bent::LAW.shapes, ["bent", "broken-in-two"]);
        let disk = DiskId { vm: VmId(3), index: 1 };
        let broken = Broken::BrokenInTwo {
            disk,
            write: WriteSeq(7),
            why: "tired".to_owned(),
        };
        let finding = Finding::new(FindingClass::Invariant, SimTime(5), Component::Run, &broken);
        assert_eq!(finding.text, "disk 1 of vm3 broke at write 7: TIRED");
        assert_eq!(finding.component, Component::Disk(disk));
        assert_eq!(finding.vm(), Some(VmId(3)));
        let names: Vec<&str> = finding.evidence.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["disk", "write", "why"]);
        assert_eq!(finding.evidence.get("write"), Some(&Figure::Write(WriteSeq(7))));
        assert_eq!(finding.identity().to_string(), "spoons-are-straight/disk/broken-in-two");
    }

    #[test]
    fn an_identity_knows_no_names_numbers_or_times() {
        assert_eq!(bent(0, 1).identity(), bent(7, 90).identity());
        assert_ne!(bent(0, 1), bent(7, 90));
        let of_run = Finding::new(
            FindingClass::Invariant,
            SimTime(1),
            None,
            &Broken::Bent {
                degrees: 1,
                at: SimTime(1),
            },
        );
        assert_ne!(of_run.identity(), bent(0, 1).identity(), "another kind of component");
    }
}
