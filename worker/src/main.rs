//! The `worker` process, and the command that operates its queue.

use std::pin::pin;

use worker::{Cli, Command, Settings, Worker};

fn main() {
    let Cli { command, settings } = dockerflow::settings::load();
    match command {
        Some(Command::Jobs(jobs)) => dockerflow::run_command(jobs.execute(&settings)),
        None => dockerflow::Process::new("worker", &settings.log)
            .sentry(&settings.sentry, &worker::version())
            .run(work(&settings)),
    }
}

async fn work(settings: &Settings) -> anyhow::Result<()> {
    dockerflow::metrics::install("worker", &settings.metrics, &worker::METRICS).await?;
    let mut shutdown = pin!(dockerflow::shutdown::requested());
    let worker = tokio::select! {
        // The signal first, so that it is heard from the beginning.
        biased;
        () = &mut shutdown => return Ok(()),
        worker = Worker::build(settings) => worker?,
    };
    worker.run_until(shutdown).await
}
