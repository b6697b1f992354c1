//! A real nginx, with a configuration of ours.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server, stopped when it is dropped.
pub struct Nginx {
    process: Child,
    port: u16,
}

impl Nginx {
    /// Starts a server with a folder of its own and waits until it answers on `port`. `blocks` is the content of `http`.
    #[expect(clippy::disallowed_methods, reason = "the environment says where nginx is")]
    pub async fn start(folder: PathBuf, blocks: &str, port: u16) -> Self {
        // Debian keeps it where only root looks for programs.
        let program = std::env::var_os("NGINX_PATH").unwrap_or_else(|| "/usr/sbin/nginx".into());
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths = paths.map(|name| format!("{name}_temp_path {name};\n")).concat();
        let configuration =
            format!("daemon off;\npid nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{blocks}\n}}\n");
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration).expect("the configuration is written");
        let mut command = Command::new(program);
        command.arg("-p").arg(&folder).arg("-c").arg(&file).arg("-e").arg(folder.join("error.log"));
        let process = command.stdin(Stdio::null()).spawn().expect("nginx starts");
        let mut nginx = Self { process, port };
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return nginx;
            }
            let ended = nginx.process.try_wait().expect("its state");
            assert_eq!(ended, None, "{}", std::fs::read_to_string(folder.join("error.log")).unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nginx does not answer")
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM, so that its workers end with it.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// A port that nothing listens on.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
