//! Stores of the large providers and plain web servers, by the crate `object_store`.
//!
//! Their credentials and settings come from the environment by the names that crate knows, which
//! are those of each provider.

#[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
mod connector;

#[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
use std::fmt;
use std::sync::Arc;

use object_store::ObjectStore;

#[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
use self::connector::Connector;

/// Longest time of one request, where the environment sets no other: enough for the largest put
/// over a slow line, which `object_store`'s own 30 s are not.
const TIMEOUT: &str = "15 minutes";

/// A kind of store that `object_store` opens.
#[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cloud {
    /// Amazon's S3 and what speaks its language.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

#[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cloud::S3 => "s3",
            Cloud::Gs => "gs",
            Cloud::Az => "az",
        })
    }
}

#[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
impl Cloud {
    /// The kind that a scheme names, if this build opens it.
    pub(crate) fn of(scheme: &str) -> Option<Cloud> {
        match scheme {
            "s3" | "s3a" if cfg!(feature = "s3") => Some(Cloud::S3),
            "gs" if cfg!(feature = "gs") => Some(Cloud::Gs),
            "az" | "azure" | "abfs" | "abfss" if cfg!(feature = "az") => Some(Cloud::Az),
            _ => None,
        }
    }

    /// The bucket or container `bucket`, by the settings in the environment.
    pub(crate) fn open(self, bucket: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
        match self {
            #[cfg(feature = "s3")]
            Cloud::S3 => {
                use object_store::ClientConfigKey::Timeout;
                use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
                let mut builder = AmazonS3Builder::from_env()
                    .with_bucket_name(bucket)
                    .with_http_connector(Connector);
                if unset("AWS_TIMEOUT") {
                    builder = builder.with_config(AmazonS3ConfigKey::Client(Timeout), TIMEOUT);
                }
                Ok(Arc::new(builder.build()?))
            }
            #[cfg(feature = "gs")]
            Cloud::Gs => {
                use object_store::ClientConfigKey::Timeout;
                use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
                let mut builder = GoogleCloudStorageBuilder::from_env()
                    .with_bucket_name(bucket)
                    .with_http_connector(Connector);
                if unset("GOOGLE_TIMEOUT") {
                    builder = builder.with_config(GoogleConfigKey::Client(Timeout), TIMEOUT);
                }
                Ok(Arc::new(builder.build()?))
            }
            #[cfg(feature = "az")]
            Cloud::Az => {
                use object_store::ClientConfigKey::Timeout;
                use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
                let mut builder = MicrosoftAzureBuilder::from_env()
                    .with_container_name(bucket)
                    .with_http_connector(Connector);
                if unset("AZURE_TIMEOUT") {
                    builder = builder.with_config(AzureConfigKey::Client(Timeout), TIMEOUT);
                }
                Ok(Arc::new(builder.build()?))
            }
            #[cfg(not(all(feature = "s3", feature = "gs", feature = "az")))]
            _ => Err(object_store::Error::NotSupported {
                source: format!("this build opens no {self}://{bucket}").into(),
            }),
        }
    }
}

/// What lies below `url` on a web server. Redirects are followed: nothing secret is sent there.
#[cfg(feature = "http")]
pub(crate) fn web(url: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
    use object_store::ClientConfigKey::{AllowHttp, Timeout};
    let builder = object_store::http::HttpBuilder::new()
        .with_url(url)
        .with_config(Timeout, TIMEOUT)
        // Whoever writes http:// means it.
        .with_config(AllowHttp, url.starts_with("http://").to_string());
    Ok(Arc::new(builder.build()?))
}

#[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
fn unset(variable: &str) -> bool {
    std::env::var_os(variable).is_none()
}
