//! The page: a start, the door of a room, and the call in it.
//!
//! It uses the crate `madang` as any Rust page would. What happens becomes an `input`; the pure
//! `state` decides, the pure `view` says what that looks like in the reader's language, and `page`
//! carries both out on the screens (`start`, `door`, `call`, and the `frame` around them). `early`
//! takes over what `boot.js` has started while this program was on its way.

mod call;
mod dom;
mod door;
mod early;
mod frame;
mod input;
mod page;
mod room_name;
mod start;
mod state;
mod view;
mod words;

fn main() {
    if let Some(performance) = web_sys::window().and_then(|window| window.performance()) {
        // Only a measurement: without it the page is the same.
        let _ = performance.mark("madang:wasm");
    }
    wasm_bindgen_futures::spawn_local(async {
        let result = match page::Page::new() {
            Ok(page) => page.run().await,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            wasm_bindgen::throw_str(&error.to_string());
        }
    });
}
