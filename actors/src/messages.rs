//! What components say to each other, one file for each flow of the table of flows: who speaks with whom, on which port.
//!
//! A flow has an enum for each direction, named for who receives it. A receiver takes the flows that its connection may carry and
//! matches each of them without a wildcard, so a message that is added to a flow and forgotten by a receiver does not compile. Whatever is
//! of another flow says nothing to it. On the wire a message is a [`Body`]: small and typed; bulk travels as the frame's payload.
//!
//! Ports and directions are those of the product (facts §1.2): agents, process servers and master targets call the configuration
//! server on 443; the configuration server calls the Site Recovery service on 443; agents call their process server on 9443; process
//! servers call storage on 443, or a master target on 9444 (that number is our model); process servers call vCenter on 443 and the
//! machines they install on (135 for Windows, 22 for Linux). Commands travel down the connections that were opened upwards.

pub mod application;
pub mod checksums;
pub mod group;
pub mod installation;
pub mod local;
pub mod machines;
pub mod management;
pub mod portal;
pub mod refusal;
pub mod replica;
pub mod replication;
pub mod segments;
pub mod vcenter;

use serde::{Deserialize, Serialize};

/// Where configuration servers, the service, storage, compute and vCenter listen.
pub const PORT_MANAGEMENT: u16 = 443;

/// Writes the enum of all flows, and the way from each flow's message into it.
macro_rules! flows {
    ($($(#[$doc:meta])* $flow:ident($message:ty),)*) => {
        /// What a frame says: a message of one flow, in one direction.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Body {
            $($(#[$doc])* $flow($message),)*
        }

        $(impl From<$message> for Body {
            fn from(message: $message) -> Body {
                Body::$flow(message)
            }
        })*
    };
}

flows! {
    /// See [`management::Up`].
    ManagementUp(management::Up),
    /// See [`management::Down`].
    ManagementDown(management::Down),
    /// See [`portal::ToService`].
    PortalToService(portal::ToService),
    /// See [`portal::ToOperator`].
    PortalToOperator(portal::ToOperator),
    /// See [`replication::ToProcessServer`].
    ReplicationToProcessServer(replication::ToProcessServer),
    /// See [`replication::ToAgent`].
    ReplicationToAgent(replication::ToAgent),
    /// See [`segments::ToTarget`].
    SegmentsToTarget(segments::ToTarget),
    /// See [`segments::ToProcessServer`].
    SegmentsToProcessServer(segments::ToProcessServer),
    /// See [`replica::ToStorage`].
    ReplicaToStorage(replica::ToStorage),
    /// See [`replica::ToService`].
    ReplicaToService(replica::ToService),
    /// See [`machines::ToCompute`].
    MachinesToCompute(machines::ToCompute),
    /// See [`machines::ToService`].
    MachinesToService(machines::ToService),
    /// See [`vcenter::ToVcenter`].
    ToVcenter(vcenter::ToVcenter),
    /// See [`vcenter::ToAsker`].
    FromVcenter(vcenter::ToAsker),
    /// See [`installation::ToMachine`].
    InstallationToMachine(installation::ToMachine),
    /// See [`installation::ToProcessServer`].
    InstallationToProcessServer(installation::ToProcessServer),
    /// See [`group::GroupMessage`].
    Group(group::GroupMessage),
    /// See [`application::TierMessage`].
    Tier(application::TierMessage),
}
