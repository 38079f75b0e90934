//! People who signed up.

use sea_orm::entity::prelude::*;

/// A person.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// The number that other rows and payloads refer to.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Unique, as it was given: hence `Entity::find_by_name`.
    #[sea_orm(unique)]
    pub name: String,
    /// Unique, as it was given.
    #[sea_orm(unique)]
    pub email: String,
    /// When the row was inserted; set by the database.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub created_at: DateTimeUtc,
    /// When the row was last changed.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
