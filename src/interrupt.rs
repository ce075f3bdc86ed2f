//! Ctrl-C: work that can be continued later is asked to stop in order, and the second one ends the program; all other work
//! has nothing to save and ends at the first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// Pieces of work in progress that stop in an orderly way when asked.
static GRACEFUL: AtomicUsize = AtomicUsize::new(0);

/// Exit code after an interruption, as shells count signals (128 + SIGINT).
pub const EXIT_CODE: u8 = 130;

/// The user asked to stop; completed work is on disk.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; {0}")]
pub struct Interrupted(pub String);

/// Installs the handler.
///
/// # Errors
/// When the system refuses a handler.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) || GRACEFUL.load(Ordering::SeqCst) == 0 {
            eprintln!("\ninterrupted");
            std::process::exit(i32::from(EXIT_CODE));
        }
        eprintln!("\nstopping after the work in progress (again to stop at once) …");
    })
}

/// Whether a stop was asked for.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// While it lives, the first Ctrl-C only asks: the holder looks at [`requested`] and stops in order.
#[derive(Debug)]
pub struct Graceful(());

/// Announces work that stops in order when asked.
pub fn graceful() -> Graceful {
    GRACEFUL.fetch_add(1, Ordering::SeqCst);
    Graceful(())
}

impl Drop for Graceful {
    fn drop(&mut self) {
        GRACEFUL.fetch_sub(1, Ordering::SeqCst);
    }
}
