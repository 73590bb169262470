//! Who follows the reading of images. Large ones take a while: somebody wants to hear how far it is, and to be able to stop it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Follows the reading of images. What is not of interest need not be heard.
pub trait Watch: Send + Sync {
    /// An image is being opened: `read` of `of` bytes have been looked at; what is known to be empty without reading counts in neither.
    fn opening(&self, _image: &Path, _read: u64, _of: u64) {}
    /// Something was decided about an image that its owner should know.
    fn says(&self, _image: &Path, _what: &str) {}
    /// Whether reading is to stop, now and from now on.
    fn stops(&self) -> bool {
        false
    }
}

/// Nobody.
struct Nobody;

impl Watch for Nobody {}

/// Whoever follows, or nobody. Clones are followed by the same.
#[derive(Clone)]
pub struct Watched(Arc<dyn Watch>);

impl Watched {
    /// Followed by somebody.
    #[must_use]
    pub fn by(watch: Arc<dyn Watch>) -> Watched {
        Watched(watch)
    }
}

impl Default for Watched {
    fn default() -> Watched {
        Watched(Arc::new(Nobody))
    }
}

impl std::ops::Deref for Watched {
    type Target = dyn Watch;

    fn deref(&self) -> &(dyn Watch + 'static) {
        &*self.0
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}
