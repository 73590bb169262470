//! Classes of compressibility: what the modelled grains measure once for all content of a kind. They are numbered as disks and streams first
//! need them; an image is a class of its own wherever it is used.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::workload::{StreamSpec, WorkloadSpec};
use datapath::Class;
use datapath::image::Source;

use crate::model::{Compressibility, Scenario, Start, Workload};

/// What a class stands for.
#[derive(Clone)]
pub(super) enum ClassSource {
    /// Generated content with so many random bytes in each extent.
    Generated(u16),
    /// An image.
    Image(Arc<dyn Source>),
}

/// The classes of a scenario, and what has which.
pub(crate) struct Classes {
    pub(super) sources: Vec<ClassSource>,
    /// Of each machine's disks.
    pub(super) disks: Vec<Vec<Class>>,
    /// Each machine's workload.
    pub(super) workloads: Vec<Arc<WorkloadSpec>>,
}

impl Classes {
    pub(super) fn of(scenario: &Scenario) -> Classes {
        let mut classes = Classes {
            sources: Vec::new(),
            disks: Vec::new(),
            workloads: Vec::new(),
        };
        // Machines of a group have one workload between them, which is not copied for each.
        let mut shared: BTreeMap<*const Workload, Arc<WorkloadSpec>> = BTreeMap::new();
        for vm in &scenario.vms {
            let disks = vm.disks.iter().map(|disk| match &disk.start {
                Start::Image(image) => classes.push(ClassSource::Image(Arc::clone(&image.source))),
                Start::Generated { compressibility, .. } => classes.generated(*compressibility),
            });
            let disks = disks.collect();
            classes.disks.push(disks);
            let spec = match shared.get(&Arc::as_ptr(&vm.workload)) {
                Some(spec) => Arc::clone(spec),
                None => {
                    let spec = Arc::new(classes.workload(&vm.workload));
                    shared.insert(Arc::as_ptr(&vm.workload), Arc::clone(&spec));
                    spec
                }
            };
            classes.workloads.push(spec);
        }
        classes
    }

    fn push(&mut self, source: ClassSource) -> Class {
        self.sources.push(source);
        Class(u16::try_from(self.sources.len() - 1).unwrap_or(u16::MAX))
    }

    fn generated(&mut self, compressibility: Compressibility) -> Class {
        let wanted = compressibility.random_bytes();
        let found = self
            .sources
            .iter()
            .position(|class| matches!(class, ClassSource::Generated(known) if *known == wanted));
        match found {
            Some(index) => Class(u16::try_from(index).unwrap_or(u16::MAX)),
            None => self.push(ClassSource::Generated(wanted)),
        }
    }

    fn workload(&mut self, workload: &Workload) -> WorkloadSpec {
        let streams = workload.streams.iter().map(|stream| StreamSpec {
            disk: stream.disk,
            class: self.generated(stream.compressibility),
            random_bytes: stream.compressibility.random_bytes(),
            kind: stream.kind.clone(),
            flush_every: stream.flush_every,
            outstanding: stream.outstanding,
            starts_after: stream.starts_after,
        });
        WorkloadSpec {
            streams: streams.collect(),
        }
    }
}
