//! Steps that can be done by several methods: which there are and what keys each has is asked of the enum itself.

use super::error::{Problem, one_line};
use serde::de::value::MapDeserializer;
use serde::de::{self, Deserialize as _, DeserializeOwned, Deserializer};
use serde::ser::Serialize;
use std::fmt;
use toml::Table;

const METHOD: &str = "method";

/// An enum of methods: in files a table with the key `method` and the keys of the chosen one.
pub(super) trait Choice: Serialize + DeserializeOwned + Default {
    /// All there are.
    fn methods() -> Vec<Method> {
        of::<Self>()
    }
}

/// A method, and the keys that belong to it.
#[derive(Clone, Copy)]
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
}

/// The methods of an enum with `deny_unknown_fields`: of what it does not know it says what it knows.
pub(super) fn of<T: DeserializeOwned>() -> Vec<Method> {
    let known = |pairs: &[(&'static str, &'static str)]| {
        let map = MapDeserializer::<_, Known>::new(pairs.iter().copied());
        T::deserialize(map).err().map_or(&[][..], |known| known.0)
    };
    let names = known(&[(METHOD, "")]).iter();
    names
        .map(|&name| Method {
            name,
            keys: known(&[(METHOD, name), ("", "")]),
        })
        .collect()
}

/// The names that are known where one is not.
#[derive(Debug)]
struct Known(&'static [&'static str]);

impl de::Error for Known {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self(known)
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self(known)
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Known {}

/// A table of `[analysis]` in which a method is chosen.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) methods: fn() -> Vec<Method>,
    default: fn() -> String,
    check: fn(Table) -> Result<(), toml::de::Error>,
}

impl Step {
    pub(super) const fn of<T: Choice>(name: &'static str) -> Self {
        Self {
            name,
            methods: T::methods,
            default: default::<T>,
            check: |table| table.try_into::<T>().map(drop),
        }
    }

    /// Whether a key of the table has no meaning under a method.
    pub(super) fn misplaced(&self, method: &str, key: &str) -> bool {
        let owners = self.owners(key);
        !owners.is_empty() && !owners.contains(&method)
    }

    /// The methods that have the key; none if it is the step's whatever the method.
    pub(super) fn owners(&self, key: &str) -> Vec<&'static str> {
        let mut methods = (self.methods)();
        methods.retain(|method| method.keys.contains(&key));
        methods.iter().map(|method| method.name).collect()
    }

    /// What is wrong with method and parameters in the table of a file: the types of the rest are not looked at.
    pub(super) fn check(&self, values: &Table) -> Result<(), Problem> {
        let table = format!("analysis.{}", self.name);
        let path = |key: &str| format!("{table}.{key}");
        let given = values.get(METHOD).cloned();
        let given = given.unwrap_or_else(|| (self.default)().into());
        let names: Vec<&str> = (self.methods)().iter().map(|method| method.name).collect();
        let Some(method) = given.as_str().filter(|name| names.contains(name)) else {
            let message = format!("{given} is none of \"{}\"", names.join("\", \""));
            return Err(Problem::new(path(METHOD), message));
        };
        let only = Table::from_iter([(METHOD.to_owned(), method.into())]);
        let mut chosen = only.clone();
        for (key, value) in values {
            let owners = self.owners(key);
            if self.misplaced(method, key) {
                let message = format!(
                    "belongs to method = \"{}\", the method is \"{method}\"",
                    owners.join("\" or \"")
                );
                return Err(Problem::new(path(key), message));
            }
            if !owners.is_empty() {
                let mut alone = only.clone();
                alone.insert(key.clone(), value.clone());
                let wrong = (self.check)(alone).err();
                if let Some(error) = wrong.filter(|error| missing(error).is_none()) {
                    return Err(Problem::new(path(key), one_line(&error)).spelt(&path(key)));
                }
                chosen.insert(key.clone(), value.clone());
            }
        }
        (self.check)(chosen).map_err(|error| match missing(&error) {
            Some(key) => {
                Problem::new(table.as_str(), format_args!("needs `{key}`")).spelt(&path(&key))
            }
            None => Problem::new(table.as_str(), one_line(&error)),
        })
    }
}

/// The key that is not there, if that is the error.
fn missing(error: &toml::de::Error) -> Option<String> {
    let rest = error.message().strip_prefix("missing field `")?;
    rest.strip_suffix('`').map(str::to_owned)
}

/// Name of the method that is taken where none is named.
fn default<T: Choice>() -> String {
    let table = Table::try_from(T::default()).unwrap_or_default();
    name(&table).unwrap_or_default().to_owned()
}

/// The method that a table names.
pub(super) fn name(table: &Table) -> Option<&str> {
    table.get(METHOD).and_then(toml::Value::as_str)
}

/// Reads method and parameters out of a table that may hold more: without `method` the default one, and without
/// heed to what belongs to other methods, as descriptions were stored with them once.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: Choice>(rest: D) -> Result<T, D::Error> {
    let mut table = Table::deserialize(rest)?;
    table.entry(METHOD).or_insert_with(|| default::<T>().into());
    let methods = T::methods();
    if let Some(method) = methods
        .iter()
        .find(|known| Some(known.name) == name(&table))
    {
        table.retain(|key, _| key == METHOD || method.keys.contains(&key));
    }
    let read = table.try_into();
    read.map_err(|error| de::Error::custom(one_line(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use widefield::{Background, Baseline};

    fn keys<T: Choice>() -> Vec<(&'static str, &'static [&'static str])> {
        let methods = T::methods().into_iter();
        methods.map(|method| (method.name, method.keys)).collect()
    }

    #[test]
    fn an_enum_says_its_methods_and_their_keys() {
        let background: [(&str, &[&str]); 7] = [
            ("gaussian_fit", &["smoothing_sd_px"]),
            ("coarse_fit", &["smoothing_sd_px", "step_px"]),
            ("bounded_fit", &["smoothing_sd_px"]),
            ("percentile", &["percentile"]),
            ("mode", &[]),
            ("rectangle", &["rectangle"]),
            ("constant", &["counts"]),
        ];
        assert_eq!(keys::<Background>(), background);
        let baseline = keys::<Baseline>();
        assert_eq!(
            baseline[0],
            ("frames", &["frames", "before_s", "window_s"][..])
        );
        assert!(
            baseline.contains(&("maximin", &["span_s", "smoothing_s"][..])),
            "{baseline:?}"
        );
    }

    #[test]
    fn what_was_stored_is_read_without_heed_to_other_methods() {
        #[derive(serde::Deserialize)]
        struct Stored {
            #[serde(flatten, deserialize_with = "lenient")]
            method: Background,
        }
        let read = |json: &str| serde_json::from_str::<Stored>(json).map(|stored| stored.method);
        let mode =
            r#"{"method": "mode", "smoothing_sd_px": 30.0, "frames": [0, 1], "scope": "trial"}"#;
        assert_eq!(read(mode).expect("mode"), Background::Mode);
        let without = read(r#"{"smoothing_sd_px": 7, "counts": 3.0}"#).expect("the default method");
        let smoothing_sd_px = Some(7.0);
        assert_eq!(without, Background::GaussianFit { smoothing_sd_px });
        let error = read(r#"{"method": "constant"}"#)
            .expect_err("no counts")
            .to_string();
        assert!(error.contains("missing field `counts`"), "{error}");
        let error = read(r#"{"method": "other"}"#)
            .expect_err("unknown")
            .to_string();
        assert!(error.contains("unknown variant `other`"), "{error}");
    }
}
