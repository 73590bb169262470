//! Starts the actix actor of a component. Which actor stands for which specification is said here and nowhere else.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix::{Actor, Context, StreamHandler};

use crate::agent::Agent;
use crate::azure_compute::AzureCompute;
use crate::configuration_server::ConfigurationServer;
use crate::guest::Guest;
use crate::master_target::MasterTarget;
use crate::operator::Operator;
use crate::ports::{Env, Fabric, Input, Inputs};
use crate::process_server::ProcessServer;
use crate::service::Service;
use crate::spec::ComponentSpec;
use crate::storage::Storage;
use crate::vcenter::Vcenter;

/// An actor that was started; it ends when this is dropped, or after its turn where it does that itself.
pub struct Started {
    /// What happens to it.
    pub inputs: Inputs,
    /// The actor: polled, it handles what has happened to it. Nobody polls it by itself, for whoever puts an input there knows that there is
    /// one.
    pub actor: Rc<RefCell<Pin<Box<dyn Future<Output = ()>>>>>,
}

impl Started {
    /// An actor with a context of its own.
    #[must_use]
    pub fn new<A: Actor<Context = Context<A>> + StreamHandler<Input>>(actor: A) -> Started {
        let (inputs, mut context) = (Inputs::default(), Context::new());
        A::add_stream(inputs.clone(), &mut context);
        Started {
            inputs,
            actor: Rc::new(RefCell::new(Box::pin(context.into_future(actor)))),
        }
    }
}

/// Starts the actor of a component at its place; the right to reach across machines is handed on to hypervisors, Azure compute and the
/// operator alone. It does nothing until it is given [`Input::Started`].
#[must_use]
pub fn start(spec: &ComponentSpec, env: Env, fabric: Rc<dyn Fabric>) -> Started {
    match spec {
        ComponentSpec::Agent(spec) => Started::new(Agent::new(spec.clone(), env)),
        ComponentSpec::Guest(spec) => Started::new(Guest::new(spec.clone(), env)),
        ComponentSpec::ConfigurationServer(spec) => Started::new(ConfigurationServer::new(spec.clone(), env)),
        ComponentSpec::MasterTarget(spec) => Started::new(MasterTarget::new(spec.clone(), env)),
        ComponentSpec::ProcessServer(spec) => Started::new(ProcessServer::new(spec.clone(), env)),
        ComponentSpec::Vcenter(spec) => Started::new(Vcenter::new(spec.clone(), env, fabric)),
        ComponentSpec::AzureCompute(spec) => Started::new(AzureCompute::new(spec.clone(), env, fabric)),
        ComponentSpec::Storage(spec) => Started::new(Storage::new(spec.clone(), env)),
        ComponentSpec::Operator(spec) => Started::new(Operator::new(spec.clone(), env, fabric)),
        ComponentSpec::Service(spec) => Started::new(Service::new(spec.clone(), env)),
    }
}
