//! The endpoints. To add one, write a function with its path on it; what is documented here is the OpenAPI document.
//!
//! A further file of views is a `Views` of its own, added to [`all`].

#![allow(
    clippy::unused_async,
    reason = "an operation is async, whether it has to wait or not"
)]

mod job;

use bare_http::{Invalid, Json, Problem};
use bare_queue::Task as _;
use db::{entities::user, tasks::SendWelcomeEmail};
use deserr::Deserr;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::PlainText};
use sea_orm::{ActiveModelTrait as _, DatabaseConnection, Set};

use crate::fields::{Email, Name};

/// All the views.
pub(crate) fn all(db: &DatabaseConnection) -> impl OpenApi + Clone + use<> {
    (Views { db: db.clone() }, job::Views { db: db.clone() })
}

/// How large the body of a sign-up may be, in bytes: its name and address, each character written as an escape.
const SIGN_UP: usize = 4 * 1024;

#[derive(Clone)]
struct Views {
    db: DatabaseConnection,
}

/// Who signs up
// `Deserr` reads it and `Object` documents it: a new name or a default of a field has to be said to both.
#[derive(Debug, Deserr, Object)]
#[deserr(error = Invalid)]
struct NewUser {
    /// What the user is called: unique, without control characters, and not empty
    name: Name,
    /// Where the welcome e-mail goes: unique
    email: Email,
}

/// Somebody who signed up
#[derive(Debug, Object)]
struct User {
    /// What the user is called
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
    /// The user is there, and the welcome e-mail is on its way
    #[oai(status = 202)]
    Accepted(
        Json<User>,
        /// Where to see what became of the e-mail
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

    // Remove it first: it answers every path of one word, mistyped ones too.
    /// Greets somebody
    #[oai(path = "/:name", method = "get")]
    async fn hello(
        &self,
        /// Whom to greet
        Path(name): Path<String>,
    ) -> PlainText<String> {
        PlainText(format!("Hello {name}"))
    }

    /// Signs a user up
    ///
    /// The user gets a welcome e-mail soon after. 409 for a name or an address that is taken.
    #[oai(path = "/user", method = "post")]
    async fn create_user(
        &self,
        /// Who signs up
        Json(new): Json<NewUser, SIGN_UP>,
    ) -> Result<SignedUp, Problem> {
        let user = user::ActiveModel {
            name: Set(new.name.into()),
            email: Set(new.email.into()),
            ..Default::default()
        };

        // In one transaction, so that there is never a user without the e-mail or the other way round.
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
    /// 404 if nobody has the name.
    #[oai(path = "/user/:name", method = "get")]
    async fn show_user(
        &self,
        /// What the user is called
        Path(name): Path<Name>,
    ) -> Result<Json<User>, Problem> {
        let user = user::Entity::find_by_name(name).one(&self.db).await?;
        let user = user.ok_or_else(Problem::not_found)?;
        Ok(Json(user.into()))
    }
}
