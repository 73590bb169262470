//! Links.
pub mod fair;
