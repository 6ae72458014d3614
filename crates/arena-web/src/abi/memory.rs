//! The module's heap: blocks of powers of two, each size with a list of those that were given back.
//!
//! The module takes a few large blocks and gives them back whole when an arena is replaced, so nothing more is needed.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::UnsafeCell,
    ptr,
};

/// The smallest block: 16 bytes.
const SMALLEST_BITS: usize = 4;
const SIZES: usize = 32 - SMALLEST_BITS;
const PAGE_BYTES: usize = 65_536;

struct Heap(UnsafeCell<Blocks>);

struct Blocks {
    /// For each size the first block that is free. A free block begins with the address of the next one.
    free: [*mut u8; SIZES],
    /// Memory that was never given out: from here to `end`.
    next: usize,
    end: usize,
}

// SAFETY: the module is built without threads, so no two of them can see it.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Blocks { free: [ptr::null_mut(); SIZES], next: 0, end: 0 }));

// SAFETY: a block is at least as large as its layout, begins at a multiple of its own size up to a page (and so of every
// alignment that is not larger), and is given to nobody else until it is given back.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(size) = size_of(&layout) else { return ptr::null_mut() };
        // SAFETY: there is one thread, and nothing that is called here allocates.
        let blocks = unsafe { &mut *self.0.get() };
        let first = blocks.free[size];
        if first.is_null() {
            return blocks.cut(1 << (size + SMALLEST_BITS));
        }
        // SAFETY: a free block of ours begins with the address of the next one, and is aligned for an address.
        blocks.free[size] = unsafe { first.cast::<*mut u8>().read() };
        first
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(size) = size_of(&layout) else { return };
        // SAFETY: as in `alloc`.
        let blocks = unsafe { &mut *self.0.get() };
        // SAFETY: the block is ours again, has at least 16 bytes, and is aligned for an address.
        unsafe { block.cast::<*mut u8>().write(blocks.free[size]) };
        blocks.free[size] = block;
    }
}

/// Which size of block a layout needs.
fn size_of(layout: &Layout) -> Option<usize> {
    let bytes = layout.size().max(layout.align()).max(1 << SMALLEST_BITS).checked_next_power_of_two()?;
    let size = bytes.trailing_zeros() as usize - SMALLEST_BITS;
    (size < SIZES).then_some(size)
}

impl Blocks {
    /// A new block from memory that was never given out; null if there is no more.
    fn cut(&mut self, bytes: usize) -> *mut u8 {
        let align = bytes.min(PAGE_BYTES);
        let mut from = self.next.next_multiple_of(align);
        if self.next == 0 || from + bytes > self.end {
            let pages = bytes.div_ceil(PAGE_BYTES);
            let before = wasm32::memory_grow(0, pages);
            if before == usize::MAX {
                return ptr::null_mut();
            }
            let grown = before * PAGE_BYTES;
            // What was left before the new pages goes on into them, unless something else has grown the memory.
            if self.next == 0 || grown != self.end {
                self.next = grown;
            }
            self.end = grown + pages * PAGE_BYTES;
            from = self.next.next_multiple_of(align);
            if from + bytes > self.end {
                return ptr::null_mut();
            }
        }
        self.next = from + bytes;
        from as *mut u8
    }
}
