//! The welcome mail for a new user.

use bare_mail::{Mail, MailError};
use bare_queue::TaskError;
use db::{entities::user, tasks::SendWelcomeEmail};
use sea_orm::EntityTrait;

use crate::JobContext;

/// Sends the mail. A deleted user gets none.
pub(super) async fn send_welcome_email(
    task: SendWelcomeEmail,
    job: &JobContext,
) -> Result<(), TaskError> {
    let Some(user) = user::Entity::find_by_id(task.user_id)
        .one(&job.resources.db)
        .await?
    else {
        tracing::info!("the user was deleted: no mail is sent");
        return Ok(());
    };
    let mail = Mail {
        to: &user.email,
        subject: "Welcome",
        body: format!("Hello {},\n\nwelcome to {}.\n", user.name, db::SERVICE),
    };
    match job.resources.mailer.send(job.id, mail).await {
        Ok(()) => Ok(()),
        Err(error @ MailError::Later(_)) => Err(TaskError::Retry(error.into())),
        Err(error) => Err(TaskError::GiveUp(error.into())),
    }
}
