//! The event network: one queue for the whole world; a packet is handed over as it is.

use std::rc::Rc;

use tokio::task::LocalSet;

use crate::run::{Ended, Observer, RunError, Why};
use crate::spec::{RunOptions, WorldSpec};
use crate::world::{ActorFactory, Carrier, Engine};

/// Runs a world on the event network.
pub(crate) fn run(
    spec: WorldSpec,
    options: &RunOptions,
    observer: &mut dyn Observer,
    factory: ActorFactory,
) -> Result<Ended, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| RunError::Machine(format!("event loop: {error}")))?;
    let local = LocalSet::new();
    let engine = Engine::new(spec, options, factory, Carrier::Event)?;
    local.block_on(&runtime, async {
        engine.begin();
        let why = loop {
            // The loop proper is a task among the actors' tasks, so that the switch to and fro stays inside their ready queue. It
            // comes back here for the observer only.
            let why = match tokio::task::spawn_local(pump(Rc::clone(&engine))).await {
                Ok(why) => why,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            };
            if engine.show(observer) {
                break Why::Interrupted;
            }
            if let Some(why) = why {
                break why;
            }
        };
        engine.end_faults();
        engine.last_samples().await;
        engine.show_last(observer);
        engine.ended(why)
    })
}

/// Handles entries until the observer should look, or the run ends.
async fn pump(engine: Rc<Engine>) -> Option<Why> {
    loop {
        let (end, why) = engine.end();
        let Some((at, entry)) = engine.next_due(0, end) else {
            if engine.next_time(0).is_none() {
                return Some(engine.end_of_queue());
            }
            engine.advance(end);
            return Some(why);
        };
        engine.advance(at);
        engine.handle(entry).await;
        if engine.is_stopped() {
            return Some(Why::Interrupted);
        }
        if engine.wants_observer() {
            return None;
        }
    }
}
