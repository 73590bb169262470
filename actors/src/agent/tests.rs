//! The laws of the agent.
