//! The table `user`.

use chrono::{DateTime, Utc};
use db::entities::user;
use e2e::{Backend, TestDatabase};
use rstest::rstest;
use sea_orm::{ActiveModelTrait as _, IntoActiveModel as _, Set};

#[rstest]
#[tokio::test]
async fn saving_a_user_sets_updated_at(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::migrated(backend).await else {
        return;
    };
    let ada = user::ActiveModel {
        name: Set("ada".to_owned()),
        email: Set("ada@example.net".to_owned()),
        updated_at: Set(DateTime::UNIX_EPOCH),
        ..Default::default()
    };
    let ada = ada.insert(&database.db).await.unwrap();
    assert_eq!(ada.updated_at, DateTime::UNIX_EPOCH);

    let mut ada = ada.into_active_model();
    ada.email = Set("ada@example.com".to_owned());
    let ada = ada.update(&database.db).await.unwrap();
    assert_eq!((Utc::now() - ada.updated_at).num_minutes(), 0);
}
