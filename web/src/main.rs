//! The web process, and the command that checks that it answers.

use std::pin::pin;

use dockerflow::settings::{CommandLine, load_command_line};
use web::{App, Cli, Command, Commands, Settings};

/// A request may be read on one thread and answered on another. The system's allocator is slow at that
/// (benchmark `get-hello`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    match load_command_line() {
        CommandLine::Command(Commands {
            command: Command::Healthcheck(check),
        }) => dockerflow::run_command(db::SERVICE, check.execute()),
        CommandLine::Service(Cli { settings, .. }) => {
            dockerflow::Process::new(db::SERVICE, "web", &settings.process.log)
                .sentry(&settings.process.sentry, &web::version())
                .run(serve(&settings))
        }
    }
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    settings
        .process
        .install_metrics("web", &[&bare_database::metrics::METRICS, &web::METRICS])
        .await?;
    let mut shutdown = pin!(dockerflow::shutdown::requested());
    let app = tokio::select! {
        // The signal first, so that it is handled from the start.
        biased;
        () = &mut shutdown => return Ok(()),
        app = App::build(settings) => app?,
    };
    Ok(app.run_until(shutdown).await?)
}
