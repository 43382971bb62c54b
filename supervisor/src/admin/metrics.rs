//! `mini-mcp metrics`: the worker's numbers, once or for a monitoring system that comes
//! for them.

use super::approvals::unexpected;
use super::options::Metrics;
use super::print;
use super::status::ask;
use crate::confine::{Needs, confine};
use crate::error::Error;
use crate::log::{self, Logging};
use crate::metrics::{AsyncPage, Exporter, down, up};
use crate::service::{Manager, feed};
use crate::signals;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::level_filters::LevelFilter;
use wire::{About, Answer};

/// Prints the numbers once.
pub(crate) fn metrics(options: &Metrics) -> Result<(), Error> {
    print(&up(&numbers(&options.place.socket)?))
}

/// Serves them until SIGTERM or SIGINT.
pub(crate) async fn export(options: &Metrics) -> Result<(), Error> {
    let Some(address) = &options.listen else {
        return metrics(options);
    };
    log::start(LevelFilter::INFO, Logging::default())?;
    let manager = Manager::find()?;
    let exporter = Exporter::listen(address, options.anywhere).await?;
    confine(&Needs::default())?;
    let mut ending = signals::Ending::watch().map_err(Error::Process)?;
    if let Ok(address) = exporter.address() {
        tracing::info!(%address, "serving metrics");
    }
    manager.ready("serving metrics")?;
    let page = Page(Arc::from(options.place.socket.clone()));
    tokio::select! {
        never = exporter.serve(page) => match never {},
        never = feed(&manager, async || Ok(())) => match never {},
        signal = ending.signal() => tracing::info!(signal, "stopping"),
    }
    manager.stopping();
    Ok(())
}

/// The numbers of the worker whose socket is here.
#[derive(Clone)]
struct Page(Arc<Path>);

impl AsyncPage for Page {
    async fn page(&self) -> String {
        let socket = PathBuf::from(&*self.0);
        let asking = tokio::task::spawn_blocking(move || numbers(&socket));
        match asking.await {
            Ok(Ok(metrics)) => up(&metrics),
            Ok(Err(error)) => {
                tracing::warn!(reason = error.text(), "the worker tells no numbers");
                down()
            }
            Err(_) => down(),
        }
    }
}

fn numbers(socket: &Path) -> Result<wire::Metrics, Error> {
    let answer = ask(socket, About::Metrics)?;
    if let Answer::Metrics(metrics) = answer {
        return Ok(*metrics);
    }
    Err(unexpected(answer))
}
