//! Capacity planning. Today: the vendor's sizing tables as data, and what an estate needs by them.

pub mod sizing;
