//! Whether a run was as it should be.
//!
//! | module | what |
//! |---|---|
//! | [`witness`] | sees everything that the broker places, and knows all histories |
//! | [`telling`] | a run as `trunkline-checker` wants to be told of it, and its verdict |
//! | [`end`] | what must hold when everything was mended, and when everybody has left |

pub mod end;
pub mod telling;
pub mod witness;
