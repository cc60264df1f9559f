//! Every kind of place keeps the same promises.

use widefield_storage::{Ahead, Place, conformance};

fn assert_conforms(place: &Place, folder: &str) {
    let failures = conformance::check(place, folder);
    let text: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{place}\n{}", text.join("\n"));
}

#[test]
fn memory() {
    assert_conforms(&Place::open("memory://").unwrap(), "top");
    assert_conforms(
        &Place::open("memory://conformance/a/b").unwrap(),
        "sub/folder",
    );
}

#[test]
fn file_system() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert_conforms(&Place::open(path).unwrap(), "top");
    // A place that does not exist yet, with a name that a URL has to escape.
    assert_conforms(
        &Place::open(&format!("{path}/new place %20 é")).unwrap(),
        "sub/folder",
    );
    assert_conforms(
        &Place::open(&format!("file://{path}/new%20place")).unwrap(),
        "top",
    );
    assert!(folder.path().join("new place").is_dir());
}

/// A place that breaks its promises is found out: this one is a file system that
/// somebody else writes into.
#[test]
fn a_place_that_differs_fails() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("top/0")).unwrap();
    std::fs::write(folder.path().join("top/0/stranger"), b"").unwrap();
    let place = Place::open(folder.path().to_str().unwrap()).unwrap();
    let failures = conformance::check(&place, "top");
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].check, "objects come back");
}

#[test]
fn places_in_memory_are_named() {
    let url = |url| Place::open(url).unwrap().to_string();
    for name in ["memory://", "memory://n", "memory://n/a/b"] {
        assert_eq!(url(name), name);
    }
    assert_eq!(url("memory:///a/"), "memory:///a");
    let error = Place::open("memory://").unwrap().read("x").unwrap_err();
    assert_eq!(error.to_string(), "memory:///x: not found");
}

#[test]
fn memory_is_shared_by_name() {
    let (one, two) = (
        Place::open("memory://shared/a"),
        Place::open("memory://shared"),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    one.put("x", b"1".to_vec()).unwrap();
    assert_eq!(two.read("a/x").unwrap(), b"1"[..]);
    assert_eq!(two.url(), "memory://shared");
    let private = [
        Place::open("memory://").unwrap(),
        Place::open("memory://").unwrap(),
    ];
    private[0].put("x", b"1".to_vec()).unwrap();
    assert_eq!(private[0].clone().list("").unwrap().len(), 1);
    assert_eq!(private[1].list("").unwrap(), []);
}

#[test]
fn a_missing_top_folder_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open_in(folder.path(), "nowhere").unwrap();
    let error = place.list("").unwrap_err();
    assert_eq!(error.kind(), widefield_storage::ErrorKind::NotFound);
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(place.list("below").unwrap(), []);
    assert_eq!(place.sweep_temporary().unwrap(), 0);
    assert!(!folder.path().join("nowhere").exists());
}

#[cfg(feature = "object-store")]
#[test]
fn any_store() {
    let store = std::sync::Arc::new(object_store::memory::InMemory::new());
    let place = Place::from_store(store, "mine://here", "a/b").unwrap();
    assert_conforms(&place, "sub/folder");
}

#[cfg(feature = "object-store")]
#[test]
fn the_store_is_there_for_asynchronous_callers() {
    use object_store::ObjectStoreExt;
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store = std::sync::Arc::new(object_store::memory::InMemory::new());
    for place in [
        Place::from_store(store, "mine://here", "a/b").unwrap(),
        Place::open(folder.path().to_str().unwrap()).unwrap(),
    ] {
        place.put("c/x", b"12345".to_vec()).unwrap();
        let (store, top) = place.object_store().unwrap();
        let path = object_store::path::Path::parse(format!("{top}/c/x").trim_start_matches('/'));
        let bytes = runtime.block_on(async { store.get(&path.unwrap()).await?.bytes().await });
        assert_eq!(bytes.unwrap(), b"12345"[..]);
    }
    let lent = Place::open("memory://").unwrap().object_store();
    let error = lent.map(drop).unwrap_err();
    assert_eq!(error.kind(), widefield_storage::ErrorKind::Unsupported);
}

#[test]
fn places_and_writers_go_between_threads() {
    fn sendable<T: Send>() {}
    fn shareable<T: Send + Sync + Clone>() {}
    shareable::<Place>();
    sendable::<widefield_storage::MatWriter>();
    #[cfg(feature = "hdf5")]
    sendable::<widefield_storage::Hdf5Writer>();
}

#[cfg(feature = "object-store")]
#[test]
fn parts_are_fetched_within_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store = std::sync::Arc::new(object_store::memory::InMemory::new());
    let place = Place::from_store(store, "mine://here", "").unwrap();
    place.put("x", b"0123456789".to_vec()).unwrap();
    let parts = runtime.block_on(async {
        let parts = place.fetch("x", vec![5..7, 0..2], Ahead::default());
        parts.unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    });
    assert_eq!(parts, [&b"56"[..], b"01"]);
}

#[test]
fn a_file_written_over_in_place_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::open(folder.path().to_str().unwrap()).unwrap();
    place.put("x", vec![1; 100]).unwrap();
    let ranges = vec![0..50, 50..100, 0..1];
    let mut replaced = place.fetch("x", ranges.clone(), Ahead::default()).unwrap();
    assert_eq!(replaced.next().unwrap().unwrap(), [1; 50][..]);
    // Another file under the same name: the open one stays what it was.
    place.put("x", vec![2; 100]).unwrap();
    assert_eq!(replaced.next().unwrap().unwrap(), [1; 50][..]);

    let mut changed = place.fetch("x", ranges, Ahead::default()).unwrap();
    assert_eq!(changed.next().unwrap().unwrap(), [2; 50][..]);
    std::fs::write(folder.path().join("x"), [3; 60]).unwrap();
    let error = changed.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), widefield_storage::ErrorKind::Changed);
    assert!(changed.next().is_none(), "nothing comes after an error");
}
