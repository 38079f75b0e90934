//! Values that are made once per key and shared by all tests of a process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::OnceCell;

#[derive(Debug)]
pub(crate) struct Memo<T>(Mutex<HashMap<String, Arc<OnceCell<T>>>>);

impl<T: Clone> Memo<T> {
    /// The value of this key. The first call makes it, and concurrent calls wait. If `make` panics,
    /// the next call makes it.
    pub(crate) async fn get<F: Future<Output = T>>(
        &self,
        key: &str,
        make: impl FnOnce() -> F,
    ) -> T {
        let value = self
            .0
            .lock()
            .unwrap()
            .entry(key.to_owned())
            .or_default()
            .clone();
        value.get_or_init(make).await.clone()
    }
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
