//! The product's error codes that alerts and failures carry, each with its row of the documentation (facts §6).

/// A configuration server cannot be reached when a component registers (F14): the exit code of the tool that tries.
pub const NO_CONNECTION: &str = "curl 7";
/// Nothing is heard of a process server (F5).
pub const PROCESS_SERVER_LOST: &str = "806";
/// Nothing is heard of a master target (F9).
pub const MASTER_TARGET_LOST: &str = "78022";
/// A process server does not get through to Azure (F6, F7).
pub const UPLOAD_FAILS: &str = "78028";
/// The machine in Azure cannot be protected again: it does not answer (F33).
pub const AZURE_MACHINE_SILENT: &str = "78093";
/// No app-consistent recovery point (F15).
pub const NO_APP_CONSISTENT_POINT: &str = "78144";
/// Nothing is heard of a Mobility service (F8).
pub const MOBILITY_SERVICE_LOST: &str = "78174";
/// A machine does not reach its process server (F6).
pub const PROCESS_SERVER_UNREACHABLE: &str = "78186";
/// No crash-consistent recovery point for long (F1).
pub const NO_CRASH_CONSISTENT_POINT: &str = "78188";
/// A push installation does not reach a Windows machine: its file sharing or management is closed (F19).
pub const PUSH_SHARING_OFF: &str = "95105";
/// A push installation does not reach the machine (F18).
pub const PUSH_UNREACHABLE: &str = "95117";
/// The machine in Azure does not reach the configuration server (F31).
pub const NO_WAY_FROM_AZURE: &str = "95226";
