//! Objects as files of a folder.
//!
//! Reading and listing use the file system directly: `object_store`'s local
//! store hides names that end in `#` and digits, fails a whole listing over one
//! name it cannot express, wants the folder to exist beforehand, and its
//! temporaries do not tell whose they are.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::entry::Strange;
use crate::entry::rfc3339_of;
use crate::fetch;
use crate::name::OURS;
#[cfg(feature = "object-store")]
use crate::objects::Lent;
use crate::objects::Objects;
use crate::open_file::{FileParts, OpenFile};
use crate::scratch::Scratch;
use crate::temporary::{self, Temporary};
use crate::{Ahead, Entry, Error, Fetch, Listing, Written};

/// A folder of the file system, which need not exist yet.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: PathBuf) -> Self {
        Folder { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            self.root.clone()
        } else {
            self.root.join(name)
        }
    }

    fn object(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn failed<'a>(
        &'a self,
        name: &'a str,
        doing: &'static str,
    ) -> impl Fn(io::Error) -> Error + 'a {
        move |error| Error::io(self.object(name), doing, error)
    }

    /// Opens a file for reading; what is no plain file is not found.
    fn open(&self, name: &str) -> Result<(File, Metadata), Error> {
        let failed = self.failed(name, "reading");
        let path = self.path(name);
        // Asked before opening, since opening a pipe waits for its other end.
        let metadata = fs::metadata(&path).map_err(not_found).map_err(&failed)?;
        if !metadata.is_file() {
            return Err(Error::NotFound {
                object: self.object(name),
            });
        }
        let file = File::open(&path).map_err(&failed)?;
        let metadata = file.metadata().map_err(&failed)?;
        Ok((file, metadata))
    }

    fn opened(&self, name: &str, file: File, metadata: &Metadata) -> OpenFile {
        let entry = describe(name.to_owned(), metadata);
        OpenFile::new(file, entry, describe, self.object(name))
    }
}

impl Objects for Folder {
    fn list(&self, folder: &str) -> Result<Listing, Error> {
        let failed = self.failed(folder, "listing");
        let path = self.path(folder);
        let entries = match fs::read_dir(&path).map_err(not_found) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.is_empty() => {
                return Ok(Listing::default());
            }
            entries => entries.map_err(&failed)?,
        };
        let mut found = Listing::default();
        for entry in entries {
            let entry = entry.map_err(&failed)?;
            let name = match entry.file_name().into_string() {
                Ok(name) => name,
                Err(name) => {
                    let name = name.to_string_lossy().into_owned();
                    found.strange(&self.object(folder), name, "is no UTF-8");
                    continue;
                }
            };
            if name.starts_with(OURS) {
                continue;
            }
            match fs::metadata(entry.path()).map_err(not_found) {
                Ok(metadata) if metadata.is_file() => {
                    found.entries.push(describe(name, &metadata));
                }
                Ok(_) => {}
                // Removed meanwhile.
                Err(_) if fs::symlink_metadata(entry.path()).is_err() => {}
                Err(error) => {
                    let why = Error::io(entry.path().display(), "looking", error);
                    found.others.push(Strange { name, why });
                }
            }
        }
        Ok(found)
    }

    fn head(&self, name: &str) -> Result<Option<Entry>, Error> {
        match fs::metadata(self.path(name)).map_err(not_found) {
            Ok(metadata) if metadata.is_file() => Ok(Some(describe(name.to_owned(), &metadata))),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(name, "looking")(error)),
        }
    }

    fn read(&self, name: &str) -> Result<Bytes, Error> {
        let (mut file, _) = self.open(name)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(self.failed(name, "reading"))?;
        Ok(bytes.into())
    }

    fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let (file, metadata) = self.open(name)?;
        let file = self.opened(name, file, &metadata);
        fetch::check(file.object(), file.entry(), std::slice::from_ref(&range))?;
        file.read(range)
    }

    fn fetch(
        &self,
        name: &str,
        entry: Option<&Entry>,
        ranges: Vec<Range<u64>>,
        _: Ahead,
    ) -> Result<Fetch, Error> {
        let (file, metadata) = self.open(name)?;
        let file = self.opened(name, file, &metadata);
        if entry.is_some_and(|entry| !entry.is_version_of(file.entry())) {
            return Err(Error::Changed {
                object: self.object(name),
            });
        }
        fetch::check(file.object(), file.entry(), &ranges)?;
        let (entry, count) = (file.entry().clone(), ranges.len());
        Ok(Fetch::new(
            entry,
            count,
            FileParts(file, ranges.into_iter()),
        ))
    }

    fn put(&self, name: &str, bytes: Bytes) -> Result<Written, Error> {
        let failed = self.failed(name, "writing");
        let target = self.path(name);
        let folder = target.parent().unwrap_or(Path::new("/"));
        temporary::create_folders(folder).map_err(&failed)?;
        let (temporary, mut file) = Temporary::create_in(folder).map_err(&failed)?;
        file.write_all(&bytes).map_err(&failed)?;
        temporary.rename(&file, &target).map_err(&failed)?;
        Ok(Written {
            name: name.to_owned(),
            bytes: bytes.len() as u64,
            crc32c: crc32c::crc32c(&bytes),
        })
    }

    fn put_if(&self, name: &str, bytes: Bytes, there: Option<&Entry>) -> Result<bool, Error> {
        let failed = self.failed(name, "writing");
        let target = self.path(name);
        let folder = target.parent().unwrap_or(Path::new("/"));
        temporary::create_folders(folder).map_err(&failed)?;
        let (temporary, mut file) = Temporary::create_in(folder).map_err(&failed)?;
        file.write_all(&bytes).map_err(&failed)?;
        file.sync_all().map_err(&failed)?;
        let Some(there) = there else {
            return temporary::appear(temporary.path(), &target, &bytes).map_err(&failed);
        };
        // Comparing and replacing are one step for all that can lock the folder; network file systems may not.
        let folder = File::open(folder).ok();
        let _locked = folder.as_ref().map(File::lock);
        let now = fs::metadata(&target).map(|found| describe(String::new(), &found));
        let same = now.is_ok_and(|now| now.is_version_of(there));
        if same {
            temporary.rename(&file, &target).map_err(&failed)?;
        }
        Ok(same)
    }

    fn touch(&self, name: &str, _: Bytes, there: &Entry) -> Result<(), Error> {
        let failed = self.failed(name, "renewing");
        let file = File::options().write(true).open(self.path(name));
        let file = file.map_err(&failed)?;
        let now = describe(name.to_owned(), &file.metadata().map_err(&failed)?);
        if now.etag == there.etag {
            file.set_modified(std::time::SystemTime::now())
                .map_err(&failed)?;
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        match fs::remove_file(self.path(name)).map_err(not_found) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed(name, "removing")(error))
            }
            _ => Ok(()),
        }
    }

    fn check_writable(&self, folder: &str) -> Result<(), Error> {
        let failed = self.failed(folder, "trying to write");
        let path = self.path(folder);
        temporary::create_folders(&path).map_err(&failed)?;
        let (_temporary, mut file) = Temporary::create_in(&path).map_err(&failed)?;
        file.write_all(b"probe").map_err(&failed)
    }

    fn scratch(&self, name: &str) -> Result<Scratch, Error> {
        Scratch::beside(self.path(name), name, self.object(name))
    }

    fn sweep(&self) -> Result<usize, Error> {
        let failed = self.failed("", "sweeping temporary files");
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries.map_err(&failed)?,
        };
        let mut removed = temporary::sweep(&self.root).map_err(&failed)?;
        for entry in entries {
            let entry = entry.map_err(&failed)?;
            if fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir()) {
                // A folder that is not ours to read or change holds none of our files.
                removed += temporary::sweep(&entry.path()).unwrap_or(0);
            }
        }
        Ok(removed)
    }

    fn resolved(&self, folder: &str) -> Result<String, Error> {
        let path = follow(&self.path(folder)).map_err(self.failed(folder, "following links"))?;
        Ok(path.display().to_string())
    }

    fn watched(&self, _: crate::watch::Watch) -> Option<Arc<dyn Objects>> {
        None
    }

    fn local_path(&self, name: &str) -> Option<PathBuf> {
        Some(self.path(name))
    }

    #[cfg(feature = "object-store")]
    fn object_store(&self) -> Result<Lent, Error> {
        let store = object_store::local::LocalFileSystem::new_with_prefix(&self.root);
        let store = store.map_err(|error| Error::Other {
            object: self.object(""),
            doing: "opening",
            source: error.into(),
        })?;
        Ok((
            Arc::new(store.with_fsync(true)),
            object_store::path::Path::default(),
        ))
    }
}

/// An absolute path without links; what does not exist yet is taken by its name.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut real = PathBuf::new();
    let mut missing = Vec::new();
    for part in path.components() {
        match part {
            Component::Prefix(_) | Component::RootDir => real.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if missing.pop().is_none() {
                    real.pop();
                }
            }
            Component::Normal(name) if missing.is_empty() => {
                match fs::canonicalize(real.join(name)).map_err(not_found) {
                    Ok(found) => real = found,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(name),
                    Err(error) => return Err(error),
                }
            }
            Component::Normal(name) => missing.push(name),
        }
    }
    Ok(real.iter().chain(missing).collect())
}

/// A file in the place of a folder on the way to a name: there is no such object.
fn not_found(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::NotADirectory {
        io::Error::from(io::ErrorKind::NotFound)
    } else {
        error
    }
}

fn describe(name: String, metadata: &Metadata) -> Entry {
    Entry {
        name,
        bytes: metadata.len(),
        modified: metadata.modified().ok().and_then(rfc3339_of),
        etag: etag(metadata),
    }
}

/// Inode, time of change and length: a rewritten file differs in one of them.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
fn etag(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let nanoseconds =
        i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Some(format!(
        "{:x}-{nanoseconds:x}-{:x}",
        metadata.ino(),
        metadata.len()
    ))
}

#[cfg(not(unix))]
fn etag(_: &Metadata) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, Place};

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::open(folder.path().to_str().unwrap()).unwrap();
        (folder, place)
    }

    #[test]
    fn files_keep_their_names() {
        let (folder, place) = place();
        for name in ["a b%20c é.txt", "x#1", "~", "a\\b", "deep/er/x"] {
            place.put(name, name.as_bytes().to_vec()).unwrap();
            assert_eq!(fs::read(folder.path().join(name)).unwrap(), name.as_bytes());
            assert_eq!(place.read(name).unwrap(), name.as_bytes());
        }
        let names: Vec<_> = place
            .list("")
            .unwrap()
            .into_iter()
            .map(|e| e.name)
            .collect();
        assert_eq!(names, ["a b%20c é.txt", "a\\b", "x#1", "~"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_plain_file_is_left_out() {
        use std::os::unix::ffi::OsStrExt;
        let (folder, place) = place();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at(".widefield-x"), b"").unwrap();
        fs::write(
            folder.path().join(std::ffi::OsStr::from_bytes(b"\xff")),
            b"",
        )
        .unwrap();
        fs::write(at("file"), b"123").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("nothing"), at("broken")).unwrap();
        let listed: Vec<_> = place
            .list("")
            .unwrap()
            .into_iter()
            .map(|e| (e.name, e.bytes))
            .collect();
        assert_eq!(listed, [("file".to_owned(), 3), ("link".to_owned(), 3)]);
        // What cannot be asked for or looked at is told of, and disturbs nothing else.
        std::os::unix::fs::symlink(at("loop"), at("loop")).unwrap();
        fs::write(at("a\nb"), b"").unwrap();
        let listing = place.survey("").unwrap();
        assert_eq!(listing.entries.len(), 2);
        let strange: Vec<_> = listing
            .others
            .iter()
            .map(|other| (other.name.as_str(), other.why.kind()))
            .collect();
        assert_eq!(
            strange,
            [
                ("a\nb", ErrorKind::Invalid),
                ("broken", ErrorKind::NotFound),
                ("loop", ErrorKind::Other),
                ("\u{fffd}", ErrorKind::Invalid),
            ]
        );
        assert_eq!(
            place.read("folder").unwrap_err().kind(),
            ErrorKind::NotFound
        );
        assert_eq!(place.head("folder").unwrap(), None);
        assert_eq!(place.head("file/x").unwrap(), None);
        assert_eq!(
            place.read("file/x").unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_has_one_place_by_every_name_and_link() {
        use std::os::unix::fs::symlink;
        let (folder, place) = place();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/raw")).unwrap();
        symlink("a/raw", at("link")).unwrap();
        symlink("../link", at("a/again")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let raw = place.resolved("a/raw").unwrap();
        assert_eq!(place.resolved("link").unwrap(), raw);
        assert_eq!(place.resolved("a/again").unwrap(), raw);
        for spelling in ["a/new/../raw", "a//./raw/", "link/../raw", "link"] {
            let other = Place::open(&format!("{}/{spelling}", folder.path().display())).unwrap();
            assert_eq!(other.resolved("").unwrap(), raw, "{spelling}");
        }
        // Behind a link what does not exist yet is where it will be.
        let new = place.resolved("link/new/er").unwrap();
        assert_eq!(new, format!("{raw}/new/er"));
        assert!(place.resolved("loop").is_err());
    }

    #[test]
    fn a_rewritten_file_changes_its_etag() {
        let (_folder, place) = place();
        place.put("x", b"one".to_vec()).unwrap();
        let first = place.head("x").unwrap().unwrap();
        place.put("x", b"two".to_vec()).unwrap();
        let second = place.head("x").unwrap().unwrap();
        assert_ne!(first.etag, second.etag);
        assert!(first.modified.unwrap().ends_with('Z'));
    }

    #[test]
    fn sweeping_reaches_the_folders_below() {
        let (folder, place) = place();
        fs::create_dir(folder.path().join("mov_out")).unwrap();
        let dead = ".widefield-00000001-00000001-1-1-1-0123456789abcdef.tmp";
        for name in [dead.to_owned(), format!("mov_out/{dead}")] {
            let file = File::create(folder.path().join(&name)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        }
        place.put("mov_out/x", b"".to_vec()).unwrap();
        assert_eq!(place.sweep_temporary().unwrap(), 2);
        assert_eq!(
            fs::read_dir(folder.path().join("mov_out")).unwrap().count(),
            1
        );
    }
}
