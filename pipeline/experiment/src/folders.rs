//! Several sessions in one description: `data.folders`, and where each keeps what is its own.

use super::error::{Rule, ensure};
use super::{Config, Output};

impl Config {
    /// One description for each of `data.folders`; the same description where there are none.
    ///
    /// Of folder `a` the recordings are in `a` below `data.url`, the results in `mov_out/a`, `dff_out/a` and
    /// `mat_out/a`, and everything else in `a` below `output.url`.
    #[must_use]
    pub fn sessions(&self) -> Vec<Config> {
        if self.data.folders.is_empty() {
            return vec![self.clone()];
        }
        let of = |folder: &String| {
            let mut session = self.clone();
            session.data.folders.clear();
            session.data.url = join(&self.data.url, folder);
            session.output.url = Some(self.output_url().to_owned());
            session.output.records = self.output.beside(folder);
            let out = &mut session.output;
            for kind in [&mut out.movie, &mut out.dff, &mut out.mat] {
                if !kind.is_empty() {
                    *kind = join(kind, folder);
                }
            }
            session
        };
        self.data.folders.iter().map(of).collect()
    }

    /// Whether the results lie where the recordings are, so that both may be moved as a whole.
    pub(super) fn inside(&self) -> bool {
        let output = self.output_url();
        let records = &self.output.records;
        output == self.data.url || (!records.is_empty() && join(output, records) == self.data.url)
    }

    pub(super) fn folders_problem(&self) -> Rule {
        let folders = &self.data.folders;
        for (i, folder) in folders.iter().enumerate() {
            let wrong = |right, message: String| ensure(right, "data.folders", message);
            wrong(
                is_below(folder),
                format!("`{folder}` is no folder below data.url"),
            )?;
            wrong(
                !folders[..i].contains(folder),
                format!("`{folder}` is listed twice"),
            )?;
        }
        Ok(())
    }
}

impl Output {
    /// The name in the output place of something that is the session's own: `run.json`, the report, texts.
    #[must_use]
    pub fn beside(&self, name: &str) -> String {
        match (self.records.as_str(), name) {
            ("", name) => name.to_owned(),
            (records, "") => records.to_owned(),
            (records, name) => format!("{records}/{name}"),
        }
    }
}

/// Whether a text names a folder below another by plain parts.
pub(super) fn is_below(folder: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    folder.split('/').all(plain)
}

fn join(url: &str, folder: &str) -> String {
    format!("{}/{folder}", url.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folders: &[&str]) -> Config {
        let mut config = Config::new("a_");
        config.data.url = "/raw".into();
        config.output.mat.clear();
        config.data.folders = folders.iter().map(|f| (*f).to_owned()).collect();
        config
    }

    #[test]
    fn each_folder_is_a_session_and_kinds_stay_together() {
        assert_eq!(config(&[]).sessions(), [config(&[])]);
        let sessions = config(&["m1/d1", "m2"]).sessions();
        assert_eq!(sessions.len(), 2);
        let one = &sessions[0];
        assert_eq!(
            (one.data.url.as_str(), one.output_url()),
            ("/raw/m1/d1", "/raw")
        );
        assert_eq!(one.output.dff, "dff_out/m1/d1");
        assert_eq!(one.output.mat, "");
        assert_eq!(one.output.beside("run.json"), "m1/d1/run.json");
        assert_eq!(sessions[1].output.beside(""), "m2");
        assert!(one.inside() && one.data.folders.is_empty());
        // Moved as a whole it is the same session.
        let mut moved = config(&["m1/d1"]);
        moved.data.url = "/elsewhere".into();
        assert!(moved.sessions()[0].same_session(one));
        assert!(!sessions[1].same_session(&config(&["m3"]).sessions()[0]) || sessions[1].inside());
    }

    #[test]
    fn folders_are_plain_and_differ() {
        for wrong in [&["../x"][..], &["/x"], &[""], &["a", "a"], &["a//b"]] {
            let problem = config(wrong).problem().expect_err("no such folders");
            assert_eq!(problem.key, "data.folders", "{wrong:?}");
        }
        let mut records = config(&[]);
        records.output.records = "..".into();
        let problem = records.problem().expect_err("above");
        assert_eq!(problem.key, "output.records");
    }
}
