//! The program's allocator: mimalloc for small things, the system's for large ones.
//!
//! A run makes and drops a few small things for each of millions of events; there mimalloc saves a fleet's day a sixth of its time.
//! Buffers of disk content go from thread to thread instead, and are better kept by the system: with mimalloc alone the way from an image
//! to its stored segments was a tenth slower, for it gives large blocks back and has them zeroed again.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};

use mimalloc::MiMalloc;

/// From this size on the system is asked.
const LARGE: usize = 32 * 1024;

/// Sends each request to one of the two, by its size alone, so that a block is given back to whom it came from.
pub struct Allocator;

// SAFETY: each block is allocated, grown and freed by the allocator that its layout's size names; both keep the contract.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is passed on.
        unsafe {
            if layout.size() < LARGE {
                MiMalloc.alloc(layout)
            } else {
                System.alloc(layout)
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            if layout.size() < LARGE {
                MiMalloc.alloc_zeroed(layout)
            } else {
                System.alloc_zeroed(layout)
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the layout is the one that the block was allocated with, so it names the same allocator.
        unsafe {
            if layout.size() < LARGE {
                MiMalloc.dealloc(block, layout);
            } else {
                System.dealloc(block, layout);
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `realloc`: `size` is not zero and fits the layout's alignment. Where the block changes
        // sides it is copied, and freed only once the copy is there.
        unsafe {
            match (layout.size() < LARGE, size < LARGE) {
                (true, true) => MiMalloc.realloc(block, layout, size),
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
