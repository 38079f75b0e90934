//! The web process.

use std::process::ExitCode;

use anyhow::Context as _;
use web::{App, Settings};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let settings: Settings = dockerflow::settings::load();
    let _log = dockerflow::log::init("web", &settings.log).context("logging")?;
    Ok(match run(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    })
}

async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut shutdown = std::pin::pin!(web::signalled()?);
    let app = tokio::select! {
        app = App::build(settings) => app?,
        () = &mut shutdown => return Ok(()),
    };
    Ok(app.run_until(shutdown).await?)
}
