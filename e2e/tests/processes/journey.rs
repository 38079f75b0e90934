//! From a request to an e-mail, through two processes that share only a database.

use e2e::{
    Backend::{self, Postgres, Sqlite},
    process::Signal,
    smtp::SmtpServer,
};
use rstest::rstest;

use crate::service::{Web, fields_of, log, migrated, start_worker, stop};

#[rstest]
#[tokio::test]
async fn a_user_who_signs_up_with_web_gets_a_mail_from_the_worker(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = migrated(backend).await else {
        return;
    };
    let smtp = SmtpServer::start();
    let mut web = Web::start(database.url(), &[]).await;
    let mut worker = start_worker(database.url(), &[("SMTP_URL", &smtp.url())]);

    let job = web.sign_up("ada").await;
    let mails = smtp.wait_for(1).await;
    assert_eq!(mails[0].to, ["ada@example.net"]);
    web.completes(&job).await;

    stop(&mut web.process, Signal::TERM).await;
    stop(&mut worker, Signal::TERM).await;
    assert_eq!(smtp.mails().len(), 1);

    let requests = fields_of(&log(&web.process), "request.summary");
    assert_eq!(requests[0]["rid"], "request-of-ada");
    assert_eq!(
        (&requests[0]["path"], &requests[0]["code"]),
        (&"/user".into(), &202.into())
    );
    let jobs = fields_of(&log(&worker), "job.summary");
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0]["rid"], "request-of-ada");
    assert_eq!(jobs[0]["kind"], "send_welcome_email");
    assert_eq!(jobs[0]["queue"], "default");
    assert_eq!(jobs[0]["outcome"], "completed");
    assert_eq!(jobs[0]["attempt"], 1);
    assert!(job.ends_with(jobs[0]["job"].as_str().unwrap()));
    assert!(jobs[0]["t"].is_u64() && jobs[0]["wait"].is_i64());
}
