//! Between the tiers of an application (port 8080, our model): one asks the next, which answers once it has written what it is to write.

use serde::{Deserialize, Serialize};

use crate::nouns::Asked;

/// Where the tiers of an application listen (our model; the product has no part in it).
pub const PORT_APPLICATION: u16 = 8080;

/// What two tiers say to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TierMessage {
    /// Do your part of this.
    Ask {
        /// The application.
        application: u32,
        /// The request.
        asked: Asked,
    },
    /// It is done, or could not be.
    Answer {
        /// The request.
        asked: Asked,
        /// Whether it was done.
        done: bool,
    },
}
