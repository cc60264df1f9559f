//! Which objects of the output place are results of a session: their folders, their names, and the only way by which
//! a run removes one.

use crate::config::{Config, Masking, MotionMethod};
use crate::manifest;
use crate::step::Own;
use std::path::{Path, PathBuf};
use widefield_storage::{Error, Place};

/// A folder that holds nothing but results of one kind.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The key that names it, for messages.
    pub(crate) key: &'static str,
    /// Below the output place.
    pub(crate) path: String,
    endings: Vec<String>,
}

/// Folders in which a session's results lie, those of its trials first.
pub(crate) fn folders(config: &Config, own: &Own) -> Vec<Folder> {
    let out = &config.output;
    let folder = |key, path: &str, endings: &[&str]| Folder {
        key,
        path: path.to_owned(),
        endings: endings.iter().map(|&e| e.to_owned()).collect(),
    };
    let mut folders = vec![
        folder("output.movie", &out.movie, &[".h5"]),
        folder("output.dff", &out.dff, &[".h5"]),
        folder("output.mat", &out.mat, &[".mat"]),
    ];
    folders.retain(|f| !f.path.is_empty());
    let shifts = of_shifts(config, own);
    folders.extend(shifts.map(|path| folder("the folder of shifts", &path, &[".csv"])));
    let manifests = out.beside(manifest::FOLDER);
    folders.push(folder(
        "the folder of manifests",
        &manifests,
        &[".json", ".measured"],
    ));
    for consumer in &own.consumers {
        let parts = consumer
            .extension()
            .map(|ending| (consumer.name().to_owned(), ending));
        for (name, ending) in parts.into_iter().chain(consumer.folders(config)) {
            let ending = format!(".{ending}");
            folders.push(folder(
                "a folder beside run.json",
                &out.beside(&name),
                &[ending.as_str()],
            ));
        }
    }
    folders
}

/// Names of what is the session's own, beside its folders.
pub(crate) const OWN: [&str; 4] = [
    crate::plan::RUN_JSON,
    "report.html",
    crate::labels::TRIAL_LIST,
    crate::labels::PERFORMANCE,
];

/// Folder of the shifts that were taken away.
const SHIFTS: &str = "motion_out";

/// MAT files of the session; no trial may have one of that name.
pub(crate) const REFERENCE: &str = "refImg.mat";

/// The folder and the name in it.
pub(crate) fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

/// The folder of the shifts that were taken away, where that is done.
pub(crate) fn of_shifts(config: &Config, own: &Own) -> Option<String> {
    let taken = own.register.is_some() || config.analysis.motion.method != MotionMethod::None;
    taken.then(|| config.output.beside(SHIFTS))
}

/// Whether an object is called as results of such a session are.
pub(crate) fn is_result(config: &Config, own: &Own, name: &str) -> bool {
    let (folder, file) = split(name);
    let ends = |ending: &String| file.len() > ending.len() && file.ends_with(ending.as_str());
    let named = |f: &Folder| f.path == folder && f.endings.iter().any(ends);
    let folders = folders(config, own);
    // Those of a run that took motion away, too, where this one does not.
    let shifts = folder == config.output.beside(SHIFTS) && ends(&".csv".to_owned());
    folders.iter().any(named) || shifts && folders.iter().all(|f| f.path != folder)
}

/// Whether a session with this description would write it of the movie `stem`.
pub(crate) fn is_of_trial(config: &Config, stem: &str, name: &str) -> bool {
    let (folder, file) = split(name);
    let out = &config.output;
    let is_named = |ending: &str| file.strip_suffix(ending) == Some(stem);
    match folder {
        "" => false,
        f if f == out.movie || f == out.dff => is_named(".h5"),
        f if f == out.mat => is_named(".mat") || is_of_condition(file),
        f if f == out.beside(SHIFTS) => is_named(".csv"),
        _ => false,
    }
}

/// Whether a MAT file is called as those of labelled trials are: `cond_<c>_trial<k>.mat`.
pub(crate) fn is_of_condition(file: &str) -> bool {
    let inner = file
        .strip_prefix("cond_")
        .and_then(|f| f.strip_suffix(".mat"));
    let number = inner.and_then(|f| Some(f.rsplit_once("_trial")?.1));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Removes a result of the session. What is called otherwise, and every folder in which raw files lie, by whatever
/// name or link, is left alone; then the answer is `false`.
///
/// # Errors
/// What the output place reports.
pub(crate) fn remove(
    config: &Config,
    own: &Own,
    data: &Place,
    output: &Place,
    name: &str,
) -> Result<bool, Error> {
    let (folder, file) = split(name);
    if !is_result(config, own, name) || output.resolved(folder)? == data.resolved("")? {
        return Ok(false);
    }
    let path = output.local_path(name);
    let areas = config.products.rois.as_ref().map(PathBuf::from);
    let mut read = mask_image(config).into_iter().chain(areas);
    if read.any(|one| is_file(&one, path.as_deref(), file)) {
        return Ok(false);
    }
    output.remove(name)?;
    Ok(true)
}

/// The image that the description names as mask.
pub(crate) fn mask_image(config: &Config) -> Option<PathBuf> {
    match &config.analysis.segmentation.method {
        Masking::File(given) => Some(PathBuf::from(&given.file)),
        Masking::Rule(_) => None,
    }
}

/// Whether `one` is the file at `path`, which ends in `name`.
fn is_file(one: &Path, path: Option<&Path>, name: &str) -> bool {
    let Some(path) = path.filter(|_| one.file_name().is_some_and(|n| n == name)) else {
        return false;
    };
    let real = |path: &Path| path.canonicalize();
    matches!((real(one), real(path)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MaskFile;
    use crate::consumer::{Consumer, Session, Watch, Watched};
    use crate::record::Output;
    use crate::step::Cause;

    /// Keeps parts in `report/`.
    struct Report;

    impl Consumer for Report {
        fn name(&self) -> &'static str {
            "report"
        }

        fn extension(&self) -> Option<&'static str> {
            Some("json")
        }

        fn watch(&self, _: &Watched<'_>) -> Result<Option<Box<dyn Watch>>, Cause> {
            Err("nothing is watched here".into())
        }

        fn session(&self, _: &Session<'_>) -> Result<Vec<Output>, Cause> {
            Ok(Vec::new())
        }
    }

    fn own() -> Own {
        Own::default().consumer(Report)
    }

    fn places(dir: &Path) -> (Config, Place, Place) {
        let mut config = Config::new("a_");
        config.data.url = dir.join("raw").display().to_string();
        config.output.url = Some(dir.display().to_string());
        let open = |url: &str| Place::open(url).expect("place");
        let (data, output) = (open(&config.data.url), open(config.output_url()));
        data.put("a_1.h5", b"a recording".to_vec()).expect("put");
        (config, data, output)
    }

    #[test]
    fn only_results_are_removed() {
        let dir = tempfile::tempdir().expect("folder");
        let (config, data, output) = places(dir.path());
        let ours = [
            "mov_out/a_1.h5",
            "dff_out/x.h5",
            "mat_out/x.mat",
            "manifest/a_1.json",
            "manifest/a_1.measured",
            "report/a_1.json",
        ];
        let others = [
            "experiment.toml",
            "run.json",
            "raw/a_1.h5",
            "mov_out/a_1",
            "mov_out/deeper/a_1.h5",
            "mov_out/.h5",
            "mat_out/notes.txt",
            "elsewhere/x.h5",
        ];
        for name in ours.iter().chain(&others) {
            output.put(name, b"x".to_vec()).expect("put");
        }
        for (names, want) in [(&ours[..], true), (&others, false)] {
            for name in names {
                let removed = remove(&config, &own(), &data, &output, name).expect("remove");
                assert_eq!(removed, want, "{name}");
                assert_eq!(output.head(name).expect("head").is_none(), want, "{name}");
            }
        }
        for name in ["../x.h5", "/etc/x.h5", "mov_out/../raw/a_1.h5"] {
            assert!(!remove(&config, &own(), &data, &output, name).expect(name));
        }
    }

    #[test]
    fn what_a_manifest_may_say_of_a_trial() {
        let mut config = Config::new("a_");
        let is = |config: &Config, name: &str| is_of_trial(config, "a_1", name);
        for name in [
            "mov_out/a_1.h5",
            "dff_out/a_1.h5",
            "mat_out/a_1.mat",
            "mat_out/cond_100_trial12.mat",
        ] {
            assert!(is(&config, name), "{name}");
        }
        for name in [
            "mov_out/a_2.h5",
            "mat_out/refImg.mat",
            "mat_out/cond_100_trial.mat",
            "mat_out/deeper/a_1.mat",
            "a_1.h5",
            "/mov_out/a_1.h5",
            "../mov_out/a_1.h5",
            "manifest/a_1.json",
        ] {
            assert!(!is(&config, name), "{name}");
        }
        config.output.mat.clear();
        assert!(!is(&config, "mat_out/a_1.mat") && !is(&config, "/a_1.mat"));
    }

    #[cfg(unix)]
    #[test]
    fn nothing_where_recordings_lie_is_removed() {
        let dir = tempfile::tempdir().expect("folder");
        let (mut config, data, output) = places(dir.path());
        std::os::unix::fs::symlink("raw", dir.path().join("mov_out")).expect("link");
        assert!(!remove(&config, &own(), &data, &output, "mov_out/a_1.h5").expect("remove"));
        config.output.movie = "raw".into();
        assert!(!remove(&config, &own(), &data, &output, "raw/a_1.h5").expect("remove"));
        assert!(dir.path().join("raw/a_1.h5").exists());
    }

    #[test]
    fn masks_and_areas_stay_wherever_they_lie() {
        let dir = tempfile::tempdir().expect("folder");
        let (mut config, data, output) = places(dir.path());
        output.put("dff_out/m.h5", b"mask".to_vec()).expect("put");
        let path = dir.path().join("dff_out/../dff_out/m.h5");
        config.analysis.segmentation.method =
            Masking::File(MaskFile::new(path.display().to_string()));
        assert!(!remove(&config, &own(), &data, &output, "dff_out/m.h5").expect("remove"));
        config.analysis.segmentation.method = Masking::default();
        config.products.rois = Some(path.display().to_string());
        assert!(!remove(&config, &own(), &data, &output, "dff_out/m.h5").expect("remove"));
        config.products.rois = None;
        assert!(remove(&config, &own(), &data, &output, "dff_out/m.h5").expect("remove"));
    }
}
