//! Users.

use sea_orm::{Set, entity::prelude::*, prelude::async_trait::async_trait};

/// A user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// The id that other rows and payloads refer to.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Unique, exactly as entered. SeaORM therefore generates `Entity::find_by_name`.
    #[sea_orm(unique)]
    pub name: String,
    /// Unique, exactly as entered.
    #[sea_orm(unique)]
    pub email: String,
    /// When the row was inserted; set by the database.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub created_at: DateTimeUtc,
    /// When the row was last saved as an `ActiveModel`.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub updated_at: DateTimeUtc,
}

#[async_trait]
impl ActiveModelBehavior for ActiveModel {
    async fn before_save<C: ConnectionTrait>(mut self, _: &C, insert: bool) -> Result<Self, DbErr> {
        if !insert {
            self.updated_at = Set(chrono::Utc::now());
        }
        Ok(self)
    }
}
