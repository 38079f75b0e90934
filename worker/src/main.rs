//! The `worker` process.

use worker::{Settings, Worker};

fn main() {
    let settings: Settings = dockerflow::settings::load();
    dockerflow::run("worker", &settings.log, async {
        Worker::build(&settings)
            .await?
            .run_until(dockerflow::shutdown::requested())
            .await
    });
}
