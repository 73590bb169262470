//! The program's allocator: mimalloc for small things, the system's for large ones.
//!
//! A run makes and drops a few small things for each of millions of events; there mimalloc saves a fleet's day a sixth of its time.
//! Buffers of disk content go from thread to thread instead, and are better kept by the system: with mimalloc alone the way from an image
//! to its stored segments was a tenth slower, for it gives large blocks back and has them zeroed again.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;

use libmimalloc_sys as mi;

/// From this size on the system is asked.
const LARGE: usize = 32 * 1024;

/// `mi_option_purge_delay` of mimalloc 3: milliseconds until what is free is given back to the system.
const PURGE_DELAY: mi::mi_option_t = 15;

/// `mi_option_generic_collect` of mimalloc 3: after so many slow allocations it goes through all its pages. The most that it takes.
const GENERIC_COLLECT: mi::mi_option_t = 34;

/// Keeps what is free: in a sweep each world gives back what the next one takes, and the system would have to zero it again (a fifth of
/// a sweep's time). Nor is there anything to collect: of ten thousand machines the walk over their pages was a 25th of the time.
pub fn keep() {
    // SAFETY: sets numbers that mimalloc reads when it next frees a page, or has none that is free.
    unsafe {
        mi::mi_option_set(PURGE_DELAY, -1);
        mi::mi_option_set(GENERIC_COLLECT, 1_000_000);
    }
}

/// Sends each request to one of the two, by its size alone, so that a block is given back to whom it came from.
pub struct Allocator;

/// Whether mimalloc aligns a block so without being asked: to 8 bytes always, to 16 what is larger than 8 (its `MI_MAX_ALIGN_SIZE`).
/// Asking takes twice as long, and nearly no block needs more.
const fn aligned_anyway(size: usize, align: usize) -> bool {
    align <= 8 || (align <= 16 && size > 8)
}

// SAFETY: each block is allocated, grown and freed by the allocator that its layout's size names; both keep the contract. Mimalloc frees
// and grows what it aligned as it does all else.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: the caller keeps the contract of `alloc`, which is passed on.
        unsafe {
            if size >= LARGE {
                System.alloc(layout)
            } else if aligned_anyway(size, align) {
                mi::mi_malloc(size).cast()
            } else {
                mi::mi_malloc_aligned(size, align).cast()
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as above.
        unsafe {
            if size >= LARGE {
                System.alloc_zeroed(layout)
            } else if aligned_anyway(size, align) {
                mi::mi_zalloc(size).cast()
            } else {
                mi::mi_zalloc_aligned(size, align).cast()
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the layout is the one that the block was allocated with, so it names the same allocator.
        unsafe {
            if layout.size() < LARGE {
                mi::mi_free(block.cast::<c_void>());
            } else {
                System.dealloc(block, layout);
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`: `size` is not zero and fits the layout's alignment. Where the block changes
        // sides it is copied, and freed only once the copy is there.
        unsafe {
            match (layout.size() < LARGE, size < LARGE) {
                (true, true) if aligned_anyway(size, layout.align()) => mi::mi_realloc(block.cast(), size).cast(),
                (true, true) => mi::mi_realloc_aligned(block.cast(), size, layout.align()).cast(),
                (false, false) => System.realloc(block, layout, size),
                _ => {
                    let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                    if !moved.is_null() {
                        std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}
