//! The endpoints. To add one, write a function with an `oai` attribute. Its doc comments become the OpenAPI document.
//!
//! To add a file of endpoints, give it a separate `Views` and add that to [`all`].

#![allow(
    clippy::unused_async,
    reason = "poem-openapi requires operations to be async, also if they never wait"
)]

mod job;

use bare_http::{Invalid, Json, Problem};
use bare_queue::Task as _;
use db::{entities::user, tasks::SendWelcomeEmail};
use deserr::Deserr;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::PlainText};
use sea_orm::{ActiveModelTrait as _, DatabaseConnection, Set};

use crate::fields::{Email, Name};

/// All views.
pub(crate) fn all(db: &DatabaseConnection) -> impl OpenApi + Clone + use<> {
    (Views { db: db.clone() }, job::Views { db: db.clone() })
}

/// The maximum size of a sign-up's body, in bytes: its name and address, with each character escaped.
const SIGN_UP: usize = 4 * 1024;

#[derive(Clone)]
struct Views {
    db: DatabaseConnection,
}

/// A user to sign up
// `Deserr` reads it and `Object` documents it: rename a field, or give it a default, in both.
#[derive(Debug, Deserr, Object)]
#[deserr(error = Invalid)]
struct NewUser {
    /// The user's name: unique, not empty, without control characters
    name: Name,
    /// The user's e-mail address: unique
    email: Email,
}

/// A user
#[derive(Debug, Object)]
struct User {
    /// The user's name
    name: String,
    /// The user's e-mail address
    email: String,
}

impl From<user::Model> for User {
    fn from(user: user::Model) -> Self {
        Self {
            name: user.name,
            email: user.email,
        }
    }
}

#[derive(ApiResponse)]
enum SignedUp {
    /// The user was created, and the welcome mail is enqueued
    #[oai(status = 202)]
    Accepted(
        Json<User>,
        /// The path of the job that sends the mail
        #[oai(header = "Location")]
        String,
    ),
}

#[OpenApi]
impl Views {
    /// Greets the world
    #[oai(path = "/", method = "get")]
    async fn index(&self) -> PlainText<&'static str> {
        PlainText("Hello World!")
    }

    // Remove it first: it answers every path of one word, misspelt ones too.
    /// Greets by name
    #[oai(path = "/:name", method = "get")]
    async fn hello(
        &self,
        /// The name to greet
        Path(name): Path<String>,
    ) -> PlainText<String> {
        PlainText(format!("Hello {name}"))
    }

    /// Signs a user up
    ///
    /// A job sends a welcome mail to the user. The answer is 409 if the name or the address is taken.
    #[oai(path = "/user", method = "post")]
    async fn create_user(
        &self,
        /// The user to sign up
        Json(new): Json<NewUser, SIGN_UP>,
    ) -> Result<SignedUp, Problem> {
        let user = user::ActiveModel {
            name: Set(new.name.into()),
            email: Set(new.email.into()),
            ..Default::default()
        };

        // In one transaction, so that the user and the mail both exist, or neither does.
        let txn = db::begin(&self.db).await?;
        let user = user
            .insert(&txn)
            .await
            .map_err(|error| Problem::taken(error, &["name", "email"]))?;
        let job = SendWelcomeEmail { user_id: user.id }.enqueue(&txn).await?;
        txn.commit().await?;

        Ok(SignedUp::Accepted(
            Json(user.into()),
            format!("/job/{}", job.id),
        ))
    }

    /// Shows a user
    ///
    /// The answer is 404 if there is no user with this name.
    #[oai(path = "/user/:name", method = "get")]
    async fn show_user(
        &self,
        /// The user's name
        Path(name): Path<Name>,
    ) -> Result<Json<User>, Problem> {
        let user = user::Entity::find_by_name(name).one(&self.db).await?;
        let user = user.ok_or_else(Problem::not_found)?;
        Ok(Json(user.into()))
    }
}
