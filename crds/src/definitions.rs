//! The definitions as a cluster gets them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

use crate::{SecureFtpEndpoint, SecureFtpUser};

/// The definitions of all kinds. The same bytes every time.
pub fn all() -> [CustomResourceDefinition; 2] {
    [SecureFtpEndpoint::crd(), SecureFtpUser::crd()].map(tidy)
}

fn tidy(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        if let Some(schema) = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
        {
            tidy_schema(schema);
        }
    }
    definition
}

/// An optional field may be left out but not be null: a null would make CEL's `has()` true. And Kubernetes warns about
/// the unsigned formats of Rust, which say nothing that `minimum` and `maximum` do not say.
fn tidy_schema(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if schema
        .format
        .as_deref()
        .is_some_and(|format| format.starts_with("uint"))
    {
        schema.format = None;
    }
    for property in schema
        .properties
        .iter_mut()
        .flat_map(|map| map.values_mut())
    {
        tidy_schema(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        tidy_schema(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy_schema(values);
    }
}
