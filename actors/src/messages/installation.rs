//! A process server and the machine on which it installs the Mobility service (135 for Windows, 22 for Linux).

use serde::{Deserialize, Serialize};

use crate::nouns::MachineId;

/// Push installation on Windows (the connectivity test's port).
pub const PORT_PUSH_WINDOWS: u16 = 135;
/// Push installation on Linux.
pub const PORT_PUSH_LINUX: u16 = 22;

/// What the process server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToMachine {
    /// Installs the Mobility service.
    Install {
        /// Its configuration server.
        configuration_server: MachineId,
        /// The passphrase's fingerprint.
        passphrase: u64,
    },
}

/// What the machine answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToProcessServer {
    /// Installed, or the documented error.
    Installed {
        /// The error, if any.
        refused: Option<String>,
    },
}
