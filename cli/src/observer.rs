//! What the command does while a run goes on: writes the event log, writes recovered disks, shows progress, hears Ctrl-C.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use actors::facts::{Fact, StepOutcome};
use actors::messages::Body;
use actors::nouns::{ActorId, FailoverKind};
use actors::ports::Evidence;
use datapath::image::{ImageError, write_raw, write_vhd};
use datapath::segment::SegmentKind;
use datapath::volume::Volume;
use datapath::{DiskId, Grain, SimTime};
use reports::account::DiskFile;
use reports::events::EventWriter;
use reports::named::hex;
use reports::names::Names;
use reports::run_directory::{DISKS, RunDirectory};
use scenarios::model::{ImageFormat, Output};
use sim::run::Observer;

use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::progress::Progress;

/// Sees a run for the command.
pub struct Watcher<'a> {
    names: &'a Names,
    directory: &'a RunDirectory,
    events: EventWriter,
    grain: Grain,
    output: Output,
    interrupts: Interrupts,
    /// Progress.
    pub progress: Progress,
    stored_bytes: u64,
    disk_files: Vec<DiskFile>,
    failure: Option<Failure>,
}

/// What it has seen.
pub struct Seen {
    /// Lines of the event log.
    pub events: u64,
    /// Its file, relative to the run directory; none where none was wanted.
    pub events_file: Option<PathBuf>,
    /// Sum of what segments took at the target.
    pub stored_bytes: u64,
    /// Images written.
    pub disk_files: Vec<DiskFile>,
}

impl<'a> Watcher<'a> {
    /// Nothing seen yet.
    pub fn new(
        names: &'a Names,
        directory: &'a RunDirectory,
        events: EventWriter,
        grain: Grain,
        output: Output,
        interrupts: Interrupts,
    ) -> Watcher<'a> {
        Watcher {
            names,
            directory,
            events,
            grain,
            output,
            interrupts,
            progress: Progress::new(&names.steps),
            stored_bytes: 0,
            disk_files: Vec::new(),
            failure: None,
        }
    }

    /// Ends the event log of a run in which something was found, or nothing.
    pub fn finish(self, found: bool) -> Result<Seen, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let lines = self.events.lines();
        let file = self.events.finish(self.names, found);
        let file = file.map_err(|e| cannot_log(self.directory, &e))?;
        Ok(Seen {
            events: lines,
            events_file: file.as_deref().and_then(Path::file_name).map(PathBuf::from),
            stored_bytes: self.stored_bytes,
            disk_files: self.disk_files,
        })
    }

    /// Keeps the first failure: what fails after it is its consequence.
    fn keep(&mut self, result: Result<(), Failure>) {
        if let (Err(failure), None) = (result, &self.failure) {
            self.failure = Some(failure);
        }
    }

    fn write_disks(&mut self, at: SimTime, kind: FailoverKind, volumes: &[(DiskId, Volume)]) -> Result<(), Failure> {
        let folder = self.directory.disks()?;
        for (disk, volume) in volumes {
            let (vm, own) = (self.names.vm(disk.vm), self.names.disk_only(*disk));
            let name = self.output.file_name(&vm, &own, kind);
            let path = folder.join(&name);
            let (what, bytes) = (format!("writing {name}"), volume.bytes());
            let mut done = |done| {
                self.progress.doing(&what, done, bytes);
                match self.interrupts.came() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            };
            let written = match self.output.format {
                ImageFormat::Vhd => write_vhd(volume, &path, &mut done),
                ImageFormat::Raw => write_raw(volume, &path, &mut done),
            };
            let written = written.map_err(|error| match error {
                ImageError::Stopped => self.interrupts.failure(),
                other => Failure::Machine(other.to_string()),
            })?;
            let file = Path::new(DISKS).join(name);
            // A later recovery of the same kind replaces the image.
            self.disk_files.retain(|known| known.file != file);
            self.disk_files.push(DiskFile {
                at,
                disk: *disk,
                kind,
                file,
                blake3: hex(&written.blake3),
                bytes: written.bytes,
                image_bytes: written.image_bytes,
                file_bytes: written.file_bytes,
            });
        }
        Ok(())
    }
}

/// The event log cannot be written.
pub fn cannot_log(directory: &RunDirectory, error: &std::io::Error) -> Failure {
    Failure::Machine(format!(
        "cannot write the event log in {}: {error}",
        directory.path().display()
    ))
}

impl Observer for Watcher<'_> {
    fn fact(&mut self, at: SimTime, ordinal: u64, actor: Option<ActorId>, fact: &Fact, evidence: Option<Evidence>) {
        if self.failure.is_some() {
            return;
        }
        match fact {
            Fact::Step { step, outcome } => self.progress.step(*step, *outcome != StepOutcome::Started),
            // What batches came to when they became one was stored before.
            Fact::SegmentsStored { kind, segments, .. } if !matches!(kind, SegmentKind::Merged { .. }) => {
                self.stored_bytes += segments.iter().map(|segment| segment.stored_bytes).sum::<u64>();
                self.progress.stored(self.stored_bytes);
            }
            Fact::Recovered { kind, .. } if self.grain == Grain::Real && self.output.disks.contains(kind) => {
                if let Some(Evidence::Disks { volumes }) = &evidence {
                    let written = self.write_disks(at, *kind, volumes);
                    self.keep(written);
                }
            }
            _ => {}
        }
        let logged = self.events.fact(self.names, at, ordinal, actor, fact);
        self.keep(logged.map_err(|e| cannot_log(self.directory, &e)));
    }

    fn frame(&mut self, at: SimTime, ordinal: u64, actor: ActorId, body: &Body, payload: u64) {
        if self.failure.is_none() {
            let logged = self.events.frame(self.names, at, ordinal, actor, body, payload);
            self.keep(logged.map_err(|e| cannot_log(self.directory, &e)));
        }
    }

    fn judging(&mut self, volumes: &[(DiskId, Volume)]) {
        self.progress.comparing(volumes, self.names);
    }

    fn progress(&mut self, now: SimTime, _entries: u64) {
        self.progress.at(now, &self.names.steps);
        if self.grain == Grain::Real {
            self.progress.real_content_goes_on();
        }
    }

    fn interrupted(&self) -> bool {
        self.failure.is_some() || self.interrupts.came()
    }
}
