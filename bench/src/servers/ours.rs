//! Our web, as its binary runs it.

pub fn serve(variables: &[(String, String)]) -> ! {
    let mut all = vec![("HOST", "127.0.0.1"), ("PORT", "0")];
    all.extend(
        variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let settings: web::Settings = e2e::settings("web", &all);
    dockerflow::Process::new("web", &settings.log)
        .sentry(&settings.sentry, &web::version())
        .run(async {
            dockerflow::metrics::install("web", &settings.metrics, &[&db::metrics::METRICS])
                .await?;
            let app = web::App::build(&settings).await?;
            super::say(app.address());
            app.run_until(std::future::pending()).await?;
            anyhow::Ok(())
        })
}
