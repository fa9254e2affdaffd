//! A thread with as little stack as a worker of an async runtime has.

/// Runs on a thread with 2 MiB of stack, so that a recursion that goes too deep ends the process.
///
/// # Panics
/// Where `work` does, and where no thread can be had.
pub fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = match std::thread::Builder::new().stack_size(2 << 20).spawn(work) {
        Ok(thread) => thread,
        Err(error) => panic!("a thread can be had: {error}"),
    };
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
