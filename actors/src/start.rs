//! Starts the actix actor of a component. Which actor stands for which specification is said here and nowhere else.

use std::rc::Rc;

use actix::{Actor, Recipient};

use crate::agent::Agent;
use crate::azure_compute::AzureCompute;
use crate::configuration_server::ConfigurationServer;
use crate::guest::Guest;
use crate::master_target::MasterTarget;
use crate::operator::Operator;
use crate::ports::{Deliver, Env, Fabric};
use crate::process_server::ProcessServer;
use crate::service::Service;
use crate::spec::ComponentSpec;
use crate::storage::Storage;
use crate::vcenter::Vcenter;

/// Starts the actor of a component at its place; the right to reach across machines is handed on to hypervisors, Azure compute and the
/// operator alone. It does nothing until it is given [`Input::Started`](crate::ports::Input).
///
/// Must be called where an actix system runs (a `LocalSet` with `actix_rt::System`, or turmoil's host).
#[must_use]
pub fn start(spec: &ComponentSpec, env: Env, fabric: Rc<dyn Fabric>) -> Recipient<Deliver> {
    match spec {
        ComponentSpec::Agent(spec) => Agent::new(spec.clone(), env).start().recipient(),
        ComponentSpec::Guest(spec) => Guest::new(spec.clone(), env).start().recipient(),
        ComponentSpec::ConfigurationServer(spec) => ConfigurationServer::new(spec.clone(), env).start().recipient(),
        ComponentSpec::MasterTarget(spec) => MasterTarget::new(spec.clone(), env).start().recipient(),
        ComponentSpec::ProcessServer(spec) => ProcessServer::new(spec.clone(), env).start().recipient(),
        ComponentSpec::Vcenter(spec) => Vcenter::new(spec.clone(), env, fabric).start().recipient(),
        ComponentSpec::AzureCompute(spec) => AzureCompute::new(spec.clone(), env, fabric).start().recipient(),
        ComponentSpec::Storage(spec) => Storage::new(spec.clone(), env).start().recipient(),
        ComponentSpec::Operator(spec) => Operator::new(spec.clone(), env, fabric).start().recipient(),
        ComponentSpec::Service(spec) => Service::new(spec.clone(), env).start().recipient(),
    }
}
