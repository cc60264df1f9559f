//! Single values that replace what a file says.

use super::analysis::STEPS;
use super::{ConfigError, template, unknown_key};

/// One `KEY=VALUE` that replaces what the file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    key: Vec<String>,
    value: toml::Value,
    given: String,
}

impl std::str::FromStr for Override {
    type Err = ConfigError;

    /// The value is TOML where it can be (`12`, `true`, `[0, 1]`, `"text"`), otherwise text as it stands.
    ///
    /// # Errors
    /// [`ConfigError::Override`] for what is no `KEY=VALUE`, names no key, or begins like a list, a table or a text
    /// in quotes and does not end so.
    fn from_str(given: &str) -> Result<Self, ConfigError> {
        let wrong = |message: &str| ConfigError::Override {
            given: given.into(),
            message: message.into(),
        };
        let (key, value) = given
            .split_once('=')
            .ok_or_else(|| wrong("is no KEY=VALUE"))?;
        let (key, value) = (key.trim(), value.trim());
        if !template::known(key) {
            let (message, help) = unknown_key::message(key);
            return Err(wrong(&format!("{message}; {help}")));
        }
        let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"));
        let value = match parsed.ok().filter(|table| table.len() == 1) {
            Some(mut table) => table.remove("value").unwrap_or_else(|| value.into()),
            None if value.starts_with(['[', '{', '"', '\'']) => {
                return Err(wrong("begins like a value of TOML, but is none"));
            }
            None => value.into(),
        };
        Ok(Self {
            key: key.split('.').map(str::to_owned).collect(),
            value,
            given: given.into(),
        })
    }
}

impl Override {
    /// Whether it gives this key.
    pub(super) fn is_of(&self, key: &str) -> bool {
        self.key.iter().map(String::as_str).eq(key.split('.'))
    }

    /// Puts the value where the key belongs.
    pub(super) fn apply(&self, table: &mut toml::Table) -> Result<(), ConfigError> {
        let wrong = |message: String| ConfigError::Override {
            given: self.given.clone(),
            message,
        };
        let Some((last, tables)) = self.key.split_last() else {
            return Err(wrong("names no key".into()));
        };
        let mut at = table;
        for name in tables {
            let entry = at
                .entry(name.clone())
                .or_insert_with(|| toml::Table::new().into());
            at = entry.as_table_mut().ok_or_else(|| {
                wrong(format!("`{name}` is no table that one value can be set in"))
            })?;
        }
        // F0 is placed by frames or by time, and divided by at least one thing: setting one unsets the others.
        for one_of in [
            &["frames", "before_s", "window_s"][..],
            &["floor_counts", "floor_noise"],
        ] {
            let in_baseline = tables == ["analysis", "baseline"];
            if in_baseline && one_of.contains(&last.as_str()) {
                one_of.iter().for_each(|other| drop(at.remove(*other)));
            }
        }
        // Another method leaves behind the parameters of the one before.
        let step = STEPS.iter().find(|step| tables == ["analysis", step.name]);
        if let ("method", Some(method), Some(step)) = (last.as_str(), self.value.as_str(), step) {
            at.retain(|key, _| !step.misplaced(method, key));
        }
        at.insert(last.clone(), self.value.clone());
        Ok(())
    }
}
