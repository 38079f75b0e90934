//! The parts of a body that its type reads, so that nothing else is kept in memory.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
};

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};

/// The fields and the list items that a type reads; without either, a text, a number or a boolean.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) fields: Vec<(&'static str, Shape)>,
    pub(super) list: Option<Box<List>>,
}

/// A list with at most this many items.
#[derive(Debug)]
pub(super) struct List {
    pub(super) max_items: usize,
    pub(super) item: Shape,
}

static SHAPES: LazyLock<RwLock<HashMap<TypeId, &'static Shape>>> = LazyLock::new(RwLock::default);

impl Shape {
    /// The shape of `T`, from its OpenAPI schema.
    ///
    /// # Panics
    /// If the schema does not limit what a client can make the service keep. The router asks for
    /// all shapes, so the service fails at its start.
    pub(super) fn of<T: Type + 'static>() -> &'static Self {
        let known = SHAPES.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(shape) = known.get(&TypeId::of::<T>()) {
            return shape;
        }
        drop(known);

        let mut registry = Registry::new();
        T::register(&mut registry);
        let shape = Self::build(&T::schema_ref(), &registry, &T::name(), &[]);
        let shape = shape.unwrap_or_else(|fault| panic!("{fault}"));
        let mut known = SHAPES.write().unwrap_or_else(PoisonError::into_inner);
        // This leaks one shape per type of the service.
        known
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Box::leak(Box::new(shape)))
    }

    fn build(
        schema: &MetaSchemaRef,
        registry: &Registry,
        place: &str,
        inside: &[&str],
    ) -> Result<Self, String> {
        let MetaSchemaRef::Reference(name) = schema else {
            return Self::of_schema(schema.unwrap_inline(), registry, place, inside);
        };
        if inside.contains(&name.as_str()) {
            return Err(format!(
                "{place}: the type of a body must not contain itself"
            ));
        }
        let schema = registry.schemas.get(name);
        let schema = schema.ok_or_else(|| format!("{place}: {name} has no schema"))?;
        Self::of_schema(schema, registry, place, &[inside, &[name]].concat())
    }

    fn of_schema(
        schema: &MetaSchema,
        registry: &Registry,
        place: &str,
        inside: &[&str],
    ) -> Result<Self, String> {
        if schema.additional_properties.is_some() || is_anything(schema) {
            return Err(format!(
                "{place}: the fields of a body's type must have names and types; a map or any value has no limit"
            ));
        }
        let mut shape = Self::default();
        for (name, field) in &schema.properties {
            let field = Self::build(field, registry, &format!("{place}.{name}"), inside)?;
            shape.fields.push((name, field));
        }
        if let Some(item) = &schema.items {
            let max_items = schema.max_items.ok_or_else(|| {
                format!("{place}: a list in a body needs #[oai(validator(max_items = \"…\"))]")
            })?;
            let item = Self::build(item, registry, place, inside)?;
            shape.list = Some(Box::new(List { max_items, item }));
        }
        let parts = schema.all_of.iter().filter(|part| !is_annotation(part));
        for part in parts.chain(&schema.any_of).chain(&schema.one_of) {
            let part = Self::build(part, registry, place, inside)?;
            shape.fields.extend(part.fields);
            shape.list = shape.list.or(part.list);
        }
        Ok(shape)
    }
}

fn is_anything(schema: &MetaSchema) -> bool {
    let parts = [&schema.all_of, &schema.any_of, &schema.one_of];
    schema.ty.is_empty() && parts.iter().all(|parts| parts.is_empty())
}

/// poem-openapi adds a field's documentation to the field's type as a part without a type.
fn is_annotation(part: &MetaSchemaRef) -> bool {
    matches!(part, MetaSchemaRef::Inline(schema) if is_anything(schema))
}
