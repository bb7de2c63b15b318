//! What operators and newcomers look at.
//!
//! [`router`] answers on the second listener: health, readiness and metrics. [`page`] is the page
//! at `/` of the first one, which shows that the node works. Neither is part of the server API.

mod checks;
mod page;
mod template;

pub use checks::{AdminState, Trouble, router};
pub use page::{PageOptions, page};
