//! The event network: one queue for the whole world; a packet is handed over as it is.

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
    let engine = Engine::new(spec, options, factory, Carrier::Event)?;
    engine.begin();
    let why = loop {
        let why = pump(&engine);
        if engine.show(observer) {
            break Why::Interrupted;
        }
        if let Some(why) = why {
            break why;
        }
    };
    engine.end_faults();
    engine.last_samples();
    engine.show_last(observer);
    engine.ended(why)
}

/// Handles entries until the observer should look, or the run ends.
fn pump(engine: &Engine) -> Option<Why> {
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
        engine.handle(entry);
        if engine.is_stopped() {
            return Some(Why::Interrupted);
        }
        if engine.wants_observer() {
            return None;
        }
    }
}
