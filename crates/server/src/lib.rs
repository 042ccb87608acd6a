//! The Madang server: the page, the SDK and the signaling of video calls, on one port.
//!
//! [`Server::bind`] takes the port, [`Server::serve`] runs until it is told to stop. From the
//! wire inwards: [`limits`] and [`payload`] say what is taken, `signaling` carries events between
//! sockets and [`room`]s, and [`tutorial`] lets the tutorial's page talk to native peers. Rooms,
//! translation and limits are pure; time is an input.
//!
//! ```no_run
//! use madang_server::{Config, Server};
//!
//! # async fn run() -> std::io::Result<()> {
//! let server = Server::bind(Config::local()).await?;
//! println!("http://{}", server.local_addr());
//! server.serve(async { _ = tokio::signal::ctrl_c().await }).await;
//! # Ok(())
//! # }
//! ```

mod assets;
mod client;
pub mod config;
pub mod credentials;
mod endpoint;
mod http;
pub mod limits;
pub mod payload;
pub mod relay;
pub mod room;
mod say;
mod serve;
mod session;
mod signaling;
mod transport;
pub mod tutorial;

pub use config::Config;
pub use serve::Server;
