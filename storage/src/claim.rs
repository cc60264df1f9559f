//! Claims: a folder belongs to one writer at a time.
//!
//! A claim is a small object, `.widefield-claim`, in the folder that it is for. It names its holder: computer, process,
//! and since when. On one computer a claim lives as long as the process that made it; for all others as long as it is
//! renewed. It is made and taken over on condition of what is there, so that of several only one gets it; a store that
//! cannot do that (Swift knows only the first half) makes claims advisory: they tell writers of each other, but two
//! that begin in the same instant may both believe to have got it, until one finds the other's at its next look.

use std::fmt;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::name::OURS;

use crate::temporary::{Life, Owner};
use crate::{Entry, Error, Place};

/// What stands in the folder.
const NAME: &str = "claim";
/// First line of a claim.
const HEAD: &str = "widefield claim 1";
/// How often a claim is renewed.
const RENEWED: Duration = Duration::from_secs(60);
/// A claim that nobody renewed for so long is dead, where its process cannot be asked for.
const LEASE: Duration = Duration::from_secs(15 * 60);
/// The same of a claim that waits for a cluster, where nothing renews it before its job runs.
const OF_JOBS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Who has a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// Tells this claim from all others.
    pub token: String,
    /// Name of the computer, empty where it has none.
    pub host: String,
    /// Number of the process.
    pub pid: u32,
    /// When it was claimed, RFC 3339 in UTC.
    pub since: String,
    /// What goes on without the process and has the claim instead, such as the jobs of a cluster.
    pub job: Option<String>,
    owner: Owner,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host.as_str() {
            "" => "another computer",
            host => host,
        };
        match &self.job {
            Some(job) => write!(f, "{job}, submitted from {host} at {}", self.since),
            None => write!(f, "process {} on {host} since {}", self.pid, self.since),
        }
    }
}

impl Holder {
    /// This process, for a claim that begins now.
    fn this() -> Self {
        let owner = Owner::this().clone();
        Holder {
            token: crate::temporary::random(),
            host: host(),
            pid: owner.pid,
            since: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            job: None,
            owner,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let job = self.job.as_ref().map(|job| format!("job {job}\n"));
        format!(
            "{HEAD}\ntoken {}\nowner {}\nhost {}\nsince {}\n{}",
            self.token,
            self.owner,
            self.host,
            self.since,
            job.unwrap_or_default()
        )
        .into_bytes()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        if lines.next()? != HEAD {
            return None;
        }
        let mut values = lines.filter_map(|line| line.split_once(' '));
        let mut value = |key: &str| Some(values.next().filter(|(k, _)| *k == key)?.1.to_owned());
        let token = value("token")?;
        let owner = Owner::parse(&value("owner")?)?;
        Some(Holder {
            token,
            host: value("host")?,
            since: value("since")?,
            job: value("job"),
            pid: owner.pid,
            owner,
        })
    }
}

/// Name of this computer, as far as it is known without asking the network.
fn host() -> String {
    let told = ["HOSTNAME", "COMPUTERNAME"].map(std::env::var);
    let told = told.into_iter().flatten().find(|name| !name.is_empty());
    let of_system = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = told.unwrap_or_else(|| of_system().trim().to_owned());
    name.replace(char::is_control, "")
}

/// A claim that was found.
struct Found {
    holder: Holder,
    entry: Entry,
}

/// Folders of a place that this process has to itself, until the value is dropped.
///
/// Made by [`Place::claim`]. A thread renews the claims; dropped, they go.
#[derive(Debug)]
pub struct Claim {
    place: Place,
    folders: Vec<String>,
    holder: Holder,
    renewing: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Place {
    /// Claims folders for this process, all or none. Claims of processes that run no more are taken over.
    ///
    /// ```
    /// use widefield_storage::{ErrorKind, Place};
    ///
    /// let place = Place::open("memory://")?;
    /// let claim = place.claim(&["mov_out", "dff_out"])?;
    /// assert_eq!(place.claim(&["dff_out"]).unwrap_err().kind(), ErrorKind::Claimed);
    /// assert_eq!(place.holder("mov_out")?.unwrap().token, claim.token());
    /// drop(claim);
    /// assert!(place.claim(&["dff_out"]).is_ok());
    /// # Ok::<(), widefield_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Claimed`] where another has one of them; what the system or store reports.
    pub fn claim(&self, folders: &[&str]) -> Result<Claim, Error> {
        self.claim_from(folders, |_| false)
    }

    /// The same; also takes over claims of which `is_dead` says that nobody holds them any more.
    ///
    /// # Errors
    /// As [`Place::claim`].
    pub fn claim_from(
        &self,
        folders: &[&str],
        mut is_dead: impl FnMut(&Holder) -> bool,
    ) -> Result<Claim, Error> {
        let mut claim = Claim {
            place: self.clone(),
            folders: Vec::new(),
            holder: Holder::this(),
            renewing: None,
        };
        for folder in folders {
            self.check_folder(folder)?;
            claim.take(folder, &mut is_dead)?;
            claim.folders.push((*folder).to_owned());
        }
        claim.keep_renewed();
        Ok(claim)
    }

    /// Who has claimed a folder, living or dead; nothing if nobody has, or not readably.
    ///
    /// # Errors
    /// What the system or store reports.
    pub fn holder(&self, folder: &str) -> Result<Option<Holder>, Error> {
        self.check_folder(folder)?;
        let read = match self.objects().read(&name(folder)) {
            Err(Error::NotFound { .. }) => return Ok(None),
            read => read?,
        };
        Ok(Holder::parse(&read))
    }

    /// Refuses to go on where folders are no longer those of the claim `token`.
    ///
    /// For processes that work for the one with the claim, on this or another computer.
    ///
    /// # Errors
    /// [`Error::Claimed`] where another has one, or nobody has; what the system or store reports.
    pub fn check_claim(&self, folders: &[String], token: &str) -> Result<(), Error> {
        let look = |folder: &String| {
            let holder = self.holder(folder)?;
            match holder.as_ref().is_some_and(|h| h.token == token) {
                true => Ok(()),
                false => Err(self.claimed(folder, holder.as_ref())),
            }
        };
        // At once: a store takes its time for each.
        std::thread::scope(|scope| {
            let looks: Vec<_> = folders
                .iter()
                .map(|f| scope.spawn(move || look(f)))
                .collect();
            let joined = looks.into_iter().map(|look| match look.join() {
                Ok(found) => found,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect()
        })
    }

    fn claimed(&self, folder: &str, holder: Option<&Holder>) -> Error {
        let holder = match holder {
            Some(holder) => format!("claimed by {holder}"),
            None => "no longer claimed for this run".to_owned(),
        };
        Error::Claimed {
            object: self.object(folder),
            holder,
        }
    }
}

/// Name of the claim of a folder.
fn name(folder: &str) -> String {
    match folder {
        "" => format!("{OURS}{NAME}"),
        folder => format!("{folder}/{OURS}{NAME}"),
    }
}

impl Claim {
    /// What tells it from all others.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.holder.token
    }

    /// The folders.
    #[must_use]
    pub fn folders(&self) -> &[String] {
        &self.folders
    }

    /// As [`Place::check_claim`].
    ///
    /// # Errors
    /// As there.
    pub fn check(&self) -> Result<(), Error> {
        self.place.check_claim(&self.folders, &self.holder.token)
    }

    /// Leaves the folders to something that goes on without this process, such as jobs of a cluster: the claim
    /// stays, with `job` as its holder.
    ///
    /// # Errors
    /// What the system or store reports; [`Error::Claimed`] where another has taken one over.
    pub fn leave_to(mut self, job: &str) -> Result<(), Error> {
        self.stop_renewing();
        self.holder.job = Some(job.replace(char::is_control, " "));
        let folders = std::mem::take(&mut self.folders);
        for folder in &folders {
            let found = self.found(folder)?;
            let mine = found.filter(|found| found.holder.token == self.holder.token);
            let changed = match mine {
                Some(found) => self.put(folder, Some(&found.entry))?,
                None => false,
            };
            if !changed {
                let holder = self.place.holder(folder)?;
                return Err(self.place.claimed(folder, holder.as_ref()));
            }
        }
        Ok(())
    }

    /// Gets one folder.
    fn take(&self, folder: &str, is_dead: &mut dyn FnMut(&Holder) -> bool) -> Result<(), Error> {
        // Others may come first several times, each of which must have died since.
        for _ in 0..4 {
            let there = self.found(folder)?;
            if let Some(found) = &there
                && !found.is_dead()
                && !is_dead(&found.holder)
            {
                return Err(self.place.claimed(folder, Some(&found.holder)));
            }
            let put = self.put(folder, there.as_ref().map(|found| &found.entry))?;
            // Stores that do not know conditions say yes to all, and an answer may have been lost.
            let holder = self.place.holder(folder)?;
            if holder.is_some_and(|holder| holder.token == self.holder.token) {
                return Ok(());
            }
            if !put {
                continue;
            }
        }
        let holder = self.place.holder(folder)?;
        Err(self.place.claimed(folder, holder.as_ref()))
    }

    /// What is there. A claim that cannot be understood is one of nobody known.
    fn found(&self, folder: &str) -> Result<Option<Found>, Error> {
        let name = name(folder);
        let Some(entry) = self.place.objects().head(&name)? else {
            return Ok(None);
        };
        let bytes = match self.place.objects().read(&name) {
            Err(Error::NotFound { .. }) => return Ok(None),
            bytes => bytes?,
        };
        let unknown = || Holder {
            token: String::new(),
            host: String::new(),
            since: entry.modified.clone().unwrap_or_default(),
            pid: 0,
            job: None,
            owner: Owner::unknown(),
        };
        let holder = Holder::parse(&bytes).unwrap_or_else(unknown);
        Ok(Some(Found { holder, entry }))
    }

    /// Puts the claim in place of `there`, if that still is there.
    fn put(&self, folder: &str, there: Option<&Entry>) -> Result<bool, Error> {
        let bytes = self.holder.to_bytes();
        self.place
            .objects()
            .put_if(&name(folder), bytes.into(), there)
    }

    fn keep_renewed(&mut self) {
        let (stop, stopped) = mpsc::channel();
        let place = self.place.clone();
        let (folders, holder) = (self.folders.clone(), self.holder.clone());
        let renew = move || {
            while stopped.recv_timeout(RENEWED) == Err(mpsc::RecvTimeoutError::Timeout) {
                for folder in &folders {
                    // A claim that was taken over is found out by who wants to publish.
                    let _ = renew(&place, folder, &holder);
                }
            }
        };
        let thread = std::thread::Builder::new().name("claims".into());
        // Without the thread other computers take the claim for dead after a while.
        self.renewing = thread.spawn(renew).ok().map(|thread| (stop, thread));
    }

    fn stop_renewing(&mut self) {
        if let Some((stop, thread)) = self.renewing.take() {
            drop(stop);
            // It does not panic, and what it renews may go.
            let _ = thread.join();
        }
    }
}

/// Makes a claim young again, if it still is the holder's.
fn renew(place: &Place, folder: &str, holder: &Holder) -> Result<(), Error> {
    let name = name(folder);
    let Some(entry) = place.objects().head(&name)? else {
        return Ok(());
    };
    if Holder::parse(&place.objects().read(&name)?).as_ref() == Some(holder) {
        let bytes = holder.to_bytes();
        place.objects().touch(&name, bytes.into(), &entry)?;
    }
    Ok(())
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.stop_renewing();
        for folder in &self.folders {
            let holder = self.place.holder(folder);
            let mine = holder.is_ok_and(|h| h.is_some_and(|h| h.token == self.holder.token));
            if mine {
                // What stays is taken over, since its process is gone.
                let _ = self.place.objects().remove(&name(folder));
            }
        }
    }
}

impl Found {
    /// Whether nobody holds it any more.
    fn is_dead(&self) -> bool {
        let modified = self.entry.modified.as_ref();
        let modified = modified.and_then(|m| m.parse::<jiff::Timestamp>().ok());
        let age = modified.and_then(|m| jiff::Timestamp::now().duration_since(m).try_into().ok());
        let untouched = |limit| age.is_some_and(|age: Duration| age > limit);
        match (&self.holder.job, self.holder.owner.life()) {
            (Some(_), _) => untouched(OF_JOBS),
            (None, Life::Runs) => false,
            (None, Life::Ended) => true,
            (None, Life::Unknown) => untouched(LEASE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn places() -> Vec<(Option<tempfile::TempDir>, Place)> {
        let folder = tempfile::tempdir().unwrap();
        let local = Place::open(folder.path().to_str().unwrap()).unwrap();
        let memory = Place::open("memory://").unwrap();
        vec![(Some(folder), local), (None, memory)]
    }

    /// Leaves a claim as another would have.
    fn plant(place: &Place, folder: &str, holder: &Holder) {
        let bytes = holder.to_bytes();
        place.objects().put(&name(folder), bytes.into()).unwrap();
    }

    /// Of a process of this computer that has ended.
    fn ended() -> Holder {
        let mut holder = Holder::this();
        holder.owner.start += 1;
        holder.token = "other".into();
        holder
    }

    #[test]
    fn a_claim_reads_back() {
        let mut holder = Holder::this();
        assert_eq!(Holder::parse(&holder.to_bytes()), Some(holder.clone()));
        holder.job = Some("Slurm job 12, 13".into());
        holder.host.clear();
        assert_eq!(Holder::parse(&holder.to_bytes()), Some(holder.clone()));
        let text = holder.to_string();
        assert!(
            text.starts_with("Slurm job 12, 13, submitted from another"),
            "{text}"
        );
        for wrong in ["", "widefield claim 1\n", "widefield claim 2\ntoken x\n"] {
            assert_eq!(Holder::parse(wrong.as_bytes()), None);
        }
    }

    #[test]
    fn one_has_it_and_the_others_are_told() {
        for (_folder, place) in places() {
            let claim = place.claim(&["", "a"]).unwrap();
            let error = place.claim(&["b", "a"]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Claimed);
            let text = error.to_string();
            let pid = format!("process {} on", std::process::id());
            assert!(text.contains(&pid) && text.contains("/a"), "{text}");
            // All or none: of the refused one nothing stays.
            assert_eq!(place.holder("b").unwrap(), None);
            claim.check().unwrap();
            assert_eq!(place.list("").unwrap(), []);
            drop(claim);
            assert_eq!(place.holder("a").unwrap(), None);
            place.claim(&["a"]).unwrap();
        }
    }

    #[test]
    fn a_dead_claim_is_taken_over_and_its_workers_are_stopped() {
        for (_folder, place) in places() {
            let dead = ended();
            plant(&place, "a", &dead);
            place.check_claim(&["a".into()], &dead.token).unwrap();
            let claim = place.claim(&["a"]).unwrap();
            let stopped = place.check_claim(&["a".into()], &dead.token).unwrap_err();
            assert_eq!(stopped.kind(), ErrorKind::Claimed);
            assert!(
                stopped.to_string().contains("claimed by process"),
                "{stopped}"
            );
            claim.check().unwrap();
            // Another takes it over: the first one leaves it alone.
            plant(&place, "a", &dead);
            assert!(claim.check().is_err());
            drop(claim);
            assert_eq!(place.holder("a").unwrap(), Some(dead));
        }
    }

    #[test]
    fn of_others_only_time_tells() {
        let (folder, place) = places().remove(0);
        let mut other = ended();
        other.owner.machine ^= 1;
        other.host = "elsewhere".into();
        plant(&place, "a", &other);
        let error = place.claim(&["a"]).unwrap_err().to_string();
        assert!(error.contains("on elsewhere since 2"), "{error}");
        let folder = folder.unwrap();
        let path = folder.path().join("a/.widefield-claim");
        let age = |age: Duration| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(std::time::SystemTime::now() - age)
                .unwrap();
        };
        age(LEASE - Duration::from_secs(5));
        assert!(place.claim(&["a"]).is_err());
        age(LEASE + Duration::from_secs(5));
        drop(place.claim(&["a"]).unwrap());
        // One that cannot be read is somebody's, for a while.
        std::fs::write(&path, "half").unwrap();
        assert!(place.claim(&["a"]).is_err());
        age(LEASE + Duration::from_secs(5));
        drop(place.claim(&["a"]).unwrap());
        // A job that waits in a queue renews nothing.
        let mut waiting = other;
        waiting.job = Some("Slurm job 7".into());
        plant(&place, "a", &waiting);
        age(OF_JOBS - Duration::from_secs(5));
        let error = place.claim(&["a"]).unwrap_err().to_string();
        assert!(
            error.contains("Slurm job 7, submitted from elsewhere"),
            "{error}"
        );
        let asked = |holder: &Holder| holder.job.as_deref() == Some("Slurm job 7");
        drop(place.claim_from(&["a"], asked).unwrap());
        plant(&place, "a", &waiting);
        age(OF_JOBS + Duration::from_secs(5));
        drop(place.claim(&["a"]).unwrap());
    }

    #[test]
    fn a_claim_can_be_left_to_a_job() {
        for (_folder, place) in places() {
            let claim = place.claim(&["a", "b"]).unwrap();
            let token = claim.token().to_owned();
            claim.leave_to("Slurm job 3").unwrap();
            let folders = ["a".to_owned(), "b".to_owned()];
            place.check_claim(&folders, &token).unwrap();
            let error = place.claim(&["b"]).unwrap_err().to_string();
            assert!(error.contains("claimed by Slurm job 3"), "{error}");
        }
    }

    #[test]
    fn renewing_makes_it_young_and_touches_no_other() {
        let (folder, place) = places().remove(0);
        let claim = place.claim(&["a"]).unwrap();
        let folder = folder.unwrap();
        let path = folder.path().join("a/.widefield-claim");
        let old = std::time::SystemTime::now() - LEASE;
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(old).unwrap();
        renew(&place, "a", &claim.holder).unwrap();
        let now = path.metadata().unwrap().modified().unwrap();
        assert!(now.elapsed().unwrap() < LEASE / 2);
        file.set_modified(old).unwrap();
        renew(&place, "a", &ended()).unwrap();
        assert_eq!(path.metadata().unwrap().modified().unwrap(), old);
        let memory = Place::open("memory://").unwrap();
        let claim = memory.claim(&["a"]).unwrap();
        renew(&memory, "a", &claim.holder).unwrap();
        claim.check().unwrap();
    }

    #[test]
    fn of_many_at_once_one_gets_it() {
        for (_folder, place) in places() {
            // Dead ones are taken over by one alone, too.
            for dead in [false, true] {
                if dead {
                    plant(&place, "a", &ended());
                }
                let all: Vec<_> = std::thread::scope(|scope| {
                    let take = || scope.spawn(|| place.claim(&["a"]));
                    let started: Vec<_> = (0..16).map(|_| take()).collect();
                    started.into_iter().map(|t| t.join().unwrap()).collect()
                });
                let holds = all.iter().flatten().filter(|claim| claim.check().is_ok());
                assert_eq!(holds.count(), 1);
                assert_eq!(all.iter().filter(|claim| claim.is_ok()).count(), 1);
            }
        }
    }
}
