//! Machines and disks as far as counters name them.

/// Machines whose disks have counters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    /// In order.
    pub machines: Vec<Machine>,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// The host that it runs on, which tells machines of one name apart.
    pub host: Option<String>,
    /// Its disks, in order.
    pub disks: Vec<Disk>,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its name.
    pub name: String,
    /// Its size in bytes; 0 where it is not known.
    pub size_bytes: u64,
}
