//! The `worker` process, and the command that operates its queue.

use worker::{Cli, Command, Worker};

fn main() {
    let Cli { command, settings } = dockerflow::settings::load();
    match command {
        Some(Command::Jobs(jobs)) => dockerflow::run_command(jobs.execute(&settings)),
        None => dockerflow::run("worker", &settings.log, async {
            let worker = Worker::build(&settings).await?;
            worker.run_until(dockerflow::shutdown::requested()).await
        }),
    }
}
