//! A small static file server: pages of another origin than the server's, readable by any origin.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::cors::CorsLayer;
use tower_http::services::ServeDir;

/// A folder, served until dropped.
#[derive(Debug)]
pub struct Files {
    origin: String,
    task: JoinHandle<std::io::Result<()>>,
}

impl Files {
    /// Serves `folder` on a free port.
    pub async fn serve(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            return Err(std::io::Error::from(ErrorKind::NotFound)).with_context(|| folder.display().to_string());
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        // Every browser asks for an icon, and reports an error when a page has none.
        let icon = get(async || StatusCode::NO_CONTENT);
        let app = Router::new()
            .route("/favicon.ico", icon)
            .fallback_service(ServeDir::new(folder))
            .layer(CorsLayer::permissive());
        let task = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { origin, task })
    }

    /// The origin of its pages.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.task.abort();
    }
}
