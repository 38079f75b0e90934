//! The web process, and the command that asks whether it answers.

use std::pin::pin;

use web::{App, Cli, Command, Settings};

/// A request is read on one thread and may be answered on another, at which the system's own is slow
/// (`cargo race get-hello`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let Cli { command, settings } = dockerflow::settings::load();
    match command {
        Some(Command::Healthcheck(check)) => dockerflow::run_command(check.execute(&settings.http)),
        None => dockerflow::Process::new("web", &settings.process.log)
            .sentry(&settings.process.sentry, &web::version())
            .run(serve(&settings)),
    }
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    dockerflow::metrics::install(
        "web",
        &settings.process.metrics,
        &[&bare_database::metrics::METRICS, &web::METRICS],
    )
    .await?;
    let mut shutdown = pin!(dockerflow::shutdown::requested());
    let app = tokio::select! {
        // The signal first, so that it is heard from the beginning.
        biased;
        () = &mut shutdown => return Ok(()),
        app = App::build(settings) => app?,
    };
    Ok(app.run_until(shutdown).await?)
}
