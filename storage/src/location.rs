//! URLs of places: what they name, without credentials.

use std::path::{Path, PathBuf};

use crate::Error;
#[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
use crate::cloud::Cloud;

/// The feature of this library that opens places of a kind.
fn feature(scheme: &str) -> Option<&'static str> {
    match scheme {
        "swift" => Some("swift"),
        "s3" | "s3a" => Some("s3"),
        "gs" => Some("gs"),
        "az" | "azure" | "abfs" | "abfss" => Some("az"),
        "http" | "https" => Some("http"),
        _ => None,
    }
}

/// Where a place is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A folder of the file system, absolute.
    Folder(PathBuf),
    /// Objects in memory: the name shared within the process (empty: private), and the folder.
    Memory { name: String, folder: String },
    /// A container of the OpenStack account that the environment names, and the folder in it.
    #[cfg(feature = "swift")]
    Swift { container: String, folder: String },
    /// A bucket or container of a provider's account that the environment names.
    #[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
    Cloud {
        cloud: Cloud,
        bucket: String,
        folder: String,
    },
    /// A folder of a web server, without a slash at its end.
    #[cfg(feature = "http")]
    Web(String),
}

impl Location {
    /// Understands a URL or a path; relative paths start at `base`.
    ///
    /// Only `scheme://` makes a URL, so that paths with a colon stay paths.
    pub(crate) fn parse(base: &Path, url: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Url {
            url: without_secrets(url),
            reason,
        };
        if url.is_empty() {
            return Err(wrong("empty path; \".\" is the current folder".to_owned()));
        }
        if url.contains('\0') {
            return Err(wrong("a NUL byte cannot be part of a path".to_owned()));
        }
        let Some((scheme, rest)) = split_scheme(url) else {
            return absolute(&base.join(url), url).map(Location::Folder);
        };
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "file" => file(rest)
                .map_err(wrong)
                .and_then(|path| absolute(&path, url))
                .map(Location::Folder),
            "memory" => {
                let (name, folder) = rest.split_once('/').unwrap_or((rest, ""));
                let (name, folder) = (name.to_owned(), self::folder(folder).map_err(wrong)?);
                Ok(Location::Memory { name, folder })
            }
            #[cfg(feature = "swift")]
            "swift" => {
                let (container, folder) = bucket(rest).map_err(wrong)?;
                Ok(Location::Swift { container, folder })
            }
            #[cfg(feature = "http")]
            "http" | "https" => web(url).map(Location::Web).map_err(wrong),
            _ => {
                #[cfg(any(feature = "s3", feature = "gs", feature = "az"))]
                if let Some(cloud) = Cloud::of(&scheme) {
                    let (bucket, folder) = bucket(rest).map_err(wrong)?;
                    return Ok(Location::Cloud {
                        cloud,
                        bucket,
                        folder,
                    });
                }
                Err(match feature(&scheme) {
                    Some(feature) => Error::NotAvailable {
                        url: without_secrets(url),
                        scheme,
                        feature,
                    },
                    None => wrong(format!(
                        "unknown kind of place {scheme}://; known are paths, file://, memory://, swift://, \
                         s3://, gs://, az://, http:// and https://"
                    )),
                })
            }
        }
    }
}

/// The path that follows `file://`, its escapes undone.
fn file(rest: &str) -> Result<PathBuf, String> {
    if rest.contains(['?', '#']) {
        return Err("write ? as %3F and # as %23 in a file URL".to_owned());
    }
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !(host.is_empty() || host.eq_ignore_ascii_case("localhost")) || path.is_empty() {
        return Err("a file URL is file:///path on this machine".to_owned());
    }
    // The slash before a drive letter belongs to the URL.
    let path = if cfg!(windows) { &path[1..] } else { path };
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    if bytes.contains(&0) {
        return Err("a NUL byte cannot be part of a path".to_owned());
    }
    of_bytes(bytes)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have paths of text")]
fn of_bytes(bytes: Vec<u8>) -> Result<PathBuf, String> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn of_bytes(bytes: Vec<u8>) -> Result<PathBuf, String> {
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    Ok(text.into())
}

/// A checked folder of a store; `""` is the top.
fn folder(text: &str) -> Result<String, String> {
    let folder = text.trim_end_matches('/');
    if !folder.is_empty() {
        crate::name::check(folder).map_err(|reason| format!("the folder {reason}"))?;
    }
    Ok(folder.to_owned())
}

/// Bucket or container, and the folder in it, both literal.
#[cfg(any(feature = "swift", feature = "s3", feature = "gs", feature = "az"))]
fn bucket(rest: &str) -> Result<(String, String), String> {
    let (bucket, folder) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err("the container or bucket is missing: scheme://container/folder".to_owned());
    }
    if bucket.contains(['@', ':', '?', '#']) {
        return Err(
            "a container or bucket has none of @ : ? #, and credentials belong into the environment"
                .to_owned(),
        );
    }
    Ok((bucket.to_owned(), self::folder(folder)?))
}

/// The URL of a folder on a web server.
#[cfg(feature = "http")]
fn web(url: &str) -> Result<String, String> {
    let parsed = url::Url::parse(url).map_err(|error| error.to_string())?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("credentials do not belong into a URL".to_owned());
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err("write ? as %3F and # as %23 in the path".to_owned());
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

fn absolute(path: &Path, url: &str) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| Error::Url {
        url: url.to_owned(),
        reason: error.to_string(),
    })
}

/// `scheme` and what follows `://`, if `url` starts like a URL.
fn split_scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let mut letters = scheme.bytes();
    let first = letters.next()?;
    let valid = first.is_ascii_alphabetic()
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.'));
    valid.then_some((scheme, rest))
}

/// `url` without user, password, query and fragment, for messages.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = split_scheme(url) else {
        return url.to_owned();
    };
    // A password may hold any of / ? #, so what precedes the last @ goes as a whole.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    format!("{scheme}://{}", &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn parse(url: &str) -> Result<Location, Error> {
        Location::parse(Path::new("/base"), url)
    }

    fn folder(path: &str) -> Location {
        Location::Folder(PathBuf::from(path))
    }

    #[test]
    fn paths_are_taken_literally() {
        assert_eq!(parse("/a/b%20c").unwrap(), folder("/a/b%20c"));
        assert_eq!(parse("x:y").unwrap(), folder("/base/x:y"));
        assert_eq!(parse(".").unwrap(), folder("/base"));
        assert_eq!(parse("a b/é").unwrap(), folder("/base/a b/é"));
    }

    #[test]
    fn file_urls_are_decoded() {
        assert_eq!(parse("file:///a/b%20c").unwrap(), folder("/a/b c"));
        assert_eq!(parse("FILE://LocalHost/a").unwrap(), folder("/a"));
        assert_eq!(parse("file:///").unwrap(), folder("/"));
        for bad in [
            "file://elsewhere/a",
            "file:///a?b",
            "file:///a#b",
            "file://",
            "file:///a%00b",
        ] {
            assert_eq!(parse(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
    }

    #[test]
    fn memory_has_a_name_and_a_folder() {
        let memory = |name: &str, folder: &str| Location::Memory {
            name: name.to_owned(),
            folder: folder.to_owned(),
        };
        assert_eq!(parse("memory://").unwrap(), memory("", ""));
        assert_eq!(parse("memory:///a/b/").unwrap(), memory("", "a/b"));
        assert_eq!(parse("memory://n/a").unwrap(), memory("n", "a"));
        assert_eq!(
            parse("memory://n/../a").unwrap_err().kind(),
            ErrorKind::Invalid
        );
    }

    #[cfg(feature = "swift")]
    #[test]
    fn swift_has_a_container_and_a_folder() {
        let swift = |container: &str, folder: &str| Location::Swift {
            container: container.to_owned(),
            folder: folder.to_owned(),
        };
        assert_eq!(parse("swift://c").unwrap(), swift("c", ""));
        assert_eq!(
            parse("swift://a b/x%20é/y/").unwrap(),
            swift("a b", "x%20é/y")
        );
        for bad in ["swift://", "swift:///x", "swift://c/../x", "swift://c//x"] {
            assert_eq!(parse(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
    }

    #[test]
    fn schemes_that_this_build_cannot_open_are_named() {
        for (url, opens) in [
            ("swift://c/p", cfg!(feature = "swift")),
            ("s3a://b/p", cfg!(feature = "s3")),
            ("gs://b", cfg!(feature = "gs")),
            ("az://c/x", cfg!(feature = "az")),
            ("http://h/x", cfg!(feature = "http")),
            ("HTTPS://h/", cfg!(feature = "http")),
        ] {
            let (scheme, _) = url.split_once(':').unwrap();
            let needed = feature(&scheme.to_ascii_lowercase()).unwrap();
            match parse(url) {
                Ok(_) => assert!(opens, "{url}"),
                Err(error) => {
                    assert!(!opens && error.kind() == ErrorKind::NotAvailable, "{url}");
                    let named = format!("feature {needed} of widefield-storage");
                    assert!(error.to_string().contains(&named), "{error}");
                }
            }
        }
        assert_eq!(parse("ftp://h/x").unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(parse("").unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn credentials_never_show() {
        for url in [
            "s3://user:marker@bucket/x",
            "https://host/x?sig=marker",
            "https://host/x#marker",
            "odd://user:mar/marker@host/x",
            "swift://user:p?marker@c/x",
        ] {
            let error = parse(url).unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("marker"),
                "{error:?}"
            );
        }
    }
}
