//! Disks that the command line replaces by images of the user's.

use std::cell::RefCell;
use std::path::PathBuf;

use super::Context;
use crate::diagnose::{At, Located, Problem, did_you_mean, list};

/// The flags, and the disks that the file declares.
pub(super) struct OwnDisks {
    disks: Vec<(Located<String>, Located<PathBuf>)>,
    /// What the file declares, whether or not it could be built: a disk whose image is broken is there all the same.
    declared: RefCell<Vec<String>>,
}

impl OwnDisks {
    pub(super) fn none() -> OwnDisks {
        OwnDisks {
            disks: Vec::new(),
            declared: RefCell::default(),
        }
    }

    pub(super) fn new(context: &Context<'_>, flags: &[(String, PathBuf)]) -> OwnDisks {
        const FLAG: &str = "--disk ";
        let disks: Vec<(Located<String>, Located<PathBuf>)> = flags
            .iter()
            .map(|(disk, path)| {
                let text = format!("{FLAG}{disk}={}", path.display());
                let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
                let source = context.diagnosis.add("(command line)", text);
                let start = FLAG.len() as u32;
                let middle = start + u32::try_from(disk.len()).unwrap_or(0);
                let at = |start, end| At { source, start, end };
                (
                    Located::new(disk.clone(), at(start, middle)),
                    Located::new(path.clone(), at(middle + 1, end)),
                )
            })
            .collect();
        said_once(context, &disks);
        OwnDisks {
            disks,
            declared: RefCell::default(),
        }
    }

    /// Notes a disk of the file; the image that replaces it, where there is one.
    pub(super) fn declared(&self, vm: &str, disk: &str) -> Option<&Located<PathBuf>> {
        self.declared.borrow_mut().push(format!("{vm}.{disk}"));
        self.disks
            .iter()
            .find(|(name, _)| name.value.split_once('.') == Some((vm, disk)))
            .map(|(_, path)| path)
    }

    /// Notes the flags that name no disk of the file.
    pub(super) fn all_found(&self, context: &Context<'_>) {
        let declared = self.declared.borrow();
        let known = || declared.iter().map(String::as_str);
        for (name, _) in &self.disks {
            if known().any(|known| known == name.value) {
                continue;
            }
            let there = if declared.is_empty() {
                "the scenario has no [[vm]] with a disk (those of a group cannot be replaced)".to_owned()
            } else {
                format!("it is used as --disk VM.DISK=IMAGE; there are {}", list(known()))
            };
            context.diagnosis.push(
                Problem::new(name.at, format!("no disk is called `{}`", name.value), "named here")
                    .help(did_you_mean(&name.value, known()))
                    .help(there),
            );
        }
    }
}

/// Notes disks that are replaced twice: one of the images would be left out.
fn said_once(context: &Context<'_>, disks: &[(Located<String>, Located<PathBuf>)]) {
    for (index, (name, image)) in disks.iter().enumerate() {
        if let Some((_, first)) = disks[..index].iter().find(|(other, _)| other.value == name.value) {
            context.diagnosis.push(
                Problem::new(
                    image.at,
                    format!("two images for the disk `{}`", name.value),
                    "the second image",
                )
                .also(first.at, "the first image"),
            );
        }
    }
}
