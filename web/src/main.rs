//! The web process.

use web::{App, Settings};

fn main() {
    let settings: Settings = dockerflow::settings::load();
    dockerflow::run("web", &settings.log, async {
        let app = App::build(&settings).await?;
        anyhow::Ok(app.run_until(dockerflow::shutdown::requested()).await?)
    });
}
