//! The exports: each method of [`Page`], as a function of numbers under the same name. The only unsafe code of the crate is
//! here and in [`memory`], which gives the module its heap.
#![allow(
    unsafe_code,
    reason = "a global state and an exported symbol cannot be had without; each use says why it holds"
)]
#![allow(unreachable_pub, reason = "exported functions are called from outside of everything")]

mod memory;

use crate::page::Page;
use core::cell::UnsafeCell;

/// The one state of the module.
struct Global(UnsafeCell<Option<Page>>);

// SAFETY: the module is built without threads, so no two of them can see it.
unsafe impl Sync for Global {}

static PAGE: Global = Global(UnsafeCell::new(None));

/// Lends the state to one export.
fn with<R>(call: impl FnOnce(&mut Page) -> R) -> R {
    // SAFETY: there is one thread, exports do not call each other, and none calls back into JavaScript, so this is the only
    // reference as long as `call` runs.
    let page = unsafe { &mut *PAGE.0.get() };
    call(page.get_or_insert_with(Page::new))
}

/// Exports methods of [`Page`] that take and give numbers.
macro_rules! exports {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)?;)*) => {$(
        #[doc = concat!("See [`Page::", stringify!($name), "`].")]
        // SAFETY: no other symbol of the module has this name; the linker would say so.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $kind),*) $(-> $result)? {
            with(|page| page.$name($($argument),*))
        }
    )*};
}

exports! {
    fn rules_version() -> u32;
    fn begin(seed_low: u32, seed_high: u32, players_max: u32, options: u32) -> u32;
    fn predict_from(tick: u32, slot: u32);
    fn place_body(number: u32, kind: u32, x: i32, y: i32, vx: i32, vy: i32);
    fn place_drone(slot: u32, x: i32, y: i32, vx: i32, vy: i32);
    fn predict(pressed: u32, aim: u32) -> u32;
    fn predicted_body(number: u32) -> u32;
    fn fly_pellets(tick: u32, count: u32);
    fn slide_grenades(tick: u32, count: u32);
    fn segments(tick: u32) -> u32;
    fn rooms(tick: u32) -> u32;
    fn room_of(x: i32, y: i32) -> u32;
    fn gusts(tick: u32) -> u32;
    fn arena_new();
    fn arena_load(length: u32) -> u32;
    fn arena_save() -> u32;
    fn arena_join(slot: u32, colour: u32, is_bot: u32) -> u32;
    fn arena_leave(slot: u32);
    fn arena_command(slot: u32, pressed: u32, aim: u32, rewind: u32);
    fn arena_bot(slot: u32, entropy_low: u32, entropy_high: u32);
    fn arena_step() -> u32;
    fn arena_tick() -> u32;
    fn arena_hash() -> u64;
    fn arena_is_over() -> u32;
    fn arena_drones() -> u32;
    fn arena_bodies() -> u32;
    fn arena_pellets() -> u32;
    fn arena_grenades() -> u32;
    fn arena_events() -> u32;
    fn arena_rewound(slot: u32, eighths: u32) -> u32;
}

/// Where the shared buffer is in the module's memory. It never moves.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn buffer() -> *mut u8 {
    with(|page| page.buffer().as_mut_ptr())
}

/// How long the shared buffer is.
// SAFETY: no other symbol of the module has this name.
#[unsafe(no_mangle)]
pub extern "C" fn buffer_bytes() -> u32 {
    with(|page| page.buffer().len() as u32)
}

/// A panic is a bug: the module stops, and JavaScript sees a trap.
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
