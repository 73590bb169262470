//! Databases on machines.

use actors::spec::DatabaseSpec;
use datapath::EXTENT_BYTES;
use datapath::units::extents_of;

use super::super::vms::Vms;
use super::has_room;
use crate::diagnose::{At, Located, Problem};
use crate::model::{Application, Database, Disk, Start};
use crate::read::{Context, unique};
use crate::reader::{Bytes, Nanos, Reader};

/// Reads the databases.
pub(crate) fn databases(
    context: &Context<'_>,
    file: &Reader<'_>,
    vms: &Vms,
    applications: &[Application],
) -> Vec<Database> {
    let tables = file.tables("database");
    if !has_room(context, "databases", &tables) {
        return Vec::new();
    }
    let names: Vec<Located<String>> = tables.iter().filter_map(|table| table.name("name")).collect();
    unique(context.diagnosis, "databases", &names);
    let mut reading = Reading {
        context,
        vms,
        applications,
        taken: Vec::new(),
    };
    let read = tables.iter().filter_map(|table| reading.database(table));
    read.collect()
}

struct Reading<'a> {
    context: &'a Context<'a>,
    vms: &'a Vms,
    applications: &'a [Application],
    /// Disks of databases that were read, and where they are named.
    taken: Vec<((usize, usize), At)>,
}

impl Reading<'_> {
    fn database(&mut self, table: &Reader<'_>) -> Option<Database> {
        let (named, vm) = (table.name("name"), table.required::<String>("vm"));
        let (disk, log_disk) = (table.required::<String>("disk"), table.get::<String>("log_disk"));
        let (size, log_size) = (table.value::<Bytes>("size").0, table.value::<Bytes>("log_size").0);
        let vm = self.context.find("machine", &vm?, &self.vms.names())?;
        let of: Vec<&str> = self.vms.vms[vm].disks.iter().map(|disk| disk.name.as_str()).collect();
        let disk = self.context.find("disk of this machine", &disk?, &of)?;
        let log_disk = match log_disk {
            Some(name) => self.context.find("disk of this machine", &name, &of)?,
            None => disk,
        };
        let (pages, log) = (DatabaseSpec::SUPERBLOCKS + extents_of(size), extents_of(log_size));
        if log_disk == disk {
            self.is_its_own(vm, disk, table.key_at("disk"), pages + log);
        } else {
            self.is_its_own(vm, disk, table.key_at("disk"), pages);
            self.is_its_own(vm, log_disk, table.key_at("log_disk"), log);
        }
        Some(Database {
            name: named?.value,
            vm,
            disk: u16::try_from(disk).ok()?,
            log_disk: u16::try_from(log_disk).ok()?,
            size,
            log_size,
            every: table.value::<Nanos>("every").0,
            checkpoint_every: table.value::<Nanos>("checkpoint_every").0,
        })
    }

    /// Notes a disk that is too small for a database, or that somebody else writes to.
    fn is_its_own(&mut self, vm: usize, place: usize, at: At, extents: u64) {
        let machine = &self.vms.vms[vm];
        let Disk { name, bytes, start } = &machine.disks[place];
        let problem = |title: String, label: String| {
            self.context.diagnosis.push(Problem::new(at, title, label).help(
                "a database has its disks to itself, and creates what is on them: an empty disk with no workload",
            ));
        };
        if bytes / EXTENT_BYTES < extents {
            let needs = extents * EXTENT_BYTES;
            let label = format!("`{name}` has {bytes} bytes, {needs} are needed");
            problem("a disk that is too small for its database".to_owned(), label);
        }
        match start {
            Start::Generated { used: 0, .. } => {}
            Start::Generated { .. } => problem(
                format!("disk `{name}` of a database is not empty"),
                "it has `used`".to_owned(),
            ),
            Start::Image(_) => problem(
                format!("disk `{name}` of a database is not empty"),
                "it has an image".to_owned(),
            ),
        }
        let streams = &machine.workload.streams;
        let tiers = || self.applications.iter().flat_map(|application| &application.tiers);
        if streams.iter().any(|stream| usize::from(stream.disk) == place) {
            problem(
                format!("a workload writes to disk `{name}` of a database"),
                "this disk".to_owned(),
            );
        }
        if tiers().any(|tier| tier.vm == vm && usize::from(tier.disk) == place) {
            problem(
                format!("an application writes to disk `{name}` of a database"),
                "this disk".to_owned(),
            );
        }
        if let Some((_, other)) = self.taken.iter().find(|(taken, _)| *taken == (vm, place)) {
            self.context
                .diagnosis
                .push(Problem::new(at, format!("two databases are on disk `{name}`"), "here").also(*other, "and here"));
        }
        self.taken.push(((vm, place), at));
    }
}
