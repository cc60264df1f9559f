//! Temporary files that carry their owner, and removal of those whose owner is dead.
//!
//! A name reads `.widefield-<machine>-<boot>-<namespace>-<pid>-<start>-<random>.tmp`:
//! enough to tell later whether the process that made it still runs.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use crate::Error;
use crate::name::OURS;

const END: &str = ".tmp";
/// A file of an earlier boot of this machine, untouched for so long, is dead.
const AFTER_REBOOT: Duration = Duration::from_secs(10 * 60);
/// A file whose owner cannot be asked for, untouched for so long, is dead.
const OF_STRANGERS: Duration = Duration::from_secs(7 * 24 * 3600);

/// A file that vanishes with this value unless it is renamed.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Makes a new empty file in `folder`, which must exist, open for reading and writing.
    pub(crate) fn create_in(folder: &Path) -> io::Result<(Self, File)> {
        loop {
            let path = folder.join(format!("{OURS}{}-{}{END}", Owner::this(), random()));
            match OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)
            {
                Ok(file) => return Ok((Temporary { path }, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file durable under `target`: contents, rename, folder, in this order.
    /// If only the last step fails, the file is in place but might not outlast a power cut.
    pub(crate) fn rename(mut self, file: &File, target: &Path) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(&self.path, target)?;
        self.path.clear();
        target.parent().map_or(Ok(()), sync_folder)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Nobody is left to tell; a file that stays is swept by a later run.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Lets the file `from`, which holds `bytes`, appear as `to` whole, if there is none; whether it did.
///
/// File systems without hard links make it first and fill it then: for a moment it is empty.
pub(crate) fn appear(from: &Path, to: &Path, bytes: &[u8]) -> io::Result<bool> {
    let made = match fs::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let file = OpenOptions::new().write(true).create_new(true).open(to);
            file.and_then(|mut file| io::Write::write_all(&mut file, bytes))
        }
        linked => linked,
    };
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        made => made.map(|()| true),
    }
}

/// Makes the entries of `folder` durable, where the system knows how.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        // Some file systems do not synchronise folders and say so.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Makes `folder` with the folders above it, each durable in its parent.
pub(crate) fn create_folders(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(parent) = folder.parent() else {
                return Err(error);
            };
            create_folders(parent)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                Ok(()) => sync_folder(parent),
                other => other,
            }
        }
        // A concurrent writer, or a link to a folder; what is not a folder is an error.
        Err(error) => match fs::metadata(folder) {
            Ok(found) if found.is_dir() => Ok(()),
            _ => Err(error),
        },
    }
}

/// Removes the temporaries directly in `folder` whose owners are dead; how many.
pub(crate) fn sweep(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let owner = name.to_str().and_then(Owner::of);
        let Some(owner) = owner else { continue };
        // Links are not ours: temporaries are plain files.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let age = metadata
            .modified()
            .ok()
            .and_then(|time| time.elapsed().ok());
        if metadata.is_file() && owner.is_dead(same_user(&metadata), age) {
            match fs::remove_file(entry.path()) {
                Ok(()) => removed += 1,
                // Somebody else swept it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(removed)
}

/// Removes those where objects of places that are no folders are built; how many.
pub(crate) fn sweep_system() -> Result<usize, Error> {
    let folder = std::env::temp_dir();
    sweep(&folder).map_err(|error| Error::io(folder.display(), "sweeping temporary files", error))
}

/// A text that no other has.
pub(crate) fn random() -> String {
    let random = RandomState::new().hash_one(SystemTime::now());
    format!("{random:016x}")
}

/// A name that no other temporary has, and that carries this process as its owner.
#[cfg(feature = "swift")]
pub(crate) fn unique_name() -> String {
    format!("{OURS}{}-{}{END}", Owner::this(), random())
}

/// Whether the owner of the temporary `name`, whose last change was `age` ago, surely runs no more;
/// never for names that are not of temporaries.
#[cfg(feature = "swift")]
pub(crate) fn is_dead(name: &str, age: Option<Duration>) -> bool {
    // Of a store one does not know the user; if other users' processes are hidden, so is
    // the first one.
    let visible = started(1).is_some();
    Owner::of(name).is_some_and(|owner| owner.is_dead(visible, age))
}

/// Which process made a temporary file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Checksum of host name and machine identity; 0 if unknown.
    pub(crate) machine: u32,
    /// Checksum of the identity of this boot; 0 if unknown.
    boot: u32,
    /// The namespace in which `pid` counts (containers have their own); 0 if unknown.
    namespace: u64,
    pub(crate) pid: u32,
    /// Start of the process in clock ticks after boot, since pids are used again.
    pub(crate) start: u64,
}

/// Whether a process runs, as far as it can be told from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Runs,
    Ended,
    /// It is of another computer or container, or processes are hidden here.
    Unknown,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Owner {
            machine,
            boot,
            namespace,
            pid,
            start,
        } = self;
        write!(f, "{machine:08x}-{boot:08x}-{namespace:x}-{pid}-{start}")
    }
}

const HOSTNAME: &str = "/proc/sys/kernel/hostname";

impl Owner {
    pub(crate) fn this() -> &'static Owner {
        static THIS: OnceLock<Owner> = OnceLock::new();
        THIS.get_or_init(|| {
            let pid = std::process::id();
            Owner {
                machine: machine("/etc/machine-id"),
                boot: sum(&["/proc/sys/kernel/random/boot_id"]).unwrap_or(0),
                namespace: namespace().unwrap_or(0),
                pid,
                start: started(pid).unwrap_or(0),
            }
        })
    }

    /// The owner that a file name states, if it is one of ours.
    fn of(name: &str) -> Option<Owner> {
        let inner = name.strip_prefix(OURS)?.strip_suffix(END)?;
        let (owner, random) = inner.rsplit_once('-')?;
        u64::from_str_radix(random, 16).ok()?;
        Owner::parse(owner)
    }

    /// What [`Display`](std::fmt::Display) wrote.
    pub(crate) fn parse(text: &str) -> Option<Owner> {
        let mut parts = text.split('-');
        let owner = Owner {
            machine: u32::from_str_radix(parts.next()?, 16).ok()?,
            boot: u32::from_str_radix(parts.next()?, 16).ok()?,
            namespace: u64::from_str_radix(parts.next()?, 16).ok()?,
            pid: parts.next()?.parse().ok()?,
            start: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(owner)
    }

    /// One of which nothing is known.
    pub(crate) fn unknown() -> Owner {
        Owner {
            machine: 0,
            boot: 0,
            namespace: 0,
            pid: 0,
            start: 0,
        }
    }

    /// Whether this process runs.
    pub(crate) fn life(&self) -> Life {
        let this = Owner::this();
        let known = this.machine != 0 && this.boot != 0 && this.namespace != 0;
        let here =
            (self.machine, self.boot, self.namespace) == (this.machine, this.boot, this.namespace);
        // If processes of other users are hidden, so is the first one.
        match started(self.pid) {
            _ if !known || !here => Life::Unknown,
            Some(start) if start == self.start => Life::Runs,
            None if started(1).is_none() => Life::Unknown,
            _ => Life::Ended,
        }
    }

    /// Whether the owner of something that was last changed `age` ago surely runs no more;
    /// `visible` if it could be seen running on this machine.
    ///
    /// In doubt it lives: another user's processes may be hidden from us, and
    /// those of other machines and containers cannot be asked for at all.
    fn is_dead(&self, visible: bool, age: Option<Duration>) -> bool {
        let this = Owner::this();
        let untouched = |limit| age.is_some_and(|age| age > limit);
        let known = this.machine != 0 && this.boot != 0 && this.namespace != 0;
        if !known || self.machine != this.machine || !visible {
            return untouched(OF_STRANGERS);
        }
        if self.boot != this.boot {
            return untouched(AFTER_REBOOT);
        }
        if self.namespace != this.namespace {
            return untouched(OF_STRANGERS);
        }
        started(self.pid) != Some(self.start)
    }
}

/// One number for what is in files, unless one is missing or empty.
fn sum(paths: &[&str]) -> Option<u32> {
    paths.iter().try_fold(0, |sum, path| {
        let text = fs::read(path).ok().filter(|text| !text.is_empty())?;
        Some(crc32c::crc32c_append(sum, &text))
    })
}

/// Tells this machine from others. Containers often have no file `id`.
fn machine(id: &str) -> u32 {
    let sum = sum(&[HOSTNAME, id]).or_else(|| sum(&[HOSTNAME]));
    sum.unwrap_or(0)
}

/// Inode of the namespace in which this process's pid counts.
fn namespace() -> Option<u64> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    link.to_str()?
        .strip_prefix("pid:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// Start time of the process `pid`; nothing if there is none or only its zombie.
fn started(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses, which may hold blanks and parentheses.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    // State is field 3, start time field 22, proc(5).
    fields.nth(18)?.parse().ok()
}

#[cfg(unix)]
fn same_user(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|this| this.uid() == metadata.uid())
}

#[cfg(not(unix))]
fn same_user(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plant(folder: &Path, owner: &Owner, age: Duration) -> PathBuf {
        let path = folder.join(format!("{OURS}{owner}-0123456789abcdef{END}"));
        let file = File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        path
    }

    #[test]
    fn names_carry_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let (temporary, _file) = Temporary::create_in(folder.path()).unwrap();
        let name = temporary.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(Owner::of(name).as_ref(), Some(Owner::this()));
        assert_eq!(Owner::this().pid, std::process::id());
        for other in [
            "x.tmp",
            ".widefield-.tmp",
            ".widefield-1-2-3-4-5-6-7.tmp",
            "widefield",
        ] {
            assert_eq!(Owner::of(other), None, "{other}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_machine_without_an_id_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let id = folder.path().join("machine-id");
        let machine = || machine(id.to_str().unwrap());
        let unknown = machine();
        assert_ne!(unknown, 0);
        fs::write(&id, b"").unwrap();
        assert_eq!(machine(), unknown);
        fs::write(&id, b"0123456789abcdef\n").unwrap();
        assert_ne!(machine(), unknown);
    }

    #[test]
    fn a_dropped_temporary_is_gone_and_a_renamed_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (temporary, file) = Temporary::create_in(folder.path()).unwrap();
        temporary.rename(&file, &folder.path().join("x")).unwrap();
        drop(Temporary::create_in(folder.path()).unwrap());
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1);
        assert!(folder.path().join("x").exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_dead_are_swept_and_the_living_stay() {
        let folder = tempfile::tempdir().unwrap();
        let this = Owner::this().clone();
        let day = Duration::from_secs(24 * 3600);
        let minute = Duration::from_secs(60);

        // A child that has ended, and was waited for, is no process any more.
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = child.id();
        child.wait().unwrap();
        let dead = [
            (
                Owner {
                    pid: ended,
                    start: 1,
                    ..this.clone()
                },
                Duration::ZERO,
            ),
            // Our pid in an earlier life.
            (
                Owner {
                    start: this.start + 1,
                    ..this.clone()
                },
                Duration::ZERO,
            ),
            (
                Owner {
                    boot: this.boot ^ 1,
                    ..this.clone()
                },
                day,
            ),
            (
                Owner {
                    machine: this.machine ^ 1,
                    ..this.clone()
                },
                8 * day,
            ),
            (
                Owner {
                    namespace: this.namespace + 1,
                    ..this.clone()
                },
                8 * day,
            ),
        ];
        let living = [
            (this.clone(), 30 * day),
            (
                Owner {
                    boot: this.boot ^ 2,
                    ..this.clone()
                },
                minute,
            ),
            (
                Owner {
                    machine: this.machine ^ 2,
                    ..this.clone()
                },
                6 * day,
            ),
            (
                Owner {
                    namespace: this.namespace + 2,
                    ..this.clone()
                },
                6 * day,
            ),
        ];
        let dead: Vec<_> = dead
            .iter()
            .map(|(o, age)| plant(folder.path(), o, *age))
            .collect();
        let living: Vec<_> = living
            .iter()
            .map(|(o, age)| plant(folder.path(), o, *age))
            .collect();
        let stranger = folder.path().join(".widefield-notes");
        File::create(&stranger).unwrap();

        assert_eq!(sweep(folder.path()).unwrap(), dead.len());
        assert!(dead.iter().all(|path| !path.exists()));
        assert!(living.iter().all(|path| path.exists()));
        assert!(stranger.exists());
    }

    #[test]
    fn folders_are_made_once_and_files_in_the_way_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        create_folders(&deep).unwrap();
        create_folders(&deep).unwrap();
        assert!(deep.is_dir());
        fs::write(folder.path().join("file"), b"").unwrap();
        assert!(create_folders(&folder.path().join("file")).is_err());
        assert!(create_folders(&folder.path().join("file/x")).is_err());
    }
}
