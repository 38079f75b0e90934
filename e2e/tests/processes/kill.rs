//! A worker process that is killed.

use e2e::{
    Backend::{self, Postgres, Sqlite},
    process::Signal,
    smtp::SmtpServer,
};
use rstest::rstest;

use crate::service::{Web, fields_of, log, migrated, start_worker, stop, until};

#[rstest]
#[tokio::test]
async fn another_worker_sends_the_mail_of_a_killed_worker(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = migrated(backend).await else {
        return;
    };
    let smtp = SmtpServer::start();
    smtp.hang();
    let url = smtp.url();
    let variables = [("SMTP_URL", url.as_str()), ("JOB_LEASE_SECONDS", "2")];
    let web = Web::start(database.url(), &[]).await;
    let mut first = start_worker(database.url(), &variables);
    let job = web.sign_up("ada").await;
    until(async || smtp.connections() > 0).await;

    first.signal(Signal::KILL);
    smtp.behave();
    let mut second = start_worker(database.url(), &variables);
    web.completes(&job).await;
    assert_eq!(smtp.mails().len(), 1);

    stop(&mut second, Signal::TERM).await;
    let jobs = fields_of(&log(&second), "job.summary");
    assert_eq!(jobs.len(), 1);
    // The death of a process is not the job's fault.
    assert_eq!(
        (&jobs[0]["attempt"], &jobs[0]["outcome"]),
        (&1.into(), &"completed".into())
    );
}
