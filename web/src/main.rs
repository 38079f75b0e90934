//! The web process.

use std::pin::pin;

use web::{App, Settings};

fn main() {
    let settings: Settings = dockerflow::settings::load();
    dockerflow::Process::new("web", &settings.log)
        .sentry(&settings.sentry, &web::version())
        .run(serve(&settings))
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    dockerflow::metrics::install("web", &settings.metrics, &[&db::metrics::METRICS]).await?;
    let mut shutdown = pin!(dockerflow::shutdown::requested());
    let app = tokio::select! {
        app = App::build(settings) => app?,
        () = &mut shutdown => return Ok(()),
    };
    Ok(app.run_until(shutdown).await?)
}
