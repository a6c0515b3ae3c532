//! A sum for every page of the file, looked at whenever a page is read: a page that is not what was written is an error and is
//! never believed. redb has sums too, and looks at them only when it repairs.
//!
//! The first page is as it is: redb writes it in place, and has sums of its own in it. Behind it, the sums of 511 pages lie in a
//! page before them, eight octets each; none, where the page was never written. They reach the disk with the pages: what a
//! crash leaves in between belongs to no commit.

#![expect(clippy::disallowed_types, reason = "redb's readers and its writer come here each on their own thread")]

use super::chunk::check;
use crate::storage::Seq;
use redb::{BackendError, StorageBackend};
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const PAGE: u64 = 4096;
const PAGE_LEN: usize = 4096;

/// Pages with one page of sums.
const GROUP: u64 = 511;

/// Octets with their sums.
#[derive(Debug)]
pub(super) struct Summed<B> {
    octets: B,
    groups: Mutex<Vec<Option<Group>>>,
    /// Set when a page was damaged.
    is_damaged: Arc<AtomicBool>,
}

/// The sums of a group of pages.
#[derive(Debug)]
struct Group {
    sums: Vec<u64>,
    is_changed: bool,
}

impl<B: StorageBackend> Summed<B> {
    pub(super) fn new(octets: B, is_damaged: Arc<AtomicBool>) -> Self {
        Self { octets, groups: Mutex::new(Vec::new()), is_damaged }
    }

    fn groups(&self) -> MutexGuard<'_, Vec<Option<Group>>> {
        // Nothing that is done under the lock leaves a sum half changed.
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the sum of a page.
    fn with_sum<T>(&self, page: u64, then: impl FnOnce(&mut u64, &mut bool) -> T) -> io::Result<T> {
        let number = group_of(page);
        let mut groups = self.groups();
        if groups.len() <= number {
            groups.resize_with(number + 1, || None);
        }
        let place = groups.get_mut(number).ok_or(ErrorKind::NotFound)?;
        let group = match place {
            Some(group) => group,
            None => place.insert(self.load(number as u64)?),
        };
        let sum = group.sums.get_mut(((page - 1) % GROUP) as usize).ok_or(ErrorKind::NotFound)?;
        Ok(then(sum, &mut group.is_changed))
    }

    fn load(&self, number: u64) -> io::Result<Group> {
        let (mut page, at) = (vec![0; PAGE_LEN], sums_at(number));
        if at + PAGE <= self.octets.len()? {
            self.octets.read(at, &mut page)?;
        }
        let (sums, _) = page.as_chunks::<8>();
        let sums = sums.iter().map(|sum| u64::from_le_bytes(*sum)).collect();
        Ok(Group { sums, is_changed: false })
    }

    fn verify(&self, page: u64, octets: &[u8]) -> io::Result<()> {
        let expected = self.with_sum(page, |sum, _| *sum)?;
        let is_whole = match expected {
            0 => octets.iter().all(|octet| *octet == 0),
            _ => expected == sum(page, octets),
        };
        if is_whole {
            return Ok(());
        }
        self.is_damaged.store(true, Ordering::Release);
        Err(io::Error::new(ErrorKind::InvalidData, format!("page {page} of the file is damaged")))
    }

    /// Reads whole pages of one group.
    fn read_pages(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        self.octets.read(page_at(first), out)?;
        (first..).zip(out.chunks(PAGE_LEN)).try_for_each(|(page, octets)| self.verify(page, octets))
    }

    fn write_sums(&self) -> io::Result<()> {
        let mut groups = self.groups();
        for (number, group) in (0..).zip(groups.iter_mut()) {
            let Some(group) = group.as_mut().filter(|group| group.is_changed) else { continue };
            let page: Vec<u8> = group.sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
            self.octets.write(sums_at(number), &page)?;
            group.is_changed = false;
        }
        Ok(())
    }
}

/// A sum is never 0.
fn sum(page: u64, octets: &[u8]) -> u64 {
    check((page, Seq(0)), octets).max(1)
}

/// The group of a page that is not the first.
fn group_of(page: u64) -> usize {
    ((page - 1) / GROUP) as usize
}

/// Where the sums of a group lie.
fn sums_at(group: u64) -> u64 {
    (1 + group * (GROUP + 1)) * PAGE
}

/// Where a page lies.
fn page_at(page: u64) -> u64 {
    match page.checked_sub(1) {
        None => 0,
        Some(behind) => sums_at(behind / GROUP) + (1 + behind % GROUP) * PAGE,
    }
}

/// The pieces of a range that lie in one group: where each begins, and its length.
fn pieces(mut offset: u64, mut length: usize) -> impl Iterator<Item = (u64, usize)> {
    std::iter::from_fn(move || {
        let page = offset / PAGE;
        let end = if page == 0 { PAGE } else { ((page - 1) / GROUP * GROUP + GROUP + 1) * PAGE };
        let piece = (offset, length.min((end - offset) as usize));
        offset += piece.1 as u64;
        length -= piece.1;
        (piece.1 > 0).then_some(piece)
    })
}

fn is_whole(offset: u64, octets: &[u8]) -> bool {
    offset.is_multiple_of(PAGE) && octets.len().is_multiple_of(PAGE_LEN)
}

impl<B: StorageBackend> StorageBackend for Summed<B> {
    fn len(&self) -> io::Result<u64> {
        let pages = self.octets.len()? / PAGE;
        let behind = pages.saturating_sub(1);
        let in_last = (behind % (GROUP + 1)).saturating_sub(1);
        Ok((pages.min(1) + behind / (GROUP + 1) * GROUP + in_last) * PAGE)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut rest = out;
        for (offset, length) in pieces(offset, rest.len()) {
            let (out, others) = rest.split_at_mut_checked(length).ok_or(ErrorKind::InvalidInput)?;
            rest = others;
            let (page, within) = (offset / PAGE, (offset % PAGE) as usize);
            if page == 0 {
                self.octets.read(offset, out)?;
            } else if is_whole(offset, out) {
                self.read_pages(page, out)?;
            } else {
                let mut pages = vec![0; (within + length).next_multiple_of(PAGE_LEN)];
                self.read_pages(page, &mut pages)?;
                out.copy_from_slice(pages.get(within..within + length).ok_or(ErrorKind::InvalidInput)?);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if !len.is_multiple_of(PAGE) {
            return Err(ErrorKind::InvalidInput.into());
        }
        let pages = len / PAGE;
        if len < self.len()? {
            // What grows there again was never written.
            let first = pages.max(1);
            let mut groups = self.groups();
            groups.truncate(group_of(first) + 1);
            drop(groups);
            for page in first..=group_of(first) as u64 * GROUP + GROUP {
                self.with_sum(page, |sum, is_changed| {
                    *is_changed |= *sum != 0;
                    *sum = 0;
                })?;
            }
        }
        self.octets.set_len(pages.checked_sub(1).map_or(0, |last| page_at(last) + PAGE))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.write_sums()?;
        self.octets.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut rest = data;
        for (offset, length) in pieces(offset, data.len()) {
            let (data, others) = rest.split_at_checked(length).ok_or(ErrorKind::InvalidInput)?;
            rest = others;
            let (page, within) = (offset / PAGE, (offset % PAGE) as usize);
            let mut made = Vec::new();
            let whole = if page == 0 || is_whole(offset, data) {
                data
            } else {
                made.resize((within + length).next_multiple_of(PAGE_LEN), 0);
                self.read_pages(page, &mut made)?;
                made.get_mut(within..within + length).ok_or(ErrorKind::InvalidInput)?.copy_from_slice(data);
                &made
            };
            if page == 0 {
                self.octets.write(offset, whole)?;
                continue;
            }
            for (page, octets) in (page..).zip(whole.chunks(PAGE_LEN)) {
                let new = sum(page, octets);
                self.with_sum(page, |sum, is_changed| (*sum, *is_changed) = (new, true))?;
            }
            self.octets.write(page_at(page), whole)?;
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        // Without it what was written since the last sync, which belongs to no commit, would seem damaged.
        let outcome = self.write_sums();
        self.octets.close()?;
        outcome
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.octets.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.octets.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.octets.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.octets.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.octets.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.octets.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    /// Three groups: every page is somewhere else, and its length is what was set.
    #[test]
    fn pages_and_their_sums_have_places_of_their_own() {
        let mut taken = std::collections::BTreeSet::from([sums_at(0), sums_at(1), sums_at(2)]);
        for page in 0..3 * GROUP {
            assert!(taken.insert(page_at(page)), "{page}");
            let file = Summed::new(InMemoryBackend::new(), Arc::default());
            file.set_len(page * PAGE).unwrap();
            assert_eq!(file.len().unwrap(), page * PAGE);
        }
        assert_eq!(taken.last(), Some(&page_at(3 * GROUP - 1)));
    }

    /// Whatever the offset and the length: what was written is read, also by another one that has the same octets.
    #[test]
    fn what_is_written_is_read_and_what_is_damaged_is_not() {
        let file = Summed::new(InMemoryBackend::new(), Arc::default());
        file.set_len(2 * (GROUP + 2) * PAGE).unwrap();
        let data: Vec<u8> = (0..3 * PAGE).map(|at| (at % 251) as u8).collect();
        for offset in [0, 100, PAGE, 5 * PAGE + 1, (GROUP - 1) * PAGE, GROUP * PAGE + 7, (GROUP + 1) * PAGE] {
            file.write(offset, &data).unwrap();
            let mut out = vec![0; data.len()];
            file.read(offset, &mut out).unwrap();
            assert_eq!(out, data, "{offset}");
        }
        file.sync_data().unwrap();
        let Summed { octets, .. } = file;
        let again = Summed::new(octets, Arc::default());
        let mut out = vec![0; data.len()];
        again.read((GROUP + 1) * PAGE, &mut out).unwrap();
        assert_eq!(out, data);
        let mut octet = [0];
        again.octets.read(page_at(GROUP + 2) + 9, &mut octet).unwrap();
        again.octets.write(page_at(GROUP + 2) + 9, &[octet[0] ^ 4]).unwrap();
        assert_eq!(again.read((GROUP + 1) * PAGE, &mut out).unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(again.is_damaged.load(Ordering::Acquire));
        again.read((GROUP + 3) * PAGE, &mut out[..PAGE_LEN]).unwrap();
    }

    /// What was cut off and grows again is empty.
    #[test]
    fn a_file_that_shrank_is_empty_where_it_grows() {
        let file = Summed::new(InMemoryBackend::new(), Arc::default());
        file.set_len(600 * PAGE).unwrap();
        file.write(PAGE, &vec![1; 599 * PAGE_LEN]).unwrap();
        file.set_len(5 * PAGE).unwrap();
        file.set_len(600 * PAGE).unwrap();
        let mut out = vec![9; 599 * PAGE_LEN];
        file.read(PAGE, &mut out).unwrap();
        assert!(
            out.iter().take(4 * PAGE_LEN).all(|octet| *octet == 1)
                && out[4 * PAGE_LEN..].iter().all(|octet| *octet == 0)
        );
    }
}
