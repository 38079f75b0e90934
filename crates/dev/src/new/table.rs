//! `cargo dev new table NAME`: the migration that creates it, its entity, and the test that compares the two.

use anyhow::ensure;

use super::{
    migration,
    names::{ensure_module, spoken},
    source::Change,
};

const LIST: &str = "db/src/entities.rs";
const TEST: &str = "migration/tests/migration/entities.rs";

/// The tables that are there in every service.
const TAKEN: [&str; 6] = [
    "finished_job",
    "job",
    "queue",
    "schedule",
    "seaql_migrations",
    "worker",
];

pub(super) fn write(change: &mut Change, name: &str) -> anyhow::Result<()> {
    ensure_module(name)?;
    ensure!(!TAKEN.contains(&name), "the queue has a table {name}");
    let entity = format!("db/src/entities/{name}.rs");
    migration::write_table(change, name)?;
    change.create(
        &entity,
        ENTITY
            .replace("NAME", name)
            .replace("SPOKEN", &spoken(name)),
    )?;
    change.declare(LIST, &format!("pub mod {name};"))?;
    change.edit(TEST, |text| with_entity(text, name))?;
    change.leave(&entity, "is the entity: give it the same columns");
    change.leave(TEST, "compares the two");
    Ok(())
}

/// The list of entities that are compared with one more.
fn with_entity(text: &str, name: &str) -> Option<String> {
    let start = text.find("async fn create_tables(")?;
    let end = start + text[start..].find("\n}\n")?;
    let line = format!("\n    create_table(db, entities::{name}::Entity).await;");
    Some(format!("{}{line}{}", &text[..end], &text[end..]))
}

const ENTITY: &str = r#"//! The table of SPOKEN rows.

use sea_orm::entity::prelude::*;

/// A row: SPOKEN.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "NAME")]
pub struct Model {
    /// The id that other rows and payloads refer to.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// The name.
    pub name: String,
}

impl ActiveModelBehavior for ActiveModel {}
"#;
