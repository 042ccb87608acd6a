//! Real browsers in networks that get in the way.

mod authority;
mod networks;

pub use authority::Authority;
pub use networks::Networks;
