//! The Madang server: the page, the SDK, the signaling and the relay of video calls, on one port.
//!
//! [`Server::bind`] takes the port, [`Server::serve`] runs until it is told to stop. From the
//! wire inwards: `connection` tells by the first bytes what a connection speaks, [`limits`] and
//! [`payload`] say what is taken, `signaling` carries events between sockets and [`room`]s,
//! [`tutorial`] lets the tutorial's page talk to native peers, `ice` says where the [`relay`] is.
//! Rooms, translation and limits are pure; time is an input.
//!
//! ```no_run
//! use madang_server::{Config, Server};
//!
//! # async fn run() -> std::io::Result<()> {
//! let server = Server::bind(Config::local()).await?;
//! println!("{}", server.url());
//! server.serve(async { _ = tokio::signal::ctrl_c().await }).await;
//! # Ok(())
//! # }
//! ```

mod admin;
mod assets;
pub mod check;
mod client;
pub mod config;
mod connection;
pub mod credentials;
mod endpoint;
#[doc(hidden)]
pub mod fuzzing;
mod goodbye;
mod http;
mod ice;
pub mod limits;
mod metrics;
pub mod payload;
mod port;
pub mod relay;
pub mod room;
mod say;
mod serve;
mod session;
mod signaling;
mod speaks;
mod tls;
mod transport;
pub mod tutorial;
mod waiting;

pub use config::Config;
pub use serve::Server;
