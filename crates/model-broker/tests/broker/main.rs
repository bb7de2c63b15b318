//! The broker, driven step by step.
//!
//! | module | what |
//! |---|---|
//! | `fixture` | nodes whose sinks write down what they are told |
//! | `order` | what waits until it is moved, and in which order it arrives |
//! | `cuts` | broken connections, requests given up, nodes that die |
//! | `failover` | what was acknowledged is lost |
//! | `presence` | who is in which channel |
//! | `replay` | the same seed and the same steps are the same run |

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod cuts;
mod failover;
mod fixture;
mod order;
mod presence;
mod replay;
