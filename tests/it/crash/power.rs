//! The power fails: of what was written, only that is there which the disk had been asked to keep.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use hookyard::store::sqlite::FILE;
use tempfile::TempDir;

use crate::support::process::{Project, Running};

use super::{Scene, accepted, payment, rounds::all_at_their_end, signed, word};

/// What stands between the program and its disk; built once.
fn between() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/crash/power.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "cc builds {source}, as it links every Rust program"
        );
        library
    })
}

/// A disk whose power fails when its service is killed.
pub(super) struct Disk {
    kept: TempDir,
}

impl Disk {
    pub fn new() -> Self {
        Disk { kept: tempfile::tempdir().expect("a folder") }
    }

    /// Starts the service on this disk.
    pub async fn start(&self, project: &Project) -> Running {
        Running::start(self.serve(project)).await
    }

    fn serve(&self, project: &Project) -> Command {
        // As the program will have it, with what links lead there.
        std::fs::create_dir_all(project.data()).expect("a folder");
        let folder = project.data().canonicalize().expect("it is there");
        let mut serve = project.serve();
        serve.env("LD_PRELOAD", between()).env("DISK_FOLDER", folder).env("DISK_KEPT", self.kept.path());
        serve
    }

    /// Leaves of the database what the disk was asked to keep, once the service is dead.
    pub fn cut(self, project: &Project) {
        for end in ["", "-wal", "-shm"] {
            let name = format!("{FILE}{end}");
            let (kept, file) = (self.kept.path().join(&name), project.data().join(&name));
            if kept.exists() {
                std::fs::copy(kept, file).expect("it is put back");
            } else if file.exists() {
                std::fs::remove_file(file).expect("nothing of it was kept");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn when_the_disk_fails_the_service_ends_and_nothing_acknowledged_is_lost() {
    let scene = Scene::set(4).await;
    let disk = Disk::new();
    let mut serve = disk.serve(&scene.project);
    serve.env("DISK_FAILS_AFTER", "100");
    let service = Running::start(serve).await;
    let mut events = Vec::new();
    loop {
        let body = payment(events.len());
        match service.deliver("stripe", signed(&body), body).await {
            Some((202, answer)) => events.push(word(&answer["event"])),
            Some((status, answer)) => panic!("{status}: {answer}"),
            None => break,
        }
        assert!(events.len() < 1_000, "the disk fails");
    }
    assert!(events.len() > 10, "{}", events.len());
    assert_eq!(service.ended().await.code(), None, "it goes on with nothing that nobody keeps");

    disk.cut(&scene.project);
    let service = scene.project.start().await;
    // The last delivery may have been kept, and not answered any more.
    let again = accepted(&service, events.len() + 1).await;
    let known = all_at_their_end(&service, "the disk failed").await;
    assert!(events.iter().chain([&again]).all(|event| known.contains(event)), "acknowledged and lost");
    assert_eq!(scene.assert_each_effect_once("the disk failed"), known);
}
