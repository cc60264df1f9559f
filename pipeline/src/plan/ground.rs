//! Where sessions read and where they write: the two never meet, nor do the results of two sessions.

use crate::config::Config;
use crate::error::Error;
use crate::results;
use crate::step::Own;
use std::path::Path;
use widefield_storage::{Entry, Place};

/// Folders of a session, by where they really are.
#[derive(Debug)]
pub(crate) struct Ground {
    /// What the session is called in messages.
    session: String,
    /// Folders that hold nothing but results.
    results: Vec<Found>,
    /// Where `run.json`, the report and the texts go; recordings may lie there, too.
    records: Found,
    /// Folders in which something lies that is read.
    inputs: Vec<Found>,
    /// Inputs that bear a name under which a session writes: folder and name.
    own_names: Vec<(String, String)>,
}

/// A folder: how it is called, and [`Place::resolved`] of it.
#[derive(Debug)]
struct Found {
    called: String,
    real: String,
}

impl Ground {
    /// Looks where everything is; writes nothing. `experiment` is the file that describes the session.
    pub(super) fn of(
        config: &Config,
        own: &Own,
        data: &Place,
        output: &Place,
        experiment: Option<&Path>,
    ) -> Result<Self, Error> {
        let mut found = Vec::new();
        for folder in results::folders(config, own) {
            found.push(Found {
                called: format!("{} `{}`", folder.key, folder.path),
                real: output.resolved(&folder.path)?,
            });
        }
        let mut inputs = vec![Found {
            called: "the recordings".into(),
            real: data.resolved("")?,
        }];
        let mut own_names = Vec::new();
        let labels = [&config.data.behaviour_log, &config.data.trials];
        for name in labels.into_iter().flatten() {
            own_names.push((inputs[0].real.clone(), name.clone()));
        }
        let mask = results::mask_image(config);
        let files = [
            ("the image of analysis.segmentation.file", mask.as_deref()),
            ("the experiment file", experiment),
        ];
        for (called, path) in files {
            let Some((folder, name)) = path.and_then(place_of) else {
                continue;
            };
            own_names.push((folder.clone(), name));
            inputs.push(Found {
                called: called.to_owned(),
                real: folder,
            });
        }
        own_names.retain(|(_, name)| is_own(name));
        let session = match experiment {
            Some(path) => format!("{} ({})", path.display(), data.url()),
            None => data.url().to_owned(),
        };
        let ground = Self {
            session,
            results: found,
            records: Found {
                called: "output.records".into(),
                real: output.resolved(&config.output.records)?,
            },
            inputs,
            own_names,
        };
        ground.refuse_twins()?;
        ground.refuse_over(&ground)?;
        Ok(ground)
    }

    /// Takes the movies into account, too.
    pub(super) fn with_movies(mut self, movies: &[Entry]) -> Result<Self, Error> {
        let here = &self.inputs[0].real;
        let named = movies.iter().filter(|movie| is_own(&movie.name));
        let named: Vec<_> = named
            .map(|movie| (here.clone(), movie.name.clone()))
            .collect();
        self.own_names.extend(named);
        self.refuse_over(&self)?;
        Ok(self)
    }

    /// Refuses sessions of one run that write into one folder, or one where the other reads.
    pub(crate) fn refuse_shared(sessions: &[&Ground]) -> Result<(), Error> {
        for (i, one) in sessions.iter().enumerate() {
            for other in &sessions[..i] {
                let theirs = || other.results.iter().chain([&other.records]);
                let mut ours = one.results.iter().chain([&one.records]);
                if let Some(shared) = ours.find(|f| theirs().any(|t| t.real == f.real)) {
                    return Err(Error::SharedFolder {
                        one: other.session.clone(),
                        other: one.session.clone(),
                        folder: shared.real.clone(),
                    });
                }
                one.refuse_over(other)?;
                other.refuse_over(one)?;
            }
        }
        Ok(())
    }

    /// Two kinds of results in one folder would replace each other.
    fn refuse_twins(&self) -> Result<(), Error> {
        for (i, one) in self.results.iter().enumerate() {
            if let Some(twin) = self.results[..i].iter().find(|f| f.real == one.real) {
                return Err(Error::SharedFolder {
                    one: twin.called.clone(),
                    other: one.called.clone(),
                    folder: one.real.clone(),
                });
            }
        }
        Ok(())
    }

    /// Refuses results of this session where inputs of `other`, which may be itself, lie.
    fn refuse_over(&self, other: &Ground) -> Result<(), Error> {
        for results in &self.results {
            let over = other.inputs.iter().find(|i| i.real == results.real);
            if let Some(input) = over {
                return Err(Error::OverInputs {
                    results: results.called.clone(),
                    folder: results.real.clone(),
                    inputs: input.called.clone(),
                });
            }
        }
        let named = other.own_names.iter();
        match named.into_iter().find(|(f, _)| *f == self.records.real) {
            None => Ok(()),
            Some((folder, name)) => Err(Error::ReplacesInput {
                name: name.clone(),
                folder: folder.clone(),
            }),
        }
    }
}

/// Whether a session writes something of that name.
fn is_own(name: &str) -> bool {
    results::OWN.contains(&name)
}

/// The real folder of a file, and its name; nothing for one that is not there, which says so when it is read.
fn place_of(path: &Path) -> Option<(String, String)> {
    let name = path.file_name()?.to_str()?.to_owned();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Some((folder.canonicalize().ok()?.display().to_string(), name))
}
