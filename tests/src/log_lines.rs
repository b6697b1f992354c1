//! Captures the log of an app and checks the rules for every line.

use std::sync::{Arc, LazyLock, Mutex};

use regex::Regex;
use serde_json::Value;
use shared::telemetry::log::Log;

use crate::embedded_metrics::{self, Measurement};

/// The service name of test apps.
pub const SERVICE: &str = "tests";

/// The captured lines of an app.
#[derive(Clone, Default)]
pub struct LogLines(Arc<Mutex<Vec<Value>>>);

impl LogLines {
    /// A log that is captured here. It panics at a line that is not JSON, holds a secret, or has metrics that
    /// CloudWatch cannot read.
    #[must_use]
    pub fn log(&self) -> Log {
        let lines = self.clone();
        Log::new(SERVICE, move |bytes| {
            let text = std::str::from_utf8(bytes).expect("UTF-8").strip_suffix('\n').expect("a line break");
            assert!(!text.contains('\n'), "one line: {text}");
            assert_eq!(secrets(text), Vec::<String>::new());
            let line: Value = serde_json::from_str(text).expect("JSON");
            let _ = embedded_metrics::of(&line);
            lines.0.lock().expect("not poisoned").push(line);
        })
    }

    /// Discards the captured lines.
    pub fn forget(&self) {
        let _ = self.take();
    }

    /// Takes the captured lines.
    #[must_use]
    pub fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().expect("not poisoned"))
    }

    /// The captured lines, which stay.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        self.0.lock().expect("not poisoned").clone()
    }

    /// Takes the only captured line and its metrics.
    #[track_caller]
    #[must_use]
    pub fn take_one(&self) -> (Value, Vec<Measurement>) {
        let lines = self.take();
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        (line.clone(), embedded_metrics::of(line))
    }
}

/// Key strings and tokens in a text, found by their form.
#[must_use]
pub fn secrets(text: &str) -> Vec<String> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"nux_(live|test)_([0-9A-Za-z]{50,}|[0-9a-fA-F]{16})|eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]+";
        Regex::new(pattern).expect("a pattern")
    });
    PATTERN.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}
