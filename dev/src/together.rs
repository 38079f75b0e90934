//! Migrations, web and worker in one process, on one pool of connections.

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// Runs until Ctrl-C. As in production, requests and jobs in flight then have the grace period.
pub(crate) async fn run(settings: &Settings) -> anyhow::Result<()> {
    let [database, queue] = worker::METRICS;
    let metrics = [database, queue, &web::METRICS];
    settings
        .web
        .process
        .install_metrics("dev", &metrics)
        .await?;
    let mut database = settings.web.database.clone();
    // For migrations: one connection holds the lock and the other works.
    database.database_pool_size = database.database_pool_size.max(2);
    let db = db::connect(&database, "dev").await?;
    let app = web::App::with_database(&settings.web, db.clone()).await?;
    let pending = migration::SCHEMA.status(&db).await?.pending;
    migration::SCHEMA
        .up(&db, None)
        .await
        .context("not all migrations are applied")?;
    for step in pending {
        tracing::info!(step, "applied");
    }
    let worker = worker::start_with(&settings.worker(), db).await?;
    greet(settings, &app);

    let stop = CancellationToken::new();
    let stopping = async {
        dockerflow::shutdown::requested().await;
        stop.cancel();
    };
    let (web, worker, ()) = tokio::join!(
        app.run_until(stop.cancelled()),
        worker.run_until(stop.cancelled()),
        stopping
    );
    web?;
    worker
}

/// Prints what a developer wants to know first.
fn greet(settings: &Settings, app: &web::App) {
    let address = app.address();
    let mut rows = vec![
        (format!("http://{address}"), "the service"),
        (settings.mail_place(), "where mail goes"),
        (
            settings.web.database.database_url.to_string(),
            "the database",
        ),
    ];
    if settings.web.http.api_docs.is_on() {
        rows.insert(
            1,
            (format!("http://{address}/api/v1/docs"), "its endpoints"),
        );
    }
    let width = rows
        .iter()
        .map(|(place, _)| place.len())
        .max()
        .unwrap_or_default();
    println!();
    for (place, what) in rows {
        println!("  {place:width$}  {what}");
    }
    println!();
}
