//! Work on two threads: for whoever takes his time anyway, and has more to do than one core does at once.

use std::cmp::Reverse;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does something with each item, the largest first, and gives what comes of it in their order. A panic goes on in the caller.
pub(super) fn on_two_threads<T: Send, R: Send, E: Send>(
    items: Vec<T>,
    is_worth: bool,
    size: impl Fn(&T) -> usize,
    work: impl Fn(T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    if !is_worth || items.len() < 2 {
        return items.into_iter().map(work).collect();
    }
    let mut items: Vec<_> = items.into_iter().enumerate().collect();
    items.sort_by_cached_key(|(_, item)| Reverse(size(item)));
    let rest = Mutex::new(items.into_iter());
    let take_part = || {
        let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::iter::from_fn(next).map(|(index, item)| Ok((index, work(item)?))).collect::<Result<Vec<_>, E>>()
    };
    let (own, others) = thread::scope(|scope| {
        // Without a second thread, one does it all.
        let other = thread::Builder::new().spawn_scoped(scope, take_part).ok();
        (take_part(), other.map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic))))
    });
    let mut all = own?;
    all.extend(others.transpose()?.into_iter().flatten());
    all.sort_unstable_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for is_worth in [true, false] {
            let all = on_two_threads((0..100).collect(), is_worth, |item| item % 7, |item| Ok::<_, ()>(item * 2));
            assert_eq!(all, Ok((0..100).map(|item| item * 2).collect()));
            let fails = |item: usize| if item == 50 { Err(item) } else { Ok(()) };
            let failed = on_two_threads((0..100).collect(), is_worth, |item| *item, fails);
            assert_eq!(failed, Err(50));
        }
    }

    #[test]
    #[should_panic(expected = "the work fails")]
    fn a_panic_goes_on_in_the_caller() {
        let _ = on_two_threads(
            vec![1, 2, 3],
            true,
            |item| *item,
            |item| {
                assert!(item != 3, "the work fails");
                thread::sleep(std::time::Duration::from_millis(20));
                Ok::<_, ()>(item)
            },
        );
    }
}
