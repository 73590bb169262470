//! What happens to the world.

use sim::faults::{Nth, Off};

use super::page::{Entries, Page, array, quoted};
use super::{Unwritable, Writer};
use crate::keys::{self, word_of};
use crate::model::{Fault, Happens, Host};
use crate::units::{write_bits_per_second, write_duration, write_share};

fn put_nth(table: &mut Entries, which: Nth) {
    match which {
        Nth::Every(every) => table.put("every", &every.to_string()),
        Nth::Only(nth) => table.put("nth", &nth.to_string()),
    }
}

impl Writer<'_> {
    pub(super) fn faults(&self, page: &mut Page) -> Result<(), Unwritable> {
        for fault in &self.scenario.faults {
            page.one_of("fault", &self.fault(fault)?);
        }
        Ok(())
    }

    fn fault(&self, fault: &Fault) -> Result<Entries, Unwritable> {
        let mut table = Entries::new(&keys::FAULT, keys::FAULT.variant(fault.word));
        table.put("name", &fault.name);
        table.put("kind", fault.word);
        match &fault.what {
            Happens::PowerLoss { hosts, sites } => {
                let hosts = hosts.iter().map(|host| self.host(*host));
                let hosts = hosts.collect::<Result<Vec<&str>, Unwritable>>()?;
                let sites = sites.iter().map(|site| {
                    let name = self.scenario.sites.get(*site).map(String::as_str);
                    name.ok_or_else(|| Unwritable::new("a power loss of no site"))
                });
                let sites = sites.collect::<Result<Vec<&str>, Unwritable>>()?;
                if hosts.is_empty() && sites.is_empty() {
                    return Err(Unwritable::new("a power loss of nothing"));
                }
                for (key, names) in [("machine", hosts), ("site", sites)] {
                    if !names.is_empty() {
                        table.list(key, names);
                    }
                }
            }
            Happens::ProcessCrash(host, process) => {
                table.put("machine", self.host(*host)?);
                table.put("component", word_of(*process).unwrap_or_default());
            }
            Happens::LinkCut { link, direction } => {
                table.put("link", self.link_name(*link)?);
                table.put("direction", word_of(*direction).unwrap_or_default());
            }
            Happens::LinkFlapping { link, down, up } => {
                table.put("link", self.link_name(*link)?);
                table.put("down", &write_duration(*down));
                table.put("up", &write_duration(*up));
            }
            Happens::LinkHeld(link) => table.put("link", self.link_name(*link)?),
            Happens::AnswersLate { host, by } => {
                table.put("machine", self.host(*host)?);
                table.put("by", &write_duration(*by));
            }
            Happens::Clock { host, off } => {
                table.put("machine", self.host(*host)?);
                match *off {
                    Off::Jump(by) => {
                        let key = if by < 0 { "backward" } else { "forward" };
                        table.put(key, &write_duration(by.unsigned_abs()));
                    }
                    Off::Drift(by) => {
                        let key = if by < 0 { "slow" } else { "fast" };
                        table.put(key, &write_share(by.unsigned_abs()));
                    }
                }
            }
            Happens::LinkDegraded {
                link,
                bits_per_second,
                latency,
                loss_per_million,
            } => {
                table.put("link", self.link_name(*link)?);
                if let Some(rate) = bits_per_second {
                    table.put("rate", &write_bits_per_second(*rate));
                }
                if let Some(latency) = latency {
                    table.put("latency", &write_duration(*latency));
                }
                if let Some(loss) = loss_per_million {
                    table.put("loss", &write_share(*loss));
                }
            }
            Happens::Apart(first, second) => {
                let names = [quoted(self.host(*first)?), quoted(self.host(*second)?)];
                table.raw("between", array(&names));
            }
            Happens::PortBlocked { port, host } => {
                table.put("port", &port.to_string());
                if let Some(host) = host {
                    table.put("machine", self.host(*host)?);
                }
            }
            Happens::DiskSlow { host, times } | Happens::ComputeSlow { host, times } => {
                table.put("machine", self.host(*host)?);
                table.put("times", &times.to_string());
            }
            Happens::DiskFull(host) | Happens::FlushLies(host) | Happens::AnswersTwice(host) => {
                table.put("machine", self.host(*host)?)
            }
            Happens::BootsRefused { host, code } => {
                table.put("machine", self.host(*host)?);
                table.put("code", code);
            }
            Happens::RequestsRefused(every) => table.put("every", &every.to_string()),
            Happens::QuiesceFails(vm) => table.put("vm", self.vm(*vm)?),
            Happens::DiskError { host, operation, which } => {
                table.put("machine", self.host(*host)?);
                table.put("operation", word_of(*operation).unwrap_or_default());
                put_nth(&mut table, *which);
            }
            Happens::WriteLost { host, which } | Happens::WriteMisdirected { host, which } => {
                table.put("machine", self.host(*host)?);
                put_nth(&mut table, *which);
            }
            Happens::DiskTorn { host, left } => {
                table.put("machine", self.host(*host)?);
                table.put("left", word_of(*left).unwrap_or_default());
            }
            Happens::DiskRot {
                vm,
                of,
                disk,
                file,
                byte,
            } => {
                table.put("vm", self.vm(*vm)?);
                table.put("of", word_of(*of).unwrap_or_default());
                self.put_disk(&mut table, *vm, *disk)?;
                table.put("file", &file.to_string());
                table.put("byte", &byte.to_string());
            }
            Happens::SegmentTampered {
                vm,
                disk,
                segment,
                byte,
            } => {
                table.put("vm", self.vm(*vm)?);
                self.put_disk(&mut table, *vm, *disk)?;
                table.put("segment", &segment.to_string());
                table.put("byte", &byte.to_string());
            }
        }
        // As a step that comes after none, which waits for nothing unless it says so.
        self.begin(&mut table, 0, &fault.begin)?;
        table.put("wait", &write_duration(fault.wait));
        if let Some(lasts) = fault.lasts {
            table.put("lasts", &write_duration(lasts));
        }
        self.conditions(&mut table, "until", &fault.until)?;
        table.flag("may_miss", fault.may_miss);
        Ok(table)
    }

    /// A disk of a machine, unless it is the first.
    fn put_disk(&self, table: &mut Entries, vm: usize, disk: u16) -> Result<(), Unwritable> {
        if disk > 0 {
            let disks = self.scenario.vms.get(vm).map(|vm| &vm.disks);
            let disk = disks.and_then(|disks| disks.get(usize::from(disk)));
            let disk = disk.ok_or_else(|| Unwritable::new("a fault of no disk"))?;
            table.put("disk", &disk.name);
        }
        Ok(())
    }

    fn host(&self, host: Host) -> Result<&str, Unwritable> {
        match host {
            Host::Always(machine) => Ok(machine.name()),
            Host::Server(server) => self.server(server),
            Host::Vm(vm) => self.vm(vm),
        }
    }
}
