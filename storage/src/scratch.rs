//! One object while it is built: whole at the end, or never there.

use std::fmt;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::checksum::Known;
use crate::temporary::Temporary;
use crate::{Error, Written, temporary};

/// A temporary file that becomes one object; dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Scratch {
    temporary: Temporary,
    file: File,
    name: String,
    /// Place and name, for messages.
    object: String,
    goal: Goal,
}

enum Goal {
    Rename(PathBuf),
    Put(Put),
}

/// Makes an object of what the file holds, which stands at its start.
type Put = Box<dyn FnOnce(&mut File) -> Result<Written, Error> + Send + Sync>;

impl fmt::Debug for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::Rename(target) => f.debug_tuple("Rename").field(target).finish(),
            Goal::Put(_) => f.write_str("Put"),
        }
    }
}

impl Scratch {
    /// For the file `target`: the temporary lies beside it, so that renaming is atomic.
    pub(crate) fn beside(target: PathBuf, name: &str, object: String) -> Result<Self, Error> {
        let failed = |error| Error::io(&object, "making a temporary file", error);
        let folder = target.parent().unwrap_or(Path::new("/"));
        temporary::create_folders(folder).map_err(failed)?;
        let (temporary, file) = Temporary::create_in(folder).map_err(failed)?;
        Ok(Scratch {
            temporary,
            file,
            name: name.to_owned(),
            object,
            goal: Goal::Rename(target),
        })
    }

    /// For an object that `put` makes of the file: the temporary lies in the system's temporary folder.
    pub(crate) fn elsewhere(
        name: &str,
        object: String,
        put: impl FnOnce(&mut File) -> Result<Written, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let (temporary, file) = Temporary::create_in(&std::env::temp_dir())
            .map_err(|error| Error::io(&object, "making a temporary file", error))?;
        Ok(Scratch {
            temporary,
            file,
            name: name.to_owned(),
            object,
            goal: Goal::Put(Box::new(put)),
        })
    }

    /// Place and name of the object, for messages.
    pub(crate) fn object(&self) -> &str {
        &self.object
    }

    /// The temporary file, for writers that open it themselves.
    #[cfg(feature = "hdf5")]
    pub(crate) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// The temporary file, open for reading and writing.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Makes the temporary's contents the object; of which what is `known` need not be read again.
    pub(crate) fn commit(self, known: Known) -> Result<Written, Error> {
        let Scratch {
            temporary,
            mut file,
            name,
            object,
            goal,
        } = self;
        let failed = |doing| {
            let object = object.clone();
            move |error| Error::io(object, doing, error)
        };
        match goal {
            Goal::Rename(target) => {
                let whole = known.whole(&mut file);
                let (bytes, crc32c) = whole.map_err(failed("reading back"))?;
                temporary
                    .rename(&file, &target)
                    .map_err(failed("putting in place"))?;
                Ok(Written {
                    name,
                    bytes,
                    crc32c,
                })
            }
            Goal::Put(put) => {
                file.seek(SeekFrom::Start(0))
                    .map_err(failed("reading back"))?;
                put(&mut file)
            }
        }
    }
}
