//! What must not get into the log or the job.

use bare_queue::{JobState, entities::finished_job};
use e2e::{
    Backend::{self, Postgres, Sqlite},
    process::Signal,
    smtp::SmtpServer,
    the_finished_job,
};
use rstest::rstest;
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::service::{Web, log, migrated, start_worker, stop, until};

#[rstest]
#[tokio::test]
async fn an_address_is_in_no_line_and_no_error_even_if_the_mail_server_repeats_it(
    #[values(Sqlite, Postgres)] backend: Backend,
) {
    let Some(database) = migrated(backend).await else {
        return;
    };
    let smtp = SmtpServer::start();
    smtp.reply_to_rcpt(usize::MAX, 550, "<{address}>: no such user");
    let mut web = Web::start(database.url(), &[("LOG_LEVEL", "debug")]).await;
    let variables = [("SMTP_URL", &*smtp.url()), ("LOG_LEVEL", "debug")];
    let mut worker = start_worker(database.url(), &variables);
    let baggage = ("baggage", "address=s3cret@example.net");
    web.sign_up_with("s3cret", &[baggage]).await;
    let finished = async || finished_job::Entity::find().count(&database.db).await;
    until(async || finished().await.unwrap() == 1).await;

    stop(&mut web.process, Signal::TERM).await;
    stop(&mut worker, Signal::TERM).await;
    let job = the_finished_job(&database.db).await;
    assert_eq!(job.state, JobState::Dead);
    let errors = job.errors.unwrap().to_string();
    assert!(
        errors.contains("the mail server refused the mail (550)"),
        "{errors}"
    );
    assert!(!errors.contains("s3cret"), "{errors}");
    for line in [log(&web.process), log(&worker)].concat() {
        assert!(!line.to_string().contains("s3cret@"), "{line}");
    }
}
