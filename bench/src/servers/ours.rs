//! Our web, as its binary runs it.

use crate::side::{Variables, say, settings};

pub fn serve(variables: &Variables) -> ! {
    let settings: web::Settings = settings(&[("HOST", "127.0.0.1"), ("PORT", "0")], variables);
    dockerflow::Process::new("web", &settings.log)
        .sentry(&settings.sentry, &web::version())
        .run(async {
            dockerflow::metrics::install("web", &settings.metrics, &[&db::metrics::METRICS])
                .await?;
            let app = web::App::build(&settings).await?;
            say(&app.address())?;
            app.run_until(std::future::pending()).await?;
            anyhow::Ok(())
        })
}
