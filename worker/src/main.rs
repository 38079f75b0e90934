//! The `worker` process.

use std::pin::pin;

use worker::{Settings, Worker};

fn main() {
    let settings: Settings = dockerflow::settings::load();
    dockerflow::run("worker", &settings.log, async {
        let mut shutdown = pin!(dockerflow::shutdown::requested());
        let worker = tokio::select! {
            worker = Worker::build(&settings) => worker?,
            () = &mut shutdown => return Ok(()),
        };
        worker.run_until(shutdown).await
    });
}
