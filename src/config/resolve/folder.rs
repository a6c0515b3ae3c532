//! `[listeners.NAME.static]`: a folder that is served.

use super::Resolver;
use crate::config::error::Code;
use crate::config::shape::Listener;
use crate::transport::settings::{FolderSettings, Service};
use std::path::Path;

impl Resolver<'_> {
    /// The folder of a listener, where one is served.
    pub(super) fn folder(&mut self, shape: &Listener) -> Option<FolderSettings> {
        let served = shape.serve.0.iter().find(|service| service.value == Service::Static)?;
        let folder = &shape.folder.value;
        self.check_path(&folder.path, shape);
        let index = folder.index.value.as_str();
        if index.is_empty() || index.starts_with('.') || index.contains('/') {
            self.error(
                Code::Malformed,
                &folder.index,
                "`index` is no name of a file",
                "expected one such as \"index.html\"",
            );
        }
        let Some(dir) = &folder.dir.value else {
            if !folder.dir.broken {
                let message = "\"static\" is served, and no folder is named";
                self.error(Code::MissingKey, served, message, "set `static.dir` of this listener");
            }
            return None;
        };
        let dir = self.beside(&folder.dir, Path::new(dir));
        if !dir.is_dir() {
            let message = format!("there is no folder {}", dir.display());
            self.warn(Code::Unreadable, &folder.dir, message, "until it is there every path of it is 404");
        }
        let path = folder.path.value.0.trim_end_matches('/');
        Some(FolderSettings {
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            dir,
            index: index.to_owned(),
            spa: folder.spa.value,
            max_age: folder.max_age.0,
            listing: folder.listing.value,
        })
    }
}
