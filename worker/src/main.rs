//! The worker process, and the command that operates the queue.

use std::pin::pin;

use dockerflow::settings::{CommandLine, load_command_line};
use worker::{Cli, Command, Commands, Settings, tasks};

fn main() {
    match load_command_line() {
        CommandLine::Command(Commands {
            command: Command::Jobs(jobs),
        }) => {
            let tasks = tasks::registry();
            dockerflow::run_command(db::SERVICE, jobs.execute(migration::SCHEMA, &tasks))
        }
        CommandLine::Service(Cli { settings, .. }) => {
            dockerflow::Process::new(db::SERVICE, "worker", &settings.process.log)
                .sentry(&settings.process.sentry, &worker::version())
                .run(work(&settings))
        }
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
