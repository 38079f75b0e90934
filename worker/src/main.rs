//! The worker process, and the command that operates the queue.

use std::pin::pin;

use worker::{Cli, Command, Settings, tasks};

fn main() {
    let Cli { command, settings } = dockerflow::settings::load();
    match command {
        Some(Command::Jobs(jobs)) => {
            let tasks = tasks::registry();
            dockerflow::run_command(
                db::SERVICE,
                jobs.execute(&settings.database, migration::SCHEMA, &tasks),
            )
        }
        None => dockerflow::Process::new(db::SERVICE, "worker", &settings.process.log)
            .sentry(&settings.process.sentry, &worker::version())
            .run(work(&settings)),
    }
}

async fn work(settings: &Settings) -> anyhow::Result<()> {
    settings
        .process
        .install_metrics("worker", &worker::METRICS)
        .await?;
    let mut shutdown = pin!(dockerflow::shutdown::requested());
    let worker = tokio::select! {
        // The signal first, so that it is handled from the start.
        biased;
        () = &mut shutdown => return Ok(()),
        worker = worker::start(settings) => worker?,
    };
    worker.run_until(shutdown).await
}
