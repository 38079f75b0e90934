//! The documentation of the api.

use serde_json::Value;

use crate::server::Server;

#[tokio::test]
async fn every_operation_parameter_and_field_is_documented() {
    let document: Value = Server::start()
        .await
        .get("/api/v1/openapi.json")
        .await
        .json()
        .await
        .unwrap();
    let paths = document["paths"].as_object().unwrap();
    for path in ["/", "/{name}", "/user", "/user/{name}", "/job/{id}"] {
        assert!(paths.contains_key(path), "{path}");
    }
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(
                    parameter["description"].is_string(),
                    "{method} {path}: {parameter}"
                );
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(
            schema["description"].is_string() || schema["enum"].is_array(),
            "{name}"
        );
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            assert!(schema["description"].is_string(), "{name}.{field}");
        }
    }
}

#[tokio::test]
async fn the_schemas_of_bodies_and_errors_are_documented() {
    let document: Value = Server::start()
        .await
        .get("/api/v1/openapi.json")
        .await
        .json()
        .await
        .unwrap();
    let operation = &document["paths"]["/user"]["post"];
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["$ref"], "#/components/schemas/NewUser");
    let error = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
    assert_eq!(error["$ref"], "#/components/schemas/Problem");

    let fields = &document["components"]["schemas"]["NewUser"]["properties"];
    assert_eq!(fields["name"]["maxLength"], 100);
    assert_eq!(fields["email"]["format"], "email");
}
