//! A way to a Redis that ends after so many words.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::watch,
};

use tempfile::TempDir;

const SOCKET: &str = "cut.sock";

/// What is written to Redis passes until it was enough; from then on neither words nor answers pass.
pub struct Cut {
    dir: TempDir,
    words: usize,
    way: Arc<Way>,
    reached: watch::Receiver<bool>,
}

impl Cut {
    /// Lets `words` writes pass. The answer to the last one does if `answered`.
    pub async fn after(words: usize, answered: bool, socket: PathBuf) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(dir.path().join(SOCKET)).expect("a free name");
        let (cut, reached) = watch::channel(false);
        let way = Arc::new(Way { left: AtomicUsize::new(words), answered, cut });
        let of_all = Arc::clone(&way);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.expect("Redis listens");
                tokio::spawn(pass(client, server, Arc::clone(&of_all)));
            }
        });
        Cut { dir, words, way, reached }
    }

    /// Where it begins.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join(SOCKET)
    }

    /// How many writes have passed.
    pub fn passed(&self) -> usize {
        self.words - self.way.left.load(Ordering::SeqCst)
    }

    /// Waits until it was enough.
    pub async fn reached(&mut self) {
        self.reached.wait_for(|reached| *reached).await.expect("somebody passes");
    }
}

struct Way {
    left: AtomicUsize,
    answered: bool,
    cut: watch::Sender<bool>,
}

async fn pass(client: UnixStream, server: UnixStream, way: Arc<Way>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            let taken = way.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if taken.is_err() {
                way.cut.send_replace(true);
                std::future::pending::<()>().await;
            }
            if taken == Ok(1) && !way.answered {
                way.cut.send_replace(true);
            }
            if to_server.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    let back = async {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            if *way.cut.borrow() {
                std::future::pending::<()>().await;
            }
            if to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}
